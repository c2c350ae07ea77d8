"""gRPC RoutingService: what the rules decided, so that others can be rehearsed on it (C2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.contracts.deskstream.v1 import routing_pb2 as pb
from services.contracts.deskstream.v1.routing_pb2_grpc import (
    RoutingServiceServicer,
    add_RoutingServiceServicer_to_server,
)
from services.dispatch.rehearsal.decisions import Decided, MongoDecided, days
from services.runtime.mongo import connect
from services.runtime.rpc import Allow, Service
from services.runtime.settings import Settings

NAME = "deskstream.v1.RoutingService"
add = add_RoutingServiceServicer_to_server

# The last is who holds the installation's own token, on whose machine the command is given; it may read tickets anyway.
ALLOW: dict[str, Allow] = {
    "ListDecisions": frozenset({"administrator", "supervisor", "desk_manager", "quality", "channel_adapter"})
}


class RoutingServicer(RoutingServiceServicer):
    """Reads only."""

    def __init__(self, decided: Decided) -> None:
        self._decided = decided

    def ListDecisions(self, request: pb.ListDecisionsRequest, context: Any) -> Iterator[pb.ListDecisionsResponse]:
        span = days(getattr(request, "from"), request.to)
        for ticket in self._decided.of(span, request.profile):
            if ticket.HasField("routing"):
                received = ticket.milestones.get("received")
                yield pb.ListDecisionsResponse(
                    number=ticket.number, profile=ticket.profile, decision=ticket.routing, received_at=received
                )


def routing_service(settings: Settings) -> Service:
    """RoutingService, beside DispatchService."""
    return Service(add, RoutingServicer(MongoDecided(connect("dispatch", settings))), NAME, ALLOW)
