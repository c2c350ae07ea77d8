"""The steps of one clock: warnings before its due instant, the breach, steps after it, its end (D13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.profile.clocks import Action, ClockRule
from services.profile.facet import Span
from services.sla.model import Clock, Facts, Rules, Status, Threshold
from services.sla.policy import commitments
from services.sla.policy.turn import Turn

_OVERDUE = (Status.BREACHED, Status.MET_LATE)
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def steps_of(name: str, rules: Rules) -> tuple[Threshold, ...]:
    """Steps of a clock in the order declared, its warnings first; none for a clock the rules do not have."""
    known = rules.thresholds.get(name)
    if known is None:
        rule = rules.by_name.get(name)
        known = rules.thresholds[name] = _declared(rule, rules.warn_roles) if rule is not None else _OF_OTHERS[name]
    return known


def threshold_of(name: str, place: int, rules: Rules) -> Threshold | None:
    """That step, if the rules (still) have it."""
    steps = steps_of(name, rules)
    return steps[place] if place < len(steps) else None


def instant_of(step: Threshold, clock: Clock, facts: Facts, rules: Rules) -> datetime | None:
    """When a step of a clock is due, as far as is known now; None when it has none.

    What follows the due instant is counted from when the breach could be known: a clock that comes to light late has
    its time for it, too (D12, D17).
    """
    calendar = rules.calendar(clock.calendar)
    if clock.subject:
        return commitments.reminder(clock, facts)
    if step.follows:
        base = max(clock.due_at, clock.known_at)
        if step.after is None:
            return calendar.add(base, max(_part(clock, step) - clock.limit_seconds, 0))
        if step.after.working_days:
            return calendar.add_working_days(base, step.after.working_days)
        return calendar.add(base, step.after.seconds)
    if step.before is not None and step.before.working_days:
        return calendar.subtract_working_days(clock.due_at, step.before.working_days)
    used = clock.limit_seconds - step.before.seconds if step.before is not None else _part(clock, step)
    return calendar.add(clock.started_at, used, clock.rests) if used > 0 else clock.started_at


def next_step(clock: Clock, facts: Facts, rules: Rules, now: datetime) -> datetime | None:
    """When the next thing is due of a clock: a warning, the breach, a step after it. None when it stopped or rests."""
    if not clock.live or clock.status is Status.PAUSED:
        return None
    ahead = [
        at
        for step in steps_of(clock.name, rules)
        if step.place not in clock.taken and (at := instant_of(step, clock, facts, rules)) is not None and at > now
    ]
    if not clock.breach_told:
        ahead.append(clock.due_at)
    return min(ahead, default=None)


def take(turn: Turn, clock: Clock, earlier: Clock | None) -> Clock:
    """The clock after what is due of it; `earlier` is how it stood before."""
    _tell_rest(turn, clock, earlier)
    if clock.live:
        clock = _thresholds(turn, clock)
    if clock.status in _OVERDUE:
        if not clock.breach_told:
            # A breach is told at its instant, whatever the hour; what wakes people follows from it (ADR 20).
            turn.say_once("breached", clock.key, 0, clock.due_at)
            clock = replace(clock, breach_told=True)
    elif clock.status is Status.RUNNING and not clock.breach_told:
        turn.wait(clock.due_at)
    if clock.status in (Status.MET, Status.MET_LATE) and clock.told != clock.stopped_at:
        # A milestone may move when work is taken up again: then it is told once more, under an id of its own.
        known = clock.told or turn.said_at("met", clock.key, 0)
        moved = int((clock.stopped_at - clock.started_at).total_seconds()) if known and clock.stopped_at else 0
        if known != clock.stopped_at:
            turn.say_once("met", clock.key, moved, clock.stopped_at or turn.now)
        clock = replace(clock, told=clock.stopped_at)
    return clock


def _thresholds(turn: Turn, clock: Clock) -> Clock:
    steps = steps_of(clock.name, turn.rules)
    if len(clock.taken) >= len(steps):
        return clock
    taken: list[int] = []
    for step in steps:
        # The due instant comes first, and brings the ticket here again.
        if step.place in clock.taken or (step.follows and clock.status is not Status.BREACHED):
            continue
        at = instant_of(step, clock, turn.facts, turn.rules)
        if at is None:
            continue
        told = at if step.page else turn.told_from(at)
        if clock.status is Status.PAUSED and clock.paused_since is not None and told > clock.paused_since:
            continue
        if told > turn.now:
            turn.wait(told)
            continue
        taken.append(step.place)
        if step.follows:
            turn.say_once("passed", clock.key, step.place, at)
        # One that fell before the clock was there warns of nothing: the breach says it (D12, D17). Neither does one
        # that waited for the morning until after the breach.
        elif at > clock.known_at and (told == at or told < clock.due_at):
            turn.say_once("warned", clock.key, step.place, at)
    return replace(clock, taken=tuple(sorted((*clock.taken, *taken)))) if taken else clock


def _tell_rest(turn: Turn, clock: Clock, earlier: Clock | None) -> None:
    """Rests and goes on: by a person, by the state of the ticket, or because the time of a hold is over (D16)."""
    rested = earlier.paused_since if earlier is not None and earlier.status is Status.PAUSED else None
    rests = clock.paused_since if clock.status is Status.PAUSED else None
    if rested == rests:
        return
    # What ended and came alive again, as a ticket restored, rests as before: everybody knows.
    if rested is not None and clock.live and not turn.was_said("resumed", clock.key, _since(clock, rested)):
        turn.say("resumed", clock.key, _since(clock, rested), turn.now)
    if rests is not None and not turn.was_said("paused", clock.key, _since(clock, rests)):
        turn.say("paused", clock.key, _since(clock, rests), rests)


def _since(clock: Clock, at: datetime) -> int:
    """Which rest of the clock it is: the seconds from its start to the beginning of the rest."""
    return int((at - clock.started_at).total_seconds())


def _part(clock: Clock, step: Threshold) -> int:
    """Seconds of the limit up to a fraction of it. Rounded against 0.29 * 100 being 28.999."""
    return int(round(clock.limit_seconds * (step.fraction or 0.0), 6))


def _declared(rule: ClockRule, warn_roles: tuple[str, ...]) -> tuple[Threshold, ...]:
    warnings = [
        Threshold(place, _percent(fraction), fraction=fraction, roles=warn_roles)
        for place, fraction in enumerate(sorted(rule.warn))
    ]
    for place, step in enumerate(rule.steps, len(warnings)):
        at, do = step.at, step.do
        sign = "-" if at.before is not None else "+"
        span = at.before or at.after
        warnings.append(
            Threshold(
                place=place,
                text=f"{sign}{_words(span)}" if span is not None else _percent(at.fraction or 0.0),
                fraction=at.fraction,
                before=at.before,
                after=at.after,
                roles=tuple(dict.fromkeys((*do.page, *do.notify))),
                page=bool(do.page),
                asks=tuple(_asks(do)),
            )
        )
    return tuple(warnings)


def _asks(do: Action) -> list[str]:
    asks = ["raise_grade"] if do.raise_grade else []
    if do.reassign_team:
        asks.append(f"reassign_team:{do.reassign_team}")
    if do.reassign_role:
        asks.append(f"reassign_role:{do.reassign_role}")
    return asks


def _percent(fraction: float) -> str:
    return f"{fraction * 100:g}%"


def _words(span: Span) -> str:
    if span.working_days:
        return f"{span.working_days}wd"
    unit, length = next((each for each in _UNITS if span.seconds % each[1] == 0), _UNITS[-1])
    return f"{span.seconds // length}{unit}"


class _Others(dict[str, tuple[Threshold, ...]]):
    """Clocks without a rule have no steps; a commitment has its reminder."""

    def __missing__(self, name: str) -> tuple[Threshold, ...]:
        return ()


_OF_OTHERS = _Others({commitments.NAME: (Threshold(commitments.REMINDER, ""),)})
