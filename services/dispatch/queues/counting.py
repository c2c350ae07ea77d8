"""The queues of a person in figures: from the index alone, at most every other second (C22)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.dispatch import model
from services.dispatch.handlers import Desks
from services.dispatch.queues.queue import queue_named

MOST_COUNTED = 10_000
"""Tickets counted of one part of a queue; a longer one counts as so many."""
MOST_QUEUES = 40
FRESH = timedelta(seconds=2)
_MOST_KEPT = 2_000


class Positions(Protocol):
    """Where positions in queues are read."""

    def positions(self, field: str, prefix: str, most: int) -> Sequence[str]:
        """Positions ("priority|received|number") of one part of a queue, in order."""


@dataclass(frozen=True, slots=True)
class Count:
    """One queue in figures."""

    queue: str
    tickets: int = 0
    priority: int = 0
    oldest: datetime | None = None
    first: str = ""


class Counting:
    """Counts queues; what was read a moment ago is not read again, as home pages ask all the time."""

    def __init__(self, positions: Positions, desks: Desks) -> None:
        self._positions = positions
        self._desks = desks
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[datetime, Sequence[str]]] = {}

    def of(self, caller: model.Caller, now: datetime) -> list[Count]:
        """Own, then teams, then roles that have anything to do in any lifecycle."""
        own = (desk.people[caller.id].teams for desk in self._desks.all() if caller.id in desk.people)
        names = [f"person:{caller.id}"] if caller.id and "|" not in caller.id else []
        names += [f"team:{team}" for team in sorted(caller.teams.union(*own)) if "|" not in team]
        names += [f"role:{role}" for role in sorted(caller.roles)]
        counts = []
        for name in names[:MOST_QUEUES]:
            queue = queue_named(name, self._desks)
            if queue.prefixes:
                counts.append(self._count(name, queue.field, queue.prefixes, now))
        return counts

    def _count(self, name: str, field: str, prefixes: Sequence[str], now: datetime) -> Count:
        all_ = [position for prefix in prefixes for position in self._read(field, prefix, now)]
        if not all_:
            return Count(name)
        first = min(all_)
        priority, _, number = first.split("|", 2)
        oldest = min(int(position.split("|", 2)[1]) for position in all_)
        return Count(name, len(all_), int(priority), datetime.fromtimestamp(oldest / 1000, UTC), number)

    def _read(self, field: str, prefix: str, now: datetime) -> Sequence[str]:
        with self._lock:
            kept = self._kept.get((field, prefix))
        if kept is not None and abs(now - kept[0]) < FRESH:
            return kept[1]
        found = self._positions.positions(field, prefix, MOST_COUNTED)
        with self._lock:
            if len(self._kept) > _MOST_KEPT:
                self._kept.clear()
            self._kept[field, prefix] = (now, found)
        return found
