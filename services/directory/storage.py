"""Credentials and profile versions in MongoDB. Few documents, all found by _id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mongoengine import DateTimeField, Document, DynamicDocument, IntField, StringField
from pymongo.database import Database

from services.directory.model import AppliedProfile, Attempts, InForce
from services.runtime.mongo import Row, available, insert_new, swap


class CredentialRow(DynamicDocument):
    """Password hash of a person, `_id` the person."""

    id = StringField(primary_key=True)
    hash = StringField(required=True)
    set_at = DateTimeField(required=True)
    meta = {"db_alias": "directory", "collection": "credentials", "auto_create_index": False}  # noqa: RUF012


class AttemptRow(DynamicDocument):
    """Failed sign-ins of a person, `_id` the person."""

    id = StringField(primary_key=True)
    v = IntField(required=True)
    failures = IntField(required=True)
    first_at = DateTimeField()
    meta = {"db_alias": "directory", "collection": "attempts", "auto_create_index": False}  # noqa: RUF012


class ProfileRow(DynamicDocument):
    """A version that was applied, `_id` "<name>@<version>"; never changed, never removed (D18)."""

    id = StringField(primary_key=True)
    facets = StringField(required=True)
    effective_from = StringField(required=True)
    applied_at = DateTimeField(required=True)
    meta = {"db_alias": "directory", "collection": "profiles", "auto_create_index": False}  # noqa: RUF012


class InForceRow(DynamicDocument):
    """The version in force, `_id` the profile."""

    id = StringField(primary_key=True)
    v = IntField(required=True)
    version = StringField(required=True)
    turn = IntField(required=True)
    told = IntField(required=True)
    since = DateTimeField(required=True)
    meta = {"db_alias": "directory", "collection": "in_force", "auto_create_index": False}  # noqa: RUF012


DOCUMENTS: tuple[type[Document], ...] = (CredentialRow, AttemptRow, ProfileRow, InForceRow)


class MongoCredentials:
    """handlers.Credentials."""

    def __init__(self, database: Database[Row]) -> None:
        self._credentials = database["credentials"]
        self._attempts = database["attempts"]

    def password(self, person: str) -> str | None:
        with available():
            row = self._credentials.find_one({"_id": person})
        return str(row["hash"]) if row else None

    def set_password(self, person: str, hashed: str, now: datetime) -> None:
        with available():
            self._credentials.replace_one({"_id": person}, {"_id": person, "hash": hashed, "set_at": now}, upsert=True)

    def attempts(self, person: str) -> Attempts:
        with available():
            row = self._attempts.find_one({"_id": person})
        if row is None:
            return Attempts(person)
        return Attempts(person, row["failures"], row.get("first_at"), row["v"])

    def swap_attempts(self, seen: Attempts, new: Attempts) -> bool:
        row = {"failures": new.failures, "first_at": new.first_at, "v": seen.version + 1}
        if seen.version == 0:
            return not insert_new(self._attempts, [{"_id": seen.person, **row}])
        return swap(self._attempts, seen.person, seen.version, {"$set": row})


class MongoProfiles:
    """handlers.KeptProfiles."""

    def __init__(self, database: Database[Row]) -> None:
        self._profiles = database["profiles"]
        self._in_force = database["in_force"]

    def keep(self, applied: AppliedProfile) -> None:
        row: dict[str, Any] = {
            "_id": f"{applied.name}@{applied.version}",
            "facets": applied.facets,
            "effective_from": applied.effective_from.isoformat(),
            "applied_at": applied.applied_at,
        }
        insert_new(self._profiles, [row])

    def kept(self, name: str, version: str) -> AppliedProfile | None:
        with available():
            row = self._profiles.find_one({"_id": f"{name}@{version}"})
        if row is None:
            return None
        effective = datetime.fromisoformat(row["effective_from"]).date()
        return AppliedProfile(name, version, effective, row["applied_at"], row["facets"])

    def in_force(self, name: str) -> InForce | None:
        with available():
            row = self._in_force.find_one({"_id": name})
        return InForce(name, row["version"], row["turn"], row["told"], row["since"]) if row else None

    def swap_in_force(self, seen: InForce | None, new: InForce) -> bool:
        # Every change raises the turn or what was told of it: together they are a version of the row.
        row = {
            "version": new.version,
            "turn": new.turn,
            "told": new.told,
            "since": new.since,
            "v": new.turn * 2**20 + new.told,
        }
        if seen is None:
            return not insert_new(self._in_force, [{"_id": new.name, **row}])
        return swap(self._in_force, new.name, seen.turn * 2**20 + seen.told, {"$set": row})
