"""From effects to what is said about them: sla.* and escalation.* on the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import MappingProxyType

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import common_pb2, sla_pb2
from services.runtime.message import Said, event_id
from services.sla.handlers import RulesFor, Utterance
from services.sla.hearing import Causes
from services.sla.model import Clock, Effect, Escalation, Rules, Timeline

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONE: Causes = MappingProxyType({})
_KEYS = {
    "armed": "sla.armed",
    "warned": "sla.warned",
    "breached": "sla.breached",
    "met": "sla.met",
    "raised": "escalation.raised",
    "climbed": "escalation.climbed",
    "acknowledged": "escalation.acknowledged",
    "ended": "escalation.ended",
}
_STATUS = {name: sla_pb2.ClockStatus.Value(f"CLOCK_STATUS_{name}") for name in
           ("RUNNING", "MET", "BREACHED", "MET_LATE", "CANCELLED")}  # fmt: skip


def say_all(utterances: Iterable[Utterance], rules_for: RulesFor, causes: Causes = _NONE) -> Iterator[Said]:
    """The messages of several tickets, each ticket's in order."""
    for timeline, effects in utterances:
        newest = timeline.facts.newest
        rules = rules_for(newest.profile, newest.profile_version)
        for effect in effects:
            yield said(timeline, effect, rules, causes.get((timeline.number, effect.cause), effect.cause))


def said(timeline: Timeline, effect: Effect, rules: Rules, cause: str = "") -> Said:
    """The message of an effect; its id follows from ticket, clock, cycle, generation and step alone."""
    key = _KEYS[effect.kind]
    body = _escalation_event(timeline, effect) if key.startswith("escalation.") else _sla_event(timeline, effect, rules)
    return Said(
        key=key,
        body=body,
        id=event_id(f"sla/{timeline.number}/{effect.key}", key, timeline.number),
        subject=timeline.number,
        time=effect.at,
        cause=cause or effect.cause,
        actor=effect.actor or "service:sla",
    )


def state_of(clock: Clock, rules: Rules, now: datetime) -> sla_pb2.ClockState:
    """A clock in the contract's words; what is used of a running one is counted up to now (D21)."""
    used = clock.used_seconds
    if clock.live:
        used = max(rules.calendar(clock.calendar).between(clock.started_at, now), 0)
    return sla_pb2.ClockState(
        clock=clock.name,
        cycle=clock.cycle,
        generation=clock.generation,
        status=_STATUS[clock.status.value],
        started_at=stamp(clock.started_at),
        due_at=stamp(clock.due_at),
        stopped_at=stamp(clock.stopped_at) if clock.stopped_at else None,
        limit_seconds=clock.limit_seconds,
        used_seconds=used,
        calendar=clock.calendar,
        grade=clock.grade,
        note=clock.note,
    )


def escalation_of(number: str, standing: Escalation) -> sla_pb2.Escalation:
    """An escalation in the contract's words."""
    return sla_pb2.Escalation(
        escalation_id=f"{number}/{standing.clock}/{standing.cycle}",
        number=number,
        clock=standing.clock,
        rung=standing.rung,
        role=standing.role,
        raised_at=stamp(standing.raised_at),
        next_at=stamp(standing.next_at) if standing.next_at else None,
        acknowledged=standing.acknowledged_at is not None,
        acknowledged_by=_actor(standing.acknowledged_by, standing.acknowledged_role),
        ended=bool(standing.ended),
    )


def stamp(at: datetime) -> Timestamp:
    """A protobuf timestamp of an aware instant in UTC."""
    delta = at - _EPOCH
    return Timestamp(seconds=delta.days * 86_400 + delta.seconds, nanos=delta.microseconds * 1000)


def brief_of(timeline: Timeline) -> sla_pb2.TicketBrief:
    """What is told of the ticket to readers who have not seen it."""
    return sla_pb2.TicketBrief.FromString(timeline.facts.newest.brief)


def _sla_event(timeline: Timeline, effect: Effect, rules: Rules) -> sla_pb2.SlaEvent:
    clock = timeline.clock(effect.clock, effect.cycle, effect.generation) if effect.clock else None
    rule = rules.by_name.get(effect.clock)
    event = sla_pb2.SlaEvent(
        ticket=brief_of(timeline),
        ticket_version=timeline.facts.newest.version,
        clock=state_of(clock, rules, effect.at) if clock else None,
        clocks=[state_of(each, rules, effect.at) for each in timeline.clocks],
        due_at=stamp(effect.due_at),
        at=stamp(effect.at),
        revision=timeline.revision,
    )
    if effect.kind == "warned" and rule:
        event.fraction = sorted(rule.warn)[effect.step]
        event.notify.extend(rules.warn_roles)
    elif effect.kind == "breached" and rule and rule.escalate:
        event.notify.extend(rules.chain[:1])
    return event


def _escalation_event(timeline: Timeline, effect: Effect) -> sla_pb2.EscalationEvent:
    return sla_pb2.EscalationEvent(
        ticket=brief_of(timeline),
        escalation_id=f"{timeline.number}/{effect.clock}/{effect.cycle}",
        clock=effect.clock,
        rung=effect.step,
        role=effect.role,
        at=stamp(effect.at),
        due_at=stamp(effect.due_at),
        acknowledged_by=_actor(effect.actor, effect.role) if effect.actor else None,
        reason=effect.reason,
    )


def _actor(person: str, role: str) -> common_pb2.Actor | None:
    return common_pb2.Actor(id=person, role=role) if person else None
