"""Alarms: an occasion that is told at once and has to be acknowledged, clock or no clock (重大问题及时汇报, D15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.profile.clocks import Alarm, Occasion
from services.sla.model import Cycle, Escalation, Facts
from services.sla.policy.escalating import climb, ended, ladder, raised
from services.sla.policy.occasions import instants
from services.sla.policy.terms import applies
from services.sla.policy.turn import Turn


def ring(turn: Turn, before: Iterable[Escalation]) -> tuple[Escalation, ...]:
    """Alarms as they stand: raised by their occasion, climbed until acknowledged, over with the ticket or its `until`.

    One alarm of a name stands in a cycle: a newer occasion takes its place. One that was over before anybody could
    hear of it is let go.
    """
    rules = {each.name: each for each in turn.rules.levels.alarms}
    kept = [_attended(turn, each, rules.get(each.clock)) for each in before if each.alarm]
    for alarm in rules.values():
        for cycle in turn.facts.cycles:
            kept = _rung(turn, alarm, cycle, kept)
    return tuple(kept)


def _rung(turn: Turn, alarm: Alarm, cycle: Cycle, kept: list[Escalation]) -> list[Escalation]:
    """What stands, with the newest occasion of the cycle if nobody has been told of it."""
    newest = max(_occasions(alarm.on, turn.facts, cycle), default=None)
    if newest is None or not alarm.chain:
        return kept
    version, at = newest
    place = (alarm.name, cycle.number)
    # Of a version heard late that comes before one told already, everybody knows.
    if any((each.clock, each.cycle) == place and each.generation >= version for each in kept):
        return kept
    if _over(turn.facts, alarm, cycle.number, at) or not applies(
        alarm.when, turn.facts, turn.facts.newest.grade, turn.rules
    ):
        return kept
    replaced = [
        ended(turn, each, "raised_again", turn.now) if (each.clock, each.cycle) == place and not each.ended else each
        for each in kept
    ]
    chain = ladder(alarm)
    return [*replaced, climb(turn, raised(turn, (*place, version), chain, at, at, alarm=True), chain)]


def _attended(turn: Turn, current: Escalation, alarm: Alarm | None) -> Escalation:
    if current.ended:
        return current
    if alarm is None:
        return ended(turn, current, "not_applicable", turn.now)
    over = _over(turn.facts, alarm, current.cycle, current.raised_at)
    if over is not None:
        return ended(turn, current, over, turn.now)
    return climb(turn, current, ladder(alarm))


def _over(facts: Facts, alarm: Alarm, number: int, since: datetime) -> str | None:
    """Why an alarm raised then is over: with its own occasion or with the ticket. None: it stands."""
    if facts.newest.ended or any(each.number == number and each.ended_in for each in facts.cycles[:-1]):
        return "ticket_ended"
    if alarm.until is not None:
        for cycle in facts.cycles:
            if cycle.number >= number and any(at > since for _, at in instants(alarm.until, facts, cycle)):
                return "until"
    return None


def _occasions(occasion: Occasion, facts: Facts, cycle: Cycle) -> Iterator[tuple[int, datetime]]:
    """By version; milestones have none and are counted."""
    for place, (version, at) in enumerate(instants(occasion, facts, cycle)):
        yield version or place, at
