"""Folding a batch of the stream into the facts: load, join, save."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, Protocol, Self, TypeVar

from services.kernel.errors import Refused, Unavailable
from services.reporting.hearing import piece_of
from services.reporting.model import Contact, Facts

BUCKET_SIZE = 20
"""Tickets of neighbouring numbers kept in one document: see services/adr/0008-reports-from-the-stream.md."""

_ATTEMPTS = 50


class Entry(Protocol):
    """Something kept in a bucket."""

    @property
    def live(self) -> bool: ...
    def days(self) -> Iterator[int]: ...
    def join(self, other: Self) -> Self: ...


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Bucket(Generic[E]):
    """Entries stored together. `revision` is 0 until it is stored, and rises with every save."""

    key: str
    revision: int
    entries: Mapping[str, E]

    @property
    def live(self) -> int:
        """How many entries are live."""
        return sum(1 for entry in self.entries.values() if entry.live)

    @property
    def days(self) -> list[int]:
        """UTC days any entry counts on, ascending."""
        return sorted({day for entry in self.entries.values() for day in entry.days()})


class Shelf(Protocol[E]):
    """Where buckets of one kind are kept."""

    def load(self, keys: Collection[str]) -> Mapping[str, Bucket[E]]:
        """Those of the named buckets that exist."""

    def save(self, buckets: Sequence[Bucket[E]]) -> bool:
        """Writes each bucket whose revision is still the stored one; False when some had moved on."""

    def on_days(self, first: int, last: int) -> Iterator[Bucket[E]]:
        """Buckets with an entry that counts on UTC days first to last, both inclusive."""

    def live(self) -> Iterator[Bucket[E]]:
        """Buckets with a live entry."""


class Views(Protocol):
    """One generation of the facts; a rebuild makes the next one."""

    @property
    def generation(self) -> str: ...
    @property
    def tickets(self) -> Shelf[Facts]: ...
    @property
    def contacts(self) -> Shelf[Contact]: ...


class Store(Protocol):
    """The generation that reports are read from at this moment."""

    def current(self) -> Views: ...


class Message(Protocol):
    """What a handler needs of a delivered message."""

    @property
    def key(self) -> str: ...
    def decode(self, cls: Any) -> Any: ...
    def refuse(self, why: Refused) -> None: ...


class Recorder:
    """Hears the stream."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def hear(self, batch: Iterable[Message]) -> None:
        """Folds a batch into the current generation; malformed messages are refused one by one (T3)."""
        # Asked anew for every batch: a rebuild may have put another generation in place (ADR 0008).
        record(self._store.current(), batch)


def record(views: Views, batch: Iterable[Message]) -> None:
    """Folds messages into a generation. Any order and any repetition gives the same facts."""
    tickets: dict[str, dict[str, Facts]] = {}
    contacts: dict[str, dict[str, Contact]] = {}
    for message in batch:
        try:
            piece = piece_of(message.key, message.decode)
        except Refused as why:
            message.refuse(why)
            continue
        if isinstance(piece, Facts):
            _gather(tickets, ticket_bucket(piece.number), piece.number, piece)
        elif isinstance(piece, Contact):
            _gather(contacts, contact_bucket(piece), piece.id, piece)
    fold(views.tickets, tickets)
    fold(views.contacts, contacts)


def fold(shelf: Shelf[E], pieces: Mapping[str, Mapping[str, E]]) -> None:
    """Joins pieces, by bucket and id, into what is stored. Raises Unavailable when others keep writing in between."""
    for _ in range(_ATTEMPTS):
        known = shelf.load(pieces.keys())
        changed: list[Bucket[E]] = []
        for key, news in pieces.items():
            bucket = known.get(key) or Bucket(key, 0, {})
            entries = dict(bucket.entries)
            for name, piece in news.items():
                entries[name] = entries[name].join(piece) if name in entries else piece
            if entries != bucket.entries:
                changed.append(Bucket(key, bucket.revision, entries))
        # What was saved before a conflict is found unchanged the next time round.
        if not changed or shelf.save(changed):
            return
    raise Unavailable("Other workers keep changing the same figures; it is tried again.")


def ticket_bucket(number: str) -> str:
    """Key of the bucket of a ticket, from its number alone: no event about it says when it was received."""
    head, dash, sequence = number.rpartition("-")
    return f"{head}/{int(sequence) // BUCKET_SIZE:06d}" if dash and sequence.isdecimal() else number


def contact_bucket(contact: Contact) -> str:
    """Key of the bucket of a contact: the second it started in, in sixteen parts so that no burst fills one."""
    return f"{contact.started // 1_000_000}/{sha256(contact.id.encode()).hexdigest()[0]}"


def _gather(into: dict[str, dict[str, E]], bucket: str, name: str, piece: E) -> None:
    entries = into.setdefault(bucket, {})
    entries[name] = entries[name].join(piece) if name in entries else piece
