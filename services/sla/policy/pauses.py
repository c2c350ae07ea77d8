"""When clocks rest: while the ticket stands as a rule says, or because a person holds them (暂停, D16). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.profile.clocks import ClockRule
from services.sla.model import Clock, Cycle, Facts, Rest, Rules
from services.sla.policy.occasions import Stretch, stretches


def rests_of(rule: ClockRule, facts: Facts, cycle: Cycle, rules: Rules) -> list[Stretch]:
    """When a rule's clock rests in a cycle, oldest first; what overlaps counts once. None where the profile permits no
    pauses."""
    if not rules.levels.pause.allowed:
        return []
    return joined(_each(rule, facts, cycle))


def within(rests: Sequence[Stretch], start: datetime | None, end: datetime | None) -> list[Stretch]:
    """The parts of them from start to end, where there are such."""
    found: list[Stretch] = []
    for since, until in rests:
        begin = since if start is None else max(since, start)
        over = until if end is None else (end if until is None else min(until, end))
        if over is None or begin < over:
            found.append((begin, over))
    return found


def joined(rests: Iterator[Stretch] | Sequence[Stretch]) -> list[Stretch]:
    """The same time, ascending, in stretches that do not touch."""
    found: list[Stretch] = []
    for since, until in sorted(rests, key=lambda each: each[0]):
        if until is not None and until <= since:
            continue
        if found and (found[-1][1] is None or since <= found[-1][1]):
            last = found[-1][1]
            if last is not None and (until is None or until > last):
                found[-1] = (found[-1][0], until)
        else:
            found.append((since, until))
    return found


def bounded(rests: Sequence[Stretch]) -> tuple[Rest, ...]:
    """Those whose end is known: they can be taken out of a length."""
    return tuple((since, until) for since, until in rests if until is not None)


def resting(rests: Sequence[Stretch], due: datetime, now: datetime) -> datetime | None:
    """Since when a clock rests at this instant. Once its time is used up nothing rescues it."""
    for since, until in rests:
        if since <= now and (until is None or now < until):
            return since if since < due else None
    return None


def used(clock: Clock, rules: Rules, now: datetime) -> int:
    """Seconds of its calendar that a clock has counted: up to its stop, its rest, or now (D21)."""
    if not clock.live:
        return clock.used_seconds
    end = clock.paused_since if clock.paused_since is not None and clock.paused_since < now else now
    return max(rules.calendar(clock.calendar).between(clock.started_at, end, clock.rests), 0)


def remaining(clock: Clock, rules: Rules, now: datetime) -> int:
    """Seconds of its calendar until the due instant, negative once it has passed; of a stopped one its margin (D21)."""
    end = clock.stopped_at or min(now, clock.paused_since or now)
    return rules.calendar(clock.calendar).between(end, clock.due_at, clock.rests)


def _each(rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterator[Stretch]:
    if rule.pause_while:
        yield from stretches(rule.pause_while, facts, cycle)
    if rule.pausable:
        for hold in facts.holds:
            if hold.clock in ("", rule.name) and hold.cycle == cycle.number:
                yield hold.since, hold.until
