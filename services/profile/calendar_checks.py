"""Are the periods of the calendars readable, ascending and apart?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.profile.faults import Finding, Path
from services.profile.schema import Calendar, Profile, Season
from services.profile.spans import parse_day, parse_periods

_LEAP_YEAR = 2024


def check_calendars(profile: Profile) -> Iterator[Finding]:
    """Unknown service hours, unreadable or overlapping spans and seasons, calendars that are never open."""
    if profile.service_hours not in profile.calendars:
        known = ", ".join(profile.calendars)
        yield ("service_hours",), f'there is no calendar "{profile.service_hours}"; add it or name one of: {known}'
    for name, calendar in profile.calendars.items():
        here: Path = ("calendars", name)
        if calendar.always and (calendar.spans or calendar.seasons or calendar.closures or calendar.holidays):
            yield (*here, "always"), "a calendar that is always open has no spans; remove them or remove always"
        if not calendar.always and not calendar.spans and not calendar.seasons:
            yield here, "the calendar is never open; give it spans such as 09:00-18:00, or always: true"
        if not calendar.always and not calendar.days:
            yield (*here, "days"), "the calendar is never open; name at least one weekday"
        yield from _periods(calendar.spans, (*here, "spans"))
        for index, season in enumerate(calendar.seasons):
            yield from _periods(season.spans, (*here, "seasons", index, "spans"))
        yield from _seasons(calendar, here)
        if calendar.timezone is not None:
            try:
                ZoneInfo(calendar.timezone)
            except (ZoneInfoNotFoundError, ValueError):
                yield (*here, "timezone"), f'there is no zone "{calendar.timezone}"; write one such as Asia/Shanghai'


def _periods(spans: Sequence[str], path: Path) -> Iterator[Finding]:
    try:
        parse_periods(spans)
    except ValueError as error:
        yield path, str(error)


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
