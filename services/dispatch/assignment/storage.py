"""Tickets as giving out needs them: queues in order, what is overdue, what people hold, many changes in one write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from pymongo import UpdateOne
from pymongo.database import Database

from services.dispatch.assignment.engine import Given, Held, Standing
from services.dispatch.assignment.turns import Owed
from services.dispatch.entries import Entry, Record, Said, say_again
from services.dispatch.storage import NEWEST, MongoTickets, newest_of, update_of
from services.runtime.mongo import Row, available

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HELD = {"_id": 0, "phase": 1, "channel": 1, "weight": 1}


class MongoAssignments:
    """services.dispatch.assignment.engine.Assignments on MongoDB."""

    def __init__(self, database: Database[Row], tickets: MongoTickets) -> None:
        self._rows = database["tickets"]
        self._tickets = tickets

    def waiting(self, team: str, after: str, limit: int) -> Sequence[Standing]:
        """Through the index of `place`."""
        found = self._tickets.newest("place", f"team:{team}", after, limit)
        return [Standing(position, entry) for position, entry in found]

    def overdue(self, now: datetime, profiles: Sequence[str], limit: int) -> Sequence[Standing]:
        """Through the sparse index of `attend_at`; with another condition the embedded server would read everything."""
        due = {"attend_at": {"$gt": _EPOCH, "$lte": now}}
        with available():
            rows = list(self._rows.find(due, {"profile": 1, **NEWEST}).sort("attend_at", 1).limit(limit))
            if any(row["profile"] not in profiles for row in rows):
                # Whose profile nobody serves any more is overdue for ever: they must not fill the limit.
                every = self._rows.find(due, {"profile": 1}).sort("attend_at", 1)
                served = list(islice((row["_id"] for row in every if row["profile"] in profiles), limit))
                rows = [row for number in served for row in self._rows.find({"_id": number}, NEWEST)]
        return [Standing("", newest_of(row)) for row in rows]

    def look_again(self, number: str, version: int, at: datetime | None) -> None:
        """Only the index moves; the ticket itself is as it was."""
        update: Row = {"$unset": {"attend_at": ""}} if at is None else {"$set": {"attend_at": at}}
        with available():
            self._rows.update_one({"_id": number, "v": version}, update)

    def held_by(self, people: Iterable[str]) -> Mapping[str, Sequence[Held]]:
        """A range of the index of `place` for each."""
        found: dict[str, Sequence[Held]] = {}
        for person in people:
            with available():
                rows = list(
                    self._rows.find({"place": {"$gt": f"person:{person}|", "$lt": f"person:{person}}}"}}, _HELD)
                )
            found[person] = [
                Held(row.get("weight") or 1, row.get("channel", "")) for row in rows if row["phase"] in ("new", "open")
            ]
        return found

    def append(self, given: Sequence[Given]) -> set[str]:
        """One unordered bulk of compare-and-sets. A loser is found out by its event, which is not in the ticket."""
        wanted = [
            UpdateOne(
                {"_id": each.ticket.number, "v": each.ticket.version - 1}, update_of(each.ticket, each.entries, None)
            )
            for each in given
        ]
        with available():
            if self._rows.bulk_write(wanted, ordered=False).modified_count == len(wanted):
                return {each.ticket.number for each in given}
        known = self._tickets.load([each.ticket.number for each in given])
        return {each.ticket.number for each in given if _event(known[each.ticket.number], each.entries[-1].id)}

    def words(self, owed: Sequence[Owed]) -> tuple[Sequence[Said], Sequence[Owed]]:
        """By _id."""
        return words_in(self._tickets.load([each.number for each in owed]), owed)


def words_in(known: Mapping[str, Record], owed: Sequence[Owed]) -> tuple[Sequence[Said], Sequence[Owed]]:
    """What of this stands in the tickets, as it is said; and what may still come to stand there."""
    said: list[Said] = []
    still: list[Owed] = []
    for each in owed:
        record = known.get(each.number)
        entry = _event(record, each.event) if record is not None else None
        if entry is not None:
            said.extend(say_again([entry]))
        elif record is not None and record.latest.version < each.version:
            still.append(each)
    return said, still


def _event(record: Record, identity: str) -> Entry | None:
    return next((entry for entry in record.entries if entry.id == identity), None)
