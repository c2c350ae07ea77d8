"""Are the periods of the calendars readable, ascending and apart, their days and holidays known?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.profile.calendar_facet import Calendar, Hours, Season
from services.profile.faults import Finding, Path, unknown
from services.profile.schema import Profile
from services.profile.spans import parse_day, parse_periods
from services.profile.statutory import check_holidays, statutory

_LEAP_YEAR = 2024


def check_calendars(profile: Profile) -> Iterator[Finding]:
    """Unknown service hours, unreadable or overlapping spans and seasons, calendars that are never open."""
    if profile.service_hours not in profile.calendars:
        known = ", ".join(profile.calendars)
        yield ("service_hours",), f'there is no calendar "{profile.service_hours}"; add it or name one of: {known}'
    for name, calendar in profile.calendars.items():
        here: Path = ("calendars", name)
        if calendar.always:
            if calendar.model_fields_set - {"always", "timezone", "days"}:
                yield (*here, "always"), "a calendar that is always open has no spans; remove them or remove always"
        elif not calendar.spans and not calendar.seasons:
            yield here, "the calendar is never open; give it spans such as 09:00-18:00, or always: true"
        if not calendar.always and not calendar.days:
            yield (*here, "days"), "the calendar is never open; name at least one weekday"
        yield from _hours(calendar, calendar.spans, (*here, "spans"))
        for index, season in enumerate(calendar.seasons):
            yield from _hours(calendar, season.spans, (*here, "seasons", index, "spans"))
        yield from _seasons(calendar, here)
        yield from _single_days(calendar, here)
        yield from _extension(name, profile.calendars, here)
        if calendar.holidays is not None:
            yield from check_holidays(calendar.holidays, (*here, "holidays"))
        yield from _known_until(calendar, here)
        if calendar.timezone is not None:
            try:
                ZoneInfo(calendar.timezone)
            except (ZoneInfoNotFoundError, ValueError):
                yield (*here, "timezone"), f'there is no zone "{calendar.timezone}"; write one such as Asia/Shanghai'


def _hours(calendar: Calendar, hours: Hours, path: Path) -> Iterator[Finding]:
    yield from _periods(hours.every_day, path)
    for day, spans in hours.by_weekday.items():
        yield from _periods(spans, (*path, day))
    if hours.by_weekday and "days" in calendar.model_fields_set:
        yield path, "hours by weekday say themselves what days are worked; remove days, or give hours as a list"
    elif hours.by_weekday and not any(hours.by_weekday.values()):
        yield path, "no weekday has hours; give at least one its periods"


def _periods(spans: Sequence[str], path: Path) -> Iterator[Finding]:
    try:
        parse_periods(spans)
    except ValueError as error:
        yield path, str(error)


def _single_days(calendar: Calendar, here: Path) -> Iterator[Finding]:
    taken: set[date] = set()
    for index, closure in enumerate(calendar.closures):
        path: Path = (*here, "closures", index)
        yield from _periods(closure.spans, (*path, "spans"))
        if again := taken.intersection(closure.days):
            yield path, f"another closure has {min(again)} already; keep one of the two"
        taken.update(closure.days)
    opened: set[date] = set()
    for index, opening in enumerate(calendar.openings):
        path = (*here, "openings", index)
        yield from _periods(opening.spans, (*path, "spans"))
        if opening.date in taken:
            yield path, f"a closure has {opening.date}, too; keep one of the two"
        if opening.date in opened:
            yield path, f"another opening has {opening.date} already; keep one of the two"
        opened.add(opening.date)


def _extension(name: str, calendars: Mapping[str, Calendar], here: Path) -> Iterator[Finding]:
    upper = calendars[name].extends
    if upper is None:
        return
    if upper not in calendars:
        yield unknown((*here, "extends"), "calendar", upper, calendars.keys() - {name})
        return
    if calendars[upper].always:
        yield (*here, "extends"), f'"{upper}" is always open and has no holidays to take over; name another calendar'
    chain = [name]
    following: str | None = upper
    while following is not None and following in calendars:
        if following in chain:
            if following == name:
                text = f"the chain {' -> '.join((*chain, following))} goes in a circle; remove one extends"
                yield (*here, "extends"), text
            return
        chain.append(following)
        following = calendars[following].extends


def _known_until(calendar: Calendar, here: Path) -> Iterator[Finding]:
    if calendar.known_until is None:
        return
    if calendar.holidays is None or statutory(calendar.holidays).covered_until is None:
        text = "only holidays that are announced year by year (CN) end some day; remove known_until"
        yield (*here, "known_until"), text


def _seasons(calendar: Calendar, here: Path) -> Iterator[Finding]:
    taken: dict[date, int] = {}
    for index, season in enumerate(calendar.seasons):
        try:
            days = _days(season)
        except ValueError as error:
            yield (*here, "seasons", index), str(error)
            continue
        if any(day in taken for day in days):
            yield (
                (*here, "seasons", index),
                "the season overlaps another; let one end the day before the next begins",
            )
        taken.update(dict.fromkeys(days, index))
    if calendar.seasons and not calendar.spans and not calendar.always and len(taken) < 366:
        yield (*here, "seasons"), "the seasons leave days without hours; cover the year or give spans for the rest"


def _days(season: Season) -> list[date]:
    first, last = (parse_day(text) for text in (season.first, season.last))
    day, end = date(_LEAP_YEAR, *first), date(_LEAP_YEAR, *last)
    days = []
    while True:
        days.append(day)
        if day == end:
            return days
        following = day + timedelta(days=1)
        day = following if following.year == _LEAP_YEAR else date(_LEAP_YEAR, 1, 1)
