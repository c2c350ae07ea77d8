"""What every desk can do with a ticket, whatever its lifecycle: note, grade, update, withdraw, and plain taking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from services.dispatch.model import Actor, Caller, Command, Event, Ticket, replace
from services.dispatch.policy import records
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.grading import because, is_answer
from services.dispatch.policy.promises import set_aside
from services.dispatch.policy.taking import passed_down, said, settled
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
    "work_around": ("specialist", "engineer", "team_leader", "project_manager", "operations_manager"),
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
    values = {name: text for name, text in command.values.items() if name == "grade" or is_answer(desk, name)}
    if not any(text.strip() for text in values.values()):
        demand(replace(ticket, grade=""), "grade", ("grade",), replace(command, values=values))
    after = with_values(desk, ticket, replace(command, values=values), caller, now)
    if after == ticket:
        return None
    answered = values.keys() - {"grade"}
    reason = command.reason or (because(desk, after) if answered else "")
    return said(ticket, after, "graded", "grade", actor, now, reason)


def _update(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    actor = _actor(desk, ticket, command, caller)
    if not command.values:
        raise Refused(f"To update ticket {ticket.number}, give at least one value.", field="values")
    after, rest = set_aside(desk, ticket, command, caller, now)
    after = settled(desk, ticket, with_values(desk, after, rest, caller, now), ticket.state)
    return None if after == ticket else said(ticket, after, "updated", "update", actor, now, command.reason)


def _withdraw(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    """For lifecycles without rows of their own; nothing is ever deleted (B10)."""
    actor = _actor(desk, ticket, command, caller)
    demand(ticket, "withdraw", ("reason",), command)
    to = desk.flow(ticket).cancelled_state
    if not to:
        raise Refused("This desk has no state for withdrawn tickets; add one to its lifecycle.", code="conflict")
    after = replace(ticket, state=to, phase="cancelled", assignee="")
    return said(ticket, after, "withdrawn", "withdraw", actor, now, command.reason)


def _work_around(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    """E1 (临时措施): apart from the solution; the first one of a cycle is when service was restored."""
    actor = _actor(desk, ticket, command, caller)
    demand(ticket, "work_around", ("workaround",), command)
    after = with_values(desk, ticket, command, caller, now)
    after = replace(after, milestones={"restored": now, **after.milestones})
    return said(ticket, after, "worked_around", "work_around", actor, now, command.reason)


def _add_record(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    """A record of the kind the target names, with its fields as values (E-group)."""
    form = desk.records.get(command.target)
    if form is None:
        known = ", ".join(f"{each.key} ({each.label.zh})" for each in desk.records.values()) or "none"
        raise Refused(f'This desk keeps no record "{command.target[:60]}"; use one of: {known}.', field="target")
    if form.types and ticket.type not in form.types:
        kinds = ", ".join(desk.type_label(kind) for kind in form.types)
        raise Refused(
            f"The {form.label.en} ({form.label.zh}) belongs to: {kinds}; ticket {ticket.number} is none.",
            code="conflict",
            field="target",
        )
    if form.by_step:
        rows = desk.flow(ticket).lifecycle.transitions
        steps = ", ".join(dict.fromkeys(row.action for row in rows if row.writes == form.key))
        raise Refused(
            f"The {form.label.en} ({form.label.zh}) is written by its own step alone: {steps or 'none here'}.",
            code="conflict",
            field="target",
        )
    role = caller.role_among(form.roles)
    if not role:
        who = ", ".join(desk.role_label(each) for each in form.roles)
        raise Refused(f"The {form.label.en} ({form.label.zh}) is written by: {who}; ask one of them.", code="forbidden")
    if ticket.ended and not form.after_end:
        raise Refused(
            f"Ticket {ticket.number} is {desk.state_label(ticket.state)} and stays as it is; add a note instead.",
            code="conflict",
        )
    demand(ticket, f"record the {form.label.en.lower()} on", records.required(form, {}), command, records.labels(form))
    told, rest = records.split(form, command)
    actor = Actor(caller.id, role)
    after = records.written(desk, ticket, form, {**told, **rest.values}, actor, now)
    return said(ticket, after, form.event, "add_record", actor, now, command.reason, passed_down(form))


def may_record(desk: Desk, ticket: Ticket, caller: Caller) -> bool:
    """Whether there is a kind of record the caller may add now."""
    forms = desk.records.values()
    return any(
        caller.role_among(form.roles)
        and not form.by_step
        and (form.after_end or not ticket.ended)
        and (not form.types or ticket.type in form.types)
        for form in forms
    )


EVERYWHERE: Mapping[str, Callable[[Desk, Ticket, Command, Caller, datetime], Event | None]] = {
    "note": _note,
    "grade": _grade,
    "update": _update,
    "withdraw": _withdraw,
    "work_around": _work_around,
    "add_record": _add_record,
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
