"""Receipts, contacts and running numbers in MongoDB: inserts whose _id makes them idempotent, and compare-and-set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from mongoengine import BinaryField, BooleanField, DateTimeField, DictField, Document, IntField, StringField
from pymongo import UpdateOne
from pymongo.database import Database

from services.contracts.deskstream.v1.intake_pb2 import RequestJoined, RequestReceived
from services.intake.model import Contact, Receipt
from services.kernel.errors import Unavailable
from services.runtime.message import Said
from services.runtime.mongo import available, insert_new, swap

Row = dict[str, Any]
_ATTEMPTS = 200


class ReceiptDocument(Document):
    """One source message. The two indexes: replies that name a ticket, and the few events still owed."""

    id = StringField(primary_key=True, db_field="_id")
    number = StringField(required=True)
    received_at = DateTimeField(required=True)
    joined = BooleanField()
    key = StringField(required=True)
    event = StringField(required=True)
    body = BinaryField(required=True)
    cause = StringField()
    actor = StringField()
    unsaid = DateTimeField()
    meta = {  # noqa: RUF012 - mongoengine reads it so.
        "db_alias": "intake",
        "collection": "receipts",
        "auto_create_index": False,
        "indexes": ["number", {"fields": ["unsaid"], "sparse": True}],
    }


class ContactDocument(Document):
    """One call as it stands; found by its id only."""

    id = StringField(primary_key=True, db_field="_id")
    v = IntField(required=True)
    times = DictField()
    texts = DictField()
    rings = IntField()
    to_human = BooleanField()
    meta = {"db_alias": "intake", "collection": "contacts", "auto_create_index": False}  # noqa: RUF012


BACKFILLED = "request.backfilled"
"""Second key of records entered afterwards (H9): who waits for these alone need not hear every request."""


def said_of(receipt: Receipt) -> Said:
    """The event that tells the stream of this receipt; the same words whenever it is said."""
    body = (RequestJoined if receipt.joined else RequestReceived).FromString(receipt.body)
    return Said(
        key=receipt.key,
        body=body,
        id=receipt.event_id,
        subject=receipt.number,
        time=receipt.received_at,
        cause=receipt.cause,
        actor=receipt.actor,
        also=(BACKFILLED,) if body.draft.backfilled else (),
    )


class MongoReceipts:
    """Receipts, with their outbox (services.runtime.outbox.Unsaid)."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows = database["receipts"]

    def add(self, receipts: Sequence[Receipt]) -> Collection[str]:
        return insert_new(self._rows, [_receipt_row(receipt) for receipt in receipts])

    def find(self, ids: Collection[str]) -> Mapping[str, Receipt]:
        with available():
            return {row["_id"]: _receipt(row) for row in self._rows.find({"_id": {"$in": list(ids)}})}

    def issued(self, numbers: Collection[str]) -> Collection[str]:
        with available():
            rows = self._rows.find({"number": {"$in": list(numbers)}}, {"number": 1})
            return {row["number"] for row in rows}

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        with available():
            rows = list(self._rows.find({"unsaid": {"$lt": older_than}}).limit(limit))
        return [(row["_id"], (said_of(_receipt(row)),)) for row in rows]

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        with available():
            self._rows.update_one({"_id": key, "event": {"$in": list(ids)}}, {"$unset": {"unsaid": ""}})

    def mark_all_said(self, keys: Sequence[str]) -> None:
        """The events of these receipts were confirmed by the broker."""
        with available():
            self._rows.update_many({"_id": {"$in": list(keys)}}, {"$unset": {"unsaid": ""}})


class MongoCounters:
    """Running numbers of each day."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows = database["counters"]

    def take(self, day: str, count: int) -> int:
        for _ in range(_ATTEMPTS):
            with available():
                row = self._rows.find_one({"_id": day})
            if row is None:
                if not insert_new(self._rows, [{"_id": day, "next": 1 + count}]):
                    return 1
                continue
            first = int(row["next"])
            if swap(self._rows, day, first, {"$set": {"next": first + count}}, field="next"):
                return first
        raise Unavailable("Ticket numbers are being taken by too many at once; it is tried again.")


class MongoContacts:
    """Calls by their id."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows = database["contacts"]

    def load(self, ids: Collection[str]) -> Mapping[str, Contact]:
        with available():
            return {row["_id"]: _contact(row) for row in self._rows.find({"_id": {"$in": list(ids)}})}

    def save(self, contacts: Sequence[Contact]) -> None:
        insert_new(self._rows, [_contact_row(one) for one in contacts if one.version == 1])
        changes = [
            UpdateOne({"_id": one.id, "v": one.version - 1}, {"$set": _without_id(_contact_row(one))})
            for one in contacts
            if one.version > 1
        ]
        if changes:
            with available():
                self._rows.bulk_write(changes, ordered=False)


def _receipt_row(receipt: Receipt) -> Row:
    row: Row = {
        "_id": receipt.id,
        "number": receipt.number,
        "received_at": receipt.received_at,
        "joined": receipt.joined,
        "key": receipt.key,
        "event": receipt.event_id,
        "body": receipt.body,
        "cause": receipt.cause,
        "actor": receipt.actor,
    }
    if receipt.unsaid_since is not None:
        row["unsaid"] = receipt.unsaid_since
    return row


def _receipt(row: Row) -> Receipt:
    return Receipt(
        id=row["_id"],
        number=row["number"],
        received_at=row["received_at"],
        joined=row["joined"],
        key=row["key"],
        event_id=row["event"],
        body=bytes(row["body"]),
        cause=row["cause"],
        actor=row["actor"],
        unsaid_since=row.get("unsaid"),
    )


def _contact_row(contact: Contact) -> Row:
    return {
        "_id": contact.id,
        "v": contact.version,
        "times": dict(contact.times),
        "texts": {name: [at, value] for name, (at, value) in contact.texts.items()},
        "rings": contact.rings,
        "to_human": contact.to_human,
    }


def _without_id(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "_id"}


def _contact(row: Row) -> Contact:
    return Contact(
        id=row["_id"],
        version=row["v"],
        times=row["times"],
        texts={name: (at, value) for name, (at, value) in row["texts"].items()},
        rings=row["rings"],
        to_human=row["to_human"],
    )
