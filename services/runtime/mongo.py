"""MongoDB as the services use it: one database each, idempotent inserts, compare-and-set, three kinds of failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import mongoengine
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
from services.runtime import telemetry
from services.runtime.settings import Settings

Row = dict[str, Any]

_DUPLICATE = 11000
_NO_ENTRY = (13, 18, 8000)
"""Codes of a server that does not accept who we say we are."""
_MOVING = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Codes of a replica set between two primaries."""
_log = telemetry.get_log("deskstream.mongo")


def connect(service: str, settings: Settings) -> Database[Row]:
    """The service's own database, and a mongoengine alias of the service's name for its documents.

    Times come back aware, in UTC. Reads and writes give up after ten seconds, so that a dead server is Unavailable and
    not a hang. /readyz says when the server is away, if the process has probes (T10).
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
    if settings.metrics_port:
        telemetry.probes.watch("database", lambda: client.admin.command("ping"))
    return client[name]


def ensure_indexes(*documents: type[Document]) -> None:
    """Creates the indexes that the documents declare; they declare auto_create_index False.

    A process that starts before its database waits for it here, and says so.
    """
    for document in documents:
        patiently(document.ensure_indexes)


def patiently(step: Callable[[], object]) -> None:
    """Does one step of a process's start, again and again while the database is away; each wait is a line in the log.

    SystemExit when the database is there and does not let us in.
    """
    pauses = chain((0.2, 0.5, 1.0, 2.0), repeat(5.0))
    while True:
        try:
            with available():
                step()
            return
        except Unavailable as error:
            _log.warning("waiting for the database", reason=error.message)
            time.sleep(next(pauses))
        except OperationFailure as error:
            if error.code in _NO_ENTRY:
                raise SystemExit("The database does not let us in: check user and password in MONGODB_URI.") from None
            raise


class WriteRefused(Exception):
    """The database took a bulk write only in part, for a reason that is no repetition: a bug. Quotes no document."""


@contextmanager
def available() -> Iterator[None]:
    """Turns a server that does not answer into Unavailable."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WTimeoutError, NotPrimaryError) as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}); it is tried again.") from error
    except BulkWriteError as error:
        # Its own text quotes the refused documents whole, and would carry them into logs and parked messages (P14).
        faults = (error.details or {}).get("writeErrors", [])
        codes = sorted({fault.get("code", 0) for fault in faults})
        if codes and _MOVING.issuperset(codes):
            raise Unavailable("The database is changing its primary; it is tried again.") from None
        raise WriteRefused(f"The database refused {len(faults)} writes (codes {codes}).") from None
    except OperationFailure as error:
        if error.has_error_label("RetryableWriteError") or error.code in _MOVING:
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
                raise
            return {rows[fault["index"]]["_id"] for fault in faults}
    return set()


def swap(
    collection: Collection[Row], key: object, expected: int, update: Mapping[str, Any], *, field: str = "v"
) -> bool:
    """Compare-and-set: applies the update when the row still has the expected version; whether it did."""
    with available():
        return collection.update_one({"_id": key, field: expected}, update).modified_count == 1
