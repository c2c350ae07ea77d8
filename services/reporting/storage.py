"""Buckets of facts in MongoDB: one document holds neighbours, written by compare-and-set on its revision.

Measured on the embedded server: 20,000 documents a second inserted, 2,000 updated, 30,000 read. So twenty tickets share
a document, their facts one JSON text (the server need not walk it), and a batch of 500 events costs some 25 updates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from pymongo import UpdateOne
from pymongo.collection import Collection as Rows
from pymongo.database import Database
from pymongo.errors import CursorNotFound

from services.kernel.errors import Refused, Unavailable
from services.reporting.handlers import Bucket, Entry
from services.reporting.model import Contact, Facts
from services.runtime.mongo import available, insert_new

Row = dict[str, Any]
E = TypeVar("E", bound=Entry)

FIRST_GENERATION = "0"
_CURRENT = "current"
_REBUILD = "rebuild"
_PER_FETCH = 500


class MongoShelf(Generic[E]):
    """Buckets of one kind in one collection.

    A row is {_id, r: revision, days: [UTC days], live: how many live entries, absent for none, entries: JSON}.

    No mongoengine document: the name of the collection changes with every rebuild.
    """

    def __init__(self, rows: Rows[Row], read: Callable[[list[Any]], E]) -> None:
        self.rows = rows
        self._read = read

    def load(self, keys: Collection[str]) -> Mapping[str, Bucket[E]]:
        """Those of the named buckets that exist."""
        if not keys:
            return {}
        with available():
            rows = self.rows.find({"_id": {"$in": list(keys)}}, {"r": 1, "entries": 1}, batch_size=_PER_FETCH)
            return {row["_id"]: self._bucket(row) for row in rows}

    def save(self, buckets: Sequence[Bucket[E]]) -> bool:
        """Inserts the new, swaps the known; False when another writer was faster with one of them."""
        fresh = [{"_id": bucket.key, **_row(bucket)} for bucket in buckets if bucket.revision == 0]
        met = insert_new(self.rows, fresh)
        known = [
            UpdateOne({"_id": bucket.key, "r": bucket.revision}, _update(bucket))
            for bucket in buckets
            if bucket.revision > 0
        ]
        matched = 0
        if known:
            with available():
                matched = self.rows.bulk_write(known, ordered=False).matched_count
        return not met and matched == len(known)

    def on_days(self, first: int, last: int) -> Iterator[Bucket[E]]:
        """Buckets with an entry that counts on UTC days first to last."""
        for bucket, days in self._found(days_query(first, last)):
            if any(first <= day <= last for day in days):
                yield bucket

    def live(self) -> Iterator[Bucket[E]]:
        """Buckets with a live entry."""
        for bucket, _ in self._found({"live": {"$gt": 0}}):
            yield bucket

    def ensure_indexes(self) -> None:
        """Two: the days figures are asked for, and (sparse) the buckets with open tickets."""
        with available():
            self.rows.create_index("days")
            self.rows.create_index("live", sparse=True)

    def _found(self, query: Row) -> Iterator[tuple[Bucket[E], list[int]]]:
        try:
            with available():
                for row in self.rows.find(query, {"r": 1, "entries": 1, "days": 1}, batch_size=_PER_FETCH):
                    yield self._bucket(row), row["days"]
        except CursorNotFound:
            # The collection was dropped under the reader's hands.
            raise Unavailable("The figures were made anew while they were read: ask again.") from None

    def _bucket(self, row: Row) -> Bucket[E]:
        return Bucket(
            row["_id"], row["r"], {name: self._read(fields) for name, fields in json.loads(row["entries"]).items()}
        )


class MongoViews:
    """One generation of the facts."""

    def __init__(self, database: Database[Row], generation: str) -> None:
        self.generation = generation
        self.tickets: MongoShelf[Facts] = MongoShelf(database[f"tickets_{generation}"], Facts.read)
        self.contacts: MongoShelf[Contact] = MongoShelf(database[f"contacts_{generation}"], Contact.read)

    def ensure_indexes(self) -> None:
        """Indexes of both collections."""
        self.tickets.ensure_indexes()
        self.contacts.ensure_indexes()

    def drop(self) -> None:
        """Removes both collections."""
        with available():
            self.tickets.rows.drop()
            self.contacts.rows.drop()


class MongoReports:
    """All generations, and which one is current."""

    def __init__(self, database: Database[Row]) -> None:
        self._database = database
        self._marks = database["generations"]

    def ensure_indexes(self) -> None:
        """At process start."""
        self.current().ensure_indexes()

    def current(self) -> MongoViews:
        """The generation that is written and read now."""
        with available():
            mark = self._marks.find_one({"_id": _CURRENT})
        return MongoViews(self._database, str(mark["generation"]) if mark else FIRST_GENERATION)

    def begin(self, generation: str, *, again: bool) -> MongoViews:
        """An empty generation to rebuild into. Refused while another rebuild is under way, unless `again`."""
        if insert_new(self._marks, [{"_id": _REBUILD, "generation": generation}]):
            with available():
                mark = self._marks.find_one({"_id": _REBUILD}) or {"generation": generation}
            if not again:
                raise Refused(
                    "A rebuild is running or was broken off; when none is running, run it with --again.",
                    code="conflict",
                )
            for left in {mark["generation"], mark.get("replaced")} - {None, self.current().generation}:
                MongoViews(self._database, str(left)).drop()
            with available():
                self._marks.update_one({"_id": _REBUILD}, {"$set": {"generation": generation, "replaced": None}})
        views = MongoViews(self._database, generation)
        views.ensure_indexes()
        return views

    def put_in_place(self, generation: str, replaced: str) -> None:
        """Makes a generation the current one, and remembers which is to be dropped."""
        with available():
            self._marks.update_one({"_id": _REBUILD}, {"$set": {"replaced": replaced}})
            self._marks.update_one({"_id": _CURRENT}, {"$set": {"generation": generation}}, upsert=True)

    def finish(self, old: MongoViews) -> None:
        """Ends the rebuild and removes the generation it replaced, or the one that came to nothing."""
        with available():
            self._marks.delete_one({"_id": _REBUILD})
        # Dropping a large collection may take a server longer than we wait for an answer; it goes on all the same.
        with suppress(Unavailable):
            old.drop()


def days_query(first: int, last: int) -> Row:
    """What a day of the list may match; `on_days` drops the rows where two days match half of it each.

    $elemMatch would be exact, but the embedded server then leaves its index aside.
    """
    return {"days": {"$gte": first, "$lte": last}}


def _row(bucket: Bucket[E]) -> Row:
    entries = json.dumps(dict(bucket.entries), ensure_ascii=False, separators=(",", ":"))
    row: Row = {"r": bucket.revision + 1, "days": bucket.days, "entries": entries}
    if bucket.live:
        row["live"] = bucket.live
    return row


def _update(bucket: Bucket[E]) -> Row:
    row = _row(bucket)
    return {"$set": row} if "live" in row else {"$set": row, "$unset": {"live": ""}}
