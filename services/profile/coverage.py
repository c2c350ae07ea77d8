"""Until when the holidays of calendars are known, and what to say before that day comes (D10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

from services.kernel.calendar import BusinessCalendar

WARN_DAYS = 60
"""The State Council announces a year's holidays some two months before it begins."""


class Coverage(NamedTuple):
    """One calendar whose holidays are announced year by year; days_left is negative once they are over."""

    profile: str
    calendar: str
    until: date
    days_left: int

    @property
    def is_short(self) -> bool:
        """Whether somebody should act."""
        return self.days_left < WARN_DAYS

    def __str__(self) -> str:
        left = f"{self.days_left} days are left" if self.days_left >= 0 else f"{-self.days_left} days ago"
        return (
            f'{self.profile}: holidays of calendar "{self.calendar}" are known until {self.until} ({left}); '
            "ordinary weeks are counted after it. Upgrade chinesecalendar, or write the days as closures and openings "
            "and set known_until."
        )


def coverage(profile: str, calendars: Mapping[str, BusinessCalendar], now: datetime) -> Iterator[Coverage]:
    """Every calendar of a profile that ends some day, at this instant; none of those whose holidays follow rules."""
    for name, calendar in sorted(calendars.items()):
        until = calendar.covered_until
        if until is not None:
            yield Coverage(profile, name, until, (until - now.astimezone(calendar.zone).date()).days)


def shortages(found: Iterable[Coverage]) -> list[Coverage]:
    """Those to act on, the most urgent first."""
    return sorted((each for each in found if each.is_short), key=lambda each: (each.days_left, each[:2]))
