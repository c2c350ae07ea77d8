"""Entries of the watch in MongoDB: one document each, with the words it said and those it still owes; offered calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mongoengine import DateTimeField, Document, DynamicDocument, IntField, StringField
from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from services.contracts.deskstream.v1 import watch_pb2
from services.runtime.message import Said
from services.runtime.mongo import Row, available, insert_new, swap
from services.watch.model import (
    About,
    Contact,
    Entry,
    Finding,
    FindingTask,
    Inspection,
    Notice,
    Outage,
    Surge,
    Who,
    Word,
)

_END = "\uffff"
# A range without a lower bound walks over every row that has no value.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WatchEntryRow(DynamicDocument):
    """How an entry is stored. `live`, `wake`, `owes` exist only while they say something: their indexes stay small."""

    id = StringField(primary_key=True)
    v = IntField(required=True)
    place = StringField(required=True)
    live = StringField()
    wake = DateTimeField()
    owes = DateTimeField()

    meta = {  # noqa: RUF012 - mongoengine's own way
        "db_alias": "watch",
        "collection": "entries",
        "auto_create_index": False,
        "indexes": [
            "place",
            {"fields": ["live"], "sparse": True},
            {"fields": ["wake"], "sparse": True},
            {"fields": ["owes"], "sparse": True},
        ],
    }


class CallRow(DynamicDocument):
    """A call that was offered; kept for as long as it may belong to a surge."""

    id = StringField(primary_key=True)
    place = StringField(required=True)

    meta = {  # noqa: RUF012 - mongoengine's own way
        "db_alias": "watch",
        "collection": "calls",
        "auto_create_index": False,
        "indexes": ["place"],
    }


DOCUMENTS: tuple[type[Document], ...] = (WatchEntryRow, CallRow)


class MongoEntries:
    """handlers.Entries, and runtime.outbox.Unsaid."""

    def __init__(self, database: Database[Row]) -> None:
        self._entries: Collection[Row] = database["entries"]
        self._calls: Collection[Row] = database["calls"]

    def add_new(self, entries: Sequence[Entry], now: datetime) -> set[str]:
        return insert_new(self._entries, [_row(entry, now) for entry in entries])

    def load(self, ids: Sequence[str]) -> Mapping[str, Entry]:
        if not ids:
            return {}
        with available():
            return {row["_id"]: _entry(row) for row in self._entries.find({"_id": {"$in": list(ids)}})}

    def swap(self, seen: Entry, new: Entry, now: datetime) -> bool:
        row = _row(new, now)
        key = row.pop("_id")
        gone = {field: "" for field in ("live", "wake", "owes") if field not in row}
        update: dict[str, Any] = {"$set": row, "$unset": gone} if gone else {"$set": row}
        return swap(self._entries, key, seen.version, update)

    def waking(self, now: datetime, limit: int) -> Sequence[Entry]:
        with available():
            rows = self._entries.find({"wake": {"$gt": _EPOCH, "$lte": now}}).sort("wake", ASCENDING).limit(limit)
            return [_entry(row) for row in rows]

    def listed(self, shelf: str, limit: int, before: str = "") -> Sequence[Entry]:
        with available():
            found = self._entries.find({"place": {"$gte": shelf, "$lt": before or shelf + _END}})
            return [_entry(row) for row in found.sort("place", DESCENDING).limit(limit)]

    def living(self, shelf: str, limit: int, after: str = "") -> Sequence[Entry]:
        with available():
            found = self._entries.find({"live": {"$gt": after or shelf, "$lt": shelf + _END}})
            return [_entry(row) for row in found.sort("live", ASCENDING).limit(limit)]

    def counted(self, shelf: str, *, live: bool = False) -> int:
        with available():
            return self._entries.count_documents({"live" if live else "place": {"$gte": shelf, "$lt": shelf + _END}})

    def offer(self, calls: Iterable[tuple[str, str, datetime]]) -> None:
        insert_new(
            self._calls, [{"_id": f"{profile}/{call}", "place": _second(profile, at)} for profile, call, at in calls]
        )

    def offered(self, profile: str, after: datetime, until: datetime) -> int:
        bounds = {"$gt": _second(profile, after), "$lte": _second(profile, until)}
        with available():
            return self._calls.count_documents({"place": bounds})

    def forget_calls(self, profile: str, before: datetime) -> None:
        with available():
            self._calls.delete_many({"place": {"$gte": f"{profile}/", "$lt": _second(profile, before)}})

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        with available():
            rows = list(
                self._entries.find({"owes": {"$gt": _EPOCH, "$lt": older_than}}).sort("owes", ASCENDING).limit(limit)
            )
        return [
            (entry.id, [as_said(word) for word in entry.words if word.id in entry.unsaid])
            for entry in map(_entry, rows)
        ]

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        """Beside the version: the state does not change, so nobody's command is made stale by it."""
        with available():
            self._entries.update_one({"_id": key}, {"$pull": {"unsaid": {"$in": list(ids)}}})
            self._entries.update_one({"_id": key, "unsaid": []}, {"$unset": {"owes": ""}})


def as_said(word: Word) -> Said:
    """A stored word as the bus says it."""
    return Said(
        key=word.key,
        body=watch_pb2.WatchEvent.FromString(word.body),
        id=word.id,
        time=word.at,
        cause=word.cause,
        actor=word.actor,
        traceparent=word.traceparent,
    )


def _second(profile: str, at: datetime) -> str:
    return f"{profile}/{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def _row(entry: Entry, now: datetime) -> Row:
    row: Row = {
        "_id": entry.id,
        "v": entry.version,
        "profile": entry.profile,
        "kind": entry.about.kind,
        "place": entry.place,
        "about": _ABOUT[entry.about.kind][0](entry.about),
        "words": [[w.id, w.key, w.body, w.at, w.cause, w.actor, w.traceparent] for w in entry.words],
        "unsaid": list(entry.unsaid),
    }
    if entry.live:
        row["live"] = entry.live
    if entry.wake is not None:
        row["wake"] = entry.wake
    if entry.unsaid:
        row["owes"] = now
    return row


def _entry(row: Row) -> Entry:
    return Entry(
        id=row["_id"],
        profile=row["profile"],
        about=_ABOUT[row["kind"]][1](row["about"]),
        version=row["v"],
        words=tuple(Word(i, k, bytes(b), at, c, a, t) for i, k, b, at, c, a, t in row["words"]),
        unsaid=tuple(row["unsaid"]),
    )


def _by(who: Who | None) -> list[str] | None:
    return [who.id, who.role] if who else None


def _who(row: Sequence[str] | None) -> Who | None:
    return Who(*row) if row else None


def _fields(about: Any) -> Row:
    """The noun's own fields: persons as pairs, tasks as lists, everything else as it is."""
    row: Row = {}
    for name in about.__dataclass_fields__:
        if name == "kind":
            continue
        value = getattr(about, name)
        if isinstance(value, Who):
            value = _by(value)
        elif name == "tasks":
            value = [[each.key, each.state, each.owner, each.done_at, each.note] for each in value]
        elif isinstance(value, tuple):
            value = list(value)
        row[name] = value
    return row


_PERSONS = ("began_by", "recovering_by", "by")
_LISTS = ("channels", "persons", "tell")


def _read(noun: Callable[..., About]) -> Callable[[Row], About]:
    def read(row: Row) -> About:
        values = dict(row)
        for name in _PERSONS:
            if name in values:
                values[name] = _who(values[name])
        for name in _LISTS:
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        if "tasks" in values:
            values["tasks"] = tuple(FindingTask(*each) for each in values["tasks"])
        if "brief" in values:
            values["brief"] = bytes(values["brief"])
        return noun(**values)

    return read


_ABOUT: Mapping[str, tuple[Callable[[Any], Row], Callable[[Row], About]]] = {
    noun.kind: (_fields, _read(noun)) for noun in (Outage, Contact, Notice, Finding, Inspection, Surge)
}
