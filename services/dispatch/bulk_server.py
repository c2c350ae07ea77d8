"""gRPC BulkService, beside DispatchService."""

from __future__ import annotations

from collections import Counter
from typing import Any

from services.contracts.deskstream.v1 import bulk_pb2 as pb
from services.contracts.deskstream.v1.bulk_pb2_grpc import BulkServiceServicer, add_BulkServiceServicer_to_server
from services.dispatch import model
from services.dispatch.bulk import Bulk
from services.dispatch.commands import Call
from services.dispatch.policy.everywhere import STAFF
from services.kernel.clock import Clock
from services.runtime import telemetry
from services.runtime.rpc import Allow, Service, caller

NAME = "deskstream.v1.BulkService"
ALLOW: dict[str, Allow] = {"BulkAct": frozenset(STAFF)}

_ENOUGH = 2.0
"""Seconds of the caller's deadline kept for saying what was done."""

_RESULTS = {
    "done": pb.BulkOutcome.RESULT_DONE,
    "refused": pb.BulkOutcome.RESULT_REFUSED,
    "left": pb.BulkOutcome.RESULT_LEFT,
}


class Servicer(BulkServiceServicer):
    """One action on many tickets."""

    def __init__(self, bulk: Bulk, clock: Clock) -> None:
        self._bulk = bulk
        self._clock = clock

    def BulkAct(self, request: pb.BulkActRequest, context: Any) -> pb.BulkActResponse:
        def in_time() -> bool:
            remaining = context.time_remaining()
            return bool(context.is_active()) and (remaining is None or remaining > _ENOUGH)

        principal = caller()
        who = model.Caller(principal.id, principal.roles, principal.teams)
        call = Call(who, self._clock.now(), "", telemetry.traceparent_now())
        command = model.Command(request.action, request.reason, request.target, dict(request.values))
        outcomes = self._bulk.act(request.numbers, command, call, request.idempotency_key, in_time)
        counted = Counter(outcome.result for outcome in outcomes)
        return pb.BulkActResponse(
            outcomes=[
                pb.BulkOutcome(
                    number=outcome.number,
                    result=_RESULTS[outcome.result],
                    why=outcome.why,
                    field=outcome.field,
                    version=outcome.version,
                    state=outcome.state,
                )
                for outcome in outcomes
            ],
            done=counted["done"],
            refused=counted["refused"],
            left=counted["left"],
        )


def bulk_service(bulk: Bulk, clock: Clock) -> Service:
    """To stand beside DispatchService, whose tickets it shares."""
    return Service(add_BulkServiceServicer_to_server, Servicer(bulk, clock), NAME, ALLOW)
