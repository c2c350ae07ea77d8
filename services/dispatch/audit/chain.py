"""Whether a ticket's history is still what was said: the chain of digests, and the stream's own log (B10)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.dispatch import wire
from services.dispatch.entries import Entry, Record
from services.runtime.message import event_id


@dataclass(frozen=True, slots=True)
class Break:
    """One place where the history is not what was written. `version`: the first one affected."""

    version: int
    what: str


def verify(record: Record) -> list[Break]:
    """Everything wrong with a stored history; empty when nothing is, or when it is older than the chain.

    A changed event is found by its successor's digest or the head, a removed, inserted or moved one by its version and
    by the digests around it, a cut end by the head. Who rewrites all of it is found by the log only: see `untold`.
    """
    broken: list[Break] = []
    before: Entry | None = None
    sealed, ordinal, was_in_place = False, 0, True
    for version, entry in enumerate(record.entries, start=1):
        ordinal = ordinal + 1 if before is not None and before.cause == entry.cause else 0
        try:
            event = entry.event()
        except DecodeError:
            broken.append(Break(version, f"Version {version} cannot be read: its bytes were changed."))
            before, was_in_place = entry, False
            continue
        if event.ticket.number != record.number:
            broken.append(Break(version, f"Version {version} is an event of {event.ticket.number or 'no ticket'}."))
        in_place = event.ticket.version == version
        if not in_place:
            told = f"In place {version} stands version {event.ticket.version}: an event was removed, added or moved."
            broken.append(Break(version, told))
        if entry.key != f"ticket.{event.event}" or entry.id != _identity(entry, record.number, ordinal):
            broken.append(Break(version, f"Version {version} has an envelope (id, cause, key) that is not its own."))
        previous = event.previous_digest
        if before is None:
            if previous:
                broken.append(Break(version, "The first event names one before it: the beginning was removed."))
        elif previous and previous != before.digest and in_place and was_in_place:
            told = f"Version {version} does not follow what stands before it: version {version - 1} was altered."
            broken.append(Break(version - 1, told))
        elif not previous and sealed:
            broken.append(Break(version, f"Version {version} has lost the digest of the event before it."))
        sealed = sealed or bool(previous)
        before, was_in_place = entry, in_place
    if record.head and (before is None or before.digest != record.head):
        last = len(record.entries)
        broken.append(Break(last, f"Version {last} is not the last that was written: it was altered, or the end cut."))
    if not record.head and sealed:
        broken.append(Break(len(record.entries), "The digest of the last event was removed from the ticket."))
    if record.strays:
        told = f"Beside the history stands something else than its last event says: {', '.join(record.strays)}."
        broken.append(Break(len(record.entries), told))
    return broken


def unsealed(record: Record) -> int:
    """How many events at the beginning no digest covers: written before there was a chain."""
    for place, entry in enumerate(record.entries):
        try:
            if entry.event().previous_digest:
                return place - 1
        except DecodeError:
            return place
    return len(record.entries) - (1 if record.head else 0)


def _identity(entry: Entry, number: str, ordinal: int) -> str:
    return event_id(entry.cause, entry.key, number, ordinal)


def canonical(body: bytes) -> bytes:
    """Digest of an event that does not depend on the order in which its maps were written."""
    return hashlib.sha256(TicketEvent.FromString(body).SerializeToString(deterministic=True)).digest()


def untold(
    record: Record, told: Mapping[str, bytes], *, until: datetime, owed: frozenset[str] = frozenset()
) -> list[Break]:
    """What differs from the log of the stream, which nobody can rewrite through the database.

    `told`: canonical digest of each event of the ticket that the log holds, by id. `until`: events from then on may not
    be in the log yet. `owed`: ids that wait to be said.
    """
    broken: list[Break] = []
    kept = {entry.id: (version, entry) for version, entry in enumerate(record.entries, start=1)}
    for identity in told.keys() - kept.keys():
        place = len(record.entries) + 1
        broken.append(Break(place, f"The stream told event {identity}, which the ticket does not have any more."))
    # A log that has forgotten the first event cannot tell what was never said.
    is_whole = bool(record.entries) and record.entries[0].id in told
    for identity, (version, entry) in kept.items():
        try:
            digest, at = canonical(entry.body), wire.instant(entry.event().at)
        except DecodeError:
            continue
        if identity in told and told[identity] != digest:
            broken.append(Break(version, f"Version {version} is not what the stream told: it was altered."))
        elif identity not in told and is_whole and at < until and identity not in owed:
            broken.append(Break(version, f"Version {version} was never told on the stream: it was added."))
    return sorted(broken, key=lambda each: each.version)
