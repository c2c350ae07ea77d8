"""What people do to tickets over gRPC: act and claim, said at once or by the relay when the broker is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model, wire
from services.dispatch.handlers import Desks, Said, Tickets, change
from services.dispatch.linking import with_others
from services.dispatch.policy import step
from services.kernel.errors import Missing, Refused, Unavailable

CANDIDATES = 20
"""How many tickets of a queue one claim looks at together; others may be faster at the first."""
MORE = 200
"""How many it looks at together once the first were not to be had."""
PAGES = 10


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, when, and what names the call: its events have ids made of `cause`."""

    caller: model.Caller
    now: datetime
    cause: str
    traceparent: str = ""


class Commands:
    """Commands on tickets. `say` publishes with confirms and may raise Unavailable: the relay says it later then."""

    def __init__(self, desks: Desks, tickets: Tickets, say: Callable[[Sequence[Said]], None]) -> None:
        self._desks = desks
        self._tickets = tickets
        self._say = say
        self._lock = threading.Lock()
        self._tried: set[str] = set()
        """Tickets that somebody is claiming at this moment: the next caller tries the next one."""

    def act(self, number: str, command: model.Command, call: Call, expected_version: int = 0) -> ticket_pb2.Ticket:
        """One step of the lifecycle, or of what every desk has; gives back the ticket after it."""
        return self._take(number, command, call, expected_version)[0]

    def _take(
        self, number: str, command: model.Command, call: Call, expected_version: int = 0
    ) -> tuple[ticket_pb2.Ticket, bool]:
        """The ticket after the step, and whether the step changed it."""

        def decide(ticket: model.Ticket) -> model.Event | None:
            known = with_others(self._tickets, ticket, command)
            return step(self._desks.get(ticket.profile), ticket, known, call.caller, call.now)

        ticket, said = change(
            self._tickets,
            number,
            decide,
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
        self._check_member(team, call.caller)
        refusal, after = None, ""
        for _ in range(PAGES):
            size = MORE if after else CANDIDATES
            candidates = self._tickets.page("place", f"team:{team}", after, size)
            for _, ticket in candidates:
                try:
                    # What waits for somebody else, such as a callback, costs no access.
                    self._judge_claim(ticket, call)
                    if (taken := self._take_alone(ticket.number, call)) is not None:
                        return taken
                except Refused as refused:
                    refusal = refused
            if len(candidates) < size:
                break
            after = candidates[-1][0]
        if refusal is not None and refusal.code != "conflict":
            raise refusal
        raise Missing(f"Nothing waits in the queue of team {team}; look again later.")

    def _judge_claim(self, ticket: ticket_pb2.Ticket, call: Call) -> None:
        desk = self._desks.get(ticket.profile)
        step(desk, wire.ticket_from(ticket), model.Command("claim"), call.caller, call.now)

    def _take_alone(self, number: str, call: Call) -> ticket_pb2.Ticket | None:
        """None when another caller of this process is at it, or the same person was faster from another window."""
        with self._lock:
            if number in self._tried:
                return None
            self._tried.add(number)
        try:
            taken, changed = self._take(number, model.Command("claim"), call)
            return taken if changed else None
        finally:
            with self._lock:
                self._tried.discard(number)

    def _check_member(self, team: str, caller: model.Caller) -> None:
        known = [desk for desk in self._desks.all() if team in desk.teams]
        if not known:
            raise Missing(f'There is no team "{team}"; check the name.')
        members = (desk.people[caller.id].teams for desk in known if caller.id in desk.people)
        if team not in caller.teams and not any(team in teams for teams in members):
            raise Refused(f"Only members of team {team} may claim from its queue.", code="forbidden")

    def _tell(self, number: str, said: Sequence[Said]) -> None:
        """The change is safe in the ticket already; what the broker cannot take now is said by the relay."""
        if not said:
            return
        try:
            self._say(said)
        except Unavailable:
            return
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
