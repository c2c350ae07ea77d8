"""Both ends of a link: dispatch hears its own events about linked tickets and follows at the other end (B18).

One compare-and-set per ticket, so a link is for a moment visible from one end only. Killed between the two, the
redelivered message finishes it; heard again, it says the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model, wire
from services.dispatch.entries import Said
from services.dispatch.handlers import Desks, HeardMessage, Tickets, change
from services.dispatch.model import replace
from services.dispatch.policy.attending import attended
from services.dispatch.policy.between import concerned
from services.dispatch.policy.ends import OPPOSITE, linked
from services.dispatch.policy.merging import restored
from services.dispatch.policy.other_end import Bulletin, News, bulletin_told, hearers, other_end
from services.dispatch.policy.taking import TELLS_CHILDREN
from services.kernel.errors import Missing, Refused

_DEEPEST = 20
"""How many parents above each other are looked at; more is refused as a circle would be."""


class Linking:
    """Handler of the queue dispatch.links."""

    def __init__(self, desks: Desks, tickets: Tickets) -> None:
        self._desks = desks
        self._tickets = tickets

    def hear(self, batch: Sequence[HeardMessage], now: datetime) -> list[Said]:
        """Follows each event at the other ends of its ticket's links; what is to be said of it."""
        told: list[Said] = []
        for message in batch:
            try:
                # The queue is reached by a second key; the first one says who may have said it.
                if not message.key.startswith("ticket."):
                    raise Refused(f"Only ticket events tell other ends; {message.key} is none.")
                self._follow(message, message.decode(ticket_pb2.TicketEvent), now, told)
            except (Refused, Missing) as why:
                message.refuse(why if isinstance(why, Refused) else Refused(why.message))
        return told

    def _follow(self, message: HeardMessage, heard: ticket_pb2.TicketEvent, now: datetime, told: list[Said]) -> None:
        """Adds what is to be said to `told`. An end that cannot follow keeps no other from it; the last is raised."""
        number = heard.ticket.number
        came, went = _links_in(heard)
        refusal: Refused | Missing | None = None
        bulletin = _bulletin_in(heard)
        children = {link.target for link in heard.ticket.links if link.kind == "child"} if bulletin else set()
        for end in sorted({*came, *went, *children, *hearers(self._load(number))} - {number}):
            at, brought, gone = wire.instant(heard.at), came.get(end, frozenset()), went.get(end, frozenset())
            told_down = bulletin if end in children else None
            decide = self._following(number, at, brought, gone, now, told_down)
            try:
                after, said = change(self._tickets, end, decide, message.id, message.traceparent)
                told.extend(said)
                if "duplicate_of" in brought and linked(wire.ticket_from(after), "duplicate", number) is None:
                    told.extend(self._restore(message, heard, now))
            except (Refused, Missing) as why:
                refusal = why
        if refusal is not None:
            raise refusal

    def _following(
        self,
        number: str,
        at: datetime,
        came: frozenset[str],
        went: frozenset[str],
        now: datetime,
        bulletin: Bulletin | None,
    ) -> Callable[[model.Ticket], model.Event | None]:
        def decide(ticket: model.Ticket) -> model.Event | None:
            # Loaded after the end was: whoever wrote there meanwhile with newer news makes this write fail.
            event = other_end(ticket, News(self._load(number), at, came, went), now)
            if bulletin is not None:
                event = bulletin_told(ticket, bulletin, event, now)
            return self._attended(ticket, event)

        return decide

    def _attended(self, before: model.Ticket, event: model.Event | None) -> model.Event | None:
        return None if event is None else attended(self._desks.get(before.profile), before, event)

    def _load(self, number: str) -> model.Ticket:
        record = self._tickets.load([number]).get(number)
        if record is None:
            raise Missing(f"There is no ticket {number}; it was said but is not kept, so look at the database.")
        return record.ticket()

    def _restore(self, message: HeardMessage, heard: ticket_pb2.TicketEvent, now: datetime) -> Sequence[Said]:
        holder = next((change_.old for change_ in heard.changes if change_.field == "assignee"), "")

        def decide(ticket: model.Ticket) -> model.Event | None:
            desk = self._desks.get(ticket.profile)
            return self._attended(ticket, restored(desk, ticket, heard.from_state, holder, now))

        return change(self._tickets, heard.ticket.number, decide, message.id, message.traceparent)[1]


_Kinds = dict[str, frozenset[str]]


def _bulletin_in(heard: ticket_pb2.TicketEvent) -> Bulletin | None:
    """What the event tells the children of its ticket: the text of the record, else everything it says."""
    kind = next((change.new for change in heard.changes if change.field == TELLS_CHILDREN), "")
    record = next((each for each in heard.ticket.records if kind and each.kind == kind), None)
    if record is None:
        return None
    words = record.values.get("text", "") or " ".join(text for _, text in sorted(record.values.items()))
    return Bulletin(heard.ticket.number, heard.ticket.version, words)


def _links_in(heard: ticket_pb2.TicketEvent) -> tuple[_Kinds, _Kinds]:
    """Kinds of links between tickets that came and that went with an event, by target."""
    came: _Kinds = {}
    went: _Kinds = {}
    if heard.event == "opened":
        for link in heard.ticket.links:
            _put(came, link.kind, link.target)
    for brought in heard.changes:
        # Both: only the note of the link is another.
        if brought.field == "links" and not (brought.old and brought.new):
            kind, _, rest = (brought.new or brought.old).partition(" ")
            _put(came if brought.new else went, kind, rest.partition(":")[0])
    return came, went


def _put(into: _Kinds, kind: str, target: str) -> None:
    if kind in OPPOSITE:
        into[target] = into.get(target, frozenset()) | {kind}


def with_others(tickets: Tickets, ticket: model.Ticket, command: model.Command) -> model.Command:
    """The command with the tickets it concerns, as they stand; those that do not exist are left out."""
    asked: set[str] = set()
    for _ in range(_DEEPEST):
        wanted = concerned(ticket, command).difference(asked)
        if not wanted:
            return command
        asked |= wanted
        found = {number: record.ticket() for number, record in tickets.load(sorted(wanted)).items()}
        command = replace(command, others={**command.others, **found})
    raise Refused(f"More than {_DEEPEST} tickets stand above each other; unlink some of them.", code="conflict")
