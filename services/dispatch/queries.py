"""What people may see of tickets: one ticket, a queue, a history, an explanation."""

from __future__ import annotations

from datetime import datetime

from services.contracts.deskstream.v1 import common_pb2, dispatch_pb2, ticket_pb2
from services.dispatch import model, wire
from services.dispatch.audit.history import history_of
from services.dispatch.handlers import Desks, Entry, Record, Tickets
from services.dispatch.model import replace
from services.dispatch.policy import explain, possible
from services.dispatch.policy.everywhere import STAFF
from services.dispatch.queues.queue import DEFAULT_PAGE, MOST, page, queue_named
from services.kernel.errors import Missing, Refused

NEED = (*STAFF[:7], "channel_adapter", "system")
"""Roles that need to know who the requester is; others see it masked (P1)."""
READERS = (*NEED, "quality", "administrator", "reporter")
_WHO_ASKED = ("customer", "department", "unit")
"""Facts of a routing decision that tell of the requester."""


class Queries:
    """Reads; nothing here changes a ticket."""

    def __init__(self, desks: Desks, tickets: Tickets) -> None:
        self._desks = desks
        self._tickets = tickets

    def _record(self, number: str, caller: model.Caller) -> Record:
        """The ticket, if the caller may know of it: staff, readers, and the requester their own."""
        record = self._tickets.load([number]).get(number)
        if record is None or not (caller.role_among(READERS) or record.latest.requester.id == caller.id):
            raise Missing(f"There is no ticket {number} that you may see; check the number.")
        return record

    def record(self, number: str, caller: model.Caller) -> Record:
        """The ticket with its whole history; Missing when the caller may not know of it."""
        return self._record(number, caller)

    def ticket(self, number: str, caller: model.Caller, now: datetime) -> dispatch_pb2.GetTicketResponse:
        """The ticket as it stands and what the caller may do to it now."""
        latest = self._record(number, caller).latest
        desk = self._desks.get(latest.profile)
        actions = possible(desk, wire.ticket_from(latest), caller, now)
        return dispatch_pb2.GetTicketResponse(ticket=shown(latest, caller, self._desks), actions=actions)

    def shown_to(self, ticket: ticket_pb2.Ticket, caller: model.Caller) -> ticket_pb2.Ticket:
        """A ticket in hand as this caller may see it."""
        return shown(ticket, caller, self._desks)

    def last_entry(self, number: str, caller: model.Caller) -> Entry:
        """What happened to the ticket last; Missing when the caller may not know of it."""
        return self._record(number, caller).entries[-1]

    def queue(self, name: str, size: int, token: str, caller: model.Caller) -> dispatch_pb2.ListQueueResponse:
        """One page; the token is the position of its last ticket, so that pages never overlap."""
        if not 0 <= size <= MOST:
            raise Refused(f"A page has 1 to {MOST} tickets; ask for so many.", field="page_size")
        limit = size or DEFAULT_PAGE
        found = page(self._tickets, queue_named(name, self._desks), token, limit)
        return dispatch_pb2.ListQueueResponse(
            tickets=[shown(ticket, caller, self._desks) for _, ticket in found],
            next_page_token=found[-1][0] if len(found) == limit else "",
        )

    def history(self, number: str, caller: model.Caller, language: str = "") -> dispatch_pb2.GetHistoryResponse:
        """Every event in order, in words too, and whether the history is still what was said (B9, B10)."""
        record = self._record(number, caller)
        desk = self._desks.get(record.latest.profile)
        inside = bool(caller.role_among(READERS))
        return history_of(desk, record, language, lambda ticket: _hidden(ticket, caller, self._desks), inside=inside)

    def explanation(self, number: str, language: str, caller: model.Caller) -> dispatch_pb2.ExplainResponse:
        """Why the ticket went where it is, stored when it was decided (C2); to requesters without the desk's inside."""
        latest = self._record(number, caller).latest
        ticket = wire.ticket_from(latest)
        if ticket.routing is None:
            raise Missing(f"Ticket {number} was never routed by a rule.")
        desk, decision = self._desks.get(ticket.profile), ticket.routing
        if _is_accused(latest, caller, self._desks):
            _forget_who_asked(latest.routing)
            decision = replace(decision, facts=dict(latest.routing.facts))
        inside = bool(caller.role_among(READERS))
        text = explain(desk, decision, language or desk.profile.profile.language, inside=inside)
        if not inside:
            _keep_outside(latest)
        return dispatch_pb2.ExplainResponse(decision=latest.routing, text=text)


def _is_accused(ticket: ticket_pb2.Ticket, caller: model.Caller, desks: Desks) -> bool:
    return any(desk.means(ticket.accused, caller.id) for desk in desks.all() if desk.name == ticket.profile)


def _hidden(ticket: ticket_pb2.Ticket, caller: model.Caller, desks: Desks) -> bool:
    """Whether the caller is told who asked: not those without need, nor the person complained about (C28, P1)."""
    if _is_accused(ticket, caller, desks):
        return True
    return not caller.role_among(NEED) and ticket.requester.id != caller.id


def shown(ticket: ticket_pb2.Ticket, caller: model.Caller, desks: Desks) -> ticket_pb2.Ticket:
    """The ticket as this caller may see it; requesters are told of their own without the desk's inside (C2)."""
    if _hidden(ticket, caller, desks):
        told = wire.masked(ticket)
        if _is_accused(ticket, caller, desks):
            # Who complains is not told to whom they complain about (003 [003-13]).
            told.requester.CopyFrom(common_pb2.Requester(id="***"))
            if told.HasField("routing"):
                _forget_who_asked(told.routing)
        return told
    if caller.role_among(READERS):
        return ticket
    own = ticket_pb2.Ticket()
    own.CopyFrom(ticket)
    _keep_outside(own)
    return own


def _forget_who_asked(decision: ticket_pb2.RoutingDecision) -> None:
    for fact in _WHO_ASKED:
        decision.facts.pop(fact, None)


def _keep_outside(ticket: ticket_pb2.Ticket) -> None:
    """Rules name other customers, why somebody was chosen speaks of colleagues, links tell of others' tickets."""
    if ticket.HasField("routing"):
        for field in ("tried", "tried_count", "person_reason", "person_reason_en", "reason"):
            ticket.routing.ClearField(field)
    for link in ticket.links:
        link.ClearField("note")
