"""SlaService: clocks of a ticket, what is at risk, what a deadline would be, acknowledging (D13, D14, D20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc

from services.contracts.deskstream.v1 import sla_pb2 as pb
from services.contracts.deskstream.v1 import sla_pb2_grpc as rpc
from services.kernel.clock import Clock
from services.kernel.errors import Missing, Refused, Unavailable
from services.runtime.message import Said
from services.runtime.rpc import Allow, caller
from services.sla.handlers import Clocks, Utterance, acknowledge, at_risk
from services.sla.policy.limits import deadline
from services.sla.policy.steps import ALWAYS_MAY_ACKNOWLEDGE
from services.sla.rulebook import Rulebook
from services.sla.stream import brief_of, escalation_of, say_all, stamp, state_of

NAME = pb.DESCRIPTOR.services_by_name["SlaService"].full_name
ALLOW: Mapping[str, Allow] = {
    "GetClocks": "SIGNED_IN",
    "ListAtRisk": frozenset(
        {"specialist", "engineer", "project_manager", "administrator", "quality"} | ALWAYS_MAY_ACKNOWLEDGE
    ),
    "PreviewDeadline": "SIGNED_IN",
    # Who may acknowledge depends on the chain of the ticket's profile; policy decides.
    "Acknowledge": "SIGNED_IN",
}
_MOST = 500


class Servicer(rpc.SlaServiceServicer):
    """Answers from the timelines; says what an acknowledgement brings about."""

    def __init__(
        self, store: Clocks, rulebook: Rulebook, clock: Clock, publish: Callable[[Sequence[Said]], object]
    ) -> None:
        self._store = store
        self._rules_for = rulebook
        self._clock = clock
        self._publish = publish

    def GetClocks(self, request: pb.GetClocksRequest, context: grpc.ServicerContext) -> pb.GetClocksResponse:
        timeline = self._store.read([request.number]).get(request.number)
        if timeline is None:
            raise Missing(f'No clocks are kept for ticket "{request.number}".')
        newest, now = timeline.facts.newest, self._now()
        rules = self._rules_for(newest.profile, newest.profile_version)
        return pb.GetClocksResponse(
            clocks=[state_of(clock, rules, now) for clock in timeline.clocks],
            escalations=[escalation_of(timeline.number, each) for each in timeline.escalations],
        )

    def ListAtRisk(self, request: pb.ListAtRiskRequest, context: grpc.ServicerContext) -> pb.ListAtRiskResponse:
        now = self._now()
        within = max(request.within_seconds, 0)
        until = now + timedelta(seconds=min(within, 366 * 86_400))
        size = min(request.page_size or 100, _MOST)
        items = at_risk(self._store, self._rules_for, within, request.team, size, now, until)
        return pb.ListAtRiskResponse(
            items=[
                pb.AtRisk(
                    ticket=_nameless(brief_of(timeline)),
                    clock=state_of(clock, self._rules_for(timeline.facts.newest.profile), now),
                    remaining_seconds=left,
                )
                for timeline, clock, left in items
            ]
        )

    def PreviewDeadline(
        self, request: pb.PreviewDeadlineRequest, context: grpc.ServicerContext
    ) -> pb.PreviewDeadlineResponse:
        rules = self._rules_for(request.profile)
        rule = rules.by_name.get(request.clock)
        if rule is None:
            names = ", ".join(rules.by_name)
            raise Refused(f'There is no clock "{request.clock}"; name one of: {names}.', field="clock")
        span = rule.limit.get(request.grade) or rule.limit.get("default")
        if span is None:
            raise Refused(f'Clock "{rule.name}" has no limit for grade "{request.grade}".', field="grade")
        start = request.start.ToDatetime(tzinfo=UTC) if request.HasField("start") else self._now()
        due, length = deadline(rule, span, start, rules)
        covered = rules.calendar(rule.calendar).covered_until
        return pb.PreviewDeadlineResponse(
            due_at=stamp(due),
            calendar=rule.calendar,
            limit_seconds=length,
            covered_until=covered.isoformat() if covered else "",
        )

    def Acknowledge(self, request: pb.AcknowledgeRequest, context: grpc.ServicerContext) -> pb.AcknowledgeResponse:
        person, cause = caller(), f"acknowledged/{uuid4()}"
        taken = acknowledge(
            self._store,
            self._rules_for,
            request.escalation_id,
            person.id,
            person.roles,
            request.reason,
            self._now(),
            cause,
        )
        try:
            self._publish(list(say_all([Utterance(taken.timeline, taken.effects)], self._rules_for)))
            self._store.settle([cause])
        except Unavailable:
            # It is written; the worker's relay says it from the journal when the broker is back.
            pass
        return pb.AcknowledgeResponse(escalation=escalation_of(taken.timeline.number, taken.escalation))

    def _now(self) -> datetime:
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _nameless(brief: pb.TicketBrief) -> pb.TicketBrief:
    """A list of limits needs nobody's name or address (P1)."""
    for field in ("name", "email"):
        brief.requester.ClearField(field)
    brief.ClearField("accused")
    return brief
