"""From the calendar facet to the kernel's calendar: seasons, holidays and make-up working days (D10, 调休)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from zoneinfo import ZoneInfo

from services.kernel.calendar import BusinessCalendar
from services.profile.calendar_facet import Calendar, Hours
from services.profile.schema import Profile
from services.profile.spans import parse_day, parse_periods
from services.profile.statutory import CHINA_COVERED_UNTIL as CHINA_COVERED_UNTIL
from services.profile.statutory import statutory

Periods = tuple[tuple[int, int], ...]
Calendars = Mapping[str, Calendar]

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORKING_WEEK = _WEEK[:5]
_NO_OTHERS: Calendars = MappingProxyType({})


def calendars_of(profile: Profile) -> Mapping[str, BusinessCalendar]:
    """Every calendar of a profile by name. Built once per profile: `LoadedProfile.calendars` keeps it."""
    return {
        name: business_calendar(name, facet, facet.timezone or profile.profile.timezone, profile.calendars)
        for name, facet in profile.calendars.items()
    }


def business_calendar(name: str, facet: Calendar, zone: str, others: Calendars = _NO_OTHERS) -> BusinessCalendar:
    """One calendar in its zone; `others` are those it may extend."""
    return BusinessCalendar(
        name,
        ZoneInfo(zone),
        day_spans(facet, others),
        covered_until=covered_until(facet, others),
        always=facet.always,
    )


def covered_until(facet: Calendar, others: Calendars = _NO_OTHERS) -> date | None:
    """The last day for which the holidays are known; None when there are none, or when they follow rules."""
    ends = []
    for layer in _layers(facet, others):
        known = statutory(layer.holidays).covered_until if layer.holidays else None
        if known is not None:
            ends.append(max(known, layer.known_until or known))
    return min(ends, default=None)


def day_spans(facet: Calendar, others: Calendars = _NO_OTHERS) -> Callable[[date], Sequence[tuple[int, int]]]:
    """Local day to its open periods in seconds since midnight.

    A make-up day (补班) has the hours of its season; where they differ by weekday, those of the first day worked from
    Monday to Friday. Closures and openings come before holidays, and the calendar's own rows before those it extends.
    """
    if facet.always:
        return lambda day: ((0, 86_400),)
    worked = frozenset(facet.days)
    ordinary = _Week(facet.spans, worked)
    seasons = [
        (parse_day(season.first), parse_day(season.last), _Week(season.spans, worked)) for season in facet.seasons
    ]
    layers = tuple(_Days(layer) for layer in _layers(facet, others))

    def week(day: date) -> _Week:
        here = (day.month, day.day)
        for first, last, hours in seasons:
            # A season may run over New Year.
            if first <= here <= last if first <= last else (here >= first or here <= last):
                return hours
        return ordinary

    def spans(day: date, depth: int = 0) -> Periods:
        for index in range(depth, len(layers)):
            layer = layers[index]
            left = layer.closed.get(day)
            if left is not None:
                return left if left and spans(day, index + 1) else ()
            opened = layer.opened.get(day)
            if opened is not None:
                return opened or week(day).made_up
        if any(layer.is_holiday(day) for layer in layers):
            return ()
        hours = week(day)
        if hours.makes_up and any(layer.is_made_up(day) for layer in layers):
            return hours.made_up
        return hours.days[day.weekday()]

    return spans


class _Week:
    """Hours of each weekday, Monday first, and of a make-up day."""

    __slots__ = ("days", "made_up", "makes_up")

    def __init__(self, hours: Hours, worked: frozenset[str]) -> None:
        periods = {str(day): parse_periods(spans) for day, spans in hours.by_weekday.items()}
        if not periods:
            periods = dict.fromkeys(worked, parse_periods(hours.every_day))
        self.days: tuple[Periods, ...] = tuple(periods.get(day, ()) for day in _WEEK)
        of_the_week = [periods[day] for day in _WORKING_WEEK if periods.get(day)]
        # A shift of weekends does not come in when the working week is made up for.
        self.makes_up = bool(of_the_week)
        self.made_up: Periods = next(iter(of_the_week), next((each for each in self.days if each), ()))


class _Days:
    """Single days of one calendar: its closures with the hours left, its openings, its country's."""

    __slots__ = ("closed", "is_holiday", "is_made_up", "opened")

    def __init__(self, facet: Calendar) -> None:
        self.closed = {day: parse_periods(row.spans) for row in facet.closures for day in row.days}
        self.opened = {row.date: parse_periods(row.spans) for row in facet.openings}
        country = statutory(facet.holidays) if facet.holidays else None
        self.is_holiday: Callable[[date], bool] = country.is_holiday if country else _never
        self.is_made_up: Callable[[date], bool] = country.is_made_up if country else _never


def _never(day: date) -> bool:
    return False


def _layers(facet: Calendar, others: Calendars) -> Iterator[Calendar]:
    """The calendar and those it extends, nearest first; a circle, which checks refuse, ends."""
    seen: set[str] = set()
    while True:
        yield facet
        if facet.extends is None or facet.extends in seen:
            return
        seen.add(facet.extends)
        facet = others[facet.extends]
