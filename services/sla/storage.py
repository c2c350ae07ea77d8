"""Timelines in MongoDB: one document per ticket, found by number or by the instant its next step is due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import mongoengine
from bson.codec_options import CodecOptions
from pymongo import ReplaceOne, UpdateOne
from pymongo.database import Database

from services.runtime.mongo import Row, available, ensure_indexes, insert_new
from services.sla.handlers import Owing, shard_of
from services.sla.model import Timeline
from services.sla.rows import PLAIN_TIMES, row_of, timeline_of

ALIAS = "sla"
_UTC: CodecOptions[Row] = CodecOptions(tz_aware=True, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimelineDocument(mongoengine.Document):
    """The shape in the collection. Hot paths write rows of the same shape past mongoengine."""

    number = mongoengine.StringField(primary_key=True)
    r = mongoengine.LongField(required=True)
    by = mongoengine.StringField()
    next_due = mongoengine.DateTimeField()
    overdue = mongoengine.DateTimeField()
    promised = mongoengine.ListField(mongoengine.StringField())
    idle = mongoengine.BooleanField()
    facts = mongoengine.DictField()
    clocks = mongoengine.ListField(mongoengine.DictField())
    escalations = mongoengine.ListField(mongoengine.DictField())
    effects = mongoengine.ListField(mongoengine.DictField())

    meta = {  # noqa: RUF012 - mongoengine's own way
        "db_alias": ALIAS,
        "collection": "timelines",
        "auto_create_index": False,
        "index_background": False,
        # Each index slows arming; a ticket has no entry while nothing is due, or overdue.
        "indexes": [
            {"fields": ["next_due"], "sparse": True, "cls": False},
            {"fields": ["overdue"], "sparse": True, "cls": False},
            # Only tickets on which something was promised.
            {"fields": ["promised"], "sparse": True, "cls": False},
            {"fields": ["idle"], "sparse": True, "cls": False},
        ],
    }


class OwedDocument(mongoengine.Document):
    """An entry of the journal: a few at a time, gone when settled."""

    cause = mongoengine.StringField(primary_key=True)
    numbers = mongoengine.ListField(mongoengine.StringField())
    seen = mongoengine.ListField(mongoengine.LongField())
    most = mongoengine.LongField()
    at = mongoengine.DateTimeField(required=True)

    meta = {"db_alias": ALIAS, "collection": "owed", "auto_create_index": False}  # noqa: RUF012


class MongoClocks:
    """`handlers.Clocks` on MongoDB or a server that speaks its protocol."""

    def __init__(self, database: Database[Row]) -> None:
        self._timelines = database.get_collection("timelines", codec_options=_UTC)
        self._whole = database.get_collection("timelines", codec_options=PLAIN_TIMES)
        self._owed = database.get_collection("owed", codec_options=_UTC)

    @staticmethod
    def ensure_indexes() -> None:
        """Makes the indexes; once at the start of a process."""
        ensure_indexes(TimelineDocument)

    def read(self, numbers: Collection[str]) -> Mapping[str, Timeline]:
        if not numbers:
            return {}
        with available():
            return {row["_id"]: timeline_of(row) for row in self._whole.find({"_id": {"$in": list(numbers)}})}

    def insert(self, timelines: Sequence[Timeline]) -> set[str]:
        return insert_new(self._timelines, [row_of(timeline, "") for timeline in timelines])

    def replace(self, timelines: Sequence[Timeline]) -> set[str]:
        if not timelines:
            return set()
        by = uuid4().hex
        writes = [
            ReplaceOne({"_id": timeline.number, "r": timeline.revision - 1}, row_of(timeline, by))
            for timeline in timelines
        ]
        with available():
            if self._timelines.bulk_write(writes, ordered=False).matched_count == len(writes):
                return set()
            numbers = {timeline.number for timeline in timelines}
            won = self._timelines.find({"_id": {"$in": list(numbers)}, "by": by}, {"_id": 1})
            return numbers - {row["_id"] for row in won}

    def due(self, shards: Collection[int], until: datetime, limit: int) -> Sequence[tuple[datetime, str]]:
        """See Clocks. Shards are told apart here: with a second condition the embedded server would use no index."""
        page = limit
        while True:
            with available():
                # Comes in the order of the index; asking for it would make the embedded server sort a whole backlog.
                # Without a lower bound it would walk over all tickets that have nothing due.
                within = {"next_due": {"$gt": _EPOCH, "$lte": until}}
                rows = list(self._timelines.find(within, {"next_due": 1}).limit(page))
            mine = sorted((row["next_due"], row["_id"]) for row in rows if shard_of(row["_id"]) in shards)
            if len(mine) >= limit or len(rows) < page:
                return mine[:limit]
            # Others' timers stand in front of ours, perhaps those of a holder that died a moment ago.
            page *= 4

    def at_risk(self, until: datetime, limit: int) -> Sequence[Timeline]:
        with available():
            overdue = self._whole.find({"overdue": {"$gt": _EPOCH}}).limit(limit)
            soon = self._whole.find({"next_due": {"$gt": _EPOCH, "$lte": until}}).limit(limit)
            return [timeline_of(row) for row in {row["_id"]: row for row in (*overdue, *soon)}.values()]

    def promising(self, place: str, limit: int) -> Sequence[Timeline]:
        """See commitments.Promises."""
        with available():
            return [timeline_of(row) for row in self._whole.find({"promised": place}).limit(limit)]

    def owe(self, cause: str, seen: Mapping[str, int], at: datetime) -> None:
        noted = {"numbers": list(seen), "seen": list(seen.values()), "most": max(seen.values()), "at": at}
        while insert_new(self._owed, [{"_id": cause, **noted}]):
            with available():
                # Whoever saw less than the note there finds its ticket moved on, and has nothing to note.
                less = [{"most": {"$lt": noted["most"]}}, {"most": {"$exists": False}}]
                changed = self._owed.update_one({"_id": cause, "$or": less}, {"$set": noted}).matched_count
                if changed or self._owed.find_one({"_id": cause}) is not None:
                    return

    def settle(self, causes: Collection[str]) -> None:
        with available():
            self._owed.delete_many({"_id": {"$in": list(causes)}})

    def owed(self, older_than: datetime, limit: int) -> Sequence[Owing]:
        with available():
            rows = list(self._owed.find({}).limit(limit))
        return [(row["_id"], _seen(row)) for row in rows if row["at"] < older_than]

    def overtake(self, seen: Mapping[str, int]) -> None:
        moves = [UpdateOne({"_id": number, "r": revision}, {"$inc": {"r": 1}}) for number, revision in seen.items()]
        if moves:
            with available():
                self._timelines.bulk_write(moves, ordered=False)

    def strike(self, entries: Collection[Owing]) -> None:
        for cause, seen in entries:
            with available():
                self._owed.delete_one({"_id": cause, "most": max(seen.values(), default=0) or {"$exists": False}})


def _seen(row: Row) -> Mapping[str, int]:
    """By number; releases before 0.3 noted no revisions, and no ticket has 0."""
    numbers = row["numbers"]
    return dict(zip(numbers, row.get("seen") or [0] * len(numbers), strict=True))
