"""What a calendar must answer, found by looking at every minute: slow, and written apart from the engine.

It knows nothing of tables, offsets or microseconds: it walks the time line, asks what the wall clock then shows, and
reads the calendar as its YAML has it. Zones of today have offsets of whole minutes; those of 1971 that do not are
walked by `step`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import holidays

Facet = Mapping[str, Any]
Book = Mapping[str, Facet]
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Oracle:
    """A calendar of a book of calendars in a zone, between two instants (epoch seconds, whole steps)."""

    def __init__(self, book: Book, name: str, zone: str, first: int, last: int, step: int = 60) -> None:
        self.zone, self.first, self.last, self.step = ZoneInfo(zone), first, last, step
        self.pauses: Sequence[tuple[int, int]] = ()
        self.hours = cache(lambda day: list(hours_of(book, name, day)))
        self.shown = [datetime.fromtimestamp(second, self.zone) for second in range(first, last, step)]
        self.open = [self._is_open(wall) for wall in self.shown]

    def with_pauses(self, pauses: Sequence[tuple[int, int]]) -> Oracle:
        """The same, not counting what lies in a pause."""
        other = copy(self)
        other.pauses = pauses
        return other

    def add(self, start: int, length: int) -> int | None:
        """When `length` seconds have been counted; None when that is not before the end."""
        left = length
        for begin, end in self._steps(start, self.last):
            for second in self._counted(begin, end):
                if left == 0:
                    return second
                left -= 1
                if left == 0:
                    return second + 1
        return None

    def subtract(self, end: int, length: int) -> int | None:
        """From when `length` seconds are counted until `end`; None when that is before the beginning."""
        left = length
        for begin, finish in reversed(list(self._steps(self.first, end))):
            for second in reversed(self._counted(begin, finish)):
                if left == 0:
                    return second + 1
                left -= 1
                if left == 0:
                    return second
        return None

    def between(self, a: int, b: int) -> int:
        """Seconds counted from a to b."""
        return sum(len(self._counted(begin, end)) for begin, end in self._steps(a, b))

    @property
    def edges(self) -> list[int]:
        """Instants at which business opens or closes."""
        flips = [index for index in range(1, len(self.open)) if self.open[index] != self.open[index - 1]]
        return [self.first + index * self.step for index in flips]

    def is_open(self, at: int) -> bool:
        """Whether the wall clock shows a time of business; pauses do not matter."""
        return self.open[(at - self.first) // self.step]

    def close_of_business(self, start: int, days: int) -> int | None:
        """The end of the `days`-th working day after that of start; None when that is not before the end."""
        day = datetime.fromtimestamp(start, self.zone).date()
        left = days
        while day < self.shown[-1].date() - timedelta(days=2):
            if left <= 0 and self.hours(day):
                closing = datetime.combine(day, datetime.min.time()) + timedelta(minutes=self.hours(day)[-1][1])
                before = [index for index, wall in enumerate(self.shown) if wall.replace(tzinfo=None) < closing]
                end = self.first + (before[-1] + 1) * self.step if before else self.first
                if end >= start:
                    return end
            day += timedelta(days=1)
            left -= bool(self.hours(day))
        return None

    def _is_open(self, wall: datetime) -> bool:
        minute = wall.hour * 60 + wall.minute
        return any(begin <= minute < end for begin, end in self.hours(wall.date()))

    def _steps(self, a: int, b: int) -> Iterator[tuple[int, int]]:
        for index in range((a - self.first) // self.step, len(self.open)):
            begin = self.first + index * self.step
            if begin >= b:
                return
            if self.open[index]:
                yield max(a, begin), min(b, begin + self.step)

    def _counted(self, begin: int, end: int) -> Sequence[int]:
        """Seconds of an open step that no pause takes."""
        near = [(a, b) for a, b in self.pauses if a < end and b > begin]
        if not near:
            return range(begin, end)
        if any(a <= begin and b >= end for a, b in near):
            return []
        return [second for second in range(begin, end) if not any(a <= second < b for a, b in near)]


def hours_of(book: Book, name: str, day: date) -> Iterator[tuple[int, int]]:
    """Periods of a local day in minutes."""
    chain = [book[name]]
    while "extends" in chain[-1]:
        chain.append(book[chain[-1]["extends"]])
    return iter(_hours(chain, chain, day))


def _hours(chain: list[Facet], left: list[Facet], day: date) -> list[tuple[int, int]]:
    if left:
        nearest, further = left[0], left[1:]
        for row in nearest.get("closures", []):
            if row.get("first", row.get("date")) <= day <= row.get("last", row.get("date")):
                return _minutes(row.get("spans", [])) if _hours(chain, further, day) else []
        for row in nearest.get("openings", []):
            if row["date"] == day:
                return _minutes(row["spans"]) if row.get("spans") else _usual(chain[0], day)
        return _hours(chain, further, day)
    says = [_country(each["holidays"], day) for each in chain if "holidays" in each]
    if "holiday" in says:
        return []
    week = _week(chain[0], day)
    if "made up" in says and any(week.get(each) for each in WEEKDAYS[:5]):
        return _usual(chain[0], day)
    return _minutes(week.get(WEEKDAYS[day.weekday()], []))


def _country(which: Any, day: date) -> str:
    if which == "CN":
        if not 2004 <= day.year <= max(each.year for each in chinese_calendar.constants.holidays):
            return ""
        if chinese_calendar.is_holiday(day) and day in chinese_calendar.constants.holidays:
            return "holiday"
        return "made up" if day.weekday() > 4 and chinese_calendar.is_workday(day) else ""
    days = _days_of(which["country"], which.get("subdivision"), day.year)
    return "holiday" if day in days else ("made up" if day in days.weekend_workdays else "")


@cache
def _days_of(country: str, part: str | None, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=part, years=year, expand=False)


def _week(calendar: Facet, day: date) -> dict[str, list[str]]:
    """Hours by weekday of the part of the year."""
    spans = calendar.get("spans", [])
    here = f"{day:%m-%d}"
    for season in calendar.get("seasons", []):
        first, last = season["first"], season["last"]
        inside = first <= here <= last if first <= last else not last < here < first
        if inside:
            spans = season["spans"]
    if isinstance(spans, dict):
        return spans
    days: list[str] = calendar.get("days", WEEKDAYS[:5])
    usual: list[str] = spans
    return dict.fromkeys(days, usual)


def _usual(calendar: Facet, day: date) -> list[tuple[int, int]]:
    """The hours of a day that is worked out of turn: of the first worked one of the week."""
    week = _week(calendar, day)
    return next((_minutes(week[each]) for each in WEEKDAYS if week.get(each)), [])


def _minutes(spans: Sequence[str]) -> list[tuple[int, int]]:
    found = []
    for text in spans:
        begin, end = text.split("-")
        found.append((int(begin[:2]) * 60 + int(begin[3:]), int(end[:2]) * 60 + int(end[3:])))
    return found
