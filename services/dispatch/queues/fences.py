"""Bounds for reading the head of a long queue: positions learnt earlier, so that a read need not go to its end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

STEP = 20
"""Tickets between two fences when they were put up."""


class Fences:
    """Positions of some tickets of each queue, in order. Advice only: what lies between two fences the store says.

    A fence outlives its ticket, and what enters the queue later lies between fences like everything else, so no reader
    ever misses a ticket; with outdated fences a reader takes more, or larger, bites. Shared by all threads.
    """

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], Sequence[str]] = {}

    def bites(self, field: str, prefix: str, after: str, limit: int) -> Iterator[str | None]:
        """Where to read to, bite by bite, from behind `after`; None: to the end."""
        fences = self._queues.get((field, prefix), ())
        place, stride = bisect_right(fences, after), limit // STEP + 1
        while place < len(fences):
            yield fences[min(place + stride, len(fences)) - 1]
            place, stride = place + stride, stride * 2
        yield None

    def put_up(self, field: str, prefix: str, positions: Sequence[str]) -> None:
        """These are all positions behind the last bite's begin."""
        kept = self._queues.get((field, prefix), ())
        before = kept[: bisect_left(kept, positions[0])] if positions else kept
        self._queues[field, prefix] = (*before, *positions[STEP - 1 :: STEP])

    def take_down(self, field: str, prefix: str, first: str) -> None:
        """The queue begins here: fences before it stand in an empty field."""
        kept = self._queues.get((field, prefix), ())
        if kept and kept[0] < first:
            self._queues[field, prefix] = kept[bisect_left(kept, first) :]
