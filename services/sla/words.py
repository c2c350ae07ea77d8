"""The nouns of service levels in the contract's words."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import common_pb2, sla_pb2
from services.sla.model import Clock, Commitment, Escalation, Facts, Hold, Recalculation, Rules, Status, Timeline
from services.sla.policy.commitments import of_clock, status_of
from services.sla.policy.pauses import remaining, used
from services.sla.policy.stepping import next_step
from services.sla.policy.terms import limit_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {each: sla_pb2.ClockStatus.Value(f"CLOCK_STATUS_{each.value}") for each in Status}


def stamp(at: datetime) -> Timestamp:
    """A protobuf timestamp of an aware instant in UTC."""
    delta = at - _EPOCH
    return Timestamp(seconds=delta.days * 86_400 + delta.seconds, nanos=delta.microseconds * 1000)


def optional(at: datetime | None) -> Timestamp | None:
    """A timestamp that may be absent."""
    return stamp(at) if at is not None else None


def brief_of(timeline: Timeline) -> sla_pb2.TicketBrief:
    """What is told of the ticket to readers who have not seen it."""
    return sla_pb2.TicketBrief.FromString(timeline.facts.newest.brief)


def actor_of(person: str, role: str) -> common_pb2.Actor | None:
    """Somebody; None for nobody."""
    return common_pb2.Actor(id=person, role=role) if person else None


def state_of(clock: Clock, rules: Rules, now: datetime, facts: Facts | None = None) -> sla_pb2.ClockState:
    """A clock; what is used of a running one is counted up to now, less its pauses (D16, D21).

    With `facts` also when its next step is due, and the promise it counts for.
    """
    promised = of_clock(clock, facts) if facts is not None and clock.subject else None
    return sla_pb2.ClockState(
        clock=clock.name,
        cycle=clock.cycle,
        generation=clock.generation,
        status=_STATUS[clock.status],
        started_at=stamp(clock.started_at),
        due_at=stamp(clock.due_at),
        stopped_at=optional(clock.stopped_at),
        limit_seconds=clock.limit_seconds,
        used_seconds=used(clock, rules, now),
        calendar=clock.calendar,
        grade=clock.grade,
        note=clock.note,
        family=clock.family,
        remaining_seconds=remaining(clock, rules, now),
        paused_since=optional(clock.paused_since),
        paused_seconds=clock.paused_seconds,
        next_step_at=optional(next_step(clock, facts, rules, now)) if facts is not None else None,
        policy_version=clock.policy,
        commitment=commitment_of(promised, facts, now) if promised is not None and facts is not None else None,
        working_days=_working_days(clock, facts, rules) if facts is not None else 0,
    )


def _working_days(clock: Clock, facts: Facts, rules: Rules) -> int:
    """Working days of its limit under the policy that judged it (D11)."""
    if clock.policy not in ("", rules.version):
        rules = rules.other(clock.policy) or rules
    rule = rules.by_name.get(clock.name)
    limit = limit_of(rule, facts, clock.grade, rules) if rule is not None else None
    return limit.working_days if limit is not None else 0


def commitment_of(promised: Commitment, facts: Facts, now: datetime) -> sla_pb2.Commitment:
    """A promise with how it stands (section 5.9)."""
    return sla_pb2.Commitment(
        id=promised.id,
        kind=promised.kind,
        text=promised.text,
        owner=promised.owner,
        made_by=promised.made_by,
        made_at=stamp(promised.made_at),
        due_at=stamp(promised.due_at),
        given=promised.given,
        remind_at=optional(promised.remind_at),
        status=status_of(promised, now),
        kept_at=optional(promised.kept_at),
        replaced_by=promised.replaced_by,
        number=facts.newest.number,
        kept_by=promised.kept_by,
        note=promised.note,
        calendar=promised.calendar,
        measure=promised.measure,
    )


def pause_of(hold: Hold) -> sla_pb2.Pause:
    """A hold of a person."""
    return sla_pb2.Pause(
        clock=hold.clock,
        since=stamp(hold.since),
        until=optional(hold.until),
        reason=hold.reason,
        by=hold.by,
        hold_id=hold.id,
    )


def escalation_of(number: str, standing: Escalation) -> sla_pb2.Escalation:
    """An escalation or an alarm."""
    return sla_pb2.Escalation(
        escalation_id=f"{number}/{standing.clock}/{standing.cycle}",
        number=number,
        clock=standing.clock,
        rung=standing.rung,
        role=standing.role,
        raised_at=stamp(standing.raised_at),
        next_at=optional(standing.next_at),
        acknowledged=standing.acknowledged_at is not None,
        acknowledged_by=actor_of(standing.acknowledged_by, standing.acknowledged_role),
        ended=bool(standing.ended),
        alarm=standing.alarm,
        cycle=standing.cycle,
    )


def recalculation_of(laid: Recalculation) -> sla_pb2.Recalculation:
    """Who laid which policy under the ticket, and why; what it changed stands in sla.recalculated (D18)."""
    return sla_pb2.Recalculation(
        by=laid.by, reason=laid.reason, old_version=laid.old, new_version=laid.new, at=stamp(laid.at)
    )
