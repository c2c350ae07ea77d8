"""Time is an argument: whoever needs the present is handed a clock (architecture decision 11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


def to_milliseconds(at: datetime) -> datetime:
    """The instant as a database that keeps milliseconds gives it back: cut, not rounded, so never in the future."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Clock(Protocol):
    """Gives the present as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands still until somebody sets it."""

    at: datetime

    def now(self) -> datetime:
        return self.at
