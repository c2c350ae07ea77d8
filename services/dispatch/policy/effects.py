"""The effects of lifecycle.py, each once: a ticket in, a ticket out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.dispatch.model import Ticket, replace
from services.dispatch.policy.acting import holds
from services.dispatch.policy.departments import departments_named
from services.dispatch.policy.guards import Wish
from services.dispatch.policy.promises import raised
from services.dispatch.policy.routing import decide
from services.kernel.errors import Refused
from services.profile.lifecycle import Effect


def _held_by(wish: Wish, ticket: Ticket, person: str) -> Ticket:
    """The ticket in the hands of a person; never of the one complained about (C28)."""
    if wish.desk.is_accused(ticket, person):
        raise Refused(
            f"{person} is the person complained about in ticket {ticket.number}; name somebody else.", field="target"
        )
    known = wish.desk.people.get(person)
    if known is None:
        return replace(ticket, assignee=person)
    engineer = person if "engineer" in known.roles else ticket.engineer
    team = ticket.team if ticket.team in known.teams or not known.teams else known.teams[0]
    return replace(ticket, assignee=person, engineer=engineer, team=team)


def _assign_target(wish: Wish, ticket: Ticket) -> Ticket:
    target = wish.command.target
    if target in wish.desk.people:
        return _held_by(wish, ticket, wish.desk.roster.stand_in(target, wish.now))
    if target in wish.desk.teams:
        return replace(ticket, team=target, assignee="")
    raise Refused(f'"{target}" is neither a person nor a team of this desk; name one that is.', field="target")


def _assign_engineer(wish: Wish, ticket: Ticket) -> Ticket:
    """To the engineer the action names, else back to the engineer named last."""
    if wish.command.target:
        person = wish.desk.roster.stand_in(wish.command.target, wish.now)
        return replace(_held_by(wish, ticket, person), engineer=person)
    if not ticket.engineer:
        return replace(ticket, assignee="")
    return _held_by(wish, ticket, ticket.engineer)


def _assign_project_manager(wish: Wish, ticket: Ticket) -> Ticket:
    """Back to the manager who accepted it; a new dispatch goes to the manager of the project named now (C3)."""
    if ticket.project_manager and "count_dispatch" not in wish.row.effects:
        return _held_by(wish, ticket, ticket.project_manager)
    manager = wish.desk.roster.stand_in(wish.desk.manager_of(ticket), wish.now)
    held = _held_by(wish, ticket, manager)
    return replace(held, team=wish.desk.projects[ticket.project].team, project_manager="")


def _assign_caller(wish: Wish, ticket: Ticket) -> Ticket:
    """What was given to somebody by name is theirs until they let it go (C22)."""
    work = wish.desk.work.get(ticket.team)
    given = work is not None and work.pushes and ticket.assignee
    if given and not holds(wish.desk, wish.caller, ticket.assignee, wish.now):
        raise Refused(
            f"Ticket {ticket.number} was given to {ticket.assignee}; take another, or let them hand it back first.",
            code="conflict",
        )
    return _held_by(wish, ticket, wish.caller.id)


def _assign_role_on_duty(wish: Wish, ticket: Ticket) -> Ticket:
    """The first of the role on duty; outside duty hours the first of the role, for somebody must have it."""
    role = wish.row.effect_role or ""
    present = [person.id for person in wish.desk.roster.on_duty(wish.now, role=role)]
    if not present:
        holders = [person.id for person in wish.desk.people.values() if role in person.roles]
        present = [wish.desk.roster.stand_in(person, wish.now) for person in holders]
    chosen = next((person for person in present if not wish.desk.is_accused(ticket, person)), "")
    if not chosen:
        raise Refused(
            f"Nobody who is {wish.desk.role_label(role)} can take ticket {ticket.number}; add one to the roster.",
            code="conflict",
        )
    return _held_by(wish, ticket, chosen)


def _assign_manager_on_duty(wish: Wish, ticket: Ticket) -> Ticket:
    """To the manager of the ticket's project or their substitute; without one, to the role on duty (H1)."""
    project = wish.desk.projects.get(ticket.project)
    manager = wish.desk.roster.stand_in(project.manager, wish.now) if project else ""
    if not manager or wish.desk.is_accused(ticket, manager):
        return _assign_role_on_duty(wish, ticket)
    return replace(_held_by(wish, ticket, manager), project_manager="")


def _assign_nobody(wish: Wish, ticket: Ticket) -> Ticket:
    return replace(ticket, assignee="")


def _route(wish: Wish, ticket: Ticket) -> Ticket:
    at = ticket.milestones.get("received", wish.now) if ticket.version == 0 and not ticket.backfilled else wish.now
    decision = decide(wish.desk, ticket, at, wish.now)
    return replace(ticket, routing=decision, team=decision.team, assignee=decision.assignee)


def _count_failed_dispatch(wish: Wish, ticket: Ticket) -> Ticket:
    """C12: only those it was sent to say that it was sent to the wrong ones."""
    known = wish.desk.people.get(wish.caller.id)
    teams = wish.caller.teams | frozenset(known.teams if known else ())
    mine = holds(wish.desk, wish.caller, ticket.assignee, wish.now) if ticket.assignee else ticket.team in teams
    if not mine:
        raise Refused(
            f"Ticket {ticket.number} was sent to {ticket.assignee or f'the team {ticket.team}'}; only they may "
            f"{wish.row.action} it.",
            code="forbidden",
        )
    return replace(ticket, failed_dispatches=ticket.failed_dispatches + 1)


def _new_cycle(wish: Wish, ticket: Ticket) -> Ticket:
    """F13: milestones after "opened" start anew, records too; the old ones stay in the history."""
    kept = {name: at for name, at in ticket.milestones.items() if name in ("received", "opened")}
    return replace(ticket, cycle=ticket.cycle + 1, milestones=kept, callback="", records=(), promised_at=None)


def _enter_flow(wish: Wish, ticket: Ticket) -> Ticket:
    """B8: the same number under another type and its lifecycle; the change stands in the history."""
    kind = wish.row.becomes or ticket.type
    flow = wish.desk.flow_of_type(kind)
    return replace(ticket, type=kind, neutral_type=wish.desk.neutral_types[kind], flow=flow)


def _to_team(wish: Wish, ticket: Ticket) -> Ticket:
    return replace(ticket, team=wish.row.team or ticket.team, assignee="")


EFFECTS: Mapping[Effect, Callable[[Wish, Ticket], Ticket]] = {
    "assign_target": _assign_target,
    "assign_project_manager": _assign_project_manager,
    "assign_engineer": _assign_engineer,
    "assign_caller": _assign_caller,
    "assign_role_on_duty": _assign_role_on_duty,
    "assign_manager_on_duty": _assign_manager_on_duty,
    "assign_nobody": _assign_nobody,
    "route": _route,
    "count_hand_back": lambda wish, ticket: replace(ticket, hand_backs=ticket.hand_backs + 1),
    "count_dispatch": lambda wish, ticket: replace(ticket, dispatches=ticket.dispatches + 1),
    "count_failed_dispatch": _count_failed_dispatch,
    "accept_as_project_manager": lambda wish, ticket: replace(ticket, project_manager=wish.caller.id),
    "new_cycle": _new_cycle,
    "path_online": lambda wish, ticket: replace(ticket, path="online"),
    "path_dispatched": lambda wish, ticket: replace(ticket, path="dispatched"),
    "enter_flow": _enter_flow,
    "to_team": _to_team,
    "raise_flag": lambda wish, ticket: raised(ticket, wish.row.flag or "major"),
    # The lead is the action's target, the support its value (B16, C11).
    "set_departments": lambda wish, ticket: departments_named(wish.desk, ticket, wish.command),
    "count_reassignment": lambda wish, ticket: replace(ticket, reassignments=ticket.reassignments + 1),
}
