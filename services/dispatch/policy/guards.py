"""The guards of lifecycle.py, each once; each refuses with a sentence of its own that names the remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.model import Caller, Command, Ticket
from services.dispatch.policy.acting import holds
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.promises import check_authority
from services.kernel.errors import Refused
from services.profile.lifecycle import Guard, Transition


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything a guard or an effect may look at besides the ticket."""

    desk: Desk
    row: Transition
    command: Command
    caller: Caller
    now: datetime


def _conflict(message: str) -> Refused:
    return Refused(message, code="conflict")


def _caller_is_assignee(wish: Wish, ticket: Ticket) -> None:
    if not holds(wish.desk, wish.caller, ticket.assignee, wish.now):
        holder = ticket.assignee or "nobody yet"
        raise Refused(
            f"Ticket {ticket.number} is held by {holder}; only the holder may {wish.row.action} it.", code="forbidden"
        )


def _caller_is_project_manager(wish: Wish, ticket: Ticket) -> None:
    manager = ticket.project_manager or ticket.assignee
    if not holds(wish.desk, wish.caller, manager, wish.now):
        raise Refused(
            f"Ticket {ticket.number} is with the project manager {manager or 'nobody yet'}; "
            f"only that manager may {wish.row.action} it.",
            code="forbidden",
        )


def _project_has_manager(wish: Wish, ticket: Ticket) -> None:
    wish.desk.manager_of(ticket)


def _target_on_duty(wish: Wish, ticket: Ticket) -> None:
    """C23: an absent person's substitute counts; nobody on duty in their place is a refusal.

    Teams are queues and always there; what is neither is refused by the effect that names both.
    """
    target = wish.command.target
    if target not in wish.desk.people:
        return
    chosen = wish.desk.roster.stand_in(target, wish.now)
    present = [person.id for person in wish.desk.roster.on_duty(wish.now)]
    if chosen not in present:
        names = ", ".join(present) or "nobody"
        raise _conflict(f"{target} is not on duty now and has no substitute who is; on duty now: {names}.")


def _target_in_project(wish: Wish, ticket: Ticket) -> None:
    project = wish.desk.projects.get(ticket.project)
    engineers = project.engineers if project else ()
    if wish.command.target not in engineers:
        raise Refused(
            f"{wish.command.target} is no engineer of project {ticket.project or '(none)'}; "
            f"name one of: {', '.join(engineers) or 'none yet'}.",
            field="target",
        )


def _target_is_not_engineer(wish: Wish, ticket: Ticket) -> None:
    if wish.command.target == ticket.engineer:
        raise _conflict(f"{wish.command.target} has just handed ticket {ticket.number} back; name another engineer.")


def _not_called_back(wish: Wish, ticket: Ticket) -> bool:
    """Whether the desk calls back other tickets than this one (X10): then nobody waits for a callback."""
    rules = wish.desk.profile.callback
    return rules is not None and not rules.covers(ticket.neutral_type == "complaint", ticket.path)


def _callback_done(wish: Wish, ticket: Ticket) -> None:
    if _not_called_back(wish, ticket):
        return
    if ticket.callback not in ("completed", "unreachable"):
        raise _conflict(
            f"Ticket {ticket.number} cannot {wish.row.action}: the callback (回访) is missing; "
            "complete it, or record that the requester could not be reached."
        )


def _user_confirmed(wish: Wish, ticket: Ticket) -> None:
    if _not_called_back(wish, ticket):
        return
    if "user_confirmed" not in ticket.milestones and ticket.callback != "unreachable":
        raise _conflict(
            f"Ticket {ticket.number} cannot {wish.row.action}: the user's confirmation (用户确认) is missing; "
            "ask the requester in the callback."
        )


def _path_online(wish: Wish, ticket: Ticket) -> None:
    if ticket.path != "online":
        raise _conflict(f"Ticket {ticket.number} was not solved online; this step is for tickets that were.")


def _path_dispatched(wish: Wish, ticket: Ticket) -> None:
    if ticket.path != "dispatched":
        raise _conflict(f"Ticket {ticket.number} was not dispatched; this step is for tickets that were.")


def _not_dispatched(wish: Wish, ticket: Ticket) -> None:
    if ticket.path == "dispatched":
        raise _conflict(f"Ticket {ticket.number} was dispatched; this step is for tickets still with the desk.")


def _within_authority(wish: Wish, ticket: Ticket) -> None:
    """C18."""
    check_authority(wish.desk, ticket, wish.caller)


def _no_contact(wish: Wish, ticket: Ticket) -> None:
    """A15."""
    who = ticket.requester
    if who.phone or who.email or who.im:
        raise _conflict(f"The requester of ticket {ticket.number} left a contact and must get an answer; give one.")


GUARDS: Mapping[Guard, Callable[[Wish, Ticket], None]] = {
    "caller_is_assignee": _caller_is_assignee,
    "caller_is_project_manager": _caller_is_project_manager,
    "project_has_manager": _project_has_manager,
    "target_on_duty": _target_on_duty,
    "target_in_project": _target_in_project,
    "target_is_not_engineer": _target_is_not_engineer,
    "callback_done": _callback_done,
    "user_confirmed": _user_confirmed,
    "path_online": _path_online,
    "path_dispatched": _path_dispatched,
    "not_dispatched": _not_dispatched,
    "within_authority": _within_authority,
    "no_contact": _no_contact,
}
