"""A received request becomes a ticket; the steps nobody needs to take (`opening`) are taken at once."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Command, Decision, Event, Ticket, replace
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.grading import prepared
from services.dispatch.policy.routing import decide
from services.dispatch.policy.taking import said, take
from services.kernel.errors import Refused

_SENDS = frozenset({"dispatched", "assigned"})
_NOTHING = Command("open")


def open_ticket(
    desk: Desk, request: Ticket, received_at: datetime, now: datetime, *, answered: bool = False
) -> tuple[Event, ...]:
    """One event "opened" with the first automatic steps in it, and one more when the platform also sends it off.

    `request`: the ticket as the request has it, version 0. `answered`: told to an agent in a call, so responded.
    """
    before = _completed(desk, request, received_at, now, answered)
    actor = Actor(SYSTEM.id, "system")
    ticket, events, name, action = before, [], "opened", "open"
    flow = desk.flow(before)
    for step in flow.opening:
        rows = [row for row in flow.rows(ticket.state, step) if "system" in row.roles]
        try:
            after = take(desk, ticket, rows[0], _NOTHING, SYSTEM, now) if rows else None
        except Refused:
            # What a step needs is not there yet: from here on it is a person's work.
            break
        if after is None:
            break
        if name == "opened" and rows[0].event in _SENDS:
            opened = said(before, _routed(desk, ticket, received_at, now), name, action, actor, now, _why(ticket))
            events.append(opened)
            before, name, action = opened.ticket, rows[0].event, step
            after = replace(after, version=before.version)
        ticket = after
    ticket = _routed(desk, ticket, received_at, now)
    events.append(said(before, ticket, name, action, actor, now, _why(ticket)))
    return tuple(events)


def _why(ticket: Ticket) -> str:
    return ticket.routing.reason if ticket.routing else ""


def _routed(desk: Desk, ticket: Ticket, received_at: datetime, now: datetime) -> Ticket:
    """No ticket is without a queue, whatever the lifecycle says (C24)."""
    if ticket.routing is not None:
        return ticket
    decision: Decision = decide(desk, ticket, now if ticket.backfilled else received_at, now)
    return replace(ticket, routing=decision, team=decision.team, assignee=decision.assignee)


def _completed(desk: Desk, request: Ticket, received_at: datetime, now: datetime, answered: bool) -> Ticket:
    """Version 0: what the profile adds to the request. Words the profile does not have fall back to its default."""
    request = prepared(desk, request)
    kind = request.type if request.type in desk.neutral_types else desk.profile.default_type
    grade = request.grade if request.grade in desk.priorities else desk.profile.grading.default or ""
    flow = desk.flows[desk.flow_of_type(kind)]
    milestones = {"received": received_at, "opened": now}
    if grade:
        milestones["graded"] = now
    if answered and not request.backfilled:
        milestones["responded"] = now
    return replace(
        request,
        profile=desk.name,
        profile_version=request.profile_version or desk.version,
        type=kind,
        neutral_type=desk.neutral_types.get(kind, ""),
        grade=grade,
        priority=desk.priority(grade),
        flow=flow.name,
        state=flow.initial,
        phase=flow.states[flow.initial].phase,
        milestones=milestones,
    )
