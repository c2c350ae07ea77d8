"""One row of the lifecycle, taken: values, guards, state, marks, effects; and the event that says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from services.dispatch.model import Actor, Caller, Change, Command, Event, Ticket
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.effects import EFFECTS
from services.dispatch.policy.guards import GUARDS, Wish
from services.dispatch.policy.routing import alert
from services.dispatch.policy.values import demand, with_values
from services.kernel.errors import Refused
from services.profile.lifecycle import Transition

ALERT = "alert"
"""Change that is no value of the ticket but news for a supervisor; notices have rules for it (O5)."""

_AUDITED = (
    *("state", "type", "entry", "project", "title", "description", "impact_scope", "grade", "team", "assignee"),
    *("project_manager", "engineer", "path", "cycle", "hand_backs", "dispatches", "failed_dispatches"),
    *("repeat_contacts", "solution", "steps", "remaining", "workaround", "callback", "accused"),
)
"""Fields whose every change is kept as old and new (B9, D17)."""


def take(desk: Desk, ticket: Ticket, row: Transition, command: Command, caller: Caller, now: datetime) -> Ticket:
    """The ticket after the row, still of the same version; raises Refused and changes nothing when it may not be."""
    demand(ticket, row.action, row.requires, command)
    wish = Wish(desk, row, command, caller, now)
    after = with_values(desk, ticket, command, caller, now, row.requires)
    _guarded(wish, after)
    for effect in row.effects:
        after = EFFECTS[effect](wish, after)
    milestones = {name: at for name, at in after.milestones.items() if name not in row.clears}
    # The first time counts: whoever takes a handed-back ticket up again does not make its begin late (D2).
    milestones = {**dict.fromkeys(row.marks, now), **milestones}
    return replace(after, state=row.to, phase=desk.lifecycle.states[row.to].phase, milestones=milestones)


def _guarded(wish: Wish, ticket: Ticket) -> None:
    """Refuses with everything that stands in the way, so that one answer is enough (F2)."""
    refusals: list[Refused] = []
    for guard in wish.row.guards:
        try:
            GUARDS[guard](wish, ticket)
        except Refused as refused:
            refusals.append(refused)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Refused(" ".join(refused.message for refused in refusals), code=refusals[0].code, field=refusals[0].field)


def said(
    before: Ticket,
    after: Ticket,
    name: str,
    action: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    extra: Iterable[Change] = (),
) -> Event:
    """The event of one change: version raised, the first human action marked as the response, every change listed."""
    milestones = after.milestones
    if actor.role != "system" and after.cycle == before.cycle and "responded" not in milestones:
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
        Change(name, str(old), str(new))
        for name in _AUDITED
        if (old := getattr(before, name)) != (new := getattr(after, name))
    ]
    if before.fields != after.fields:
        for name in sorted({*before.fields, *after.fields}):
            old, new = before.fields.get(name, ""), after.fields.get(name, "")
            if old != new:
                found.append(Change(f"fields.{name}", old, new))
    if before.cycle == after.cycle:
        taken_back = sorted(before.milestones.keys() - after.milestones.keys())
        found.extend(Change(f"milestones.{name}", before.milestones[name].isoformat(), "") for name in taken_back)
    return tuple(found)
