"""What dispatch does with what it hears: load, decide, save, and give back what is to be said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from services.contracts.deskstream.v1 import callbacks_pb2, intake_pb2, ticket_pb2
from services.dispatch import model, wire
from services.dispatch.entries import Entry, Record, Said, entries_of, say_again
from services.dispatch.meanwhile import changed_since
from services.dispatch.policy import Desk, callback_heard, joined, open_ticket
from services.kernel.errors import Missing, Refused, Unavailable

__all__ = [
    "Bounds",
    "Desks",
    "Entry",
    "HeardMessage",
    "Opened",
    "Record",
    "Said",
    "Stream",
    "Tickets",
    "change",
    "say_again",
]

M = TypeVar("M", bound=Message)

ATTEMPTS = 12
"""How often a change is decided anew when somebody else was faster, before the caller is asked to try again."""

_TOLD = 500


@dataclass(frozen=True, slots=True)
class Opened:
    """A new ticket with the events of its opening."""

    ticket: model.Ticket
    entries: tuple[Entry, ...]


class Tickets(Protocol):
    """Where tickets live: one document per ticket with its whole history."""

    def insert(self, opened: Sequence[Opened]) -> set[str]:
        """Writes new tickets at once; the numbers that existed before are left as they are and given back."""

    def load(self, numbers: Sequence[str]) -> Mapping[str, Record]:
        """The tickets that exist among these."""

    def append(self, ticket: model.Ticket, entries: Sequence[Entry], *, owed_since: datetime | None = None) -> bool:
        """Adds events to version `ticket.version - 1`; False when the ticket has another version by now.

        `owed_since`: the events are not said yet and must be, since that instant (embedded outbox).
        """

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        """These events of the ticket have been said."""

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        """Tickets that owe events since before that instant, with the events."""

    def page(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, ticket_pb2.Ticket]]:
        """(position, ticket) of one queue in order, behind the position `after`.

        `field` is "place" or "stage", `prefix` the queue's part of it, such as "team:desk".
        """

    def newest(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, Entry]]:
        """As `page`, with the newest event of each ticket as it was said."""

    def changed_since(self, instant: datetime) -> Sequence[ticket_pb2.Ticket]:
        """Tickets changed (not merely opened) at or after the instant, as they stand."""


class Bounds(Protocol):
    """Positions to read a long queue up to, bite by bite: advice that costs time when it is old, and no ticket."""

    def bites(self, field: str, prefix: str, after: str, limit: int) -> Iterator[str | None]: ...
    def put_up(self, field: str, prefix: str, positions: Sequence[str]) -> None: ...
    def take_down(self, field: str, prefix: str, first: str) -> None: ...


class HeardMessage(Protocol):
    """One delivered message, as services.runtime.message.Heard."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    def decode(self, cls: type[M]) -> M: ...
    def refuse(self, why: Refused) -> None: ...


class Desks:
    """The rule books this installation serves."""

    def __init__(self, desks: Mapping[str, Desk], default: str) -> None:
        self._desks = desks
        self._default = default

    def get(self, name: str) -> Desk:
        """The desk of a profile; the default one for an empty name; Missing when it is not served here."""
        desk = self._desks.get(name or self._default)
        if desk is None:
            raise Missing(f'This installation serves no profile "{name}"; it serves: {", ".join(self._desks)}.')
        return desk

    def all(self) -> Sequence[Desk]:
        """Every desk."""
        return tuple(self._desks.values())


class Stream:
    """Handlers of the bus. Each may run twice on the same message and says the same then (decision 6)."""

    def __init__(self, desks: Desks, tickets: Tickets) -> None:
        self._desks = desks
        self._tickets = tickets

    def requests(self, batch: Sequence[HeardMessage], now: datetime) -> list[Said]:
        """Opens the received requests with one write, then counts the repeated contacts (A20)."""
        opened: dict[str, tuple[HeardMessage, Opened, tuple[Said, ...]]] = {}
        further: list[tuple[HeardMessage, intake_pb2.RequestJoined]] = []
        for message in batch:
            try:
                if message.key.startswith("request.joined"):
                    further.append((message, message.decode(intake_pb2.RequestJoined)))
                    continue
                ticket, said = self._open(message, now)
                opened.setdefault(ticket.ticket.number, (message, ticket, said))
            except Refused as why:
                message.refuse(why)
        existed = self._tickets.insert([ticket for _, ticket, _ in opened.values()])
        known = self._tickets.load(sorted(existed)) if existed else {}
        told: list[Said] = []
        for number, (message, _, said) in opened.items():
            told.extend(say_again(known[number].caused_by(message.id)) if number in known else said)
        for message, again in further:
            told.extend(self._join(message, again, now))
        return told

    def _open(self, message: HeardMessage, now: datetime) -> tuple[Opened, tuple[Said, ...]]:
        received = message.decode(intake_pb2.RequestReceived)
        if not received.number:
            raise Refused("A received request has no number; intake gives one, say it through intake.", field="number")
        try:
            desk = self._desks.get(received.draft.profile)
        except Missing as missing:
            raise Refused(missing.message, field="draft.profile") from missing
        at = wire.instant(received.received_at) if received.HasField("received_at") else now
        answered = bool(received.draft.contact_id)
        events = open_ticket(desk, wire.request_from(received), at, now, answered=answered)
        entries, said = entries_of(events, message.id, message.traceparent)
        return Opened(events[-1].ticket, entries), said

    def _join(self, message: HeardMessage, again: intake_pb2.RequestJoined, now: datetime) -> Sequence[Said]:
        draft = again.draft
        told = " ".join(f"{draft.title} {draft.description}".split())[:_TOLD]

        def decide(ticket: model.Ticket) -> model.Event:
            return joined(ticket, told, now)

        try:
            return change(self._tickets, again.number, decide, message.id, message.traceparent)[1]
        except Missing as missing:
            # Its opening is on its way in another batch; order is nobody's promise.
            raise Unavailable(missing.message) from missing

    def callbacks(self, batch: Sequence[HeardMessage], now: datetime) -> list[Said]:
        """Puts the outcome of callbacks on their tickets (F2, F13)."""
        told: list[Said] = []
        for message in batch:
            try:
                heard = message.decode(callbacks_pb2.CallbackEvent)
                told.extend(self._callback(message, heard, now))
            except (Refused, Missing) as why:
                message.refuse(why if isinstance(why, Refused) else Refused(why.message))
        return told

    def _callback(self, message: HeardMessage, heard: callbacks_pb2.CallbackEvent, now: datetime) -> Sequence[Said]:
        number, _, cycle = heard.task.task_id.rpartition("/")
        if heard.task.kind == "missed_call" or number == "call":
            return ()
        if not cycle.isdecimal():
            raise Refused(
                f'"{heard.task.task_id}" names no ticket and cycle; say it as <number>/<cycle>.', field="task_id"
            )
        outcome = message.key.removeprefix("callback.")
        actor = model.Actor(heard.actor.id, heard.actor.role)

        def decide(ticket: model.Ticket) -> model.Event | None:
            return callback_heard(self._desks.get(ticket.profile), ticket, outcome, int(cycle), actor, now)

        return change(self._tickets, number, decide, message.id, message.traceparent)[1]


class Decide(Protocol):
    """Judges a ticket as it stands: what happens to it, or None where there is nothing to change."""

    def __call__(self, ticket: model.Ticket, /) -> model.Event | None: ...


def change(
    tickets: Tickets,
    number: str,
    decide: Decide,
    cause: str,
    traceparent: str = "",
    *,
    expected_version: int = 0,
    owed_since: datetime | None = None,
) -> tuple[ticket_pb2.Ticket, Sequence[Said]]:
    """One change of one ticket by compare-and-set: the ticket after it and what is to be said.

    A cause that was applied before changes nothing and says the same again. Missing, Refused("stale") or Unavailable
    when the ticket does not exist, has another version than expected, or keeps changing.
    """
    for _ in range(ATTEMPTS):
        record = tickets.load([number]).get(number)
        if record is None:
            raise Missing(f"There is no ticket {number}; check the number.")
        latest = record.latest
        if before := record.caused_by(cause):
            return latest, say_again(before)
        if expected_version and expected_version != latest.version:
            raise Refused(
                f"Ticket {number} has version {latest.version} by now, not {expected_version}; look at it again."
                + changed_since(record, expected_version, owed_since),
                code="stale",
            )
        event = decide(wire.ticket_from(latest))
        if event is None:
            return latest, ()
        entries, said = entries_of((event,), cause, traceparent, record.entries[-1])
        if tickets.append(event.ticket, entries, owed_since=owed_since):
            return wire.ticket_to(event.ticket), said
    raise Unavailable(f"Ticket {number} is being changed by many at once; try again.")
