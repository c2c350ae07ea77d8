"""What a deadline and an elapsed time cost on a hard calendar, ours and others' in one run. Asserts no time.

`python -m tests.bench.deadline_bench [seconds]` prints the figures; `measure()` gives them to the bench runner.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.kernel.calendar import BusinessCalendar
from services.profile.calendars import business_calendar
from services.profile.schema import Calendar
from tests.bench.contenders import DAY_SECONDS, ZONE, Contender, contenders

LENGTHS = {"10min": 600, "4h": 14_400, "60d": 60 * DAY_SECONDS}

# Four hours from Friday at five: in an ordinary week, before a Saturday that is worked, and in summer hours.
CASES = {
    "ordinary week": ("2026-03-13 17:00", "2026-03-16 14:00"),
    "make-up day": ("2026-02-13 17:00", "2026-02-14 14:00"),
    "summer hours": ("2026-06-12 17:00", "2026-06-15 12:00"),
}


def hard_calendar() -> BusinessCalendar:
    """Lunch gap, summer and winter, Chinese holidays with make-up days."""
    facet = Calendar.model_validate(
        {
            "spans": ["09:00-12:00", "13:30-17:30"],
            "seasons": [{"first": "05-01", "last": "09-30", "spans": ["09:00-12:00", "14:00-18:00"]}],
            "holidays": "CN",
        }
    )
    return business_calendar("hard", facet, "Asia/Shanghai")


def ours() -> Contender:
    """The kernel's calendar."""
    calendar = hard_calendar()
    return Contender(
        "Deskstream",
        list,
        lambda seconds: lambda start: calendar.add(start, seconds),
        calendar.between,
        lambda found: found,  # type: ignore[no-any-return,unused-ignore]
    )


def measure(seconds: float = 0.5) -> dict[str, Any]:
    """By name: add_us and between_us by length (None: it cannot), right by case; "missing" when it is not installed.

    `seconds` is spent on each figure.
    """
    figures: dict[str, Any] = {}
    for name, contender in (("Deskstream", ours()), *contenders()):
        figures[name] = {"missing": "not installed"} if contender is None else _figures(contender, seconds)
    return figures


def _figures(contender: Contender, seconds: float) -> dict[str, Any]:
    starts = [datetime(2025, 1, 2, 1, 2, 3, tzinfo=UTC) + timedelta(hours=7, minutes=13) * n for n in range(1000)]
    prepared = contender.prepare(starts)
    calendar = hard_calendar()
    add_us: dict[str, float | None] = {}
    between_us: dict[str, float | None] = {}
    for name, length in LENGTHS.items():
        add = contender.adding(length)
        add_us[name] = None if add is None else _spent_us(lambda n, add=add: add(prepared[n]), seconds)  # type: ignore[misc]
        ends = contender.prepare([calendar.add(start, length) for start in starts])
        between_us[name] = _difference_us(contender, prepared, ends, seconds)
    return {"add_us": add_us, "between_us": between_us, "right": {case: _right(contender, case) for case in CASES}}


def _difference_us(contender: Contender, starts: Sequence[Any], ends: Sequence[Any], seconds: float) -> float | None:
    difference = contender.difference
    return None if difference is None else _spent_us(lambda n: difference(starts[n], ends[n]), seconds)


def _spent_us(call: Callable[[int], object], seconds: float) -> float:
    """Microseconds of one call, over the thousand instants in turn."""
    call(0)
    done, begun = 0, time.perf_counter()
    while True:
        for n in range(done, done + 20):
            call(n % 1000)
        done += 20
        elapsed = time.perf_counter() - begun
        if elapsed > seconds:
            return round(elapsed / done * 1e6, 2)


def _right(contender: Contender, case: str) -> bool:
    start, due = (datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC) for text in CASES[case])
    add = contender.adding(4 * 3600)
    return add is not None and contender.told(add(contender.prepare([start])[0])) == due


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5), indent=2))
