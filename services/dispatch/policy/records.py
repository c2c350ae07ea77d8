"""Records on a ticket (记录): what one may hold, which an action writes, which it asks for (E-group, C1, C15, C19)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from services.dispatch.model import Actor, Command, Record, Ticket, replace
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.moments import moment
from services.kernel.errors import Fault, Refused
from services.profile.lifecycle import Transition
from services.profile.records import RecordField, RecordForm

LONGEST = 4000
"""Characters of one value."""
MOST_KINDS = 30
MOST_BYTES = 8_000
"""UTF-8 bytes of all records standing on one ticket: the snapshot travels with every event."""

NON_COMPLIANT = "non_compliant"
"""Set to yes in a record that does not say the yes the rules expect (C19)."""

_YES = {"yes": "yes", "true": "yes", "1": "yes", "是": "yes", "no": "no", "false": "no", "0": "no", "否": "no"}


def required(form: RecordForm | None, preset: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the fields that the writer must give."""
    return tuple(each.name for each in form.fields if each.required and each.name not in preset) if form else ()


def labels(form: RecordForm | None) -> dict[str, tuple[str, str]]:
    """English and Chinese names of the fields, for refusals."""
    return {each.name: (f"the {each.label.en.lower()}", each.label.zh) for each in form.fields} if form else {}


def split(form: RecordForm | None, command: Command) -> tuple[dict[str, str], Command]:
    """What of the action's values belongs to the record, and the action with the rest."""
    if form is None:
        return {}, command
    mine = {name: text for name, text in command.values.items() if form.field(name) is not None}
    if form.field("reason") is not None and command.reason.strip():
        mine["reason"] = command.reason
    rest = {name: text for name, text in command.values.items() if name not in mine}
    return mine, replace(command, values=rest)


def written(desk: Desk, ticket: Ticket, form: RecordForm, given: Mapping[str, str], by: Actor, now: datetime) -> Ticket:
    """The ticket with a new record of the kind in the place of the older one; Refused names the field that is wrong."""
    values: dict[str, str] = {}
    for name, raw in given.items():
        field = form.field(name)
        if field is None:
            known = ", ".join(each.name for each in form.fields) or "none"
            raise Refused(
                f'"{name[:60]}" is no field of the record {form.label.en}; use one of: {known}.', field=name[:60]
            )
        if text := raw.strip():
            values[name] = _checked(desk, field, text, now)
    for field in form.fields:
        asked = field.required_if and all(values.get(name, "") in words for name, words in field.required_if.items())
        if asked and not values.get(field.name):
            raise _wrong(field, "请填写后再提交", "give it and send it again")
    if any(field.expected and values.get(field.name) != "yes" for field in form.fields):
        values[NON_COMPLIANT] = "yes"
    record = Record(form.key, now, by, values)
    kinds = [each.kind for each in ticket.records]
    if form.key in kinds:
        records = tuple(record if each.kind == form.key else each for each in ticket.records)
    elif len(kinds) >= MOST_KINDS:
        raise Refused(f"Ticket {ticket.number} has records of {MOST_KINDS} kinds; write it into a note instead.")
    else:
        records = (*ticket.records, record)
    size = sum(len(text.encode()) for each in records for text in each.values.values())
    if size > MOST_BYTES:
        raise Refused(
            f"The records of ticket {ticket.number} would take {size} bytes, {MOST_BYTES} are allowed; "
            "shorten this one, or keep the text in an attachment and name it here.",
            field=next(iter(values), ""),
        )
    return replace(ticket, records=records)


def _checked(desk: Desk, field: RecordField, text: str, now: datetime) -> str:
    if len(text) > LONGEST:
        raise Refused(f'"{field.name}" is longer than {LONGEST} characters; shorten it or attach it.', field=field.name)
    match field.kind:
        case "yes_no":
            if text.lower() not in _YES:
                raise _wrong(field, "请填“是”或“否”", "write yes or no")
            return _YES[text.lower()]
        case "choice":
            known = [choice.key for choice in field.choices]
            if text not in known:
                raise _wrong(field, f"请选择：{'、'.join(known)}", f"choose one of: {', '.join(known)}")
            return text
        case "time":
            return moment(field.name, text, desk.zone, now).isoformat()
    return text


def _wrong(field: RecordField, zh: str, en: str) -> Refused:
    return Refused(
        f'"{field.name}": {en}.', field=field.name, faults=(Fault(field.name, f"{field.label.zh}：{zh}。", f"{en}."),)
    )


def owed(desk: Desk, row: Transition, ticket: Ticket) -> Refused | None:
    """Every record that the action still asks for, in one refusal that says how to add each; None when all are there.

    `ticket`: as it will be, with what the action itself brings.
    """
    missing: dict[str, str] = {}
    for kind in row.needs:
        if record(ticket, kind) is None:
            missing[kind] = ""
    for name in row.needs_yes:
        kind, _, field = name.partition(".")
        if not _says_yes(ticket, kind, field):
            missing.setdefault(kind, field)
    for form, demand in desk.demands.get(row.action, ()):
        if not _holds(demand.when, ticket):
            continue
        if record(ticket, form.key) is None:
            missing.setdefault(form.key, "")
        for field in demand.yes:
            if not _says_yes(ticket, form.key, field):
                missing.setdefault(form.key, field)
    if not missing:
        return None
    told = list(_told(desk, ticket, missing))
    remedies = "; ".join(each.en for each in told)
    return Refused(
        f"Ticket {ticket.number} cannot {row.action} yet: {remedies}.",
        code="conflict",
        field=told[0].field,
        faults=tuple(told),
    )


def _told(desk: Desk, ticket: Ticket, missing: Mapping[str, str]) -> Iterator[Fault]:
    for kind, field in missing.items():
        form = desk.records[kind]
        name, how = f"records.{kind}", f'add_record with target "{kind}"'
        known = form.field(field) if field else None
        if known is not None and record(ticket, kind) is not None:
            zh = f"“{form.label.zh}”中的“{known.label.zh}”须为“是”；请重新登记。"
            en = f"the {form.label.en.lower()} ({form.label.zh}) must say yes to {known.label.en.lower()}; {how} again"
        else:
            zh = f"缺少“{form.label.zh}”；请用 add_record 登记 {kind}。"
            en = f"the {form.label.en.lower()} ({form.label.zh}) is missing; {how}"
        yield Fault(name, zh, en)


def record(ticket: Ticket, kind: str) -> Record | None:
    """The newest record of the kind in this cycle."""
    return next((each for each in ticket.records if each.kind == kind), None)


def without(ticket: Ticket, kinds: Iterable[str]) -> Ticket:
    """The ticket without records that no longer answer for it; its history keeps them."""
    gone = frozenset(kinds)
    kept = tuple(each for each in ticket.records if each.kind not in gone)
    return replace(ticket, records=kept) if len(kept) != len(ticket.records) else ticket


def _says_yes(ticket: Ticket, kind: str, field: str) -> bool:
    found = record(ticket, kind)
    return found is not None and found.values.get(field) == "yes"


def _holds(when: Mapping[str, tuple[str, ...]], ticket: Ticket) -> bool:
    return all(_fact(ticket, name) in words for name, words in when.items())


FACTS = ("type", "neutral_type", "entry", "channel", "grade", "path", "project", "flow")
"""Facts of the ticket that a demand may look at, beside flags, extra fields and other records."""


def _fact(ticket: Ticket, name: str) -> str:
    if name in FACTS:
        return str(getattr(ticket, name))
    kind, dot, field = name.partition(".")
    if not dot:
        return ticket.fields.get(name, "")
    found = record(ticket, kind)
    return found.values.get(field, "") if found else ""
