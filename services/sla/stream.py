"""From effects to what is said about them: sla.* and escalation.* on the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from types import MappingProxyType

from services.contracts.deskstream.v1 import sla_pb2
from services.runtime.message import Said, event_id
from services.sla.handlers import RulesFor, Utterance
from services.sla.hearing import Causes
from services.sla.model import Clock, Effect, Facts, Recalculation, Rules, Threshold, Timeline
from services.sla.policy.escalating import ladder_of, repeats_in
from services.sla.policy.stepping import threshold_of
from services.sla.words import actor_of, optional, pause_of
from services.sla.words import brief_of as brief_of
from services.sla.words import escalation_of as escalation_of
from services.sla.words import stamp as stamp
from services.sla.words import state_of as state_of

_NONE: Causes = MappingProxyType({})
_CLIMBING = ("raised", "climbed", "repeated", "acknowledged", "ended")


def say_all(utterances: Iterable[Utterance], rules_for: RulesFor, causes: Causes = _NONE) -> Iterator[Said]:
    """The messages of several tickets, each ticket's in order; what a step asks for stands behind the step."""
    for timeline, effects in utterances:
        rules = rules_for(timeline.facts.newest.profile, timeline.facts.policy)
        for effect in effects:
            if _is_void(timeline, effect):
                continue
            cause = causes.get((timeline.number, effect.cause), effect.cause)
            yield said(timeline, effect, rules, cause)
            if effect.kind in ("warned", "passed"):
                yield from asked(timeline, effect, rules, cause)


def _is_void(timeline: Timeline, effect: Effect) -> bool:
    """Whether the time it is about was begun anew before anybody could hear of it: nothing is left to tell (D19)."""
    if not effect.clock or effect.kind in _CLIMBING:
        return False
    return timeline.clock(effect.clock, effect.cycle, effect.generation) is None


def said(timeline: Timeline, effect: Effect, rules: Rules, cause: str = "") -> Said:
    """The message of an effect; its id follows from ticket, clock, cycle, generation and step alone."""
    climbing = effect.kind in _CLIMBING
    key = f"{'escalation' if climbing else 'sla'}.{effect.kind}"
    body = _escalation_event(timeline, effect, rules) if climbing else _sla_event(timeline, effect, rules)
    return Said(
        key=key,
        body=body,
        id=event_id(f"sla/{timeline.number}/{effect.key}", key, timeline.number),
        subject=timeline.number,
        time=effect.at,
        cause=cause or effect.cause,
        actor=effect.actor or "service:sla",
    )


def asked(timeline: Timeline, effect: Effect, rules: Rules, cause: str = "") -> Iterator[Said]:
    """What a step wants done to the ticket: dispatch hears it and does it under its own rules, once by the id (D13)."""
    step = _step(timeline, effect, rules)
    for ask in step.asks if step is not None else ():
        action, _, target = ask.partition(":")
        yield Said(
            key="sla.asked",
            body=sla_pb2.SlaAsked(
                number=timeline.number,
                clock=effect.clock,
                cycle=effect.cycle,
                generation=effect.generation,
                step=step.text if step is not None else "",
                action=action,
                target=target,
                due_at=stamp(effect.due_at),
                at=stamp(effect.at),
                grade=_grade_at(timeline.facts, effect.at),
            ),
            id=event_id(f"sla/{timeline.number}/{effect.key}/{ask}", "sla.asked", timeline.number),
            subject=timeline.number,
            time=effect.at,
            cause=cause or effect.cause,
            actor="service:sla",
        )


def _sla_event(timeline: Timeline, effect: Effect, rules: Rules) -> sla_pb2.SlaEvent:
    clock = timeline.clock(effect.clock, effect.cycle, effect.generation) if effect.clock else None
    event = sla_pb2.SlaEvent(
        ticket=brief_of(timeline),
        ticket_version=timeline.facts.newest.version,
        clock=state_of(clock, rules, effect.at, timeline.facts) if clock else None,
        clocks=[state_of(each, rules, effect.at) for each in timeline.clocks],
        due_at=stamp(effect.due_at),
        at=stamp(effect.at),
        revision=timeline.revision,
    )
    if effect.kind in ("warned", "passed") and (step := _step(timeline, effect, rules)) is not None:
        event.fraction = step.fraction or 0.0
        event.notify.extend(step.roles)
        event.page = step.page
        event.step = step.text
        event.asks.extend(step.asks)
    elif effect.kind == "breached" and (rule := rules.by_name.get(effect.clock)) is not None and rule.escalate:
        event.notify.extend(ladder_of(effect.clock, timeline.facts, rules).roles[:1])
    elif effect.kind in ("paused", "resumed") and clock is not None:
        event.pause.CopyFrom(_pause(timeline.facts, effect, clock))
    elif effect.kind == "recalculated" and effect.step < len(timeline.facts.recalculations):
        event.recalculation.CopyFrom(_recalculation(timeline, timeline.facts.recalculations[effect.step], rules))
    return event


def _step(timeline: Timeline, effect: Effect, rules: Rules) -> Threshold | None:
    """The step that was taken, by the policy that judged its clock: another may lie under the ticket since (D18)."""
    clock = timeline.clock(effect.clock, effect.cycle, effect.generation)
    if clock is not None and clock.policy not in ("", rules.version):
        rules = rules.other(clock.policy) or rules
    return threshold_of(effect.clock, effect.step, rules)


def _escalation_event(timeline: Timeline, effect: Effect, rules: Rules) -> sla_pb2.EscalationEvent:
    rung, repeats = repeats_in(effect.step) if effect.kind == "repeated" else (effect.step, 0)
    alarm = next((each for each in rules.levels.alarms if each.name == effect.clock), None)
    named = alarm or rules.by_name.get(effect.clock)
    return sla_pb2.EscalationEvent(
        ticket=brief_of(timeline),
        escalation_id=f"{timeline.number}/{effect.clock}/{effect.cycle}",
        clock=effect.clock,
        rung=rung,
        role=effect.role,
        at=stamp(effect.at),
        due_at=stamp(effect.due_at),
        acknowledged_by=actor_of(effect.actor, effect.role),
        reason=effect.reason,
        alarm=alarm is not None,
        # Whoever is in charge hears of an alarm by every way at once, at any hour (D15).
        page=alarm is not None,
        repeats=repeats,
        label_zh=named.label.zh if named is not None else "",
        label_en=named.label.en if named is not None else "",
    )


def _pause(facts: Facts, effect: Effect, clock: Clock) -> sla_pb2.Pause:
    """Of a hold with the person and the reason; of the state of the ticket without."""
    since = clock.started_at + timedelta(seconds=effect.step)
    for hold in facts.holds:
        begun = max(hold.since, clock.started_at)
        if hold.clock in ("", clock.name) and hold.cycle == clock.cycle and abs(begun - since) < timedelta(seconds=1):
            return pause_of(hold)
    until: datetime | None = effect.due_at if effect.kind == "resumed" else None
    return sla_pb2.Pause(clock=clock.name, since=stamp(since), until=optional(until))


def _recalculation(timeline: Timeline, laid: Recalculation, rules: Rules) -> sla_pb2.Recalculation:
    """With each clock as it stood under the old policy and as it stands under the new one (D18)."""
    before = {
        (each.name, each.cycle): each
        for each in timeline.clocks
        if each.stopped_at == laid.at and each.note == "recalculated"
    }
    after = {
        (each.name, each.cycle): each
        for each in timeline.clocks
        if each.known_at == laid.at and each.policy == laid.new
    }
    return sla_pb2.Recalculation(
        by=laid.by,
        reason=laid.reason,
        old_version=laid.old,
        new_version=laid.new,
        at=stamp(laid.at),
        changes=[
            sla_pb2.ClockChange(
                before=state_of(before[place], rules, laid.at) if place in before else None,
                after=state_of(after[place], rules, laid.at) if place in after else None,
            )
            for place in dict.fromkeys((*before, *after))
        ],
    )


def _grade_at(facts: Facts, at: datetime) -> str:
    """The ticket's grade when a step was taken: a change since then makes a wish to raise it void."""
    return next(grade for since, grade in reversed(facts.grades()) if since is None or since <= at)
