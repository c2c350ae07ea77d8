"""Other libraries' working time on the calendar of the deadline bench, as far as each can express it.

None has weekdays worked out of turn or hours by season: each is given 09:00-12:00 and 13:30-17:30, Monday to Friday,
less the Chinese holidays. What is not installed (requirements-bench.txt) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from chinese_calendar.constants import holidays as CHINESE_HOLIDAYS  # noqa: N812 - a constant of that library.

ZONE = ZoneInfo("Asia/Shanghai")
DAY_SECONDS = 7 * 3600
_HOLIDAYS = sorted(CHINESE_HOLIDAYS)
_MORNING, _LUNCH, _AFTERNOON, _EVENING = 9 * 3600, 12 * 3600, 13 * 3600 + 1800, 17 * 3600 + 1800


class Contender(NamedTuple):
    """Everything that can be prepared beforehand is: only the arithmetic is measured."""

    name: str
    prepare: Callable[[Sequence[datetime]], Sequence[Any]]
    """UTC instants in the library's own form."""
    adding: Callable[[int], Callable[[Any], Any] | None]
    """For a length in seconds; None: it cannot express that."""
    difference: Callable[[Any, Any], Any] | None
    told: Callable[[Any], datetime]


def contenders() -> Iterator[tuple[str, Contender | None]]:
    """Name and contender; None when it is not installed."""
    for name, make in (
        ("pandas CustomBusinessHour", _pandas),
        ("businesstimedelta", _businesstimedelta),
        ("numpy busday_offset", _numpy),
    ):
        try:
            yield name, make(name)
        except ImportError:
            yield name, None


def _pandas(name: str) -> Contender:
    import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

    def adding(seconds: int) -> Callable[[Any], Any] | None:
        if seconds % 3600:
            return None
        step = pandas.offsets.CustomBusinessHour(
            n=seconds // 3600, start=["09:00", "13:30"], end=["12:00", "17:30"], holidays=_HOLIDAYS
        )
        return lambda start: start + step

    def prepare(starts: Sequence[datetime]) -> Sequence[Any]:
        return [pandas.Timestamp(start.astimezone(ZONE)) for start in starts]

    return Contender(name, prepare, adding, None, lambda found: found.to_pydatetime().astimezone(UTC))  # type: ignore[no-any-return,unused-ignore]


def _businesstimedelta(name: str) -> Contender:
    import businesstimedelta  # type: ignore[import-untyped,import-not-found,unused-ignore]
    import pytz  # type: ignore[import-untyped,import-not-found,unused-ignore]

    zone = pytz.timezone("Asia/Shanghai")
    week = list(range(5))
    rules = businesstimedelta.Rules(
        [
            businesstimedelta.WorkDayRule(time(9), time(17, 30), working_days=week, tz=zone),
            businesstimedelta.LunchTimeRule(time(12), time(13, 30), working_days=week, tz=zone),
            businesstimedelta.HolidayRule(CHINESE_HOLIDAYS, tz=zone),
        ]
    )

    def adding(seconds: int) -> Callable[[Any], Any]:
        length = businesstimedelta.BusinessTimeDelta(rules, hours=seconds // 3600, seconds=seconds % 3600)
        return lambda start: start + length

    def prepare(starts: Sequence[datetime]) -> Sequence[Any]:
        return [start.astimezone(zone) for start in starts]

    return Contender(name, prepare, adding, rules.difference, lambda found: found.astimezone(UTC))  # type: ignore[no-any-return,unused-ignore]


def _numpy(name: str) -> Contender:
    """Whole days by numpy, hours and zone by hand: what one writes who has only days."""
    import numpy

    days = numpy.busdaycalendar(holidays=numpy.array(_HOLIDAYS, dtype="datetime64[D]"))

    def place(at: datetime) -> tuple[Any, int]:
        """Local day and working seconds since its opening."""
        wall = at.astimezone(ZONE)
        day = numpy.datetime64(wall.date())
        if not numpy.is_busday(day, busdaycal=days):
            return numpy.busday_offset(day, 0, roll="forward", busdaycal=days), 0
        second = wall.hour * 3600 + wall.minute * 60 + wall.second
        return day, (
            min(max(second, _MORNING), _LUNCH) - _MORNING + min(max(second, _AFTERNOON), _EVENING) - _AFTERNOON
        )

    def adding(seconds: int) -> Callable[[datetime], datetime]:
        def add(start: datetime) -> datetime:
            day, done = place(start)
            whole, left = divmod(done + seconds - 1, DAY_SECONDS)
            left += 1
            morning = _LUNCH - _MORNING
            second = _MORNING + left if left <= morning else _AFTERNOON + left - morning
            found = numpy.busday_offset(day, whole, busdaycal=days).astype(object)
            return datetime.combine(found, time(), ZONE) + timedelta(seconds=second)

        return add

    def difference(a: datetime, b: datetime) -> int:
        (first, done), (last, then) = place(a), place(b)
        return int(numpy.busday_count(first, last, busdaycal=days)) * DAY_SECONDS + then - done

    return Contender(name, list, adding, difference, lambda found: found.astimezone(UTC))
