"""What people do between tickets: link, unlink, group under a problem (B18, B21); and the list of all such actions.

Each changes its own ticket only; `command.others` are facts. The other end follows by `other_end`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from services.dispatch.model import Caller, Command, Event, Link, Ticket
from services.dispatch.policy.between import MOST_MEMBERS, acting, other_end_of, target_of
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.ends import (
    LABELS,
    LONGEST_NOTE,
    OPPOSITE,
    RECORDS,
    ancestors,
    check_room,
    linked,
    listed,
    state_note,
    targets,
    with_link,
    without_link,
)
from services.dispatch.policy.merging import merge
from services.dispatch.policy.oversight import set_departments, urge
from services.dispatch.policy.taking import said
from services.dispatch.policy.values import demand
from services.kernel.errors import Missing, Refused


def _kind(command: Command) -> str:
    kind = command.values.get("kind", "").strip()
    if kind in ("duplicate", "duplicate_of"):
        raise Refused("Duplicates (重复工单) are merged: use merge on the one that shall end.", field="kind")
    if kind not in OPPOSITE and kind not in RECORDS:
        known = ", ".join(sorted({*OPPOSITE, *RECORDS} - {"duplicate", "duplicate_of"}))
        raise Refused(f'"{kind}" is no kind of link (关联类型); use one of: {known}.', field="kind")
    return kind


def _link(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """A typed link (B18); None when it is there already with this note."""
    actor = acting(desk, ticket, command, caller)
    demand(ticket, "link", ("target",), command)
    kind, note = _kind(command), command.values.get("note", "").strip()
    if len(note) > LONGEST_NOTE:
        raise Refused(f"A note of a link has at most {LONGEST_NOTE} characters; shorten it.", field="note")
    if kind == "prevention":
        _check_entry(desk, target_of(command))
    after = _with(ticket, kind, target_of(command), note, command, now)
    return None if after == ticket else said(ticket, after, "linked", "link", actor, now, command.reason)


def _check_entry(desk: Desk, key: str) -> None:
    """H3: preventive entries (预防措施) stand in the profile."""
    facet = desk.profile.emergency
    known = [entry.key for entry in facet.prevention] if facet else []
    if key not in known:
        raise Missing(
            f'This desk has no preventive entry (预防措施) "{key}"; name one of: {", ".join(known) or "none yet"}.'
        )


def _with(ticket: Ticket, kind: str, target: str, note: str, command: Command, now: datetime) -> Ticket:
    if kind in OPPOSITE:
        other = other_end_of(ticket, target, command, LABELS[kind][0])
        _check(ticket, kind, other, command)
        told = state_note(kind, other)
        if told is not None and note:
            raise Refused(
                f"The note of this link tells how {target} stands; give what you want to say as the reason.",
                field="note",
            )
        note = note if told is None else told
    before = linked(ticket, kind, target)
    if before is not None and before.note == note:
        return ticket
    link = Link(kind, target, note, now)
    check_room(ticket, link)
    return with_link(ticket, link)


def _check(ticket: Ticket, kind: str, other: Ticket, command: Command) -> None:
    """No circles, one problem above a member, and room at the other end, too."""
    if kind in ("parent", "child"):
        low, high = (ticket, other) if kind == "parent" else (other, ticket)
        above = ancestors(high, {**command.others, ticket.number: ticket})
        if low.number in above:
            raise Refused(
                f"Ticket {low.number} is above {high.number} already (循环), so it cannot be its child; "
                "unlink that first.",
                code="conflict",
            )
        others = [parent for parent in targets(low, "parent") if parent != high.number]
        if others:
            raise Refused(
                f"Ticket {low.number} has the parent (父工单) {others[0]} already; unlink that first.", code="conflict"
            )
    if kind in ("problem", "member"):
        member, problem = (ticket, other) if kind == "problem" else (other, ticket)
        if targets(problem, "problem"):
            raise Refused(
                f"Ticket {problem.number} belongs to the problem {targets(problem, 'problem')[0]} itself; use that.",
                code="conflict",
            )
        if targets(member, "member"):
            raise Refused(
                f"Ticket {member.number} is a problem with members itself; it cannot belong to another.",
                code="conflict",
            )
        if member.ended or (problem.ended and kind == "member"):
            raise Refused(
                f"Ticket {member.number if member.ended else problem.number} has ended; link it as related instead.",
                code="conflict",
            )
    check_room(other, Link(OPPOSITE[kind], ticket.number))


def _unlink(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    actor = acting(desk, ticket, command, caller)
    demand(ticket, "unlink", ("target",), command)
    kind, target = _kind(command), target_of(command)
    if linked(ticket, kind, target) is None:
        return None
    return said(ticket, without_link(ticket, kind, target), "unlinked", "unlink", actor, now, command.reason)


def _make_problem(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """B21: this ticket stands for the common cause; the members keep their own way to the end."""
    actor = acting(desk, ticket, command, caller)
    members = listed(command.values.get("members", ""))
    if not members or len(members) > MOST_MEMBERS:
        raise Refused(
            f"To make ticket {ticket.number} a problem (问题), give 1 to {MOST_MEMBERS} members, "
            "their numbers with commas between.",
            field="members",
        )
    after = ticket
    for member in members:
        after = _with(after, "member", member, "", command, now)
    return None if after == ticket else said(ticket, after, "linked", "make_problem", actor, now, command.reason)


def _join_problem(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    actor = acting(desk, ticket, command, caller)
    demand(ticket, "join_problem", ("target",), command)
    others = [each for each in targets(ticket, "problem") if each != command.target.strip()]
    if others:
        raise Refused(
            f"Ticket {ticket.number} belongs to the problem {others[0]} already; unlink that first.", code="conflict"
        )
    after = _with(ticket, "problem", target_of(command), "", command, now)
    return None if after == ticket else said(ticket, after, "linked", "join_problem", actor, now, command.reason)


LINKING: Mapping[str, Callable[[Desk, Ticket, Command, Caller, datetime], Event | None]] = {
    "link": _link,
    "unlink": _unlink,
    "merge": merge,
    "make_problem": _make_problem,
    "join_problem": _join_problem,
    "urge": urge,
    "set_departments": set_departments,
}
"""Actions every desk has besides those of `everywhere`."""
