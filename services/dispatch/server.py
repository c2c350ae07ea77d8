"""gRPC DispatchService: one line per method and the mapping around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from services.contracts.deskstream.v1 import dispatch_pb2 as pb
from services.contracts.deskstream.v1.dispatch_pb2_grpc import (
    DispatchServiceServicer,
    add_DispatchServiceServicer_to_server,
)
from services.dispatch import model
from services.dispatch.bulk import LONGEST_KEY
from services.dispatch.commands import Call, Commands, keyed
from services.dispatch.handlers import Tickets
from services.dispatch.policy.everywhere import STAFF
from services.dispatch.queries import READERS, Queries
from services.dispatch.queues.listening import Listener
from services.dispatch.queues.views import Views
from services.dispatch.queues.watching import Hub, watch_queue
from services.kernel.clock import Clock
from services.kernel.errors import Refused
from services.runtime import telemetry
from services.runtime.rpc import Allow, caller

NAME = "deskstream.v1.DispatchService"
add = add_DispatchServiceServicer_to_server

_STAFF = frozenset(STAFF)
_READERS = frozenset(READERS)
ALLOW: dict[str, Allow] = {
    "GetTicket": "SIGNED_IN",
    "GetHistory": "SIGNED_IN",
    "Explain": "SIGNED_IN",
    "Act": _STAFF,
    "Claim": _STAFF,
    "ListQueue": _READERS,
    "WatchQueue": _READERS,
}
"""Who may call what; which step of the lifecycle is a matter of policy, and requesters see only their own tickets."""

_KINDS = {
    "present": pb.WatchQueueResponse.KIND_PRESENT,
    "left": pb.WatchQueueResponse.KIND_LEFT,
    "caught_up": pb.WatchQueueResponse.KIND_CAUGHT_UP,
}


def _who() -> model.Caller:
    principal = caller()
    return model.Caller(principal.id, principal.roles, principal.teams)


class Servicer(DispatchServiceServicer):
    """The desk's work on tickets."""

    def __init__(
        self,
        commands: Commands,
        queries: Queries,
        tickets: Tickets,
        views: Views,
        hub: Hub,
        listener: Listener,
        clock: Clock,
    ) -> None:
        self._commands = commands
        self._queries = queries
        self._tickets = tickets
        self._views = views
        self._hub = hub
        self._listener = listener
        self._clock = clock

    def _call(self, cause: str) -> Call:
        return Call(_who(), self._clock.now(), cause or f"call:{uuid4()}", telemetry.traceparent_now())

    def GetTicket(self, request: pb.GetTicketRequest, context: Any) -> pb.GetTicketResponse:
        return self._queries.ticket(request.number, _who(), self._clock.now())

    def Act(self, request: pb.ActRequest, context: Any) -> pb.ActResponse:
        command = model.Command(request.action, request.reason, request.target, dict(request.values))
        if len(request.idempotency_key) > LONGEST_KEY:
            # It stays in the ticket's history.
            raise Refused(f"An idempotency_key has at most {LONGEST_KEY} characters.", field="idempotency_key")
        key = keyed(_who(), request.number, request.idempotency_key) if request.idempotency_key else ""
        ticket = self._commands.act(request.number, command, self._call(key), request.expected_version)
        return pb.ActResponse(ticket=self._queries.shown_to(ticket, _who()))

    def Claim(self, request: pb.ClaimRequest, context: Any) -> pb.ClaimResponse:
        call = self._call("")
        if request.number:
            ticket = self._commands.claim(request.number, call)
        else:
            ticket = self._commands.claim_first(request.team, call)
        return pb.ClaimResponse(ticket=self._queries.shown_to(ticket, call.caller))

    def ListQueue(self, request: pb.ListQueueRequest, context: Any) -> pb.ListQueueResponse:
        return self._queries.queue(request.queue, request.page_size, request.page_token, _who())

    def WatchQueue(self, request: pb.WatchQueueRequest, context: Any) -> Iterator[pb.WatchQueueResponse]:
        who, now = _who(), self._clock.now()
        queue = self._views.queue(request.queue, who)
        told = watch_queue(
            self._tickets, self._hub, queue, request.resume_token, now, context.is_active, self._listener.listen
        )
        for each in told:
            ticket = self._queries.shown_to(each.ticket, who) if each.ticket is not None else None
            yield pb.WatchQueueResponse(kind=_KINDS[each.kind], ticket=ticket, resume_token=each.token)

    def GetHistory(self, request: pb.GetHistoryRequest, context: Any) -> pb.GetHistoryResponse:
        return self._queries.history(request.number, _who(), request.language)

    def Explain(self, request: pb.ExplainRequest, context: Any) -> pb.ExplainResponse:
        return self._queries.explanation(request.number, request.language, _who())
