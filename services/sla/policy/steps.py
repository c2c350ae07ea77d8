"""What is due now: steps, breaches, rungs of escalation and ends, each once, in the order they were due."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from services.kernel.errors import Missing, Refused
from services.sla.model import Clock, Effect, Escalation, Facts, Rules, Status, Timeline
from services.sla.policy.alarms import ring
from services.sla.policy.escalating import escalate, ladder_of, standing
from services.sla.policy.limits import derive
from services.sla.policy.stepping import take
from services.sla.policy.turn import Turn

ALWAYS_MAY_ACKNOWLEDGE = frozenset(
    {"team_leader", "desk_manager", "supervisor", "project_manager", "operations_manager"}
)
_ORDER = (
    *("armed", "recalculated", "promised", "renegotiated", "withdrawn", "resumed", "warned", "breached", "passed"),
    *("raised", "repeated", "climbed", "acknowledged", "met", "ended", "paused"),
)


def judge(before: Timeline | None, facts: Facts, rules: Rules, now: datetime, cause: str) -> Timeline:
    """The ticket's clocks as they stand now; what has to be said stands at the end of `effects`.

    Judging again with the same facts and the same now says nothing more. Late is late: a step that was due while nobody
    looked is taken now and says when it was due (D23); only warnings and rungs of a clock that has stopped are let go.
    """
    known = {clock.key: clock for clock in before.clocks} if before else {}
    told = before.effects if before else ()
    clocks = derive(facts, rules, known, now)
    turn = Turn(facts, rules, now, cause, told)
    if before is None or _deadlines_changed(clocks, known):
        ordinal = sum(1 for effect in told if effect.kind == "armed")
        turn.say("armed", ("", facts.newest.cycle, 0), ordinal, now)
    taken = tuple(take(turn, clock, known.get(clock.key)) for clock in clocks)
    standing_before = before.escalations if before else ()
    escalations = escalate(turn, [each for each in standing_before if not each.alarm], taken)
    if rules.levels.alarms or any(each.alarm for each in standing_before):
        escalations = (*escalations, *ring(turn, standing_before))
    if facts.holds and any(clock.status is Status.PAUSED for clock in taken):
        # A hold that ends by itself wakes its clock.
        turn.ahead.extend(each.until for each in facts.holds if each.until is not None and each.until > now)
    said = sorted(turn.effects, key=lambda effect: (effect.kind != "armed", effect.due_at, _ORDER.index(effect.kind)))
    return Timeline(
        number=facts.newest.number,
        revision=before.revision + 1 if before else 1,
        facts=facts,
        clocks=taken,
        escalations=escalations,
        effects=(*told, *said),
        next_due=min(turn.ahead, default=None),
    )


def acknowledge(before: Timeline, clock: str, cycle: int, actor: str, roles: Collection[str], reason: str, rules: Rules,
                now: datetime, cause: str) -> Timeline:  # fmt: skip
    """Somebody takes the matter up: the escalation climbs no further (D14). Once acknowledged it stays so.

    Raises Missing when there is no such escalation, Refused when it has ended or the role may not.
    """
    found = standing(before.escalations, clock, cycle)
    if found is None:
        raise Missing(f'Ticket {before.number} has no escalation of "{clock}" in cycle {cycle}.')
    chain = _chain(found, before.facts, rules)
    role = next((each for each in chain if each in roles), "") or min(
        ALWAYS_MAY_ACKNOWLEDGE.intersection(roles), default=""
    )
    if not role:
        raise Refused("Only a role on the escalation chain or a manager may acknowledge it.", code="forbidden")
    if found.acknowledged_at is not None:
        return before
    if found.ended:
        raise Refused(f"This escalation has ended ({found.ended}); nothing is left to acknowledge.", code="conflict")
    taken = replace(
        found, next_at=None, repeat_at=None, acknowledged_by=actor, acknowledged_role=role, acknowledged_at=now
    )
    effect = Effect("acknowledged", clock, cycle, found.generation, found.rung, now, now, cause, role, reason, actor)
    return judge(
        replace(
            before,
            escalations=tuple(taken if each is found else each for each in before.escalations),
            effects=(*before.effects, effect),
        ),
        before.facts,
        rules,
        now,
        cause,
    )


def _chain(found: Escalation, facts: Facts, rules: Rules) -> tuple[str, ...]:
    if found.alarm:
        return next((each.chain for each in rules.levels.alarms if each.name == found.clock), ())
    return ladder_of(found.clock, facts, rules).roles


def _deadlines_changed(clocks: Iterable[Clock], known: dict[tuple[str, int, int], Clock]) -> bool:
    """A new deadline, a moved one, or one that will never come."""
    for clock in clocks:
        earlier = known.get(clock.key)
        if earlier is None or earlier.due_at != clock.due_at:
            return True
        if earlier.live and clock.status is Status.CANCELLED:
            return True
    return False
