"""Values that an action brings: which there are, which are missing, what they do to the ticket (B6, B14, B19, D17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.dispatch.model import Caller, Command, Ticket, replace
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.grading import is_answer, regraded
from services.kernel.errors import Fault, Refused
from services.profile.forms import missing
from services.profile.grading import ANSWER, SIDES

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
    "promised_at": ("the reply time promised", "明确回复时间"),
}


def demand(
    ticket: Ticket, action: str, names: Iterable[str], command: Command, labels: Mapping[str, tuple[str, str]] = LABELS
) -> None:
    """Refuses with every missing value named, so that one answer is enough. `labels`: what the fields are called."""
    missing = [name for name in names if not _given(ticket, name, command)]
    if not missing:
        return
    told = [labels.get(name) or LABELS.get(name, (f'the field "{name}"', f"字段“{name}”")) for name in missing]
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
    if name == "grade" and any(each.startswith(ANSWER) or each in SIDES for each in command.values):
        # The answers grade it, or are refused with what is still open.
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
    graded: dict[str, str] = {}
    answers: dict[str, str] = {}
    for name, raw in command.values.items():
        text = raw.strip()
        if len(text) > LONGEST:
            raise _wrong(name, f"it is longer than {LONGEST} characters", "shorten it or attach it as a file")
        answer = is_answer(desk, name)
        if answer or name in JUDGEMENTS:
            if text == getattr(ticket, name, None) and name != "grade":
                continue
            _check_judge(desk, name, "grade" if answer else name, caller, asked)
            if name == "grade":
                graded["grade"] = text
            elif answer:
                answers[name.removeprefix(ANSWER)] = text
            else:
                updates |= _judged(desk, name, text)
        elif name in TEXTS:
            if not text and getattr(ticket, name):
                raise _wrong(name, "it would be left blank", 'say what is right instead, or "none" (无)')
            updates[name] = text
        elif name in desk.extra_fields or name == "major":
            fields[name] = _extra(desk, name, text)
        else:
            known = ", ".join(sorted(TEXTS | JUDGEMENTS | desk.extra_fields))
            raise _wrong(name, "this desk has no such value", f"use one of: {known}")
    if graded or answers:
        updates |= regraded(desk, ticket, graded.get("grade"), answers, command.reason, now)
    if fields:
        updates["fields"] = {**updates.get("fields", ticket.fields), **fields}
    after = replace(ticket, **updates) if updates else ticket
    if {"type", "entry"} & command.values.keys():
        _refuse(desk.profile.catalogue.entry_fault(after.type, after.entry))
    return after


def _check_judge(desk: Desk, name: str, judged: str, caller: Caller, asked: tuple[str, ...]) -> None:
    if judged not in asked and not caller.role_among(JUDGES) and "system" not in caller.roles:
        who = ", ".join(desk.role_label(role) for role in JUDGES)
        raise Refused(f'"{name}" may be changed by: {who}; ask one of them.', code="forbidden", field=name)


def _judged(desk: Desk, name: str, text: str) -> dict[str, Any]:
    words = desk.profile.catalogue.listed(name)
    if text not in words and not (name == "entry" and not desk.entries):
        raise _wrong(name, f'"{text}" is not a word of this desk', f"use one of: {', '.join(sorted(words)) or 'none'}")
    if name == "type":
        return {"type": text, "neutral_type": desk.neutral_types[text]}
    return {name: text}


def _extra(desk: Desk, name: str, text: str) -> str:
    """The value of an extra field as it is kept; judged by the same form as at intake (B19)."""
    catalogue = desk.profile.catalogue
    field = catalogue.extra.get(name)
    if field is None:
        return text
    text = catalogue.key_of(field, text)
    if field.required and not text:
        _refuse(missing(field))
    _refuse(catalogue.fault_of(field, text))
    return text


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise Refused(fault.en, field=fault.field, faults=(fault,))


def _wrong(name: str, why: str, remedy: str) -> Refused:
    return Refused(f'"{name}" cannot be taken because {why}; {remedy}.', field=name)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
