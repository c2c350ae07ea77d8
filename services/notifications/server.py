"""The gRPC side of notifications: the delivery log (O9)."""

from __future__ import annotations

from typing import Any

from services.contracts.deskstream.v1 import notifications_pb2 as pb
from services.contracts.deskstream.v1 import notifications_pb2_grpc
from services.notifications.handlers import Deliveries
from services.notifications.sending import STATUS, described
from services.runtime import rpc, telemetry
from services.runtime.rpc import caller

NAME = "deskstream.v1.NotificationService"
READERS = frozenset({"specialist", "team_leader", "desk_manager", "supervisor", "quality", "administrator"})
UNMASKED = frozenset({"supervisor", "administrator"})
_PAGE, _LONGEST_PAGE = 50, 500
_BY_VALUE = {value: name for name, value in STATUS.items()}
_log = telemetry.get_log("deskstream.notifications")


class NotificationServicer(notifications_pb2_grpc.NotificationServiceServicer):
    """NotificationService of proto/deskstream/v1/notifications.proto."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Any) -> pb.ListDeliveriesResponse:
        """Newest first; addresses and texts for supervisors and administrators only, and then on record (P1)."""
        size = min(request.page_size or _PAGE, _LONGEST_PAGE)
        found = self._deliveries.of(request.number, _BY_VALUE.get(request.status, ""), size)
        reader = caller()
        unmasked = reader.has(*UNMASKED)
        if unmasked and found:
            _log.info("personal_data_read", reader=reader.id, what="deliveries", number=request.number, rows=len(found))
        return pb.ListDeliveriesResponse(deliveries=described(found, unmasked=unmasked))


def service(deliveries: Deliveries) -> rpc.Service:
    """The service and who may call it."""
    return rpc.Service(
        add=notifications_pb2_grpc.add_NotificationServiceServicer_to_server,
        servicer=NotificationServicer(deliveries),
        name=NAME,
        allow={"ListDeliveries": READERS},
    )
