"""One row of the lifecycle, taken: values, guards, state, marks, effects; and the event that says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.dispatch.model import Actor, Caller, Change, Command, Event, Ticket, replace
from services.dispatch.policy import records
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.effects import EFFECTS
from services.dispatch.policy.ends import children_ended, link_changes
from services.dispatch.policy.grading import check_graded
from services.dispatch.policy.guards import GUARDS, Wish
from services.dispatch.policy.promises import set_aside
from services.dispatch.policy.routing import alert
from services.dispatch.policy.values import demand, with_values
from services.kernel.errors import Refused
from services.profile.lifecycle import Transition
from services.profile.records import RecordForm

ALERT = "alert"
"""Change that is no value of the ticket but news for a supervisor; notices have rules for it (O5)."""

TELLS_CHILDREN = "tells_children"
"""Change that is no value of the ticket: the kind of a record that child tickets hear of (O6)."""

_AUDITED = (
    *("state", "type", "entry", "project", "title", "description", "impact_scope", "grade", "team", "assignee"),
    *("project_manager", "engineer", "path", "cycle", "hand_backs", "dispatches", "failed_dispatches"),
    *("impact", "urgency", "repeat_contacts", "solution", "steps", "remaining", "workaround", "callback", "accused"),
    *("lead_team", "supporting_teams", "urges", "flow", "promised_at", "reassignments"),
)
"""Fields whose every change is kept as old and new (B9, D17)."""


def take(desk: Desk, ticket: Ticket, row: Transition, command: Command, caller: Caller, now: datetime) -> Ticket:
    """The ticket after the row, still of the same version; raises Refused and changes nothing when it may not be."""
    form = desk.records.get(row.writes or "")
    names = dict.fromkeys((*row.requires, *records.required(form, row.preset)))
    demand(ticket, row.action, names, command, records.labels(form))
    wish = Wish(desk, row, command, caller, now)
    after = _brought(wish, ticket, form)
    check_graded(desk, after, row.action)
    _guarded(wish, after)
    if desk.states[row.to].phase == "closed":
        children_ended(after, command.others)
    for effect in row.effects:
        after = EFFECTS[effect](wish, after)
    milestones = {name: at for name, at in after.milestones.items() if name not in row.clears}
    # The first time counts: whoever takes a handed-back ticket up again does not make its begin late (D2).
    milestones = {**dict.fromkeys(row.marks, now), **milestones}
    after = records.without(settled(desk, ticket, after, row.to), row.drops)
    return replace(after, state=row.to, phase=desk.flow(after).states[row.to].phase, milestones=milestones)


def _brought(wish: Wish, ticket: Ticket, form: RecordForm | None) -> Ticket:
    """The ticket with everything the action brings: the record it writes, flags, a promise, values."""
    desk, row, caller, now = wish.desk, wish.row, wish.caller, wish.now
    told, rest = records.split(form, wish.command)
    after, rest = set_aside(desk, ticket, rest, caller, now)
    chosen = [name for name in row.given if name not in told]
    if "set_departments" in row.effects:
        chosen.append("supporting_teams")
    rest = replace(rest, values={name: text for name, text in rest.values.items() if name not in chosen})
    after = with_values(desk, after, rest, caller, now, row.requires)
    if form is None:
        return after
    by = Actor(caller.id, caller.role_among(row.roles))
    return records.written(desk, after, form, {**told, **row.preset}, by, now)


def settled(desk: Desk, before: Ticket, after: Ticket, state: str) -> Ticket:
    """The ticket under the lifecycle of its type, if a changed type has another that knows the state; else Refused."""
    if after.type == before.type or after.flow != before.flow:
        return after
    wanted = desk.flow_of_type(after.type)
    if wanted == after.flow:
        return after
    if state in desk.flows[wanted].states:
        return replace(after, flow=wanted)
    shared = [desk.state_label(key) for key in desk.flows[wanted].states if key in desk.flow(before).states]
    raise Refused(
        f"Ticket {before.number} cannot become {after.type} now: that type has a lifecycle of its own without "
        f"the state {desk.state_label(state)}; change the type while it is: {', '.join(shared) or 'new'}.",
        code="conflict",
        field="type",
    )


def _guarded(wish: Wish, ticket: Ticket) -> None:
    """Refuses with everything that stands in the way, so that one answer is enough (F2)."""
    refusals: list[Refused] = []
    for guard in wish.row.guards:
        try:
            GUARDS[guard](wish, ticket)
        except Refused as refused:
            refusals.append(refused)
    if (lacking := records.owed(wish.desk, wish.row, ticket)) is not None:
        refusals.append(lacking)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        faults = tuple(fault for refused in refusals for fault in refused.faults)
        told = " ".join(refused.message for refused in refusals)
        raise Refused(told, code=refusals[0].code, field=refusals[0].field, faults=faults)


def passed_down(form: RecordForm | None) -> tuple[Change, ...]:
    """What makes child tickets hear of a record that tells them (H14)."""
    return (Change(TELLS_CHILDREN, "", form.key),) if form is not None and form.tells_children else ()


def wandered(desk: Desk, before: Ticket, after: Ticket) -> tuple[Change, ...]:
    """C25: the hand-back, or the reassignment or transfer, that reaches the profile's limit says so to a manager."""
    limit = desk.profile.routing.hand_back_limit
    if before.hand_backs < limit <= after.hand_backs or before.reassignments < limit <= after.reassignments:
        return (Change(ALERT, "", "hand_back_limit"),)
    return ()


def said(
    before: Ticket,
    after: Ticket,
    name: str,
    action: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    extra: Iterable[Change] = (),
    *,
    answers: bool = True,
) -> Event:
    """The event of one change: version raised, the first human action marked as the response, every change listed.

    `answers`: whether a person doing this answers the requester; urging the holder does not.
    """
    milestones = after.milestones
    if answers and actor.role != "system" and after.cycle == before.cycle and "responded" not in milestones:
        milestones = {**milestones, "responded": now}
    ticket = replace(after, version=before.version + 1, milestones=milestones, updated_at=now)
    return Event(
        name=name,
        action=action,
        actor=actor,
        at=now,
        ticket=ticket,
        from_state=before.state,
        reason=reason,
        changes=(*changes(before, ticket), *_alerts(before, ticket), *extra),
    )


def _alerts(before: Ticket, after: Ticket) -> Iterator[Change]:
    """Once per decision: the two events of one opening may decide alike."""
    kind, old, new = alert(after.routing), before.routing, after.routing
    if kind and new and not (old and old.at == new.at and alert(old) == kind):
        yield Change(ALERT, "", kind)


def changes(before: Ticket, after: Ticket) -> tuple[Change, ...]:
    """Every audited value that differs, extra fields as "fields.<name>", what was cleared as "milestones.<name>".

    A reopening starts all milestones anew; only those taken back within a cycle are listed, with their instants.
    """
    found = [
        Change(name, _text(old), _text(new))
        for name in _AUDITED
        if (old := getattr(before, name)) != (new := getattr(after, name))
    ]
    if before.fields != after.fields:
        for name in sorted({*before.fields, *after.fields}):
            old, new = before.fields.get(name, ""), after.fields.get(name, "")
            if old != new:
                found.append(Change(f"fields.{name}", old, new))
    found.extend(_recorded(before, after))
    found.extend(link_changes(before, after))
    if before.cycle == after.cycle:
        taken_back = sorted(before.milestones.keys() - after.milestones.keys())
        found.extend(Change(f"milestones.{name}", before.milestones[name].isoformat(), "") for name in taken_back)
    return tuple(found)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _recorded(before: Ticket, after: Ticket) -> Iterator[Change]:
    """Kinds of the records that were added or dropped; what they say stands on the ticket, behind its mask (P1)."""
    for each in after.records:
        if each not in before.records:
            yield Change("record", "", each.kind)
    kinds = {each.kind for each in after.records}
    yield from (Change("record", each.kind, "") for each in before.records if each.kind not in kinds)
