"""What every desk can do with a ticket, whatever its lifecycle: note, grade, update, withdraw, and plain taking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from services.dispatch.model import Actor, Caller, Command, Event, Ticket
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.taking import said
from services.dispatch.policy.values import JUDGES, demand, with_values
from services.kernel.errors import Refused

STAFF = (
    *("specialist", "engineer", "project_manager", "team_leader", "desk_manager", "supervisor"),
    *("operations_manager", "quality", "administrator"),
)
"""Roles that work at the desk; requesters, adapters and report readers do not."""

_HANDS = STAFF[:7]

_ROLES: Mapping[str, tuple[str, ...]] = {
    "note": STAFF,
    "grade": JUDGES,
    "update": _HANDS,
    "withdraw": JUDGES,
}


def _actor(desk: Desk, ticket: Ticket, command: Command, caller: Caller) -> Actor:
    role = caller.role_among(_ROLES[command.action])
    if not role:
        who = ", ".join(desk.role_label(role) for role in _ROLES[command.action])
        raise Refused(f"Only {who} may {command.action} a ticket; ask one of them.", code="forbidden")
    if command.action != "note" and ticket.ended:
        raise Refused(
            f"Ticket {ticket.number} is {desk.state_label(ticket.state)} and stays as it is; add a note instead.",
            code="conflict",
        )
    return Actor(caller.id, role)


def _note(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    actor = _actor(desk, ticket, command, caller)
    demand(ticket, "note", ("reason",), command)
    return said(ticket, ticket, "noted", "note", actor, now, command.reason)


def _grade(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """B6, D17: old and new grade, who, when and why stay in the history; None when it has this grade already."""
    actor = _actor(desk, ticket, command, caller)
    if not command.values.get("grade", "").strip():
        demand(replace(ticket, grade=""), "grade", ("grade",), command)
    after = with_values(desk, ticket, replace(command, values={"grade": command.values["grade"]}), caller, now)
    if after == ticket:
        return None
    return said(ticket, after, "graded", "grade", actor, now, command.reason)


def _update(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    actor = _actor(desk, ticket, command, caller)
    if not command.values:
        raise Refused(f"To update ticket {ticket.number}, give at least one value.", field="values")
    after = with_values(desk, ticket, command, caller, now)
    return None if after == ticket else said(ticket, after, "updated", "update", actor, now, command.reason)


def _withdraw(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    """For lifecycles without rows of their own; nothing is ever deleted (B10)."""
    actor = _actor(desk, ticket, command, caller)
    demand(ticket, "withdraw", ("reason",), command)
    ends = [key for key, state in desk.lifecycle.states.items() if state.phase == "cancelled"]
    if not ends:
        raise Refused("This desk has no state for withdrawn tickets; add one to its lifecycle.", code="conflict")
    to = "withdrawn" if "withdrawn" in ends else ends[0]
    after = replace(ticket, state=to, phase="cancelled", assignee="")
    return said(ticket, after, "withdrawn", "withdraw", actor, now, command.reason)


EVERYWHERE: Mapping[str, Callable[[Desk, Ticket, Command, Caller, datetime], Event | None]] = {
    "note": _note,
    "grade": _grade,
    "update": _update,
    "withdraw": _withdraw,
}


def may_everywhere(ticket: Ticket, caller: Caller) -> tuple[str, ...]:
    """Which of these the caller may take now."""
    return tuple(
        action
        for action, roles in _ROLES.items()
        if caller.role_among(roles) and (action == "note" or not ticket.ended)
    )


def claim(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """Taking a waiting ticket of one's own team where the lifecycle has no step for it; the state stays."""
    if ticket.ended:
        raise Refused(f"Ticket {ticket.number} has ended; claim another.", code="conflict")
    if ticket.assignee == caller.id:
        return None
    role = caller.role_among(_HANDS)
    person = desk.people.get(caller.id)
    teams = caller.teams | frozenset(person.teams if person else ())
    if not role or ticket.team not in teams:
        raise Refused(
            f"Ticket {ticket.number} waits for the team {ticket.team}; only its members may claim it.", code="forbidden"
        )
    if desk.is_accused(ticket, caller.id):
        raise Refused(f"Ticket {ticket.number} is a complaint about you; somebody else must take it.", code="forbidden")
    after = replace(ticket, assignee=caller.id)
    return said(ticket, after, "claimed", "claim", Actor(caller.id, role), now, command.reason)
