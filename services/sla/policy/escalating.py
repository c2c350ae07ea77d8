"""Escalations climb their chain until somebody acknowledges them or the matter is over (升级, D14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.profile.clocks import Chain
from services.profile.facet import Span
from services.sla.model import Clock, Escalation, Facts, Rules, Status
from services.sla.policy.terms import applies
from services.sla.policy.turn import Key, Turn

MOST_REPEATS = 100
"""How often one rung is told again: whoever has not heard by then does not hear."""

_EACH_RUNG = 1000
"""Repetitions are numbered within their rung: step 2003 is the third repetition of rung 2."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A chain as it is climbed."""

    roles: tuple[str, ...]
    every: Span
    calendar: str
    repeat: Span | None = None


def ladder_of(clock: str, facts: Facts, rules: Rules) -> Ladder:
    """The chain of a clock of this ticket: the first choice that fits, else the profile's."""
    escalation = rules.levels.escalation
    for choice in escalation.chains:
        if choice.clocks and clock not in choice.clocks:
            continue
        if applies(choice.when, facts, facts.newest.grade, rules):
            return ladder(choice)
    return Ladder(rules.chain, rules.every, rules.chain_calendar, _length(escalation.repeat))


def ladder(chain: Chain) -> Ladder:
    """A chain of the profile as it is climbed."""
    return Ladder(chain.chain, chain.every, chain.calendar, _length(chain.repeat))


def repeats_in(step: int) -> tuple[int, int]:
    """Rung and number of a repetition, from the step of its effect."""
    return divmod(step, _EACH_RUNG)


def standing(escalations: Iterable[Escalation], name: str, cycle: int) -> Escalation | None:
    """The escalation that "<number>/<name>/<cycle>" means: the newest that still stands, else the newest."""
    found = [each for each in escalations if (each.clock, each.cycle) == (name, cycle)]
    return max(found, key=lambda each: (not each.ended, each.generation), default=None)


def escalate(turn: Turn, before: Sequence[Escalation], clocks: Sequence[Clock]) -> tuple[Escalation, ...]:
    """Escalations of clocks as they stand: raised by a breach, climbed, ended with their clock."""
    if not before and all(clock.status is not Status.BREACHED for clock in clocks):
        return ()
    by_key: dict[Key, Clock] = {}
    latest: dict[tuple[str, int], Clock] = {}
    for clock in clocks:
        by_key[clock.key] = clock
        kept = latest.get((clock.name, clock.cycle))
        if not clock.subject and (kept is None or kept.generation < clock.generation):
            latest[clock.name, clock.cycle] = clock
    told = {(each.clock, each.cycle): each for each in before}
    for place, clock in latest.items():
        current = told.get(place)
        overdue = clock.live and (clock.status is Status.BREACHED or _ran_ahead(current, clock))
        own = by_key.get((*place, current.generation)) if current is not None else None
        if current is not None and not current.ended and (not overdue or _stopped(own, clock)):
            current = _end(turn, current, own if own is not None and _stopped(own, clock) else clock, own)
        if overdue and clock.breach_told and (current is None or _is_over(current, clock)):
            current = _raise(turn, clock) or current
        if current is not None and not current.ended:
            current = climb(turn, current, ladder_of(clock.name, turn.facts, turn.rules))
        if current is not None:
            told[place] = current
    return tuple(told.values())


def raised(turn: Turn, key: Key, chain: Ladder, due: datetime, told: datetime, *, alarm: bool = False) -> Escalation:
    """A new escalation, told to the first rung."""
    role = chain.roles[0]
    turn.say("raised", key, 0, due, role=role)
    return Escalation(
        *key,
        rung=0,
        role=role,
        raised_at=told,
        next_at=turn.after(told, chain.every, chain.calendar) if len(chain.roles) > 1 else None,
        repeat_at=_again_at(turn, chain, told),
        alarm=alarm,
    )


def climb(turn: Turn, current: Escalation, chain: Ladder) -> Escalation:
    """The escalation after every rung and repetition due by now; a rung handed on is not told again."""
    while not current.ended and current.acknowledged_at is None:
        rung_at, again_at = _told_from(turn, current, current.next_at), _told_from(turn, current, current.repeat_at)
        if rung_at is not None and rung_at <= turn.now and (again_at is None or rung_at <= again_at):
            current = _rung(turn, current, chain, rung_at)
        elif again_at is not None and again_at <= turn.now:
            current = _again(turn, current, chain, again_at)
        else:
            for at in (rung_at, again_at):
                if at is not None:
                    turn.wait(at)
            break
    return current


def ended(turn: Turn, current: Escalation, reason: str, at: datetime) -> Escalation:
    """The escalation, over and told so."""
    key = (current.clock, current.cycle, current.generation)
    turn.say("ended", key, current.rung, at, role=current.role, reason=reason)
    return replace(current, ended=reason, next_at=None, repeat_at=None)


def _raise(turn: Turn, clock: Clock) -> Escalation | None:
    rule = turn.rules.by_name.get(clock.name)
    chain = ladder_of(clock.name, turn.facts, turn.rules) if rule is not None and rule.escalate else None
    if chain is None or not chain.roles or turn.was_said("raised", clock.key, 0):
        return None
    due = max(clock.due_at, clock.known_at)
    told = turn.told_from(due)
    if told > turn.now:
        turn.wait(told)
        return None
    return raised(turn, clock.key, chain, due, told)


def _ran_ahead(current: Escalation | None, clock: Clock) -> bool:
    """Whether a replica with a slower clock looks at what another has seen breached: that stays so."""
    same = current is not None and not current.ended and current.generation == clock.generation
    return same and current is not None and clock.due_at <= current.raised_at


def _is_over(current: Escalation, clock: Clock) -> bool:
    return bool(current.ended) and current.generation != clock.generation


def _rung(turn: Turn, current: Escalation, chain: Ladder, told: datetime) -> Escalation:
    rung, due = current.rung + 1, current.next_at
    if rung >= len(chain.roles) or due is None:
        return replace(current, next_at=None)
    turn.say("climbed", (current.clock, current.cycle, current.generation), rung, due, role=chain.roles[rung])
    # The next rung waits from when this one was told: a night's worth of rungs must not fall on one morning.
    return replace(
        current,
        rung=rung,
        role=chain.roles[rung],
        next_at=turn.after(told, chain.every, chain.calendar) if rung + 1 < len(chain.roles) else None,
        repeat_at=_again_at(turn, chain, told),
        repeats=0,
    )


def _again(turn: Turn, current: Escalation, chain: Ladder, told: datetime) -> Escalation:
    repeats, due = current.repeats + 1, current.repeat_at
    following = _again_at(turn, chain, told) if repeats < MOST_REPEATS else None
    # Of several that nobody could tell in time one is enough.
    if due is not None and (following is None or following > turn.now):
        key = (current.clock, current.cycle, current.generation)
        turn.say("repeated", key, current.rung * _EACH_RUNG + repeats, due, role=current.role)
    return replace(current, repeats=repeats, repeat_at=following)


def _again_at(turn: Turn, chain: Ladder, told: datetime) -> datetime | None:
    return turn.after(told, chain.repeat, chain.calendar) if chain.repeat is not None else None


def _told_from(turn: Turn, current: Escalation, at: datetime | None) -> datetime | None:
    """An alarm waits for nobody's morning (D15)."""
    return at if at is None or current.alarm else turn.told_from(at)


def _stopped(own: Clock | None, latest: Clock) -> bool:
    """Whether somebody did what the escalated run asked for, although a later run is overdue: that has its own."""
    return own is not None and own is not latest and not own.live and own.note not in ("superseded", "recalculated")


def _end(turn: Turn, current: Escalation, clock: Clock, own: Clock | None) -> Escalation:
    at = clock.stopped_at or turn.now
    reason = {Status.MET: "met", Status.MET_LATE: "met_late"}.get(clock.status, clock.note or "cancelled")
    if clock.status in (Status.RUNNING, Status.PAUSED):
        reason = own.note if own is not None and own.note not in ("", "superseded") else _why_anew(clock, own)
    return ended(turn, current, reason, at)


def _why_anew(clock: Clock, own: Clock | None) -> str:
    return "taken_up_again" if own is not None and own.grade == clock.grade else "grade_changed"


def _length(span: Span | None) -> Span | None:
    """A repetition without a length would never end."""
    return span if span is not None and (span.seconds > 0 or span.working_days > 0) else None
