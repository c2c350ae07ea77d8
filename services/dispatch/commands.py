"""What people do to tickets over gRPC: act and claim, said at once or by the relay when the broker is away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model, wire
from services.dispatch.entries import entries_of
from services.dispatch.handlers import Desks, Said, Tickets, change
from services.dispatch.linking import with_others
from services.dispatch.policy import check_bounds, step
from services.dispatch.queues.gate import Gate
from services.dispatch.queues.heads import Heads, Offer
from services.kernel.errors import Missing, Refused, Unavailable

_WRITERS = 4
"""Writes of this process to the store at a time, while many claim at once."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, when, and what names the call: its events have ids made of `cause`."""

    caller: model.Caller
    now: datetime
    cause: str
    traceparent: str = ""


def judged(
    desks: Desks, tickets: Tickets, command: model.Command, call: Call
) -> Callable[[model.Ticket], model.Event | None]:
    """The command as `change` takes it: judged on a ticket by its desk, together with the tickets it concerns."""

    def decide(ticket: model.Ticket) -> model.Event | None:
        known = with_others(tickets, ticket, command)
        return step(desks.get(ticket.profile), ticket, known, call.caller, call.now)

    return decide


def keyed(caller: model.Caller, number: str, key: str) -> str:
    """The cause of a call with an idempotency key: a person's key is their own, nobody else's act is taken for it."""
    return f"act:{caller.id}:{number}:{key}"


class Commands:
    """Commands on tickets. `say` publishes with confirms and may raise Unavailable: the relay says it later then."""

    def __init__(self, desks: Desks, tickets: Tickets, say: Callable[[Sequence[Said]], None]) -> None:
        self._desks = desks
        self._tickets = tickets
        self._say = say
        self._heads = Heads(tickets)
        self._gate = Gate(_WRITERS)

    def act(self, number: str, command: model.Command, call: Call, expected_version: int = 0) -> ticket_pb2.Ticket:
        """One step of the lifecycle, or of what every desk has; gives back the ticket after it."""
        check_bounds(command)
        return self._take(number, command, call, expected_version)[0]

    def _take(
        self, number: str, command: model.Command, call: Call, expected_version: int = 0
    ) -> tuple[ticket_pb2.Ticket, bool]:
        """The ticket after the step, and whether the step changed it."""
        ticket, said = change(
            self._tickets,
            number,
            judged(self._desks, self._tickets, command, call),
            call.cause,
            call.traceparent,
            expected_version=expected_version,
            owed_since=call.now,
        )
        self._tell(number, said)
        return ticket, bool(said)

    def claim(self, number: str, call: Call) -> ticket_pb2.Ticket:
        """Takes the named ticket (接单)."""
        return self.act(number, model.Command("claim"), call)

    def claim_first(self, team: str, call: Call) -> ticket_pb2.Ticket:
        """Takes the first ticket of a team's queue that nobody else takes in the same moment."""
        self._check_member(team, call)
        refusal = None
        with self._heads.of(team) as offers:
            for offer in offers:
                try:
                    if (taken := self._take_offered(offer, call)) is not None:
                        return taken
                except Refused as refused:
                    refusal = refused
                except Missing:
                    # Of a profile that is no longer served: it must not hide what stands behind it.
                    continue
        if refusal is not None and refusal.code != "conflict":
            raise refusal
        raise Missing(f"Nothing waits in the queue of team {team}; look again later.")

    def _take_offered(self, offer: Offer, call: Call) -> ticket_pb2.Ticket | None:
        """None when it is the caller's already. What waits for somebody else, such as a callback, costs no access."""
        ticket = wire.ticket_from(offer.entry.event().ticket)
        event = step(self._desks.get(ticket.profile), ticket, model.Command("claim"), call.caller, call.now)
        if event is None:
            return None
        offer.is_gone = True
        entries, said = entries_of((event,), call.cause, call.traceparent, offer.entry)
        with self._gate.passed():
            taken = self._tickets.append(event.ticket, entries, owed_since=call.now)
        if taken:
            self._tell(offer.number, said)
            return wire.ticket_to(event.ticket)
        # It has changed since it was read, and may be there to be taken all the same.
        after, changed = self._take(offer.number, model.Command("claim"), call)
        return after if changed else None

    def _check_member(self, team: str, call: Call) -> None:
        caller = call.caller
        known = [desk for desk in self._desks.all() if team in desk.teams]
        if not known:
            raise Missing(f'There is no team "{team}"; check the name.')
        members = [desk.people[caller.id].teams for desk in known if caller.id in desk.people]
        # Who stands in for a member works from the member's queue (M21).
        stands = [desk.roster.acting_roles(caller.id, call.now)[1] for desk in known]
        if team not in caller.teams and not any(team in teams for teams in (*members, *stands)):
            raise Refused(f"Only members of team {team} may claim from its queue.", code="forbidden")

    def _tell(self, number: str, said: Sequence[Said]) -> None:
        """The change is safe in the ticket already; what the broker cannot take now is said by the relay."""
        if not said:
            return
        try:
            self._say(said)
        except Unavailable:
            return
        with self._gate.passed():
            self._tickets.mark_said(number, [message.id for message in said])


class Relay:
    """Says what a crash or an absent broker left unsaid (decision 6). Ticks of one worker never overlap."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._told: Sequence[tuple[str, Sequence[Said]]] = ()

    def tick(self, older_than: datetime, limit: int = 200) -> Sequence[Said]:
        """What is owed. The tick after it marks it as said: it comes only once all was confirmed."""
        told, self._told = self._told, ()
        for number, said in told:
            self._tickets.mark_said(number, [message.id for message in said])
        self._told = self._tickets.unsaid(older_than, limit)
        return [message for _, said in self._told for message in said]
