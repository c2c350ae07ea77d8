"""Deliveries in MongoDB: one document each.

`next_at` is when to try and, while somebody tries, until when it is theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from mongoengine import DateTimeField, Document, DynamicDocument, IntField, StringField
from pymongo import DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from services.notifications.model import Delivery
from services.runtime.mongo import Row, available, insert_new


class DeliveryRow(DynamicDocument):
    """How a delivery is stored. `next_at`, `owes` exist only while they say something: their indexes stay small."""

    id = StringField(primary_key=True)
    number = StringField()
    status = StringField(required=True)
    destination = StringField(required=True)
    attempts = IntField()
    next_at = DateTimeField()
    owes = DateTimeField()

    meta = {  # noqa: RUF012 - mongoengine's own way
        "db_alias": "notifications",
        "collection": "deliveries",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["next_at"], "sparse": True},
            {"fields": ["owes"], "sparse": True},
            {"fields": ["number"]},
        ],
    }


DOCUMENTS: tuple[type[Document], ...] = (DeliveryRow,)

_UNDECIDED = ["pending", "retrying"]
_PLAIN = (
    "number",
    "profile",
    "template",
    "language",
    "way",
    "recipient",
    "address",
    "subject",
    "text",
    "cause",
    "event",
    "sender",
    "created_at",
    "status",
    "attempts",
    "last_error",
    "sent_at",
    "traceparent",
)


class MongoDeliveries:
    """handlers.Deliveries on one collection."""

    def __init__(self, database: Database[Row]) -> None:
        self._deliveries: Collection[Row] = database["deliveries"]

    def add_new(self, deliveries: Sequence[Delivery]) -> set[str]:
        return insert_new(self._deliveries, [_row(delivery) for delivery in deliveries])

    def claim(self, now: datetime, until: datetime, limit: int, without: Sequence[str]) -> Sequence[Delivery]:
        due: Row = {"next_at": {"$lte": now}}
        if without:
            due["destination"] = {"$nin": list(without)}
        claim = uuid4().hex
        with available():
            found = [row["_id"] for row in self._deliveries.find(due, {"_id": 1}).limit(limit)]
            if not found:
                return []
            # Each document changes hands by itself; whoever comes second no longer finds it due.
            taken = {"_id": {"$in": found}, "next_at": {"$lte": now}}
            self._deliveries.update_many(taken, {"$set": {"next_at": until, "claim": claim}})
            rows = self._deliveries.find({"_id": {"$in": found}, "claim": claim})
            return [_delivery(row) for row in rows]

    def settle(self, settled: Sequence[Delivery], now: datetime) -> None:
        # What ended alike is written together: a load of sent mails is one write.
        alike: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
        for one in settled:
            alike[one.status, one.attempts, one.last_error, one.sent_at, one.next_at].append(one.id)
        for (status, attempts, last_error, sent_at, next_at), ids in alike.items():
            which: Row = {"_id": {"$in": ids}}
            change: Row = {"status": status, "attempts": attempts, "last_error": last_error, "sent_at": sent_at}
            if next_at is None:
                update = {"$set": {**change, "owes": now}, "$unset": {"next_at": "", "claim": ""}}
            else:
                # What was sent meanwhile by somebody else stays sent.
                which["status"] = {"$in": _UNDECIDED}
                update = {"$set": {**change, "next_at": next_at}}
            with available():
                self._deliveries.update_many(which, update)

    def release(self, ids: Sequence[str], now: datetime) -> None:
        if ids:
            with available():
                self._deliveries.update_many(
                    {"_id": {"$in": list(ids)}, "status": {"$in": _UNDECIDED}}, {"$set": {"next_at": now}}
                )

    def owing(self, older_than: datetime, limit: int) -> Sequence[Delivery]:
        with available():
            return [_delivery(row) for row in self._deliveries.find({"owes": {"$lt": older_than}}).limit(limit)]

    def mark_told(self, ids: Sequence[str]) -> None:
        if ids:
            with available():
                self._deliveries.update_many({"_id": {"$in": list(ids)}}, {"$unset": {"owes": ""}})

    def of(self, number: str, status: str, limit: int) -> Sequence[Delivery]:
        wanted: Row = {}
        if number:
            wanted["number"] = number
        if status:
            wanted["status"] = status
        with available():
            rows = self._deliveries.find(wanted).sort([("created_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
            return [_delivery(row) for row in rows]


def _row(delivery: Delivery) -> Row:
    row: Row = {"_id": delivery.id, "destination": delivery.destination}
    row.update((name, getattr(delivery, name)) for name in _PLAIN)
    row["fallback"] = [list(other) for other in delivery.fallback]
    if delivery.next_at is not None:
        row["next_at"] = delivery.next_at
    return row


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["_id"],
        next_at=row.get("next_at"),
        fallback=tuple((way, address) for way, address in row["fallback"]),
        **{name: row[name] for name in _PLAIN},
    )
