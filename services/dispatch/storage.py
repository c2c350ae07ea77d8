"""Tickets in MongoDB: one document each, its events inside, written by insert or by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mongoengine import BinaryField, DateTimeField, DictField, Document, IntField, ListField, StringField
from pymongo.collection import Collection
from pymongo.database import Database

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model
from services.dispatch.handlers import Bounds, Entry, Opened, Record, Said, say_again
from services.dispatch.model import replace
from services.runtime.mongo import available, ensure_indexes, insert_new, swap

Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_LEARNT = 100_000
_BESIDE = ("v", "profile", "state", "phase", "team", "assignee", "priority", "place", "stage")
"""Fields of a document that repeat what its last event says, so that queues find it."""
NEWEST = {"events": {"$slice": -1}}
"""Projection of a document with its last event only."""


class TicketDocument(Document):
    """Shape and indexes of the collection `tickets`; the hot paths below use the collection itself.

    `place` and `stage` are absent once a ticket has ended, `changed_at` on one that was only opened and `unsaid_at` on
    one that owes nothing, so that the sparse indexes hold no more than is looked for.
    """

    number = StringField(primary_key=True)
    v = IntField()
    profile = StringField()
    state = StringField()
    phase = StringField()
    team = StringField()
    assignee = StringField()
    priority = IntField()
    received_at = DateTimeField()
    place = StringField()
    stage = StringField()
    changed_at = DateTimeField()
    attend_at = DateTimeField()
    channel = StringField()
    weight = IntField()
    events = ListField(DictField(BinaryField()))
    head = BinaryField()
    unsaid = ListField(StringField())
    unsaid_at = DateTimeField()

    meta = {  # noqa: RUF012 - mongoengine's own convention
        "collection": "tickets",
        "db_alias": "dispatch",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"name": name, "fields": [name], "sparse": True, "cls": False}
            for name in ("place", "stage", "changed_at", "unsaid_at", "attend_at")
        ],
    }


class MongoTickets:
    """services.dispatch.handlers.Tickets on MongoDB."""

    def __init__(self, database: Database[Row], bounds: Bounds) -> None:
        self._rows: Collection[Row] = database["tickets"]
        self._notes: Collection[Row] = database["notes"]
        self._fences = bounds

    @staticmethod
    def prepare() -> None:
        """Creates the indexes; at process start."""
        ensure_indexes(TicketDocument)

    def insert(self, opened: Sequence[Opened]) -> set[str]:
        """One unordered insert; a number that exists is refused alone and given back.

        The numbers are noted before, for the rows of search that follow later: an index on opening would cost more.
        """
        if opened:
            with available():
                self._notes.insert_one({"count": len(opened), "numbers": [new.ticket.number for new in opened]})
        return {str(key) for key in insert_new(self._rows, [_row(new) for new in opened])}

    def load(self, numbers: Sequence[str]) -> Mapping[str, Record]:
        """By _id."""
        wanted: Row = {"_id": numbers[0]} if len(numbers) == 1 else {"_id": {"$in": list(numbers)}}
        with available():
            rows = list(self._rows.find(wanted, {"events": 1, "head": 1}))
        return {row["_id"]: _record(row) for row in rows}

    def walk(self, first: str, last: str) -> Iterator[tuple[Record, frozenset[str]]]:
        """Every ticket from one number to another, both included, with the ids of what it still has to say."""
        wanted: Row = {"_id": {"$gte": first, "$lte": last}}
        kept = dict.fromkeys(("events", "head", "unsaid", *_BESIDE), 1)
        with available():
            for row in self._rows.find(wanted, kept).sort("_id", 1).batch_size(200):
                record = _record(row)
                yield replace(record, strays=_strays(row, record)), frozenset(row.get("unsaid", ()))

    def append(self, ticket: model.Ticket, entries: Sequence[Entry], *, owed_since: datetime | None = None) -> bool:
        """Compare-and-set on the version before."""
        return swap(self._rows, ticket.number, ticket.version - 1, update_of(ticket, entries, owed_since))

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        """Takes the ids out; the last one takes the document out of the outbox."""
        nothing = {"$unset": {"unsaid": "", "unsaid_at": ""}}
        with available():
            if self._rows.update_one({"_id": key, "unsaid": list(ids)}, nothing).modified_count:
                return
            self._rows.update_one({"_id": key}, {"$pull": {"unsaid": {"$in": list(ids)}}})
            self._rows.update_one({"_id": key, "unsaid": []}, nothing)

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        """Through the sparse index of `unsaid_at`."""
        with available():
            due = {"unsaid_at": {"$gt": _EPOCH, "$lt": older_than}}
            rows = list(self._rows.find(due, {"events": 1, "unsaid": 1}).limit(limit))
        return [(row["_id"], _owed(row)) for row in rows]

    def page(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, ticket_pb2.Ticket]]:
        """A range of the sparse index of `place` or `stage`, whose order is the queue's order."""
        return [(position, entry.event().ticket) for position, entry in self.newest(field, prefix, after, limit)]

    def newest(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, Entry]]:
        """As `page`, with the newest event of each ticket as it was said.

        Read bite by bite: the embedded server reads a whole range before it cuts it to the limit. No hint: with one it
        walks the whole index.
        """
        begin, end = f"{prefix}|", f"{prefix}}}"
        rows: list[Row] = []
        lower = begin + after
        for fence in self._fences.bites(field, prefix, after, limit):
            bound = {"$gt": lower, "$lt": end} if fence is None else {"$gt": lower, "$lte": begin + fence}
            with available():
                bite = self._rows.find({field: bound}, {field: 1, **NEWEST}).sort(field, 1)
                rows.extend(bite.limit(limit - len(rows)))
            if len(rows) >= limit:
                if fence is None:
                    self._learn(field, prefix, lower, end)
                break
            if fence is not None:
                lower = begin + fence
        if rows and not after:
            self._fences.take_down(field, prefix, rows[0][field][len(begin) :])
        return [(row[field][len(begin) :], newest_of(row)) for row in rows]

    def _learn(self, field: str, prefix: str, lower: str, end: str) -> None:
        """More waits here than anybody asked for at once: the next readers shall have fences."""
        with available():
            found = self._rows.find({field: {"$gt": lower, "$lt": end}}, {field: 1, "_id": 0}).sort(field, 1)
            positions = [row[field][len(prefix) + 1 :] for row in found.limit(_MOST_LEARNT)]
        self._fences.put_up(field, prefix, positions)

    def changed_since(self, instant: datetime) -> Sequence[ticket_pb2.Ticket]:
        """Through the sparse index of `changed_at`."""
        with available():
            rows = list(self._rows.find({"changed_at": {"$gte": instant}}, NEWEST))
        return [_last(row) for row in rows]


def update_of(ticket: model.Ticket, entries: Sequence[Entry], owed_since: datetime | None) -> Row:
    """The update that adds the events to the document of the version before; see `MongoTickets.append`."""
    snapshot = {**_snapshot(ticket), "changed_at": ticket.updated_at, "head": entries[-1].digest}
    push: Row = {"events": {"$each": [_stored(entry) for entry in entries]}}
    if owed_since is not None:
        snapshot["unsaid_at"] = owed_since
        push["unsaid"] = {"$each": [entry.id for entry in entries]}
    update: Row = {"$set": {key: value for key, value in snapshot.items() if value is not None}, "$push": push}
    # What an index looks for must be gone once it is no more.
    if gone := {name: "" for name in ("place", "stage", "attend_at") if snapshot[name] is None}:
        update["$unset"] = gone
    return update


def newest_of(row: Row) -> Entry:
    """The newest event of a document that was read with NEWEST."""
    return _entry(row["events"][-1])


def _snapshot(ticket: model.Ticket) -> Row:
    return {
        "v": ticket.version,
        "profile": ticket.profile,
        "state": ticket.state,
        "phase": ticket.phase,
        "team": ticket.team,
        "assignee": ticket.assignee,
        "priority": ticket.priority,
        "received_at": ticket.milestones.get("received"),
        "place": ticket.place,
        "stage": ticket.stage,
        "attend_at": ticket.attend_at,
        "channel": ticket.channel,
        "weight": ticket.weight or 1,
    }


def _row(new: Opened) -> Row:
    row: Row = {"_id": new.ticket.number, "events": [_stored(entry) for entry in new.entries]}
    row["head"] = new.entries[-1].digest
    row.update((key, value) for key, value in _snapshot(new.ticket).items() if value is not None)
    return row


def _stored(entry: Entry) -> Row:
    row: Row = {"id": entry.id, "cause": entry.cause, "key": entry.key, "body": entry.body}
    if entry.traceparent:
        row["trace"] = entry.traceparent
    return row


def _record(row: Row) -> Record:
    return Record(row["_id"], tuple(_entry(event) for event in row["events"]), bytes(row.get("head", b"")))


def _strays(row: Row, record: Record) -> tuple[str, ...]:
    """Whoever moves a ticket to another queue behind our back changes these, and not the history."""
    ticket = record.readable()
    told = _snapshot(ticket) if ticket is not None else {}
    return tuple(name for name in _BESIDE if told and _queue(row.get(name)) != _queue(told[name]))


def _queue(value: object) -> object:
    """Without the position in it: a later release may order queues otherwise, and that alters no ticket."""
    return value.partition("|")[0] if isinstance(value, str) else value


def _entry(row: Row) -> Entry:
    return Entry(row["id"], row["cause"], row["key"], bytes(row["body"]), row.get("trace", ""))


def _last(row: Row) -> ticket_pb2.Ticket:
    return newest_of(row).event().ticket


def _owed(row: Row) -> Sequence[Said]:
    owed = set(row.get("unsaid", ()))
    return say_again([entry for entry in map(_entry, row["events"]) if entry.id in owed])
