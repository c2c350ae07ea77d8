"""Who may act between tickets, on urging and on departments; and which other tickets such a command looks at."""

from __future__ import annotations

from collections.abc import Mapping

from services.dispatch.model import Actor, Caller, Command, Ticket
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.ends import LONGEST_TARGET, OPPOSITE, listed, targets
from services.dispatch.policy.everywhere import STAFF
from services.dispatch.policy.values import JUDGES, LONGEST
from services.kernel.errors import Missing, Refused

MOST_MEMBERS = 50
"""Tickets that one action may group under a problem."""

_HANDS = tuple(role for role in STAFF if role not in ("quality", "administrator"))
_ROLES: Mapping[str, tuple[str, ...]] = {
    "link": _HANDS,
    "unlink": _HANDS,
    "merge": JUDGES,
    "make_problem": _HANDS,
    "join_problem": _HANDS,
    "urge": tuple(role for role in STAFF if role not in ("engineer", "administrator")),
    "set_departments": ("supervisor",),
}
_ON_ENDED = frozenset({"link", "unlink"})
_VALUES: Mapping[str, frozenset[str]] = {
    "link": frozenset({"kind", "note"}),
    "unlink": frozenset({"kind"}),
    "make_problem": frozenset({"members"}),
    "set_departments": frozenset({"supporting_teams"}),
}


def may_link(ticket: Ticket, caller: Caller) -> tuple[str, ...]:
    """Which of these the caller may take now."""
    return tuple(
        action
        for action, roles in _ROLES.items()
        if caller.role_among(roles) and (action in _ON_ENDED or not ticket.ended)
    )


def acting(desk: Desk, ticket: Ticket, command: Command, caller: Caller) -> Actor:
    """The caller in the role that may; Refused for others, for the accused (C28) and on tickets that have ended."""
    roles = _ROLES[command.action]
    role = caller.role_among(roles)
    if not role:
        who = ", ".join(desk.role_label(role) for role in roles)
        raise Refused(f"Only {who} may {command.action} a ticket; ask one of them.", code="forbidden")
    if desk.is_accused(ticket, caller.id):
        raise Refused(f"Ticket {ticket.number} is a complaint about you; somebody else must do this.", code="forbidden")
    if ticket.ended and command.action not in _ON_ENDED:
        raise Refused(
            f"Ticket {ticket.number} is {desk.state_label(ticket.state)} and stays as it is; add a link or a note.",
            code="conflict",
        )
    known = _VALUES.get(command.action, frozenset())
    for name in command.values:
        if name not in known:
            raise Refused(
                f'"{name}" cannot be taken because {command.action} has no such value; '
                f"use {', '.join(sorted(known)) or 'the reason and the target only'}.",
                field=name,
            )
    if len(command.reason) > LONGEST:
        raise Refused(f"The reason is longer than {LONGEST} characters; shorten it.", field="reason")
    return Actor(caller.id, role)


def concerned(ticket: Ticket, command: Command) -> frozenset[str]:
    """Numbers of the tickets this command has to look at, as far as the others it carries show."""
    wanted: set[str] = set()
    if command.action in _ROLES:
        kind = command.values.get("kind", "").strip()
        if command.action in ("merge", "join_problem") or (command.action == "link" and kind in OPPOSITE):
            wanted.add(command.target.strip())
        if command.action == "make_problem":
            wanted.update(listed(command.values.get("members", ""))[: MOST_MEMBERS + 1])
        if kind in ("parent", "child"):
            for one in (ticket, *command.others.values()):
                wanted.update(targets(one, "parent"))
    elif ticket.links:
        wanted.update(targets(ticket, "child"))
    return frozenset(wanted.difference(command.others, {ticket.number, ""}))


def target_of(command: Command) -> str:
    """What the command names, cut of spaces; refused when it is too long."""
    target = command.target.strip()
    if len(target) > LONGEST_TARGET or not target.isprintable():
        raise Refused(f"A target has at most {LONGEST_TARGET} printable characters; check it.", field="target")
    return target


def other_end_of(ticket: Ticket, number: str, command: Command, role: str) -> Ticket:
    """The ticket at the other end; Missing when there is none."""
    if number == ticket.number:
        raise Refused(f"Ticket {number} cannot be its own {role}; name another ticket.", field="target")
    other = command.others.get(number)
    if other is None:
        raise Missing(f"There is no ticket {number} that could be the {role}; check the number.")
    return other
