"""IntakeService over gRPC: one line per method, and the mapping."""

from __future__ import annotations

from typing import Any

from services.contracts.deskstream.v1 import intake_pb2 as pb
from services.contracts.deskstream.v1.intake_pb2_grpc import IntakeServiceServicer, add_IntakeServiceServicer_to_server
from services.intake.desk import Desk
from services.intake.drafts import from_outside, receipt_id, stamp
from services.intake.forms import form_of
from services.intake.handlers import Profiles
from services.intake.hooks import Hooks
from services.kernel.errors import Missing
from services.runtime.identity import Principal
from services.runtime.rpc import Allow, caller

NAME = pb.DESCRIPTOR.services_by_name["IntakeService"].full_name
add = add_IntakeServiceServicer_to_server

_STAFF = frozenset(
    {
        *("specialist", "team_leader", "desk_manager", "supervisor", "project_manager"),
        *("engineer", "operations_manager", "administrator"),
    }
)
_MACHINES = frozenset({"channel_adapter", "system"})
ALLOW: dict[str, Allow] = {
    "Submit": _STAFF | _MACHINES | {"requester"},
    "GetReceipt": _STAFF | _MACHINES,
    "ReceiveHook": _MACHINES,
    "GetForm": "ANYONE",
}


class Servicer(IntakeServiceServicer):
    """Answers for intake; errors travel as the table of runtime.failures says."""

    def __init__(self, desk: Desk, hooks: Hooks, profiles: Profiles) -> None:
        self._desk = desk
        self._hooks = hooks
        self._profiles = profiles

    def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        """A number at once (A24)."""
        principal = caller()
        taken = self._desk.submit(self._as_told_by(principal, request.draft), actor=principal.id)
        return pb.SubmitResponse(number=taken.receipt.number, repeated=taken.repeated, joined=taken.receipt.joined)

    def GetReceipt(self, request: pb.GetReceiptRequest, context: Any) -> pb.GetReceiptResponse:
        """What became of a source message."""
        key = receipt_id(request.channel, request.source_id)
        found = self._desk.receipts.find([key]).get(key)
        if found is None:
            raise Missing("No request was taken from this source message; submit it.")
        return pb.GetReceiptResponse(number=found.number, received_at=stamp(found.received_at), joined=found.joined)

    def ReceiveHook(self, request: pb.ReceiveHookRequest, context: Any) -> pb.ReceiveHookResponse:
        """Judges a webhook and says what to answer."""
        answer = self._hooks.receive(request)
        return pb.ReceiveHookResponse(status=answer.status, media_type=answer.media_type, body=answer.body)

    def GetForm(self, request: pb.GetFormRequest, context: Any) -> pb.GetFormResponse:
        """What the form of a profile asks."""
        return form_of(self._profiles.get(request.profile).profile, request.language)

    def _as_told_by(self, principal: Principal, given: pb.RequestDraft) -> pb.RequestDraft:
        """Who does not work at the desk speaks for nobody else, backfills nothing and raises no flags."""
        if principal.has(*_STAFF, *_MACHINES):
            return given
        draft = pb.RequestDraft()
        draft.CopyFrom(given)
        draft.requester.id = principal.id
        draft.requester.name = principal.name or draft.requester.name
        # Missing as any other call with a profile that is not served here.
        from_outside(draft, self._profiles.get(draft.profile).profile)
        return draft
