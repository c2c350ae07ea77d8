"""Rosters, handovers, logs and feeds in MongoDB. Few documents, found by _id or by profile and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mongoengine import Document, DynamicDocument, IntField, StringField
from pydantic import TypeAdapter
from pymongo.database import Database

from services.directory.roster_model import Book, Handover, LogEntry, Request, ToldDuty
from services.runtime.duty_feed import COLLECTION
from services.runtime.mongo import Row, available, insert_new, swap

_BOOK = TypeAdapter(Book)
_REQUESTS = TypeAdapter(tuple[Request, ...])
_HANDOVER = TypeAdapter(Handover)
_ENTRY = TypeAdapter(LogEntry)
_MOST = 500


class BookRow(DynamicDocument):
    """One profile and month, `_id` "<profile>/<month>"."""

    id = StringField(primary_key=True)
    v = IntField(required=True)
    meta = {"db_alias": "directory", "collection": "rosters", "auto_create_index": False}  # noqa: RUF012


class HandoverRow(DynamicDocument):
    """A handover; `day` is "<profile>/<day>" of its shift."""

    id = StringField(primary_key=True)
    v = IntField(required=True)
    day = StringField(required=True)
    meta = {  # noqa: RUF012
        "db_alias": "directory",
        "collection": "handovers",
        "auto_create_index": False,
        "indexes": ["day"],
    }


class EntryRow(DynamicDocument):
    """An entry of the duty log, never changed."""

    id = StringField(primary_key=True)
    day = StringField(required=True)
    meta = {  # noqa: RUF012
        "db_alias": "directory",
        "collection": "duty_log",
        "auto_create_index": False,
        "indexes": ["day"],
    }


ROSTER_DOCUMENTS: tuple[type[Document], ...] = (BookRow, HandoverRow, EntryRow)


class MongoRosters:
    """rosters.Books, duty_records.Records, duty_board.ToldDuties and feeds.Seals."""

    def __init__(self, database: Database[Row]) -> None:
        self._books = database["rosters"]
        self._handovers = database["handovers"]
        self._log = database["duty_log"]
        self._duty = database[COLLECTION]
        self._feeds = database["feeds"]

    def book(self, profile: str, month: str) -> Book:
        with available():
            row = self._books.find_one({"_id": f"{profile}/{month}"})
        return _BOOK.validate_python(row["book"]) if row else Book(profile, month)

    def requests(self, profile: str, months: Sequence[str]) -> Sequence[Request]:
        wanted = {"_id": {"$in": [f"{profile}/{month}" for month in months]}}
        with available():
            rows = sorted(self._books.find(wanted, {"book.requests": 1}), key=lambda row: str(row["_id"]))
        return [each for row in rows for each in _REQUESTS.validate_python(row["book"].get("requests", ()))]

    def swap(self, seen: Book, new: Book) -> bool:
        key, row = f"{new.profile}/{new.month}", {"v": new.version, "book": _BOOK.dump_python(new, mode="json")}
        if seen.version == 0:
            return not insert_new(self._books, [{"_id": key, **row}])
        return swap(self._books, key, seen.version, {"$set": row})

    def duty(self, profile: str) -> ToldDuty | None:
        with available():
            row = self._duty.find_one({"_id": profile})
        return ToldDuty(profile, row["v"], row["told"], row["digest"], row["table"]) if row else None

    def swap_duty(self, seen: ToldDuty | None, new: ToldDuty) -> bool:
        row: Row = {"v": new.version, "told": new.told, "digest": new.digest, "table": new.table}
        if seen is None:
            return not insert_new(self._duty, [{"_id": new.profile, **row}])
        # What was told changes without a version; both together are what was seen.
        with available():
            found = {"_id": new.profile, "v": seen.version, "told": seen.told}
            return self._duty.update_one(found, {"$set": row}).modified_count == 1

    def handover(self, key: str) -> Handover | None:
        with available():
            row = self._handovers.find_one({"_id": key})
        return _HANDOVER.validate_python(row["form"]) if row else None

    def add_handover(self, handover: Handover) -> bool:
        return not insert_new(self._handovers, [_row(handover, _HANDOVER) | {"v": handover.version}])

    def swap_handover(self, seen: Handover, new: Handover) -> bool:
        new = replace(new, version=seen.version + 1)
        row = {"v": new.version, "form": _HANDOVER.dump_python(new, mode="json")}
        return swap(self._handovers, seen.id, seen.version, {"$set": row})

    def handovers(self, profile: str, day: str) -> Sequence[Handover]:
        with available():
            rows = list(self._handovers.find({"day": f"{profile}/{day}"}).limit(_MOST))
        return [_HANDOVER.validate_python(row["form"]) for row in rows]

    def add_entry(self, entry: LogEntry) -> bool:
        return not insert_new(self._log, [_row(entry, _ENTRY)])

    def entries(self, profile: str, day: str) -> Sequence[LogEntry]:
        with available():
            rows = list(self._log.find({"day": f"{profile}/{day}"}).limit(_MOST))
        return sorted((_ENTRY.validate_python(row["form"]) for row in rows), key=lambda each: (each.at, each.id))

    def generation(self, person: str) -> int:
        with available():
            row = self._feeds.find_one({"_id": person})
        return int(row["v"]) if row else 0

    def end_generation(self, person: str, seen: int) -> bool:
        if seen == 0:
            return not insert_new(self._feeds, [{"_id": person, "v": 1}])
        return swap(self._feeds, person, seen, {"$set": {"v": seen + 1}})


def _row(form: Any, adapter: TypeAdapter[Any]) -> Row:
    return {"_id": form.id, "day": f"{form.profile}/{form.shift[:10]}", "form": adapter.dump_python(form, mode="json")}
