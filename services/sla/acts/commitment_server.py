"""CommitmentService: times promised and measures owed (D8, O4, H17)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import commitments_pb2 as pb
from services.contracts.deskstream.v1 import commitments_pb2_grpc as rpc
from services.contracts.deskstream.v1 import sla_pb2
from services.kernel.clock import Clock, to_milliseconds
from services.kernel.errors import Refused
from services.runtime.message import Said
from services.runtime.rpc import Allow, caller
from services.sla.acts.commitments import STAFF, Desk, Done, Promises, RolesOf, Wanted
from services.sla.acts.reading import outside
from services.sla.acts.telling import Teller
from services.sla.handlers import RulesFor
from services.sla.words import commitment_of

NAME = pb.DESCRIPTOR.services_by_name["CommitmentService"].full_name
ALLOW: Mapping[str, Allow] = {
    # Who may promise what is the policy's; who may change it, its owner's, the team's and those in charge.
    "MakeCommitment": STAFF,
    "KeepCommitment": STAFF,
    "RenegotiateCommitment": STAFF,
    "WithdrawCommitment": STAFF,
    # Customers see what they were promised on their own tickets.
    "ListCommitments": "SIGNED_IN",
}
_MOST = 500
_LONGEST_TOKEN = 9


class Servicer(rpc.CommitmentServiceServicer):
    """Answers from the timelines; says what people's acts bring about."""

    def __init__(
        self,
        store: Promises,
        rules_for: RulesFor,
        roles_of: RolesOf,
        clock: Clock,
        publish: Callable[[Sequence[Said]], object],
    ) -> None:
        self._store = store
        self._desk = Desk(store, rules_for, roles_of)
        self._clock = clock
        self._teller = Teller(store, rules_for, publish)

    def MakeCommitment(
        self, request: pb.MakeCommitmentRequest, context: grpc.ServicerContext
    ) -> pb.MakeCommitmentResponse:
        """Promises a time, or a measure (D8, H17)."""
        now = self._now()
        done = self._desk.make(
            request.number,
            request.kind,
            request.text,
            request.due,
            request.owner,
            caller(),
            now,
            request.idempotency_key,
        )
        return pb.MakeCommitmentResponse(commitment=self._told(done, now))

    def KeepCommitment(
        self, request: pb.KeepCommitmentRequest, context: grpc.ServicerContext
    ) -> pb.KeepCommitmentResponse:
        """Says that a promise was kept, in time or late."""
        now = self._now()
        done = self._desk.keep(
            request.number, request.commitment_id, request.note, caller(), now, request.idempotency_key
        )
        return pb.KeepCommitmentResponse(commitment=self._told(done, now))

    def RenegotiateCommitment(
        self, request: pb.RenegotiateCommitmentRequest, context: grpc.ServicerContext
    ) -> pb.RenegotiateCommitmentResponse:
        """Answers with the new promise."""
        now = self._now()
        done = self._desk.renegotiate(
            request.number,
            request.commitment_id,
            request.due,
            request.reason,
            caller(),
            now,
            request.idempotency_key,
        )
        return pb.RenegotiateCommitmentResponse(commitment=self._told(done, now))

    def WithdrawCommitment(
        self, request: pb.WithdrawCommitmentRequest, context: grpc.ServicerContext
    ) -> pb.WithdrawCommitmentResponse:
        """Takes a promise back, with a reason."""
        now = self._now()
        done = self._desk.withdraw(
            request.number, request.commitment_id, request.reason, caller(), now, request.idempotency_key
        )
        return pb.WithdrawCommitmentResponse(commitment=self._told(done, now))

    def ListCommitments(
        self, request: pb.ListCommitmentsRequest, context: grpc.ServicerContext
    ) -> pb.ListCommitmentsResponse:
        """Soonest due first. Customers are told what, by when and how it stands; not by whom."""
        person, now = caller(), self._now()
        first = _instant(getattr(request, "from")) if request.HasField("from") else None
        until = _instant(request.until) if request.HasField("until") else None
        wanted = Wanted(request.number, request.owner, request.kind, request.open, first, until)
        found = self._desk.found(wanted, person)
        if request.page_token and not (request.page_token.isdecimal() and len(request.page_token) <= _LONGEST_TOKEN):
            raise Refused("The page token is none of ours: take it from the answer before.", field="page_token")
        start, size = int(request.page_token or 0), min(max(request.page_size, 0) or 100, _MOST)
        answer = pb.ListCommitmentsResponse(next_page_token=str(start + size) if start + size < len(found) else "")
        for timeline, commitment in found[start : start + size]:
            told = commitment_of(commitment, timeline.facts, now)
            answer.commitments.append(told if person.has(*STAFF) else outside(told))
        return answer

    def _told(self, done: Done, now: datetime) -> sla_pb2.Commitment:
        self._teller.tell(done.timeline, done.effects, done.cause)
        return commitment_of(done.commitment, done.timeline.facts, now)

    def _now(self) -> datetime:
        return to_milliseconds(self._clock.now())


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
