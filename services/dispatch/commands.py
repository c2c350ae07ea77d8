"""What people do to tickets over gRPC: act and claim, said at once or by the relay when the broker is away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model
from services.dispatch.handlers import Desks, Said, Tickets, change
from services.dispatch.policy import step
from services.kernel.errors import Missing, Refused, Unavailable

CANDIDATES = 40
"""How many tickets from the head of a queue one claim looks at; others may be faster at the first."""
ROUNDS = 5


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

    def act(self, number: str, command: model.Command, call: Call, expected_version: int = 0) -> ticket_pb2.Ticket:
        """One step of the lifecycle, or of what every desk has; gives back the ticket after it."""
        return self._take(number, command, call, expected_version)[0]

    def _take(
        self, number: str, command: model.Command, call: Call, expected_version: int = 0
    ) -> tuple[ticket_pb2.Ticket, bool]:
        """The ticket after the step, and whether the step changed it."""

        def decide(ticket: model.Ticket) -> model.Event | None:
            return step(self._desks.get(ticket.profile), ticket, command, call.caller, call.now)

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
        refusal: Refused | None = None
        for _ in range(ROUNDS):
            candidates = self._tickets.page("place", f"team:{team}", "", CANDIDATES)
            for _, ticket in candidates:
                try:
                    taken, changed = self._take(ticket.number, model.Command("claim"), call)
                except Refused as refused:
                    refusal = refused
                    continue
                # Unchanged: the same person was faster from another window and wants a further ticket here.
                if changed:
                    return taken
            if len(candidates) < CANDIDATES:
                break
        if refusal is not None and refusal.code != "conflict":
            raise refusal
        raise Missing(f"Nothing waits in the queue of team {team}; look again later.")

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
