"""What is due now: warnings, breaches, rungs of escalation and ends, each once, in the order they were due."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from services.kernel.errors import Missing, Refused
from services.sla.model import Clock, Effect, Escalation, Facts, Rules, Status, Timeline
from services.sla.policy.limits import derive

ALWAYS_MAY_ACKNOWLEDGE = frozenset(
    {"team_leader", "desk_manager", "supervisor", "project_manager", "operations_manager"}
)
_ORDER = ("armed", "warned", "breached", "raised", "climbed", "acknowledged", "met", "ended")


def judge(before: Timeline | None, facts: Facts, rules: Rules, now: datetime, cause: str) -> Timeline:
    """The ticket's clocks as they stand now; what has to be said stands at the end of `effects`.

    Judging again with the same facts and the same now says nothing more. Late is late: a step that was due while nobody
    looked is taken now and says when it was due (D23); only warnings and rungs of a clock that has stopped are let go.
    """
    known = {clock.key: clock for clock in before.clocks} if before else {}
    clocks = derive(facts, rules, known, now)
    steps = _Steps(rules, now, cause)
    if before is None or _deadlines_changed(clocks, known):
        told = before.effects if before else ()
        ordinal = sum(1 for effect in told if effect.kind == "armed")
        steps.say("armed", ("", facts.newest.cycle, 0), ordinal, now)
    taken = tuple(steps.take(clock) for clock in clocks)
    escalations = tuple(steps.escalate(before.escalations if before else (), taken))
    said = sorted(steps.effects, key=lambda effect: (effect.kind != "armed", effect.due_at, _ORDER.index(effect.kind)))
    return Timeline(
        number=facts.newest.number,
        revision=before.revision + 1 if before else 1,
        facts=facts,
        clocks=taken,
        escalations=escalations,
        effects=(*(before.effects if before else ()), *said),
        next_due=min(steps.ahead, default=None),
    )


def acknowledge(before: Timeline, clock: str, cycle: int, actor: str, roles: Collection[str], reason: str, rules: Rules,
                now: datetime, cause: str) -> Timeline:  # fmt: skip
    """Somebody takes the matter up: the escalation climbs no further (D14). Once acknowledged it stays so.

    Raises Missing when there is no such escalation, Refused when it has ended or the role may not.
    """
    found = next((each for each in before.escalations if (each.clock, each.cycle) == (clock, cycle)), None)
    if found is None:
        raise Missing(f'Ticket {before.number} has no escalation of clock "{clock}" in cycle {cycle}.')
    role = next((each for each in rules.chain if each in roles), "") or min(
        ALWAYS_MAY_ACKNOWLEDGE.intersection(roles), default=""
    )
    if not role:
        raise Refused("Only a role on the escalation chain or a manager may acknowledge it.", code="forbidden")
    if found.acknowledged_at is not None:
        return before
    if found.ended:
        raise Refused(f"This escalation has ended ({found.ended}); nothing is left to acknowledge.", code="conflict")
    taken = replace(found, next_at=None, acknowledged_by=actor, acknowledged_role=role, acknowledged_at=now)
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


def _deadlines_changed(clocks: Iterable[Clock], known: dict[tuple[str, int, int], Clock]) -> bool:
    """A new deadline, a moved one, or one that will never come."""
    for clock in clocks:
        earlier = known.get(clock.key)
        if earlier is None or earlier.due_at != clock.due_at:
            return True
        if earlier.live and clock.status is Status.CANCELLED:
            return True
    return False


class _Steps:
    """Takes the steps that are due and remembers the instants of those ahead."""

    def __init__(self, rules: Rules, now: datetime, cause: str) -> None:
        self._rules = rules
        self._now = now
        self._cause = cause
        self.effects: list[Effect] = []
        self.ahead: list[datetime] = []

    def say(
        self, kind: str, key: tuple[str, int, int], step: int, due: datetime, *, role: str = "", reason: str = ""
    ) -> None:
        self.effects.append(Effect(kind, *key, step, due, self._now, self._cause, role, reason))

    def take(self, clock: Clock) -> Clock:
        """The clock after its own steps."""
        if clock.live:
            clock = self._warn(clock)
        if clock.status in (Status.BREACHED, Status.MET_LATE):
            if not clock.breach_told:
                self.say("breached", clock.key, 0, clock.due_at)
                clock = replace(clock, breach_told=True)
        elif clock.live and not clock.breach_told:
            self.ahead.append(clock.due_at)
        if clock.status in (Status.MET, Status.MET_LATE) and clock.told != clock.stopped_at:
            # A milestone may move when work is taken up again: then it is told once more, under an id of its own.
            moved = int((clock.stopped_at - clock.started_at).total_seconds()) if clock.told and clock.stopped_at else 0
            self.say("met", clock.key, moved, clock.stopped_at or self._now)
            clock = replace(clock, told=clock.stopped_at)
        return clock

    def _warn(self, clock: Clock) -> Clock:
        rule = self._rules.by_name.get(clock.name)
        fractions = sorted(rule.warn) if rule else ()
        calendar = self._rules.calendar(clock.calendar)
        warned = len(clock.taken)
        for step in range(warned, len(fractions)):
            at = calendar.add(clock.started_at, int(clock.limit_seconds * fractions[step]))
            if at > self._now:
                self.ahead.append(at)
                break
            warned = step + 1
            # One that fell before the clock was there warns of nothing: the breach says it (D12, D17).
            if at > clock.known_at:
                self.say("warned", clock.key, step, at)
        return clock if warned == len(clock.taken) else replace(clock, taken=tuple(range(warned)))

    def escalate(self, before: Iterable[Escalation], clocks: Iterable[Clock]) -> Iterable[Escalation]:
        """Escalations as they stand: raised by a breach told now, climbed, ended with their clock."""
        latest: dict[tuple[str, int], Clock] = {}
        for clock in clocks:
            kept = latest.get((clock.name, clock.cycle))
            if kept is None or kept.generation < clock.generation:
                latest[clock.name, clock.cycle] = clock
        told = {(each.clock, each.cycle, each.generation) for each in self.effects if each.kind == "breached"}
        standing = {(each.clock, each.cycle): each for each in before}
        for place, clock in latest.items():
            current = standing.get(place)
            overdue = clock.live and clock.status is Status.BREACHED
            if current is not None and not current.ended and not overdue:
                current = self._end(current, clock)
            if overdue and clock.key in told and (current is None or current.ended):
                current = self._raise(clock) or current
            if current is not None and not current.ended:
                current = self._climb(current)
            if current is not None:
                standing[place] = current
        return standing.values()

    def _raise(self, clock: Clock) -> Escalation | None:
        rule = self._rules.by_name.get(clock.name)
        if rule is None or not rule.escalate or not self._rules.chain:
            return None
        base = max(clock.due_at, clock.known_at)
        role = self._rules.chain[0]
        self.say("raised", clock.key, 0, base, role=role)
        return Escalation(*clock.key, 0, role, base, self._after(base))

    def _climb(self, current: Escalation) -> Escalation:
        while current.next_at is not None and current.next_at <= self._now:
            rung, due = current.rung + 1, current.next_at
            if rung >= len(self._rules.chain):
                return replace(current, next_at=None)
            role = self._rules.chain[rung]
            later = self._after(due) if rung + 1 < len(self._rules.chain) else None
            current = replace(current, rung=rung, role=role, next_at=later)
            self.say("climbed", (current.clock, current.cycle, current.generation), rung, due, role=role)
        if current.next_at is not None:
            self.ahead.append(current.next_at)
        return current

    def _end(self, current: Escalation, clock: Clock) -> Escalation:
        reason = {
            Status.MET: "met",
            Status.MET_LATE: "met_late",
            Status.RUNNING: "grade_changed",
        }.get(clock.status, clock.note or "cancelled")
        key = (current.clock, current.cycle, current.generation)
        self.say("ended", key, current.rung, clock.stopped_at or self._now, role=current.role, reason=reason)
        return replace(current, ended=reason, next_at=None)

    def _after(self, at: datetime) -> datetime | None:
        """When the next rung is due."""
        if len(self._rules.chain) < 2:
            return None
        calendar = self._rules.calendar(self._rules.chain_calendar)
        every = self._rules.every
        return (
            calendar.add_working_days(at, every.working_days) if every.working_days else calendar.add(at, every.seconds)
        )
