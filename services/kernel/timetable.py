"""Open intervals of a calendar between two instants, as one table that is searched by halving (D10).

Built from local days: an hour that daylight saving skips is not in it, an hour it repeats is in it twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

DaySpans = Callable[[date], Sequence[tuple[int, int]]]
"""Local day -> its open spans, ascending, seconds of the wall clock since midnight; an end over 86,400 is tomorrow."""

DAY = 86_400
MICRO = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = EPOCH.date()


class Table(NamedTuple):
    """Open intervals between two instants (epoch seconds), and the open seconds before each of them."""

    first: int
    last: int
    starts: list[int]
    ends: list[int]
    before: list[int]  # One entry more than starts: the last one is the total.


EMPTY = Table(0, 0, [], [], [0])


def position(table: Table, moment: int, micro: int) -> int:
    """Open microseconds from the beginning of the table until an instant: epoch seconds and a fraction."""
    _, _, starts, ends, before = table
    i = bisect_right(ends, moment)
    if i < len(starts) and (opened := starts[i]) <= moment:
        return (before[i] + moment - opened) * MICRO + micro
    return before[i] * MICRO


def build(day_spans: DaySpans, zone: tzinfo, first_year: int, last_year: int) -> Table:
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
    return Table(first, last, starts, ends, before)


def _wall_intervals(day_spans: DaySpans, first: date, last: date) -> Iterator[tuple[int, int]]:
    """Open intervals in seconds of the wall clock since 1970, ascending, those that touch or overlap joined."""
    opening = closing = -(10**12)
    day = first
    while day < last:
        midnight = (day - _FIRST_DAY).days * DAY
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
    for noon in range(first + DAY, last + DAY, DAY):
        changed = offset(min(noon, last))
        if changed == current:
            continue
        low, high = noon - DAY, noon
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == current else (low, middle)
        if high < last:
            yield begin, high, current
            begin, current = high, changed
    yield begin, last, current


def instant(zone: tzinfo, wall: datetime, last: bool = False) -> datetime:
    """The first instant at which the wall clock shows this (naive) time, or the last of two; UTC.

    A time that daylight saving skips is never shown: then the instant at which the clock jumps over it.
    """
    early = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if early <= late:
        return late if last else early
    # Skipped: before the jump the clock shows less, after it more.
    low, high = late, early
    while high - low > timedelta(0, 1):
        middle = low + timedelta(0, (high - low) // timedelta(0, 2))
        low, high = (middle, high) if middle.astimezone(zone).replace(tzinfo=None) < wall else (low, middle)
    return high
