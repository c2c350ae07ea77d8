"""Ticket numbers in blocks: one write buys hundreds, so a number is there at once (A24, B1)."""

from __future__ import annotations

import threading
from datetime import date
from typing import Protocol

from services.kernel.ticket import ticket_number

_DAYS_HELD = 64


class Counters(Protocol):
    """Running numbers shared by all processes."""

    def take(self, day: str, count: int) -> int:
        """First of `count` numbers of this day that nobody else gets. Unavailable when the database is away."""
        ...


class Numbers:
    """Gives every number once. A process that dies loses the rest of its block: numbers have gaps, never twins."""

    def __init__(self, counters: Counters, block: int = 500) -> None:
        self._counters = counters
        self._block = block
        self._left: dict[date, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def take(self, day: date, count: int = 1) -> list[str]:
        """`count` numbers of a day, ascending."""
        numbers: list[str] = []
        with self._lock:
            first, end = self._left.pop(day, (0, 0))
            while len(numbers) < count:
                if first == end:
                    wanted = max(self._block, count - len(numbers))
                    first = self._counters.take(f"{day:%Y%m%d}", wanted)
                    end = first + wanted
                numbers.append(ticket_number(day, first))
                first += 1
            self._left[day] = (first, end)
            if len(self._left) > _DAYS_HELD:
                # The day used longest ago: a bulk import walks through years (T9).
                del self._left[next(iter(self._left))]
        return numbers
