"""Business calendars: deadlines and elapsed working time, exact in zones with daylight saving (D10, D11)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from services.kernel.errors import Refused
from services.kernel.timetable import DAY, EMPTY, EPOCH, MICRO, DaySpans, Table, build, instant, position

Stretches = Sequence[tuple[datetime, datetime]]
"""Stretches of time [from, to), aware, in any order; they may overlap, and count once."""

_FARTHEST_YEARS = 40
_MICROSECOND = timedelta(0, 0, 1)


class BusinessCalendar:
    """When a clock counts. An instant is open when the wall clock of the zone then lies in a span of its day:
    an hour that daylight saving skips is never counted, an hour it repeats counts twice.

    Instants are aware; results are UTC. Lengths are whole seconds. After `covered_until` (a local day, None when the
    calendar has no holidays) statutory holidays are not known yet and the calendar counts ordinary weeks.
    """

    __slots__ = ("_day_spans", "_table", "always", "covered_until", "name", "zone")

    def __init__(
        self, name: str, zone: tzinfo, day_spans: DaySpans, covered_until: date | None = None, always: bool = False
    ) -> None:
        self.name = name
        self.zone = zone
        self.covered_until = covered_until
        self.always = always
        self._day_spans = day_spans
        self._table = EMPTY

    def add(self, start: datetime, seconds: int, outside: Stretches = ()) -> datetime:
        """The instant at which `seconds` of open time have passed since start; never before start.

        A length that ends with a period ends at its closing, not at the next opening; zero ends at the next opening.
        What lies in a stretch of `outside` (a pause) is not counted; a length used up as one begins ends there.
        """
        if outside:
            return self._add_outside(start, seconds, outside)
        if start.tzinfo is not UTC:
            start = _utc(start)
        if seconds < 0:
            raise ValueError("a length of working time is never negative")
        if self.always:
            return start + timedelta(0, seconds)
        moment = int(start.timestamp())
        table = self._table
        while True:
            if table.first <= moment:
                _, _, starts, ends, before = table
                i = bisect_right(ends, moment)
                if i < len(ends):
                    opened = starts[i]
                    micro = start.microsecond
                    if moment >= opened:
                        target = before[i] + moment - opened + seconds
                    else:
                        target, micro = before[i] + seconds, 0
                    j = bisect_left(before, target + 1 if micro else target, i + 1) - 1
                    if j < len(starts):
                        return EPOCH + timedelta(0, starts[j] + target - before[j], micro)
            table = self._grow(moment, table)

    def between(self, a: datetime, b: datetime, outside: Stretches = ()) -> int:
        """Open seconds from a to b outside the stretches, rounded down; negative when b is before a."""
        if b < a:
            return -self.between(b, a, outside)
        if a.tzinfo is not UTC or b.tzinfo is not UTC:
            a, b = _utc(a), _utc(b)
        left = self._micros(a, b)
        if outside:
            for begin, end in _apart(outside):
                if begin < b and end > a:
                    left -= self._micros(max(a, begin), min(b, end))
        return left // MICRO

    def subtract(self, end: datetime, seconds: int) -> datetime:
        """The latest instant from which `seconds` of open time pass until end; never after end. The mirror of `add`:

        a length that fills a period begins at its opening; zero before an instant outside hours is the last closing.
        """
        end = _utc(end)
        if seconds < 0:
            raise ValueError("a length of working time is never negative")
        if self.always:
            return end - timedelta(0, seconds)
        moment = int(end.timestamp())
        table = self._covering(moment, moment)
        while True:
            if seconds:
                whole, micro = divmod(position(table, moment, end.microsecond) - seconds * MICRO, MICRO)
                if whole >= 0:
                    i = bisect_right(table.before, whole) - 1
                    return EPOCH + timedelta(0, table.starts[i] + whole - table.before[i], micro)
            else:
                i = bisect_left(table.starts, end.timestamp()) - 1
                if i >= 0:
                    return min(end, EPOCH + timedelta(0, table.ends[i]))
            table = self._grow(table.first - 1, table)

    def open_spans(self, a: datetime, b: datetime) -> list[tuple[datetime, datetime]]:
        """The open stretches within [a, b), ascending, UTC; none when b is not after a."""
        a, b = _utc(a), _utc(b)
        if b <= a:
            return []
        if self.always:
            return [(a, b)]
        first, last = int(a.timestamp()), int(b.timestamp())
        table = self._covering(first, last)
        i = bisect_right(table.ends, first)
        found = []
        while i < len(table.starts) and (opening := EPOCH + timedelta(0, table.starts[i])) < b:
            found.append((max(a, opening), min(b, EPOCH + timedelta(0, table.ends[i]))))
            i += 1
        return found

    def open_within(self, stretches: Stretches) -> int:
        """Open seconds inside the stretches together, rounded down once."""
        return sum(self._micros(_utc(begin), _utc(end)) for begin, end in _apart(stretches)) // MICRO

    def is_open(self, at: datetime) -> bool:
        """Whether the calendar counts at this instant; a closing instant is closed."""
        if self.always:
            return True
        moment = int(_utc(at).timestamp())
        table = self._covering(moment, moment)
        i = bisect_right(table.ends, moment)
        return i < len(table.starts) and table.starts[i] <= moment

    def changes(self, first: int, last: int) -> list[int]:
        """Instants (epoch seconds) after `first` and before `last` at which the calendar opens or closes."""
        if self.always or last <= first:
            return []
        table = self._covering(first, last)
        i = bisect_right(table.ends, first)
        found = []
        while i < len(table.starts) and table.starts[i] < last:
            found += [edge for edge in (table.starts[i], table.ends[i]) if first < edge < last]
            i += 1
        return found

    def next_opening(self, at: datetime) -> datetime:
        """The instant itself when open, else the next one at which the calendar opens."""
        return self.add(at, 0)

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """The close of business of the `days`-th working day after the local day of start.

        The day of start is not counted and the last one ends with its business hours, as the Civil Code has it
        (民法典 第二百零一条, 第二百零三条); a day that is always open ends at midnight.
        """
        if days < 0:
            raise ValueError("a number of working days is never negative")
        day, left = _utc(start).astimezone(self.zone).date(), days
        for _ in range(_FARTHEST_YEARS * 366):
            spans = ((0, DAY),) if self.always else self._day_spans(day)
            if left <= 0 and spans:
                closing = datetime.combine(day, datetime.min.time()) + timedelta(seconds=spans[-1][1])
                # The second of two equal wall-clock times: the day is over when the clock shows its end for good.
                end = instant(self.zone, closing, last=True)
                if end >= start:
                    return end
            day += timedelta(days=1)
            if left > 0 and (self.always or self._day_spans(day)):
                left -= 1
        raise self._never_open()

    def subtract_working_days(self, end: datetime, days: int) -> datetime:
        """The start of business of the `days`-th working day before the local day of end: those days are whole.

        The mirror of `add_working_days`: the day of end is not counted; never after end.
        """
        if days < 0:
            raise ValueError("a number of working days is never negative")
        day, left = _utc(end).astimezone(self.zone).date(), days
        for _ in range(_FARTHEST_YEARS * 366):
            spans = ((0, DAY),) if self.always else self._day_spans(day)
            if left <= 0 and spans:
                opening = datetime.combine(day, datetime.min.time()) + timedelta(seconds=spans[0][0])
                begin = instant(self.zone, opening)
                if begin <= end:
                    return begin
            day -= timedelta(days=1)
            if left > 0 and (self.always or self._day_spans(day)):
                left -= 1
        raise self._never_open()

    def _add_outside(self, start: datetime, seconds: int, outside: Stretches) -> datetime:
        if seconds < 0:
            raise ValueError("a length of working time is never negative")
        at, left = _utc(start), seconds * MICRO
        for begin, end in _apart(outside):
            if end <= at:
                continue
            counted = self._micros(at, begin) if begin > at else 0
            if counted >= left and (seconds or self.add(at, 0) < begin):
                break
            at, left = end, left - counted
        return self._after(at, left) if seconds else self.add(at, 0)

    def _after(self, at: datetime, micros: int) -> datetime:
        """As `add`, of microseconds and more than none."""
        if self.always:
            return at + micros * _MICROSECOND
        moment = int(at.timestamp())
        table = self._covering(moment, moment)
        while True:
            whole, micro = divmod(position(table, moment, at.microsecond) + micros, MICRO)
            j = bisect_left(table.before, whole + 1 if micro else whole) - 1
            if j < len(table.starts):
                return EPOCH + timedelta(0, table.starts[j] + whole - table.before[j], micro)
            table = self._grow(moment, table)

    def _micros(self, a: datetime, b: datetime) -> int:
        """Open microseconds from a to b, both UTC and in this order."""
        if self.always:
            return (b - a) // _MICROSECOND
        first, last = int(a.timestamp()), int(b.timestamp())
        table = self._table
        if first < table.first or last >= table.last:
            table = self._covering(first, last)
        return position(table, last, b.microsecond) - position(table, first, a.microsecond)

    def _covering(self, first: int, last: int) -> Table:
        table = self._table
        for moment in (first, last):
            while not table.first <= moment < table.last:
                table = self._grow(moment, table)
        return table

    def _grow(self, moment: int, table: Table) -> Table:
        """A table that covers the instant and reaches further than the one given."""
        year = datetime.fromtimestamp(moment, UTC).year
        first, last = year - 1, year + 2
        if table is not EMPTY:
            known_first = datetime.fromtimestamp(table.first, UTC).year
            known_last = datetime.fromtimestamp(table.last, UTC).year
            if table.first <= moment < table.last:
                # A length ran over the end: double what lies ahead.
                last = known_last + max(2, known_last - year)
            first, last = min(first, known_first), max(last, known_last)
        if last - year > _FARTHEST_YEARS * 2:
            raise self._never_open()
        self._table = build(self._day_spans, self.zone, first, last)
        return self._table

    def _never_open(self) -> Refused:
        return Refused(
            f'calendar "{self.name}" has no such opening within {_FARTHEST_YEARS} years; give it days and spans',
            field=f"calendars.{self.name}",
        )


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone; give an aware datetime")
    return at.astimezone(UTC)


def _apart(stretches: Stretches) -> list[tuple[datetime, datetime]]:
    """The same time in stretches that are UTC, ascending and do not touch; empty ones left out."""
    apart: list[tuple[datetime, datetime]] = []
    for begin, end in sorted((_utc(begin), _utc(end)) for begin, end in stretches):
        if end <= begin:
            continue
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], end))
        else:
            apart.append((begin, end))
    return apart
