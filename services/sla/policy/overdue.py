"""Whether a ticket's next step was missed, from its facts and rules: trusts neither the engine nor `next_due` (D23)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from services.sla.model import Rules, Status, Timeline
from services.sla.policy.limits import derive
from services.sla.policy.steps import judge

_TIMED = frozenset({"warned", "breached", "passed", "raised", "climbed", "repeated"})


class Finding(NamedTuple):
    """Something of a ticket that is not as it should be: a step not taken since `due`, or a wrong `next_due`."""

    number: str
    due: datetime
    next_due: datetime | None = None
    """What next_due has to be when it is missing or too late; None for a step that was simply not taken."""


def missed(timeline: Timeline, rules: Rules, now: datetime, bound: timedelta) -> Finding | None:
    """What is wrong with the ticket's timers at `now`; a step may be late by `bound`."""
    facts, limit = timeline.facts, now - bound
    known = {clock.key: clock for clock in timeline.clocks}
    late = [
        clock.due_at
        for clock in derive(facts, rules, known, now)
        if clock.key in known
        and clock.live
        and clock.status is Status.BREACHED
        and not known[clock.key].breach_told
        and clock.due_at <= limit
    ]
    # Judged at the bound, not at the present: what waits for the morning is due in the morning.
    then = judge(timeline, facts, rules, limit, "audit").effects[len(timeline.effects) :]
    places = {key[:2] for key in known} | {(each.clock, each.cycle) for each in timeline.escalations}
    late += [
        each.due_at
        for each in then
        if each.kind in _TIMED and (each.clock, each.cycle) in places and each.due_at <= limit
    ]
    if late:
        waits = timeline.next_due is not None and timeline.next_due <= now
        return Finding(timeline.number, min(late), None if waits else min(late))
    present = judge(timeline, facts, rules, now, "audit")
    wakes = present.next_due
    # What fell due a moment ago is the engine's to take; whether it does is seen at the next look.
    settled = len(present.effects) == len(timeline.effects)
    if settled and wakes is not None and (timeline.next_due is None or timeline.next_due > wakes):
        return Finding(timeline.number, wakes, wakes)
    return None
