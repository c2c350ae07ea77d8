"""What a ticket's document keeps of each event: its words as they were said, so that they can be said again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model, wire
from services.dispatch.policy.other_end import tells_others
from services.runtime.message import Said, event_id

__all__ = ["Entry", "Record", "Said", "entries_of", "say_again"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a ticket with its envelope: the id it is said with and the message that caused it."""

    id: str
    cause: str
    key: str
    body: bytes
    traceparent: str = ""

    def event(self) -> ticket_pb2.TicketEvent:
        """The event with the whole ticket after it."""
        return ticket_pb2.TicketEvent.FromString(self.body)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the body, byte for byte as it was said; the next event of the ticket carries it (B10)."""
        return hashlib.sha256(self.body).digest()


@dataclass(frozen=True, slots=True)
class Record:
    """A ticket with its whole history, oldest first."""

    number: str
    entries: tuple[Entry, ...]
    head: bytes = b""
    """Digest of the last event as it was kept beside the history; empty where the store kept none."""
    strays: tuple[str, ...] = ()
    """What is kept beside the history, such as the place in a queue, and differs from the last event; for audits."""

    @property
    def latest(self) -> ticket_pb2.Ticket:
        """The ticket as it stands."""
        return self.entries[-1].event().ticket

    def ticket(self) -> model.Ticket:
        """The ticket as policy judges it."""
        return wire.ticket_from(self.latest)

    def readable(self) -> model.Ticket | None:
        """The ticket as policy judges it; None when its last event was removed or its bytes are no event."""
        try:
            return self.ticket()
        except (DecodeError, IndexError):
            return None

    def caused_by(self, cause: str) -> tuple[Entry, ...]:
        """What this message or command brought about before; empty when it is new here (decision 6)."""
        return tuple(entry for entry in self.entries if entry.cause == cause)


Written = tuple[tuple[Entry, ...], tuple[Said, ...]]


def entries_of(events: Sequence[model.Event], cause: str, traceparent: str, previous: Entry | None = None) -> Written:
    """Events written down and as they are said: the same ids whenever the same cause is heard again.

    Each carries the digest of the event before it, so that a history altered later shows it (B10). `previous` is the
    last one the ticket has; None for an opening. ValueError when a ticket that has a history is given none.
    """
    if previous is None and events and events[0].ticket.version > 1:
        raise ValueError(f"Ticket {events[0].ticket.number} has a history: name its last entry, or the chain breaks.")
    entries: list[Entry] = []
    said: list[Said] = []
    for ordinal, event in enumerate(events):
        body = wire.event_to(event)
        if previous is not None:
            body.previous_digest = previous.digest
        identity = event_id(cause, event.key, event.ticket.number, ordinal)
        # Deterministic, as the stream serializes: the digest holds for the stored bytes and for those said.
        previous = Entry(identity, cause, event.key, body.SerializeToString(deterministic=True), traceparent)
        entries.append(previous)
        said.append(_said(previous, body, event.at, last=ordinal == len(events) - 1))
    return tuple(entries), tuple(said)


def say_again(entries: Sequence[Entry]) -> tuple[Said, ...]:
    """Stored events of one cause as the messages they were."""
    bodies = [entry.event() for entry in entries]
    last = len(entries) - 1
    return tuple(
        _said(entry, body, wire.instant(body.at), last=ordinal == last)
        for ordinal, (entry, body) in enumerate(zip(entries, bodies, strict=True))
    )


OTHER_ENDS = "links.told"
"""Routing key of events that the tickets linked with this one follow; heard by the queue dispatch.links."""

_SENDS = frozenset({"dispatched", "assigned", "reopened"})


def _said(entry: Entry, body: ticket_pb2.TicketEvent, at: datetime, *, last: bool) -> Said:
    """U3: what brings a ticket to a team is also routed to the team's own queue, once per cause; B16: its support, too.

    What other tickets have to follow (B18) reaches dispatch's own queue by a key of its own, so that the many events
    of tickets without links cost nothing there.
    """
    changed = {change.field for change in body.changes}
    brings = body.event in _SENDS or "team" in changed
    team = body.ticket.team
    also = [f"work.{team}"] if brings and last and team else []
    if last and "supporting_teams" in changed:
        also.extend(f"work.{support}" for support in body.ticket.supporting_teams)
    kinds = frozenset(link.kind for link in body.ticket.links)
    if tells_others(body.action, body.event, kinds, [(each.field, each.new or each.old) for each in body.changes]):
        also.append(OTHER_ENDS)
    return Said(
        key=entry.key,
        body=body,
        id=entry.id,
        subject=body.ticket.number,
        time=at,
        cause=entry.cause,
        actor=body.actor.id,
        also=tuple(also),
        traceparent=entry.traceparent,
    )
