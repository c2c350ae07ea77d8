"""Tries run in lanes: few per destination, so that one that hangs or is away never holds up the others.

Plain threads: in a worker eventlet has made them green.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Thread
from typing import Protocol

from services.notifications.model import Delivery, Result, Way

LANE_SECONDS = 30.0
"""After so long a lane begins no further try of its load."""
_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=1)


class Carrier(Protocol):
    """One way to carry messages; each step is bounded in time. Deliveries of one call share a destination."""

    def carry(self, deliveries: Sequence[Delivery]) -> Iterator[Result]: ...


class Lanes:
    """Bounded concurrency over destinations. Used by one thread; only the lanes themselves run apart."""

    def __init__(
        self, carriers: Mapping[Way, Carrier], *, each: int = 2, all_together: int = 16, load: int = 50
    ) -> None:
        self._carriers = carriers
        self._each = each
        self._all = all_together
        self._load = load
        self._running: Counter[str] = Counter()
        self._flying: set[str] = set()
        self._ended: deque[tuple[str, Sequence[Delivery], list[Result]]] = deque()
        self._failures: Counter[str] = Counter()
        self._closed_until: dict[str, datetime] = {}

    def room(self, destination: str, now: datetime) -> int:
        """How many deliveries it takes now; 0 when its lanes or all lanes run, or while it is left alone."""
        if destination in self.away(now):
            return 0
        return min(self._free(destination), self._all - self._running.total()) * self._load

    def away(self, now: datetime) -> set[str]:
        """Destinations that did not answer and are left alone for a while."""
        return {destination for destination, until in self._closed_until.items() if until > now}

    def begin(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Carries them, each destination in lanes of its own; gives back those that found none."""
        loads: defaultdict[tuple[str, Way], list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            # Under a clock that jumps a claim can end while its delivery still flies.
            if delivery.id not in self._flying:
                loads[delivery.destination, delivery.way].append(delivery)
        left: list[Delivery] = []
        for (destination, way), waiting in loads.items():
            while waiting and self._free(destination) and self._running.total() < self._all:
                share, waiting = waiting[: self._load], waiting[self._load :]
                self._running[destination] += 1
                self._flying.update(delivery.id for delivery in share)
                Thread(target=self._carry, args=(destination, way, share), daemon=True, name=f"to {way}").start()
            left += waiting
        return left

    def take(self, now: datetime) -> tuple[list[Result], list[Delivery]]:
        """How the tries went that ended since the last call, and what its lane did not get round to."""
        taken: list[Result] = []
        untried: list[Delivery] = []
        while self._ended:
            destination, load, results = self._ended.popleft()
            self._running[destination] -= 1
            if self._running[destination] <= 0:
                del self._running[destination]
            self._flying.difference_update(delivery.id for delivery in load)
            taken += results
            tried = {result.delivery.id for result in results}
            untried += [delivery for delivery in load if delivery.id not in tried]
            if any(result.down for result in results):
                self._failures[destination] += 1
                pause = min(_FIRST_PAUSE * 2 ** min(self._failures[destination] - 1, 10), _LONGEST_PAUSE)
                self._closed_until[destination] = now + pause
            else:
                self._failures.pop(destination, None)
                self._closed_until.pop(destination, None)
        return taken, untried

    @property
    def busy(self) -> bool:
        """Whether tries are under way or ended untaken."""
        return bool(self._running)

    def _free(self, destination: str) -> int:
        # A destination that was away is tried by one lane first.
        lanes = 1 if self._failures.get(destination) else self._each
        return max(0, lanes - self._running.get(destination, 0))

    def _carry(self, destination: str, way: Way, deliveries: Sequence[Delivery]) -> None:
        results: list[Result] = []
        until = time.monotonic() + LANE_SECONDS
        try:
            for result in self._carriers[way].carry(deliveries):
                results.append(result)
                if time.monotonic() > until:
                    break
        finally:
            self._ended.append((destination, deliveries, results))
