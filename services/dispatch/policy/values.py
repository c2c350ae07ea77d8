"""Values that an action brings: which there are, which are missing, what they do to the ticket (B6, B14, B19, D17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.dispatch.model import Caller, Command, Ticket
from services.dispatch.policy.desk import Desk
from services.kernel.errors import Fault, Refused

TEXTS = frozenset({"title", "description", "impact_scope", "solution", "steps", "remaining", "workaround"})
JUDGEMENTS = frozenset({"type", "entry", "project", "grade"})
GIVEN_NOW = frozenset({"solution", "steps", "remaining", "workaround"})
"""Must come with the action itself: what an earlier cycle left on the ticket does not answer for this one."""

JUDGES = ("specialist", "team_leader", "desk_manager", "supervisor")
"""Roles that may classify and grade outside a transition that asks for it (B6)."""

LONGEST = 4000

LABELS: Mapping[str, tuple[str, str]] = {
    "reason": ("a reason", "原因"),
    "target": ("a target", "指派对象"),
    "type": ("the type", "类型"),
    "entry": ("the catalogue entry", "服务目录项"),
    "project": ("the project", "项目"),
    "grade": ("the grade", "分级"),
    "title": ("the title", "标题"),
    "description": ("the description", "问题描述"),
    "impact_scope": ("the scope of impact", "影响范围"),
    "solution": ("the solution", "解决方案"),
    "steps": ("the steps taken", "处理步骤"),
    "remaining": ('the remaining issues, or "none"', "遗留问题（没有请写“无”）"),
    "workaround": ("the workaround", "临时措施"),
}


def demand(ticket: Ticket, action: str, names: Iterable[str], command: Command) -> None:
    """Refuses with every missing value named, so that one answer is enough."""
    missing = [name for name in names if not _given(ticket, name, command)]
    if not missing:
        return
    told = [LABELS.get(name, (f'the field "{name}"', f"字段“{name}”")) for name in missing]
    raise Refused(
        f"To {action} ticket {ticket.number}, give {_listed([en for en, _ in told])}.",
        field=missing[0],
        faults=tuple(
            Fault(name, f"请填写{zh}后再提交。", f"Give {en} and send it again.")
            for name, (en, zh) in zip(missing, told, strict=True)
        ),
    )


def _given(ticket: Ticket, name: str, command: Command) -> bool:
    if name == "reason":
        return bool(command.reason.strip())
    if name == "target":
        return bool(command.target.strip())
    if command.values.get(name, "").strip():
        return True
    if name in GIVEN_NOW:
        return False
    if name in TEXTS or name in JUDGEMENTS:
        return bool(getattr(ticket, name)) and name not in command.values
    return bool(ticket.fields.get(name))


def with_values(
    desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime, asked: tuple[str, ...] = ()
) -> Ticket:
    """The ticket with the command's values on it. `asked`: names the action asks for, which its taker may judge.

    Refused: unknown names, words the profile does not have, judging without the role, regrading without a reason (B5).
    """
    if not command.values:
        return ticket
    updates: dict[str, Any] = {}
    fields: dict[str, str] = {}
    for name, raw in command.values.items():
        text = raw.strip()
        if len(text) > LONGEST:
            raise _wrong(name, f"it is longer than {LONGEST} characters", "shorten it or attach it as a file")
        if name in JUDGEMENTS:
            if text == getattr(ticket, name):
                continue
            if name not in asked and not caller.role_among(JUDGES) and "system" not in caller.roles:
                who = ", ".join(desk.role_label(role) for role in JUDGES)
                raise Refused(f'"{name}" may be changed by: {who}; ask one of them.', code="forbidden", field=name)
            updates |= _judged(desk, ticket, name, text, command.reason, now)
        elif name in TEXTS:
            updates[name] = text
        elif name in desk.extra_fields or name == "major":
            fields[name] = text
        else:
            known = ", ".join(sorted(TEXTS | JUDGEMENTS | desk.extra_fields))
            raise _wrong(name, "this desk has no such value", f"use one of: {known}")
    if fields:
        updates["fields"] = {**ticket.fields, **fields}
    return replace(ticket, **updates) if updates else ticket


def _judged(desk: Desk, ticket: Ticket, name: str, text: str, reason: str, now: datetime) -> dict[str, Any]:
    known: Mapping[str, Iterable[str]] = {
        "type": desk.neutral_types,
        "entry": desk.entries,
        "project": desk.projects,
        "grade": desk.priorities,
    }
    words = known[name]
    if text not in words and not (name == "entry" and not desk.entries):
        raise _wrong(name, f'"{text}" is not a word of this desk', f"use one of: {', '.join(sorted(words)) or 'none'}")
    if name == "type":
        return {"type": text, "neutral_type": desk.neutral_types[text]}
    if name != "grade":
        return {name: text}
    if ticket.grade and not reason.strip():
        raise Refused(
            f"Ticket {ticket.number} is graded {ticket.grade} already; give a reason for another grade.", field="reason"
        )
    return {"grade": text, "priority": desk.priority(text), "milestones": {"graded": now, **ticket.milestones}}


def _wrong(name: str, why: str, remedy: str) -> Refused:
    return Refused(f'"{name}" cannot be taken because {why}; {remedy}.', field=name)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
