"""Sees from outside when a ticket has arrived everywhere: dispatched in the report, and its clocks armed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from services.reporting.handlers import BUCKET_SIZE
from services.reporting.model import Facts
from tests.bench.drafts import ordinal_in

Row = dict[str, Any]
SENT_OFF = 2
"""Version of a ticket of `generic_desk` once it is dispatched."""
_CLOCKS = {"facts.newest.version": 1}


class Watch:
    """Looks into the stores of reporting and sla, at the newest tickets only, and notes who has arrived when.

    What the report shows as dispatched has been written and said by dispatch; so three stores are seen by two looks. An
    arrival is noted when the look is over, so every latency is too long by up to one look and one pause.
    """

    def __init__(self, reporting: Database[Row], sla: Database[Row], generation: str) -> None:
        self._tickets = reporting[f"tickets_{generation}"]
        self._timelines = sla["timelines"]
        self._run = ""
        self._reported: dict[str, int] = {}
        self._seen: set[str] = set()
        self._from = ""
        self.arrived: dict[int, float] = {}

    def begin(self, run: str) -> None:
        """From now on the tickets of this run, which come after all others."""
        self._run = run
        self.arrived = {}
        self._reported = {}
        last = list(self._tickets.find({}, {"_id": 1}).sort("_id", -1).limit(1))
        self._from = last[0]["_id"] if last else ""

    def look(self) -> int:
        """How many have arrived by now."""
        buckets: list[tuple[str, Mapping[str, Any]]] = [
            (row["_id"], json.loads(row["entries"]))
            for row in self._tickets.find({"_id": {"$gte": self._from}}, {"entries": 1})
        ]
        for _, entries in buckets:
            for number, fields in entries.items():
                if number not in self._seen and number not in self._reported:
                    snapshot = Facts.read(fields).snapshot
                    ordinal = ordinal_in(snapshot.title, self._run) if snapshot.dispatched else None
                    if ordinal is not None:
                        self._reported[number] = ordinal
        if self._reported:
            armed = [
                row["_id"]
                for row in self._timelines.find({"_id": {"$in": list(self._reported)}}, _CLOCKS)
                if row["facts"]["newest"]["version"] >= SENT_OFF
            ]
            now = time.perf_counter()
            for number in armed:
                self.arrived[self._reported.pop(number)] = now
                self._seen.add(number)
        self._pass_over(buckets)
        return len(self.arrived)

    def _pass_over(self, buckets: list[tuple[str, Mapping[str, Any]]]) -> None:
        """Full buckets whose tickets have all arrived need no second look."""
        for key, entries in sorted(buckets, key=lambda each: each[0]):
            # Running numbers begin with 1.
            full = BUCKET_SIZE - 1 if key.endswith("/000000") else BUCKET_SIZE
            if len(entries) < full or not self._seen.issuperset(entries):
                return
            self._from = key + "~"
