"""CatalogueService over gRPC: what a desk accepts, asks and proposes; one line per method."""

from __future__ import annotations

from typing import Any

from services.contracts.deskstream.v1 import catalogue_pb2 as pb
from services.contracts.deskstream.v1.catalogue_pb2_grpc import (
    CatalogueServiceServicer,
    add_CatalogueServiceServicer_to_server,
)
from services.intake.forms import asked_form, catalogue_of, proposal_of
from services.intake.handlers import Profiles
from services.kernel.errors import Refused
from services.runtime.rpc import Allow, Service

NAME = pb.DESCRIPTOR.services_by_name["CatalogueService"].full_name

ALLOW: dict[str, Allow] = {
    # As public as the request form, which shows the same.
    "GetCatalogue": "ANYONE",
    "DescribeForm": "ANYONE",
    "ProposeGrade": "SIGNED_IN",
}

_MOST_ANSWERS = 50


class Servicer(CatalogueServiceServicer):
    """Answers from the profiles alone; nothing here is stored."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def GetCatalogue(self, request: pb.GetCatalogueRequest, context: Any) -> pb.GetCatalogueResponse:
        return catalogue_of(self._profiles.get(request.profile).profile, request.language)

    def DescribeForm(self, request: pb.DescribeFormRequest, context: Any) -> pb.DescribeFormResponse:
        profile = self._profiles.get(request.profile).profile
        return asked_form(profile, request.type, request.entry, request.language)

    def ProposeGrade(self, request: pb.ProposeGradeRequest, context: Any) -> pb.ProposeGradeResponse:
        if len(request.answers) > _MOST_ANSWERS:
            raise Refused(f"Send at most {_MOST_ANSWERS} answers; no desk asks more questions.", field="answers")
        profile = self._profiles.get(request.profile).profile
        return proposal_of(profile, dict(request.answers), request.language)


def service(profiles: Profiles) -> Service:
    """The service, to be hosted beside another one."""
    return Service(add_CatalogueServiceServicer_to_server, Servicer(profiles), NAME, ALLOW)
