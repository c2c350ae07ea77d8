"""Views, onlookers and positions of queues in MongoDB; every question has its index (decision 13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mongoengine import BinaryField, BooleanField, DateTimeField, Document, IntField, StringField
from pymongo.collection import Collection
from pymongo.database import Database

from services.contracts.deskstream.v1 import queues_pb2
from services.dispatch.queues.presence import Onlooker
from services.runtime.mongo import available, ensure_indexes, insert_new, swap

Row = dict[str, Any]

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class ViewDocument(Document):
    """Collection `views`."""

    view = StringField(primary_key=True)
    v = IntField()
    owner = StringField()
    body = BinaryField()

    meta = {  # noqa: RUF012 - mongoengine's own convention
        "collection": "views",
        "db_alias": "dispatch",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"name": "owner", "fields": ["owner"], "cls": False}],
    }


class OnlookerDocument(Document):
    """Collection `presence`; `key` is number/person."""

    key = StringField(primary_key=True)
    number = StringField()
    person = StringField()
    name = StringField()
    editing = BooleanField()
    since = DateTimeField()
    seen = DateTimeField()

    meta = {  # noqa: RUF012 - mongoengine's own convention
        "collection": "presence",
        "db_alias": "dispatch",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"name": name, "fields": [name], "cls": False} for name in ("number", "seen")],
    }


class MongoViews:
    """services.dispatch.queues.views.KeepsViews on MongoDB."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows: Collection[Row] = database["views"]

    @staticmethod
    def prepare() -> None:
        """Creates the indexes; at process start."""
        ensure_indexes(ViewDocument, OnlookerDocument)

    def of(self, owner: str) -> Sequence[queues_pb2.TicketView]:
        """Through the index of `owner`."""
        with available():
            return [_view(row) for row in self._rows.find({"owner": owner})]

    def load(self, view: str) -> queues_pb2.TicketView | None:
        """By _id."""
        with available():
            row = self._rows.find_one({"_id": view})
        return _view(row) if row else None

    def insert(self, owner: str, view: queues_pb2.TicketView) -> None:
        """Its id is new."""
        insert_new(self._rows, [{"_id": view.view_id, "v": 1, "owner": owner, "body": view.SerializeToString()}])

    def replace(self, owner: str, view: queues_pb2.TicketView) -> bool:
        """Compare-and-set on the version before."""
        values = {"v": view.version, "owner": owner, "body": view.SerializeToString()}
        return swap(self._rows, view.view_id, view.version - 1, {"$set": values})

    def delete(self, view: str) -> None:
        """By _id."""
        with available():
            self._rows.delete_one({"_id": view})


class MongoOnlookers:
    """services.dispatch.queues.presence.KeepsOnlookers on MongoDB."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows: Collection[Row] = database["presence"]

    def at(self, number: str) -> Sequence[Onlooker]:
        """Through the index of `number`."""
        with available():
            rows = list(self._rows.find({"number": number}))
        return [
            Onlooker(row["number"], row["person"], row["name"], row["editing"], row["since"], row["seen"])
            for row in rows
        ]

    def put(self, onlooker: Onlooker) -> None:
        """By _id."""
        values = {
            "number": onlooker.number,
            "person": onlooker.person,
            "name": onlooker.name,
            "editing": onlooker.editing,
            "since": onlooker.since,
            "seen": onlooker.seen,
        }
        key = {"_id": f"{onlooker.number}/{onlooker.person}"}
        with available():
            if not self._rows.update_one(key, {"$set": values}).matched_count:
                insert_new(self._rows, [key | values])

    def take(self, number: str, person: str) -> None:
        """By _id."""
        with available():
            self._rows.delete_one({"_id": f"{number}/{person}"})

    def sweep(self, before: datetime) -> None:
        """Through the index of `seen`."""
        with available():
            self._rows.delete_many({"seen": {"$gt": _LONG_AGO, "$lt": before}})


class MongoPositions:
    """services.dispatch.queues.counting.Positions on MongoDB: the sparse indexes of `place` and `stage` alone."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows: Collection[Row] = database["tickets"]

    def positions(self, field: str, prefix: str, most: int) -> Sequence[str]:
        """A range of the index; MongoDB answers it from there alone."""
        with available():
            lies = {field: {"$gt": f"{prefix}|", "$lt": f"{prefix}}}"}}
            found = self._rows.find(lies, {field: 1, "_id": 0}).sort(field, 1).limit(most)
            return [row[field][len(prefix) + 1 :] for row in found]


def _view(row: Row) -> queues_pb2.TicketView:
    return queues_pb2.TicketView.FromString(bytes(row["body"]))
