"""Every policy version that was in force here, in MongoDB: what clocks need of it, for the tickets it judges (D18)."""

from __future__ import annotations

from collections.abc import Iterable

import mongoengine
from pymongo.database import Database

from services.runtime.mongo import Row, available, insert_new
from services.sla.rulebook import Book
from services.sla.storage import ALIAS


class RulebookDocument(mongoengine.Document):
    """The shape in the collection; one for each version of each profile, never changed."""

    id = mongoengine.StringField(primary_key=True)
    """Profile and version: "itss_desk/2+1f3a9c20"."""
    text = mongoengine.StringField(required=True)

    meta = {"db_alias": ALIAS, "collection": "rulebooks", "auto_create_index": False}  # noqa: RUF012


class MongoBooks:
    """`rulebook.Books` on MongoDB or a server that speaks its protocol."""

    def __init__(self, database: Database[Row]) -> None:
        self._books = database.get_collection("rulebooks")

    def keep(self, books: Iterable[Book]) -> None:
        """Keeps those that are not there yet; several processes may do so at once."""
        insert_new(self._books, [{"_id": f"{each.profile}/{each.version}", "text": each.text} for each in books])

    def book(self, profile: str, version: str) -> Book | None:
        """That version, None when it was never kept."""
        with available():
            row = self._books.find_one({"_id": f"{profile}/{version}"})
        return Book(profile, version, row["text"]) if row else None
