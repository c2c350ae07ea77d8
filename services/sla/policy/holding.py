"""What people may do to clocks, as facts: hold one with a reason, let it go on, lay another policy under it (D16, D18).

Which clocks rest because of it, and what their deadlines become, follows from the facts as everything else does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.kernel.errors import Refused
from services.profile.clocks import Pausing
from services.sla.model import Clock, Effect, Facts, Hold, Recalculation, Rules, Status, Timeline

MAY_HOLD = frozenset({"team_leader", "desk_manager", "supervisor", "project_manager", "operations_manager"})
"""Who may hold a clock where a profile permits pauses and names no roles."""
MAY_RECALCULATE = frozenset({"desk_manager", "supervisor", "administrator"})
LONGEST_REASON = 500
MOST_HOLDS = 200
"""On one ticket, ended ones included: every judgement of its clocks looks at all of them."""


class Changed(NamedTuple):
    """A clock before and after; None where there was none, or is none any more."""

    before: Clock | None
    after: Clock | None


def held(facts: Facts, now: datetime, clock: str = "") -> tuple[Hold, ...]:
    """Holds of people that last, of one clock or of any."""
    return tuple(
        each
        for each in facts.holds
        if (each.until is None or each.until > now)
        and each.cycle == facts.newest.cycle
        and (not clock or each.clock in ("", clock))
    )


def hold(
    before: Timeline,
    hold_id: str,
    clock: str,
    reason: str,
    person: str,
    roles: Collection[str],
    rules: Rules,
    now: datetime,
) -> Facts:
    """The facts once a person holds a clock, or with "" every clock that may be held (D16).

    The same `hold_id` again is the same hold. Refused where the profile permits no pauses, to other roles
    ("forbidden"), without a reason, and for clocks that are not there to be held ("conflict").
    """
    facts, pausing = before.facts, rules.levels.pause
    if any(each.id == hold_id for each in facts.holds):
        return facts
    if not pausing.allowed:
        raise Refused(
            f"The policy of {facts.newest.profile} permits no pauses: its clocks run until somebody stops them. "
            "Whoever keeps the policy can permit them under sla.pause.",
            code="conflict",
        )
    may = frozenset(pausing.roles) or MAY_HOLD
    if not may.intersection(roles):
        raise Refused(f"Clocks may be held by: {', '.join(sorted(may))}.", code="forbidden")
    reason = _reason(reason, pausing)
    if len(facts.holds) >= MOST_HOLDS:
        raise Refused(f"Ticket {before.number} was held {MOST_HOLDS} times already; let it run.", code="conflict")
    if found := held(facts, now, clock):
        raise Refused(f'It is held already by {found[0].by}, reason "{found[0].reason}".', code="conflict")
    names = _pausable(before, rules)
    if clock and (rule := rules.by_name.get(clock)) is not None and not rule.pausable:
        raise Refused(f'The clock "{clock}" may not be held; the policy does not mark it as pausable.', code="conflict")
    if not names or (clock and clock not in names):
        running = f"; these may be held: {', '.join(names)}" if names else ""
        wanted = f'Clock "{clock}" does not run' if clock else "No clock that may be held runs"
        raise Refused(f"{wanted} on this ticket{running}.", code="conflict")
    taken = Hold(hold_id, clock, facts.newest.cycle, now, reason, person, _end(pausing, rules, now))
    return replace(facts, holds=(*facts.holds, taken))


def let_go(
    before: Timeline, act: str, clock: str, person: str, roles: Collection[str], rules: Rules, now: datetime
) -> Facts:
    """The facts once a person lets a clock go on, or with "" whatever is held. Refused when nothing is.

    The same `act` again lets nothing more go.
    """
    facts = before.facts
    may = frozenset(rules.levels.pause.roles) or MAY_HOLD
    if not may.intersection(roles):
        raise Refused(f"Clocks may be let go on by: {', '.join(sorted(may))}.", code="forbidden")
    if any(each.ended_in == act for each in facts.holds):
        # Nothing need have been said of it: the state of the ticket may hold the clock as well.
        return facts
    found = held(facts, now, clock)
    if not found:
        raise Refused(f"{clock or 'None'} of the clocks of this ticket is held by a person.", code="conflict")
    if clock and any(not each.clock for each in found):
        raise Refused("All clocks of the ticket are held together; let them go on without naming one.", code="conflict")
    ended = tuple(
        replace(each, until=now, ended_by=person, ended_in=act) if each in found else each for each in facts.holds
    )
    return replace(facts, holds=ended)


def recalculated(
    before: Timeline, person: str, reason: str, in_force: Rules, now: datetime, cause: str
) -> tuple[Facts, tuple[Effect, ...]]:
    """The facts with the policy in force laid under the ticket, and that it is said; both unchanged when it lies there
    already (D18). Refused without a reason."""
    facts = before.facts
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Refused(f"Say why it is recalculated, in up to {LONGEST_REASON} characters.", field="reason")
    if facts.policy == in_force.version:
        return facts, ()
    place = len(facts.recalculations)
    laid = Recalculation(f"r{place + 1}", now, person, reason, facts.policy, in_force.version)
    effect = Effect("recalculated", "", facts.newest.cycle, 0, place, now, now, cause, "", reason=reason, actor=person)
    return replace(facts, recalculations=(*facts.recalculations, laid)), (effect,)


def changes(before: Collection[Clock], after: Collection[Clock]) -> list[Changed]:
    """Clocks whose newest generation has another deadline, limit, calendar or standing than before."""
    old, new = _newest(before), _newest(after)
    found: list[Changed] = []
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was is None or now is None or _figures(was) != _figures(now):
            found.append(Changed(was, now))
    return found


def _newest(clocks: Collection[Clock]) -> dict[tuple[str, int, str], Clock]:
    newest: dict[tuple[str, int, str], Clock] = {}
    for clock in clocks:
        key = (clock.name, clock.cycle, clock.subject)
        if key not in newest or newest[key].generation < clock.generation:
            newest[key] = clock
    return newest


def _figures(clock: Clock) -> tuple[object, ...]:
    return clock.due_at, clock.limit_seconds, clock.calendar, clock.status


def _pausable(before: Timeline, rules: Rules) -> list[str]:
    """Names of clocks that run and may be held."""
    return [
        clock.name
        for clock in before.clocks
        if clock.live and clock.status is Status.RUNNING and clock.name in rules.by_name
        and rules.by_name[clock.name].pausable
    ]  # fmt: skip


def _reason(text: str, pausing: Pausing) -> str:
    reason = text.strip()
    if pausing.reasons:
        keys = {each.key for each in pausing.reasons}
        if reason not in keys:
            listed = ", ".join(f"{each.key} ({each.label.en})" for each in pausing.reasons)
            raise Refused(f"Name one of the reasons of the policy: {listed}.", field="reason")
    elif not 0 < len(reason) <= LONGEST_REASON:
        raise Refused(f"A pause needs a reason, in up to {LONGEST_REASON} characters.", field="reason")
    return reason


def _end(pausing: Pausing, rules: Rules, now: datetime) -> datetime | None:
    """When a hold of now ends by itself."""
    longest = pausing.longest
    if longest is None:
        return None
    if longest.working_days:
        return rules.calendar(rules.service_hours).add_working_days(now, longest.working_days)
    return now + timedelta(seconds=longest.seconds)
