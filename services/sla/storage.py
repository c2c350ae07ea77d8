"""Timelines in MongoDB: one document per ticket, found by number or by the instant its next step is due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import mongoengine
from bson.codec_options import CodecOptions
from pymongo import ReplaceOne, UpdateOne
from pymongo.database import Database

from services.runtime.mongo import Row, available, ensure_indexes, insert_new
from services.sla.handlers import Owing, shard_of
from services.sla.model import (
    Clock,
    Commitment,
    Cycle,
    Effect,
    Escalation,
    Facts,
    Hold,
    Moment,
    News,
    Recalculation,
    Regrade,
    Status,
    TakenBack,
    Timeline,
)

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
        self._owed = database.get_collection("owed", codec_options=_UTC)

    @staticmethod
    def ensure_indexes() -> None:
        """Makes the indexes; once at the start of a process."""
        ensure_indexes(TimelineDocument)

    def read(self, numbers: Collection[str]) -> Mapping[str, Timeline]:
        if not numbers:
            return {}
        with available():
            return {row["_id"]: timeline_of(row) for row in self._timelines.find({"_id": {"$in": list(numbers)}})}

    def insert(self, timelines: Sequence[Timeline]) -> set[str]:
        return insert_new(self._timelines, [_row(timeline, "") for timeline in timelines])

    def replace(self, timelines: Sequence[Timeline]) -> set[str]:
        if not timelines:
            return set()
        by = uuid4().hex
        writes = [
            ReplaceOne({"_id": timeline.number, "r": timeline.revision - 1}, _row(timeline, by))
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
            overdue = self._timelines.find({"overdue": {"$gt": _EPOCH}}).limit(limit)
            soon = self._timelines.find({"next_due": {"$gt": _EPOCH, "$lte": until}}).limit(limit)
            return [timeline_of(row) for row in {row["_id"]: row for row in (*overdue, *soon)}.values()]

    def promising(self, place: str, limit: int) -> Sequence[Timeline]:
        """See commitments.Promises."""
        with available():
            return [timeline_of(row) for row in self._timelines.find({"promised": place}).limit(limit)]

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


def _row(timeline: Timeline, by: str) -> Row:
    facts = timeline.facts
    newest = _plain(facts.newest)
    # The newest cycle and the facts hold them already, as they do the moment.
    for name in ("milestones", "taken_back"):
        newest.pop(name, None)
    row: Row = {
        "_id": timeline.number,
        "r": timeline.revision,
        "by": by,
        "facts": {
            "newest": newest,
            "first_version": facts.first_version,
            "first_grade": facts.first_grade,
            "cycles": [_plain(each) for each in facts.cycles],
            "regrades": [_plain(each) for each in facts.regrades],
            "taken_back": [_plain(each) for each in facts.taken_back],
            **({"trail": [_kept_moment(each) for each in facts.trail]} if facts.trail else {}),
            **{name: [_plain(each) for each in told] for name in _LISTS if (told := getattr(facts, name))},
        },
        "clocks": [_plain(each) for each in timeline.clocks],
        "escalations": [_plain(each) for each in timeline.escalations],
        "effects": [_plain(each) for each in timeline.effects],
    }
    if timeline.next_due:
        row["next_due"] = timeline.next_due
    if overdue := timeline.overdue:
        row["overdue"] = overdue
    if facts.commitments:
        row["promised"] = facts.promised
    if timeline.idle:
        row["idle"] = True
    return row


def timeline_of(row: Row) -> Timeline:
    """The timeline of a row of the collection."""
    kept = row["facts"]
    cycles = tuple(Cycle(**each) for each in kept["cycles"])
    newest = kept["newest"]
    milestones = next(each.milestones for each in cycles if each.number == newest["cycle"])
    regrade = Regrade(**newest.pop("regrade")) if newest.get("regrade") else None
    facts = Facts(
        News(**newest, milestones=milestones, regrade=regrade) if regrade else News(**newest, milestones=milestones),
        kept["first_version"],
        kept["first_grade"],
        cycles,
        tuple(Regrade(**each) for each in kept["regrades"]),
        tuple(TakenBack(**each) for each in kept.get("taken_back", ())),
        trail=tuple(_moment(each) for each in kept.get("trail", ())),
        holds=tuple(Hold(**each) for each in kept.get("holds", ())),
        commitments=tuple(Commitment(**each) for each in kept.get("commitments", ())),
        recalculations=tuple(Recalculation(**each) for each in kept.get("recalculations", ())),
    )
    return Timeline(
        number=row["_id"],
        revision=row["r"],
        facts=facts,
        clocks=tuple(_clock(each) for each in row["clocks"]),
        escalations=tuple(Escalation(**each) for each in row["escalations"]),
        effects=tuple(Effect(**each) for each in row["effects"]),
        next_due=row.get("next_due"),
    )


def _kept_moment(moment: Moment) -> list[Any]:
    """A list instead of a document: tickets have one for each version, so names would weigh more than words."""
    kept = [getattr(moment, name) for name in _MOMENT]
    if moment.flags:
        return [*kept, *moment.flags]
    while not kept[-1] and kept[-1] != 0:
        kept.pop()
    return kept


def _moment(kept: Sequence[Any]) -> Moment:
    known = dict(zip(_MOMENT, kept, strict=False))
    return Moment(**known, flags=tuple(kept[len(_MOMENT) :]))


def _clock(row: Row) -> Clock:
    told = {**row, "status": Status(row["status"])}
    # Releases before 0.3 counted warnings instead of naming steps.
    taken = range(told.pop("warned")) if "warned" in told else told.get("taken", ())
    rests = tuple((since, until) for since, until in told.pop("rests", ()))
    return Clock(**{**told, "taken": tuple(taken), "rests": rests})


_MOMENT = ("version", "at", "cycle", "event", "state", "team", "by", "record", "promised_at")
_LISTS = ("holds", "commitments", "recalculations")
_KINDS = (News, Cycle, Regrade, TakenBack, Hold, Commitment, Recalculation, Clock, Escalation, Effect)
_NAMES: dict[type, tuple[str, ...]] = {kind: tuple(each.name for each in fields(kind)) for kind in _KINDS}
_DEFAULTS: dict[type, dict[str, Any]] = {
    kind: {each.name: each.default for each in fields(kind) if each.default is not MISSING} for kind in _KINDS
}


def _plain(thing: Any) -> Row:
    """Fields by name; empty ones are left out, the classes have defaults for them."""
    row: Row = {}
    defaults = _DEFAULTS[type(thing)]
    for name in _NAMES[type(thing)]:
        value = getattr(thing, name)
        if name == "moment":
            continue
        if name == "regrade":
            if value is not None:
                row[name] = _plain(value)
        elif name in defaults and value == defaults[name]:
            continue
        elif isinstance(value, Mapping):
            row[name] = dict(value)
        elif isinstance(value, Status):
            row[name] = value.value
        else:
            row[name] = value
    return row
