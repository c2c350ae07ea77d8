"""What was written in the course of an emergency: every record of a kind, from the ticket's history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import wire
from services.dispatch.entries import Record
from services.dispatch.model import Actor


@dataclass(frozen=True, slots=True)
class Written:
    """One record as it was written; the ticket has only the newest of a kind."""

    event_id: str
    at: datetime
    by: Actor
    values: Mapping[str, str]
    ticket: ticket_pb2.Ticket
    """As it stood then."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the ticket."""

    id: str
    event: ticket_pb2.TicketEvent

    @property
    def at(self) -> datetime:
        """When it was done."""
        return wire.instant(self.event.at)

    @property
    def by(self) -> Actor:
        """Who did it."""
        return Actor(self.event.actor.id, self.event.actor.role)

    @property
    def records(self) -> frozenset[str]:
        """Kinds of record it wrote."""
        return frozenset(change.new for change in self.event.changes if change.field == "record" and change.new)


def story_of(record: Record) -> tuple[Happened, ...]:
    """Every event that can be read, oldest first."""
    return tuple(_readable(record))


def _readable(record: Record) -> Iterator[Happened]:
    for entry in record.entries:
        try:
            yield Happened(entry.id, entry.event())
        except DecodeError:
            # The history itself tells that it was altered (B10).
            continue


def written(story: Sequence[Happened], kind: str) -> tuple[Written, ...]:
    """Every record of a kind that was ever written, oldest first."""
    found: list[Written] = []
    for happened in story:
        if kind not in happened.records:
            continue
        for each in happened.event.ticket.records:
            if each.kind == kind:
                values = dict(each.values)
                found.append(Written(happened.id, happened.at, happened.by, values, happened.event.ticket))
    return tuple(found)


def marked_by(story: Sequence[Happened], milestone: str, at: datetime) -> Actor | None:
    """Who brought a milestone about that the ticket has had since that instant."""
    for happened in reversed(story):
        marks = happened.event.ticket.milestones
        if milestone not in marks or wire.instant(marks[milestone]) != at:
            continue
        if happened.at == at:
            return happened.by
    return None
