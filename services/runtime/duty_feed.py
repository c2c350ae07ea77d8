"""Filed duty in every process that asks who is on duty (M28): heard once by a service, read by all its processes.

One worker of a service hears `directory.duty_changed` and keeps the newest table in the service's own database; every
process of the service, worker or server, looks there every few seconds. With the directory away the last table stays.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

from pymongo.collection import Collection

from services.contracts.deskstream.v1 import roster_pb2
from services.kernel.duty import Away, DutyTable, Filed, Stint
from services.kernel.errors import Refused, Unavailable
from services.runtime import telemetry
from services.runtime.message import Heard
from services.runtime.mongo import Row, available, insert_new, swap

COLLECTION = "duty"
KEY = "directory.duty_changed"
EVERY = 2.0
"""Seconds between two looks: how late a change of the roster may reach a process."""
_TRIES = 5
_log = telemetry.get_log("deskstream.duty")


class Adopts(Protocol):
    """A roster that follows filed duty; profile.duty.Roster is one."""

    @property
    def version(self) -> int: ...
    def adopt(self, table: DutyTable) -> bool: ...


class DutyFeed:
    """Filed duty of one service. `rosters` by profile; `collection` lies in the service's own database."""

    def __init__(self, collection: Collection[Row], rosters: Mapping[str, Adopts]) -> None:
        self._collection = collection
        self._rosters = rosters
        self._ended = threading.Event()

    def hear(self, batch: Sequence[Heard]) -> Sequence[Any]:
        """Keeps what is newer than what is kept. The same table again, or an older one, is passed over."""
        for heard in batch:
            try:
                table = heard.decode(roster_pb2.DutyTable)
            except Refused as why:
                heard.refuse(why)
                continue
            if table.profile in self._rosters:
                self._keep(table)
        self.refresh()
        return ()

    def refresh(self) -> Sequence[Any]:
        """Follows what is kept, where it is newer than what is followed."""
        with available():
            kept = {row["_id"]: row["v"] for row in self._collection.find({}, {"v": 1})}
        for profile, roster in self._rosters.items():
            if kept.get(profile, 0) > roster.version:
                with available():
                    row = self._collection.find_one({"_id": profile})
                if row is not None:
                    roster.adopt(table_from(roster_pb2.DutyTable.FromString(row["table"])))
        return ()

    def start(self) -> DutyFeed:
        """Looks every few seconds in a thread of its own: for servers."""
        threading.Thread(target=self._run, name="duty-feed", daemon=True).start()
        return self

    def close(self) -> None:
        """Ends the thread."""
        self._ended.set()

    def _run(self) -> None:
        while True:
            try:
                self.refresh()
            except Unavailable as error:
                _log.warning("duty_not_refreshed", why=error.message)
            except Exception as error:
                # The last known duty stays; a thread that ended here would never follow another.
                _log.error("duty_not_refreshed", exc_info=error)
            if self._ended.wait(EVERY):
                return

    def _keep(self, table: roster_pb2.DutyTable) -> None:
        row = {"v": table.version, "table": table.SerializeToString(deterministic=True)}
        for _ in range(_TRIES):
            with available():
                seen = self._collection.find_one({"_id": table.profile}, {"v": 1})
            if seen is None:
                if not insert_new(self._collection, [{"_id": table.profile, **row}]):
                    return
            elif seen["v"] >= table.version or swap(self._collection, table.profile, seen["v"], {"$set": row}):
                return
        raise Unavailable(f"The duty of {table.profile} is changed by many at once; it is tried again.")


def table_to(table: DutyTable) -> roster_pb2.DutyTable:
    """The table on the wire: the stints of one person as lengths and gaps, so that a large desk fits a message."""
    by_person: dict[str, list[Stint]] = {}
    for stint in sorted(table.stints, key=lambda each: each.start):
        by_person.setdefault(stint.person, []).append(stint)
    return roster_pb2.DutyTable(
        profile=table.profile,
        version=table.version,
        months=[
            roster_pb2.DutyTable.Month(start=each.start, end=each.end, people=sorted(each.people))
            for each in table.months
        ],
        stints=[_packed(person, by_person[person]) for person in sorted(by_person)],
        absences=[
            roster_pb2.DutyTable.Absence(person=each.person, start=each.start, end=each.end, substitute=each.substitute)
            for each in table.absences
        ],
    )


def _packed(person: str, stints: Sequence[Stint]) -> roster_pb2.DutyTable.Stints:
    edges: list[int] = []
    for stint in stints:
        if edges and stint.start <= edges[-1]:
            edges[-1] = max(edges[-1], stint.end)
        else:
            edges += [stint.start, stint.end]
    return roster_pb2.DutyTable.Stints(person=person, first=edges[0], steps=[b - a for a, b in pairwise(edges)])


def table_from(told: roster_pb2.DutyTable) -> DutyTable:
    """The table as rosters adopt it."""
    stints: list[Stint] = []
    for each in told.stints:
        edge = each.first
        for position, step in enumerate(each.steps):
            if position % 2 == 0:
                stints.append(Stint(each.person, edge, edge + step))
            edge += step
    return DutyTable(
        told.profile,
        told.version,
        tuple(Filed(each.start, each.end, frozenset(each.people)) for each in told.months),
        tuple(stints),
        tuple(Away(each.person, each.start, each.end, each.substitute) for each in told.absences),
    )
