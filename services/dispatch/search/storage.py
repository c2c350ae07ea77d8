"""Rows of search in MongoDB: one array of terms with one index, asked for one term at a time (decision 13).

The embedded server uses that index for equality with one term and for nothing else; so does everybody's, and the rest
is judged in memory. See adr/0017.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine import DateTimeField, Document, IntField, ListField, LongField, ObjectIdField, StringField
from pymongo.collection import Collection
from pymongo.database import Database

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch.search.filters import Found
from services.runtime.mongo import available, ensure_indexes, insert_new, swap

Row = dict[str, Any]

_TOGETHER = 20
"""Documents asked for at once by their keys: the embedded server takes quadratic time for the list."""
_AT_ONCE = 10
_LEADS_FOR = timedelta(seconds=30)
_NOTE = 500


class FindDocument(Document):
    """Collection `finds`: what a ticket is found by."""

    number = StringField(primary_key=True)
    v = IntField()
    received = LongField()
    updated = LongField()
    priority = IntField()
    terms = ListField(StringField())

    meta = {  # noqa: RUF012 - mongoengine's own convention
        "collection": "finds",
        "db_alias": "dispatch",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"name": "terms", "fields": ["terms"], "cls": False}],
    }


class NoteDocument(Document):
    """Collection `notes`: tickets opened together, not yet in `finds`; MongoTickets.insert writes them."""

    key = ObjectIdField(primary_key=True)
    count = IntField()
    numbers = ListField(StringField())

    meta = {"collection": "notes", "db_alias": "dispatch", "auto_create_index": False}  # noqa: RUF012


class LeadDocument(Document):
    """Collection `leads`: which worker brings rows in, until when, and how far it is. One document."""

    key = StringField(primary_key=True)
    v = IntField()
    holder = StringField()
    until = DateTimeField()
    looked = DateTimeField()

    meta = {"collection": "leads", "db_alias": "dispatch", "auto_create_index": False}  # noqa: RUF012


class MongoFinds:
    """services.dispatch.search.search.Finds and services.dispatch.search.indexing.Rows on MongoDB."""

    def __init__(self, database: Database[Row]) -> None:
        self._tickets: Collection[Row] = database["tickets"]
        self._finds: Collection[Row] = database["finds"]
        self._notes: Collection[Row] = database["notes"]
        self._leads: Collection[Row] = database["leads"]
        self._days: Collection[Row] = database["days"]
        self._me = secrets.token_hex(8)
        self._seen_days: set[str] = set()

    @staticmethod
    def prepare() -> None:
        """Creates the index; at process start."""
        ensure_indexes(FindDocument)

    def matching(self, term: str, most: int) -> Sequence[Found]:
        """Through the index of `terms`."""
        with available():
            return [_found(row) for row in self._finds.find({"terms": term}).limit(most)]

    def days(self) -> Sequence[str]:
        """One document a day; few hundreds a year."""
        with available():
            return sorted(row["_id"] for row in self._days.find({}))

    def latest(self, numbers: Sequence[str]) -> Mapping[str, ticket_pb2.Ticket]:
        """The last event of each, by _id."""
        found: dict[str, ticket_pb2.Ticket] = {}
        for part in _parts(numbers):
            with available():
                for row in self._tickets.find(_any_of(part), {"events": {"$slice": -1}}):
                    event = ticket_pb2.TicketEvent.FromString(bytes(row["events"][-1]["body"]))
                    found[row["_id"]] = event.ticket
        return found

    def lead(self, now: datetime) -> bool:
        """A lease of half a minute, taken and prolonged by compare-and-set; the first one ever notes all tickets."""
        with available():
            lead = self._leads.find_one({"_id": "finds"})
        if lead is None:
            self._note_all()
            return not insert_new(
                self._leads, [{"_id": "finds", "v": 1, "holder": self._me, "until": now + _LEADS_FOR}]
            )
        mine, until = lead["holder"] == self._me, lead["until"]
        if mine and until - now > _LEADS_FOR / 2:
            return True
        # A clock that was set back must not leave the lead to somebody who is gone.
        if not mine and now < until < now + _LEADS_FOR * 2:
            return False
        taken = {"v": lead["v"] + 1, "holder": self._me, "until": now + _LEADS_FOR}
        return swap(self._leads, "finds", lead["v"], {"$set": taken})

    def _note_all(self) -> None:
        """Tickets of an earlier release have no rows yet."""
        with available():
            numbers = [row["_id"] for row in self._tickets.find({}, {"_id": 1})]
        for place in range(0, len(numbers), _NOTE):
            part = numbers[place : place + _NOTE]
            insert_new(self._notes, [{"_id": ObjectId(), "count": len(part), "numbers": part}])

    def waiting(self) -> int:
        """Of the notes only their counts are read."""
        with available():
            return sum(row["count"] for row in self._notes.find({}, {"count": 1}))

    def noted(self, most: int) -> Sequence[tuple[str, Sequence[str]]]:
        """By _id, which rises with time."""
        found: list[tuple[str, Sequence[str]]] = []
        with available():
            for row in self._notes.find({}).sort("_id", 1).limit(most):
                found.append((str(row["_id"]), row["numbers"]))
                most -= row["count"]
                if most <= 0:
                    break
        return found

    def forget(self, notes: Sequence[str]) -> None:
        """By _id."""
        for part in _parts(notes):
            with available():
                self._notes.delete_many(_any_of([ObjectId(key) for key in part]))

    def looked_until(self) -> datetime | None:
        """Beside the lease."""
        with available():
            lead = self._leads.find_one({"_id": "finds"})
        looked: datetime | None = (lead or {}).get("looked")
        return looked

    def look_on_from(self, instant: datetime) -> None:
        """Only the holder writes it."""
        with available():
            self._leads.update_one({"_id": "finds", "holder": self._me}, {"$set": {"looked": instant}})

    def changed(self, since: datetime, until: datetime) -> Mapping[str, tuple[int, datetime]]:
        """Through the sparse index `changed_at` of the tickets."""
        with available():
            lies = {"changed_at": {"$gte": since, "$lte": until}}
            rows = list(self._tickets.find(lies, {"v": 1, "changed_at": 1}))
        return {row["_id"]: (row["v"], row["changed_at"]) for row in rows}

    def versions(self, numbers: Sequence[str]) -> Mapping[str, int]:
        """By _id."""
        found: dict[str, int] = {}
        for part in _parts(numbers):
            with available():
                found.update((row["_id"], row["v"]) for row in self._finds.find(_any_of(part), {"v": 1}))
        return found

    def write(self, rows: Iterable[Found], known: Mapping[str, int]) -> None:
        """New ones with one insert, changed ones by compare-and-set; whoever was faster had the same or a newer one."""
        rows = list(rows)
        days = {term[3:] for row in rows for term in row.terms if term.startswith("on:")} - self._seen_days
        insert_new(self._days, [{"_id": day} for day in sorted(days)])
        self._seen_days |= days
        fresh = [_row(row) for row in rows if row.number not in known]
        # The embedded server does one thing at a time, and a row takes it a millisecond or two.
        for place in range(0, len(fresh), _AT_ONCE):
            insert_new(self._finds, fresh[place : place + _AT_ONCE])
        for row in rows:
            if row.number in known:
                values = {key: value for key, value in _row(row).items() if key != "_id"}
                swap(self._finds, row.number, known[row.number], {"$set": values})


def _parts(numbers: Sequence[str]) -> Iterable[Sequence[str]]:
    return (numbers[place : place + _TOGETHER] for place in range(0, len(numbers), _TOGETHER))


def _any_of(numbers: Sequence[object]) -> Row:
    return {"_id": numbers[0]} if len(numbers) == 1 else {"_id": {"$in": list(numbers)}}


def _row(row: Found) -> Row:
    return {
        "_id": row.number,
        "v": row.version,
        "received": row.received,
        "updated": row.updated,
        "priority": row.priority,
        "terms": sorted(row.terms),
    }


def _found(row: Row) -> Found:
    terms = frozenset(row["terms"])
    return Found(row["_id"], row["v"], row["received"], row["updated"], row["priority"], terms)
