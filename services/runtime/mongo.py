"""MongoDB as the services use it: one database each, idempotent inserts, compare-and-set, three kinds of failure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import mongoengine
import structlog
from mongoengine import Document
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    NotPrimaryError,
    OperationFailure,
    WTimeoutError,
)

from services.kernel.errors import Unavailable
from services.runtime.settings import Settings

Row = dict[str, Any]

_DUPLICATE = 11000
_log = structlog.get_logger("deskstream.mongo")


def connect(service: str, settings: Settings) -> Database[Row]:
    """The service's own database, and a mongoengine alias of the service's name for its documents.

    Times come back aware, in UTC. Reads and writes give up after ten seconds, so that a dead server is Unavailable and
    not a hang.
    """
    name = f"{settings.database_prefix}_{service}"
    client: MongoClient[Row] = mongoengine.connect(
        name,
        alias=service,
        host=settings.mongodb_uri,
        tz_aware=True,
        uuidRepresentation="standard",
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=10_000,
        waitQueueTimeoutMS=5_000,
        # Our writes are idempotent by _id or version and the bus retries; the driver's retries only slow some servers.
        retryWrites=False,
        appname=f"deskstream-{service}",
    )
    return client[name]


def ensure_indexes(*documents: type[Document]) -> None:
    """Creates the indexes that the documents declare; they declare auto_create_index False.

    A process that starts before its database waits for it here, and says so.
    """
    pauses = chain((0.2, 0.5, 1.0, 2.0), repeat(5.0))
    for document in documents:
        while True:
            try:
                with available():
                    document.ensure_indexes()
                break
            except Unavailable as error:
                _log.warning("waiting for the database", reason=error.message)
                time.sleep(next(pauses))


@contextmanager
def available() -> Iterator[None]:
    """Turns a server that does not answer into Unavailable."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WTimeoutError, NotPrimaryError) as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}); it is tried again.") from error
    except BulkWriteError:
        raise
    except OperationFailure as error:
        if error.has_error_label("RetryableWriteError") or error.code in (91, 189, 11600, 11602, 13435, 13436):
            raise Unavailable("The database is changing its primary; it is tried again.") from error
        raise


def insert_new(collection: Collection[Row], rows: Sequence[Row]) -> set[Any]:
    """Inserts rows by their _id in one unordered write; gives back the ids of those that were there already."""
    if not rows:
        return set()
    with available():
        try:
            collection.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            faults = (error.details or {}).get("writeErrors", [])
            others = [fault for fault in faults if fault.get("code") != _DUPLICATE]
            if others or not faults:
                _log.error("insert refused", collection=collection.name, code=others[0].get("code") if others else None)
                raise
            return {rows[fault["index"]]["_id"] for fault in faults}
    return set()


def swap(
    collection: Collection[Row], key: object, expected: int, update: Mapping[str, Any], *, field: str = "v"
) -> bool:
    """Compare-and-set: applies the update when the row still has the expected version; whether it did."""
    with available():
        return collection.update_one({"_id": key, field: expected}, update).modified_count == 1
