"""SlaService: clocks of a ticket, what is at risk, what a deadline would be, acknowledging (D13, D14, D20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc

from services.contracts.deskstream.v1 import sla_pb2 as pb
from services.contracts.deskstream.v1 import sla_pb2_grpc as rpc
from services.kernel.clock import Clock, to_milliseconds
from services.kernel.errors import Missing, Refused
from services.runtime.message import Said
from services.runtime.rpc import Allow, caller
from services.sla.acts.reading import READERS, is_about, nameless, outside, readable
from services.sla.acts.telling import Teller
from services.sla.handlers import Clocks, RulesFor, acknowledge, at_risk, parse_escalation_id
from services.sla.policy.holding import LONGEST_REASON
from services.sla.policy.previewing import preview
from services.sla.words import (
    brief_of,
    commitment_of,
    escalation_of,
    pause_of,
    recalculation_of,
    stamp,
    state_of,
)

NAME = pb.DESCRIPTOR.services_by_name["SlaService"].full_name
ALLOW: Mapping[str, Allow] = {
    "GetClocks": "SIGNED_IN",
    # The last is who holds the installation's own token, on whose machine the command is given.
    "ListAtRisk": READERS | {"channel_adapter"},
    "PreviewDeadline": "SIGNED_IN",
    # Who may acknowledge depends on the chain of the ticket's profile; policy decides.
    "Acknowledge": "SIGNED_IN",
}
_MOST = 500


class Servicer(rpc.SlaServiceServicer):
    """Answers from the timelines; says what an acknowledgement brings about."""

    def __init__(
        self, store: Clocks, rulebook: RulesFor, clock: Clock, publish: Callable[[Sequence[Said]], object]
    ) -> None:
        self._store = store
        self._rules_for = rulebook
        self._clock = clock
        self._teller = Teller(store, rulebook, publish)

    def GetClocks(self, request: pb.GetClocksRequest, context: grpc.ServicerContext) -> pb.GetClocksResponse:
        """Clocks, pauses, promises and what was done to them; requesters are told of their own ticket, without the
        desk's inside (P1)."""
        timeline = self._store.read([request.number]).get(request.number)
        inside = readable(timeline, request.number, caller())
        assert timeline is not None  # noqa: S101 - nobody may read what is not there
        facts, now = timeline.facts, self._now()
        rules = self._rules_for(facts.newest.profile, facts.policy)
        told = pb.GetClocksResponse(
            clocks=[state_of(clock, rules, now, facts) for clock in timeline.clocks],
            pauses=[pause_of(each) for each in facts.holds],
            commitments=[commitment_of(each, facts, now) for each in facts.commitments],
            policy_version=facts.policy,
        )
        if inside:
            told.escalations.extend(escalation_of(timeline.number, each) for each in timeline.escalations)
            told.recalculations.extend(recalculation_of(each) for each in facts.recalculations)
            return told
        for pause in told.pauses:
            pause.ClearField("reason")
            pause.ClearField("by")
        for promised in (*told.commitments, *(each.commitment for each in told.clocks if each.HasField("commitment"))):
            outside(promised)
        return told

    def ListAtRisk(self, request: pb.ListAtRiskRequest, context: grpc.ServicerContext) -> pb.ListAtRiskResponse:
        """Clocks that are breached or soon will be; family "progress" shows the silent tickets (D19, D20)."""
        now = self._now()
        within = max(request.within_seconds, 0)
        until = now + timedelta(seconds=min(within, 366 * 86_400))
        size = min(max(request.page_size, 0) or 100, _MOST)
        items = at_risk(self._store, self._rules_for, request.team, size, now, until, request.families, request.clocks)
        return pb.ListAtRiskResponse(
            items=[
                pb.AtRisk(
                    ticket=nameless(brief_of(timeline)),
                    clock=state_of(clock, self._rules_for(timeline.facts.newest.profile, timeline.facts.policy), now),
                    remaining_seconds=left,
                )
                for timeline, clock, left in items
                if not is_about(brief_of(timeline), caller())
            ]
        )

    def PreviewDeadline(
        self, request: pb.PreviewDeadlineRequest, context: grpc.ServicerContext
    ) -> pb.PreviewDeadlineResponse:
        """When a clock that starts now or then would be due, with its steps; warns beyond the known holidays (D4)."""
        rules = self._rules_for(request.profile, "")
        start = request.start.ToDatetime(tzinfo=UTC) if request.HasField("start") else self._now()
        found = preview(rules, request.clock, request.grade, dict(request.facts), start)
        return pb.PreviewDeadlineResponse(
            due_at=stamp(found.due_at),
            calendar=found.calendar,
            limit_seconds=found.limit_seconds,
            covered_until=found.covered_until.isoformat() if found.covered_until else "",
            steps=[pb.StepPreview(step=text, at=stamp(at)) for text, at in found.steps],
            warning=found.warning,
        )

    def Acknowledge(self, request: pb.AcknowledgeRequest, context: grpc.ServicerContext) -> pb.AcknowledgeResponse:
        """Takes an escalation or an alarm on oneself (D14, D15)."""
        person, cause = caller(), f"acknowledged/{uuid4()}"
        if len(request.reason) > LONGEST_REASON:
            raise Refused(f"Say why in up to {LONGEST_REASON} characters.", field="reason")
        number, _, _ = parse_escalation_id(request.escalation_id)
        known = self._store.read([number]).get(number)
        if known is not None and is_about(brief_of(known), person):
            raise Missing(f'No clocks are kept for ticket "{number}".')
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
        self._teller.tell(taken.timeline, taken.effects, cause)
        return pb.AcknowledgeResponse(escalation=escalation_of(taken.timeline.number, taken.escalation))

    def _now(self) -> datetime:
        return to_milliseconds(self._clock.now())
