"""gRPC PlaybookService, beside DispatchService: one line per method and the mapping around it."""

from __future__ import annotations

from typing import Any

from services.contracts.deskstream.v1 import playbook_pb2 as pb
from services.contracts.deskstream.v1.playbook_pb2_grpc import (
    PlaybookServiceServicer,
    add_PlaybookServiceServicer_to_server,
)
from services.dispatch import model
from services.dispatch.playbook.playbook import Playbooks
from services.dispatch.policy.everywhere import STAFF
from services.kernel.clock import Clock
from services.runtime.rpc import Allow, Service, caller

NAME = "deskstream.v1.PlaybookService"

_AT_WORK = frozenset(STAFF) - {"quality", "administrator"}
_DESK = frozenset(STAFF) | {"shift_leader"}
# What was written in an emergency is for those who need it (P1); strategies and plans are for everybody of the desk.
ALLOW: dict[str, Allow] = {
    "GetPlaybook": _AT_WORK,
    "ListSituations": _DESK,
    "SearchPrevention": _DESK,
    "ListPlans": _DESK,
}


class PlaybookServicer(PlaybookServiceServicer):
    """Reads only."""

    def __init__(self, playbooks: Playbooks, clock: Clock) -> None:
        self._playbooks = playbooks
        self._clock = clock

    def GetPlaybook(self, request: pb.GetPlaybookRequest, context: Any) -> pb.GetPlaybookResponse:
        """How far an emergency is: strategy, steps done, owed and due (H1-H3)."""
        principal = caller()
        who = model.Caller(principal.id, principal.roles, principal.teams)
        return self._playbooks.of(request.number, who, request.language, self._clock.now())

    def ListSituations(self, request: pb.ListSituationsRequest, context: Any) -> pb.ListSituationsResponse:
        """The situations a profile knows, with their strategies (H2)."""
        found = self._playbooks.situations(request.profile, request.language, self._clock.now())
        return pb.ListSituationsResponse(situations=found)

    def SearchPrevention(self, request: pb.SearchPreventionRequest, context: Any) -> pb.SearchPreventionResponse:
        """Preventive entries by type and words (H15)."""
        found = self._playbooks.prevention(request.profile, request.text, request.type, request.language)
        return pb.SearchPreventionResponse(entries=found)

    def ListPlans(self, request: pb.ListPlansRequest, context: Any) -> pb.ListPlansResponse:
        """Plans with owner, version and review date, or those overdue for review."""
        overdue = request.review_overdue
        found = self._playbooks.plans(request.profile, request.language, self._clock.now(), overdue=overdue)
        return pb.ListPlansResponse(plans=found)


def playbook_service(playbooks: Playbooks, clock: Clock) -> Service:
    """To stand beside DispatchService, whose tickets it reads."""
    return Service(add_PlaybookServiceServicer_to_server, PlaybookServicer(playbooks, clock), NAME, ALLOW)
