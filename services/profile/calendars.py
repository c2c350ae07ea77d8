"""From the calendar facet to the kernel's calendar: seasons, holidays and make-up working days (D10, 调休)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from chinese_calendar.constants import holidays as CHINESE_HOLIDAYS  # noqa: N812 - a constant of that library.
from chinese_calendar.constants import workdays as MAKE_UP_DAYS  # noqa: N812

from services.kernel.calendar import BusinessCalendar
from services.profile.schema import Calendar, Profile
from services.profile.spans import parse_day, parse_periods

Periods = tuple[tuple[int, int], ...]

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORKING_WEEK = frozenset(_WEEK[:5])
_COVERED_YEARS = {day.year for day in CHINESE_HOLIDAYS}
CHINA_COVERED_UNTIL = date(max(_COVERED_YEARS), 12, 31)
"""Last day for which the State Council's notice is known (国务院办公厅节假日安排); later years count ordinary weeks."""


def calendars_of(profile: Profile) -> Mapping[str, BusinessCalendar]:
    """Every calendar of a profile by name. Built once per profile: `LoadedProfile.calendars` keeps it."""
    return {
        name: business_calendar(name, facet, facet.timezone or profile.profile.timezone)
        for name, facet in profile.calendars.items()
    }


def business_calendar(name: str, facet: Calendar, zone: str) -> BusinessCalendar:
    """One calendar in its zone. Holidays are known until `covered_until`; None when the calendar has none."""
    return BusinessCalendar(
        name,
        ZoneInfo(zone),
        day_spans(facet),
        covered_until=CHINA_COVERED_UNTIL if facet.holidays == "CN" else None,
        always=facet.always,
    )


def day_spans(facet: Calendar) -> Callable[[date], Sequence[tuple[int, int]]]:
    """Local day to its open periods in seconds since midnight. A make-up day (补班) has the hours of its season."""
    if facet.always:
        return lambda day: ((0, 86_400),)
    ordinary = parse_periods(facet.spans)
    seasons = [
        (parse_day(season.first), parse_day(season.last), parse_periods(season.spans)) for season in facet.seasons
    ]
    closures, days = frozenset(facet.closures), frozenset(facet.days)
    makes_up = bool(days & _WORKING_WEEK)
    chinese = facet.holidays == "CN"

    def spans(day: date) -> Periods:
        if day in closures:
            return ()
        if chinese and day in CHINESE_HOLIDAYS:
            return ()
        made_up = chinese and makes_up and day in MAKE_UP_DAYS
        if not made_up and _WEEK[day.weekday()] not in days:
            return ()
        here = (day.month, day.day)
        for first, last, periods in seasons:
            # A season may run over New Year.
            if first <= here <= last if first <= last else (here >= first or here <= last):
                return periods
        return ordinary

    return spans
