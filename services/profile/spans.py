"""Reads the periods of a day and the days of a year as profiles write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

_PERIOD = re.compile(r"^(\d\d):(\d\d)-(\d\d):(\d\d)$")
_DAY_SECONDS = 86_400


def parse_periods(spans: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """ "09:00-12:00" and so on to (start, end) in seconds of the local day; ValueError with the remedy when unreadable,
    empty, descending or overlapping. Periods that touch are allowed."""
    periods: list[tuple[int, int]] = []
    for text in spans:
        match = _PERIOD.match(text)
        if match is None:
            raise ValueError(f'"{text}" is no period; write it as 09:00-12:00')
        start, end = _seconds(match[1], match[2]), _seconds(match[3], match[4])
        if start >= end or end > _DAY_SECONDS or int(match[2]) > 59 or int(match[4]) > 59:
            raise ValueError(f'"{text}" is no period of a day; let it start before it ends, at 24:00 at the latest')
        if periods and start < periods[-1][1]:
            raise ValueError(
                f'"{text}" overlaps the period before it; write periods in ascending order without overlap'
            )
        periods.append((start, end))
    return tuple(periods)


def parse_day(text: str) -> tuple[int, int]:
    """ "05-01" to (5, 1); ValueError with the remedy for a day that not every year has (29 February)."""
    month, _, day = text.partition("-")
    try:
        date(2023, int(month), int(day))
    except ValueError:
        raise ValueError(f'"{text}" is no day of every year; write month and day as 05-01') from None
    return int(month), int(day)


def _seconds(hours: str, minutes: str) -> int:
    return int(hours) * 3600 + int(minutes) * 60
