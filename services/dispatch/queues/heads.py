"""The heads of long queues, read once for everybody who claims from them at the same time (接单)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Protocol

from services.dispatch.entries import Entry

FRESH = 0.2
"""Seconds for which what was read is offered to others: a more urgent ticket may wait so long for its turn."""
FEWEST, MOST = 20, 200
PAGES = 10
_REMEMBERED = 30.0
"""Longer than a claim may take, so that nobody still walks through something read before."""


class Queues(Protocol):
    """What is needed of the store of tickets."""

    def newest(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, Entry]]:
        """(position, newest event) of one queue in order, behind the position `after`."""


@dataclass(slots=True)
class Offer:
    """One waiting ticket, with its newest event."""

    number: str
    entry: Entry
    is_gone: bool = False
    """Set by the taker: it waits no more, whoever has it."""


@dataclass(slots=True)
class _Head:
    """One page of a queue as it stood a moment ago."""

    read_at: float
    limit: int
    rows: Sequence[tuple[str, Entry]]


class Heads:
    """Shared by all callers of one process; no two of them are offered the same ticket at the same moment.

    A promise to nobody: who takes a ticket still does so by compare-and-set, for there are other processes.
    """

    def __init__(self, queues: Queues, ticks: Callable[[], float] = time.monotonic) -> None:
        self._queues = queues
        self._ticks = ticks
        self._lock = threading.Lock()
        self._heads: dict[tuple[str, str], _Head] = {}
        self._readers: dict[tuple[str, str], threading.Lock] = {}
        self._tried: set[str] = set()
        self._gone: dict[str, float] = {}
        """When tickets were taken: whoever reads what was read before need not try them."""
        self._callers = 0

    @contextmanager
    def of(self, team: str) -> Iterator[Iterator[Offer]]:
        """The tickets that wait for a team, in order, each to be taken or left before the next is asked for."""
        with self._lock:
            self._callers += 1
        offers = self._offers(team)
        try:
            yield offers
        finally:
            offers.close()
            with self._lock:
                self._callers -= 1

    def _offers(self, team: str) -> Generator[Offer, None, None]:
        asked_at = self._ticks()
        with self._lock:
            # Whoever is alone reads for themselves: what came in a moment ago is seen.
            since = asked_at if self._callers == 1 else asked_at - FRESH
        oldest = yield from self._walk(team, since)
        if oldest < asked_at:
            # Nothing was left of what others read; before anybody hears "nothing waits", look again.
            yield from self._walk(team, asked_at)

    def _walk(self, team: str, since: float) -> Generator[Offer, None, float]:
        """Page by page; gives back when the oldest of what it offered from was read."""
        after, oldest = "", self._ticks()
        for _ in range(PAGES):
            head = self._head(team, after, since)
            oldest = min(oldest, head.read_at)
            for position, entry in head.rows:
                number = position.rpartition("|")[2]
                with self._lock:
                    if number in self._tried or self._gone.get(number, -inf) >= head.read_at:
                        continue
                    self._tried.add(number)
                offer = Offer(number, entry)
                try:
                    yield offer
                finally:
                    with self._lock:
                        self._tried.discard(number)
                        if offer.is_gone:
                            self._gone[number] = self._ticks()
            if len(head.rows) < head.limit:
                break
            after = head.rows[-1][0]
        return oldest

    def _head(self, team: str, after: str, since: float) -> _Head:
        place = (team, after)
        with self._lock:
            if (head := self._known(place, since)) is not None:
                return head
            reader = self._readers.setdefault(place, threading.Lock())
        with reader:
            with self._lock:
                if (head := self._known(place, since)) is not None:
                    return head
                limit = min(max(FEWEST, 4 * self._callers), MOST)
            # Counted from before the read: what entered since is not in it.
            read_at = self._ticks()
            head = _Head(read_at, limit, self._queues.newest("place", f"team:{team}", after, limit))
            with self._lock:
                self._heads[place] = head
                self._forget(read_at)
            return head

    def _known(self, place: tuple[str, str], since: float) -> _Head | None:
        head = self._heads.get(place)
        return head if head is not None and head.read_at >= since else None

    def _forget(self, now: float) -> None:
        """Positions come and go; what nobody will be offered any more is not kept."""
        for place in [place for place, head in self._heads.items() if now - head.read_at >= FRESH]:
            del self._heads[place]
            reader = self._readers.get(place)
            if reader is not None and not reader.locked():
                del self._readers[place]
        self._gone = {number: at for number, at in self._gone.items() if now - at < _REMEMBERED}
