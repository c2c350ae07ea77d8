"""Sees from outside when a ticket has arrived everywhere: dispatched in the report, and its clocks armed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo.database import Database

from services.reporting.handlers import BUCKET_SIZE, ticket_bucket
from services.reporting.model import Facts
from tests.bench.drafts import ordinal_in

Row = dict[str, Any]
SENT_OFF = 2
"""Version of a ticket of `generic_desk` once it is dispatched."""
_CLOCKS = {"facts.newest.version": 1}
# The embedded server compares every document of an $in with every value, and walks a whole collection for a range.
_AT_ONCE = 40
_GAP = 1_000
"""Numbers that may be left out: a worker that hears a batch again takes new ones before it meets the first ones."""


class Watch:
    """Looks into the stores of reporting and sla, at the newest tickets only, and notes who has arrived when.

    What the report shows as dispatched has been written and said by dispatch; so three stores are seen by two looks. An
    arrival is noted when the look is over, so every latency is too long by up to one look and one pause.
    """

    def __init__(self, reporting: Database[Row], sla: Database[Row], generation: str, day: str) -> None:
        """`day`: of the tickets' numbers, as yyyymmdd. Their database must have been empty before the first run."""
        self._tickets = reporting[f"tickets_{generation}"]
        self._timelines = sla["timelines"]
        self._day = day
        self._run = ""
        self._reported: dict[str, int] = {}
        self._seen: set[str] = set()
        self._first = 0
        self._said = 0
        self.arrived: dict[int, float] = {}

    def begin(self, run: str) -> None:
        """From now on the tickets of this run, which come after all others."""
        self._run = run
        self.arrived = {}
        self._reported = {}

    def said(self, tickets: int) -> None:
        """So many more have been submitted."""
        self._said += tickets

    def look(self) -> int:
        """How many have arrived by now."""
        found = dict(self._buckets())
        for entries in found.values():
            for number, fields in entries.items():
                if number not in self._seen and number not in self._reported:
                    snapshot = Facts.read(fields).snapshot
                    ordinal = ordinal_in(snapshot.title, self._run) if snapshot and snapshot.dispatched else None
                    if ordinal is not None:
                        self._reported[number] = ordinal
        for numbers in _parted(list(self._reported)):
            armed = [
                row["_id"]
                for row in self._timelines.find({"_id": {"$in": numbers}}, _CLOCKS)
                if row["facts"]["newest"]["version"] >= SENT_OFF
            ]
            now = time.perf_counter()
            for number in armed:
                self.arrived[self._reported.pop(number)] = now
                self._seen.add(number)
        self._pass_over(found)
        return len(self.arrived)

    def _buckets(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Those in which a ticket may be that has not arrived yet; running numbers begin with 1."""
        wanted = [self._key(place) for place in range(self._first, (self._said + _GAP) // BUCKET_SIZE + 1)]
        for keys in _parted(wanted):
            found = {row["_id"]: row["entries"] for row in self._tickets.find({"_id": {"$in": keys}}, {"entries": 1})}
            yield from ((key, json.loads(found[key])) for key in keys if key in found)

    def _key(self, place: int) -> str:
        return ticket_bucket(f"DS{self._day}-{place * BUCKET_SIZE:06d}")

    def _pass_over(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Full buckets, and such with tickets far behind them, need no second look once all of theirs have arrived."""
        while True:
            entries = found.get(self._key(self._first), {})
            full = len(entries) >= (BUCKET_SIZE if self._first else BUCKET_SIZE - 1)
            behind = self._first + _GAP // BUCKET_SIZE < self._said // BUCKET_SIZE
            left = not full and behind and max(found, default="") > self._key(self._first + _GAP // BUCKET_SIZE)
            if not (full or left) or not self._seen.issuperset(entries):
                return
            self._first += 1


def _parted(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[first : first + _AT_ONCE] for first in range(0, len(names), _AT_ONCE))
