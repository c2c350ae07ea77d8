"""What a ticket's document keeps of each event: its words as they were said, so that they can be said again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model, wire
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


@dataclass(frozen=True, slots=True)
class Record:
    """A ticket with its whole history, oldest first."""

    number: str
    entries: tuple[Entry, ...]

    @property
    def latest(self) -> ticket_pb2.Ticket:
        """The ticket as it stands."""
        return self.entries[-1].event().ticket

    def ticket(self) -> model.Ticket:
        """The ticket as policy judges it."""
        return wire.ticket_from(self.latest)

    def caused_by(self, cause: str) -> tuple[Entry, ...]:
        """What this message or command brought about before; empty when it is new here (decision 6)."""
        return tuple(entry for entry in self.entries if entry.cause == cause)


Written = tuple[tuple[Entry, ...], tuple[Said, ...]]


def entries_of(events: Sequence[model.Event], cause: str, traceparent: str) -> Written:
    """Events written down and as they are said: the same ids whenever the same cause is heard again."""
    entries: list[Entry] = []
    said: list[Said] = []
    for ordinal, event in enumerate(events):
        body = wire.event_to(event)
        identity = event_id(cause, event.key, event.ticket.number, ordinal)
        entry = Entry(identity, cause, event.key, body.SerializeToString(), traceparent)
        entries.append(entry)
        said.append(_said(entry, body, event.at, last=ordinal == len(events) - 1))
    return tuple(entries), tuple(said)


def say_again(entries: Sequence[Entry]) -> tuple[Said, ...]:
    """Stored events of one cause as the messages they were."""
    bodies = [entry.event() for entry in entries]
    last = len(entries) - 1
    return tuple(
        _said(entry, body, wire.instant(body.at), last=ordinal == last)
        for ordinal, (entry, body) in enumerate(zip(entries, bodies, strict=True))
    )


_SENDS = frozenset({"dispatched", "assigned", "reopened"})


def _said(entry: Entry, body: ticket_pb2.TicketEvent, at: datetime, *, last: bool) -> Said:
    """U3: what brings a ticket to a team is also routed to the team's own queue, once per cause."""
    brings = body.event in _SENDS or any(change.field == "team" for change in body.changes)
    team = body.ticket.team
    return Said(
        key=entry.key,
        body=body,
        id=entry.id,
        subject=body.ticket.number,
        time=at,
        cause=entry.cause,
        actor=body.actor.id,
        also=(f"work.{team}",) if brings and last and team else (),
        traceparent=entry.traceparent,
    )
