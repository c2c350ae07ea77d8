"""Business calendars: deadlines and elapsed working time, exact in zones with daylight saving (D10, D11)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from services.kernel.errors import Refused

DaySpans = Callable[[date], Sequence[tuple[int, int]]]
"""Local day -> its open spans, ascending, seconds of the wall clock since midnight; an end over 86,400 is tomorrow."""

_DAY = 86_400
_MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock seconds are counted from it, in no zone.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FARTHEST_YEARS = 40


class _Table(NamedTuple):
    """Open intervals between two instants (epoch seconds), and the working seconds before each of them."""

    first: int
    last: int
    starts: list[int]
    ends: list[int]
    before: list[int]  # One entry more than starts: the last one is the total.


_NOTHING_YET = _Table(0, 0, [], [], [0])


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
        self._table = _NOTHING_YET

    def add(self, start: datetime, seconds: int) -> datetime:
        """The instant at which `seconds` of open time have passed since start; never before start.

        A length that ends with a period ends at its closing, not at the next opening; zero ends at the next opening.
        """
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
                        return _EPOCH + timedelta(0, starts[j] + target - before[j], micro)
            table = self._grow(moment, table)

    def between(self, a: datetime, b: datetime) -> int:
        """Open seconds from a to b, whole seconds rounded down; negative when b is before a."""
        if b < a:
            return -self.between(b, a)
        if self.always:
            return (b - a) // timedelta(seconds=1)
        a, b = _utc(a), _utc(b)
        table = self._covering(int(a.timestamp()), int(b.timestamp()))
        return (_position(table, b) - _position(table, a)) // 1_000_000

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
            spans = ((0, _DAY),) if self.always else self._day_spans(day)
            if left <= 0 and spans:
                closing = datetime.combine(day, datetime.min.time()) + timedelta(seconds=spans[-1][1])
                # The second of two equal wall-clock times: the day is over when the clock shows its end for good.
                end = closing.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
                if end >= start:
                    return end
            day += timedelta(days=1)
            if left > 0 and (self.always or self._day_spans(day)):
                left -= 1
        raise self._never_open()

    def _covering(self, first: int, last: int) -> _Table:
        table = self._table
        for moment in (first, last):
            while not table.first <= moment < table.last:
                table = self._grow(moment, table)
        return table

    def _grow(self, moment: int, table: _Table) -> _Table:
        """A table that covers the instant and reaches further than the one given."""
        year = datetime.fromtimestamp(moment, UTC).year
        first, last = year - 1, year + 2
        if table is not _NOTHING_YET:
            known_first = datetime.fromtimestamp(table.first, UTC).year
            known_last = datetime.fromtimestamp(table.last, UTC).year
            if table.first <= moment < table.last:
                # A length ran over the end: double what lies ahead.
                last = known_last + max(2, known_last - year)
            first, last = min(first, known_first), max(last, known_last)
        if last - year > _FARTHEST_YEARS * 2:
            raise self._never_open()
        self._table = _build(self._day_spans, self.zone, first, last)
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


def _position(table: _Table, at: datetime) -> int:
    """Open microseconds since the table began."""
    moment = int(at.timestamp())
    i = bisect_right(table.ends, moment)
    if i < len(table.starts) and table.starts[i] <= moment:
        return (table.before[i] + moment - table.starts[i]) * 1_000_000 + at.microsecond
    return table.before[i] * 1_000_000


def _build(day_spans: DaySpans, zone: tzinfo, first_year: int, last_year: int) -> _Table:
    """Table from the first of January of one year to that of another, both UTC."""
    first = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(last_year, 1, 1, tzinfo=UTC).timestamp())
    walls = list(_wall_intervals(day_spans, date(first_year, 1, 1) - timedelta(days=3), date(last_year, 1, 4)))
    wall_ends = [end for _, end in walls]
    starts: list[int] = []
    ends: list[int] = []
    before = [0]
    for begin, finish, offset in _offsets(zone, first, last):
        for opening, closing in walls[bisect_right(wall_ends, begin + offset) :]:
            start, end = max(begin, opening - offset), min(finish, closing - offset)
            if opening - offset >= finish:
                break
            if ends and ends[-1] == start:
                ends[-1] = end
                before[-1] += end - start
            else:
                starts.append(start)
                ends.append(end)
                before.append(before[-1] + end - start)
    return _Table(first, last, starts, ends, before)


def _wall_intervals(day_spans: DaySpans, first: date, last: date) -> Iterator[tuple[int, int]]:
    """Open intervals in seconds of the wall clock since 1970, ascending, those that touch or overlap joined."""
    opening = closing = -(10**12)
    day = first
    while day < last:
        midnight = (day - _MIDNIGHT.date()).days * _DAY
        for begin, end in day_spans(day):
            if end <= begin:
                continue
            if midnight + begin > closing:
                if closing > opening:
                    yield opening, closing
                opening, closing = midnight + begin, midnight + end
            else:
                closing = max(closing, midnight + end)
        day += timedelta(days=1)
    if closing > opening:
        yield opening, closing


def _offsets(zone: tzinfo, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Stretches (begin, end, offset from UTC in seconds) with one offset each."""

    def offset(moment: int) -> int:
        shift = datetime.fromtimestamp(moment, zone).utcoffset()
        return int(shift.total_seconds()) if shift else 0

    begin, current = first, offset(first)
    for noon in range(first + _DAY, last + _DAY, _DAY):
        changed = offset(min(noon, last))
        if changed == current:
            continue
        low, high = noon - _DAY, noon
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == current else (low, middle)
        if high < last:
            yield begin, high, current
            begin, current = high, changed
    yield begin, last, current
