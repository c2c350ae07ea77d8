"""Both services of clocks over a real connection, on a shelf, and two versions of a policy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import pytest

from services.contracts.deskstream.v1 import common_pb2, sla_pb2
from services.contracts.deskstream.v1.clocks_pb2_grpc import ClockServiceStub, add_ClockServiceServicer_to_server
from services.contracts.deskstream.v1.sla_pb2_grpc import add_SlaServiceServicer_to_server
from services.kernel.clock import FixedClock
from services.kernel.errors import Missing, Unavailable
from services.profile.clocks import Pausing, ServiceLevels
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import Service, serve
from services.runtime.settings import Settings
from services.sla import server
from services.sla.acts import clock_server
from services.sla.handlers import hear
from services.sla.model import Rules
from services.sla.rulebook import Book
from tests.sla.world import GENERIC, Shelf, ShelfListing, at, clock, news, rules

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
NUMBER = "DS20250303-000001"
PAUSING = {"allowed": True, "roles": ("engineer",), "reasons": ({"key": "customer", "label": {"zh": "等待客户", "en": "Waiting"}},), "longest": "4h"}  # fmt: skip # noqa: E501
FIX = clock("fix", "received", "resolved", {"default": 120}, pausable=True, calendar="office")
RESPONSE = clock("response", "received", "responded", {"default": 10})
SILENT = clock("silent", "received", "resolved", {"default": 60}, family="progress")
OLD = replace(rules(RESPONSE, FIX, SILENT), version="1", levels=ServiceLevels(pause=Pausing.model_validate(PAUSING)))
NEW = replace(
    rules(RESPONSE, clock("fix", "received", "resolved", {"default": 30}, pausable=True, calendar="office"), SILENT),
    version="2",
    levels=OLD.levels,
)
object.__setattr__(OLD, "other", {"2": NEW}.get)
object.__setattr__(NEW, "other", {"1": OLD}.get)


class Books:
    """Two versions; the second is in force."""

    def __init__(self, in_force: str = "2") -> None:
        self.in_force = in_force

    def __call__(self, profile: str, version: str = "") -> Rules:
        if profile == "plain_desk":
            return GENERIC
        return {"1": OLD, "2": NEW}[version or self.in_force]

    def book(self, profile: str, version: str = "") -> Book:
        texts = {
            "1": {"sla": {"clocks": [{"name": "fix", "limit": {"default": "2h"}}]}},
            "2": {"sla": {"clocks": [{"name": "fix", "limit": {"default": "30m"}}]}},
        }
        if (version or self.in_force) not in texts:
            raise Missing("That was never in force here.")
        return Book(profile, version or self.in_force, json.dumps(texts[version or self.in_force]))


class Desk:
    """Both services of clocks on a shelf, and what they published."""

    def __init__(self, folder: Path) -> None:
        make_keys(folder)
        self.signer = Signer.from_file(folder / "token.jwk")
        self.book, self.store, self.clock, self.said = Books(), Shelf(), FixedClock(T0), []
        self.away = False
        listing = ShelfListing(self.store)
        clocks = clock_server.Servicer(self.store, listing, self.book, self.book, self.clock, self._publish)
        plain = server.Servicer(self.store, self.book, self.clock, self._publish)
        services = [
            Service(add_ClockServiceServicer_to_server, clocks, clock_server.NAME, clock_server.ALLOW),
            Service(add_SlaServiceServicer_to_server, plain, server.NAME, server.ALLOW),
        ]
        settings = Settings.model_validate({"grpc_bind": "127.0.0.1:0"})
        self.server = serve(services, settings, Verifier.from_file(folder / "token.pub.jwk"))
        self.hear(NUMBER)

    def hear(self, number: str, received: datetime = T0, **more) -> None:
        team, assignee, requester = more.pop("team", "desk"), more.pop("assignee", ""), more.pop("requester", "kunde")
        brief = sla_pb2.TicketBrief(
            number=number,
            team=team,
            assignee=assignee,
            requester=common_pb2.Requester(id=requester, name="Kunde", email="kunde@example.org"),
            accused=more.pop("accused", ""),
        )
        milestones = more.pop("m", {"received": received})
        version = more.pop("version", 1)
        story = news(version, received, number=number, m=milestones, brief=brief.SerializeToString(), team=team, **more)
        hear(self.store, self.book, [story], self.clock.at)

    def _publish(self, said) -> None:
        if self.away:
            raise Unavailable("The broker is away.")
        self.said.extend(said)

    def channel(self, *roles: str, person: str = "li.wei"):
        who = Principal(person, person, frozenset(roles), frozenset(), "")
        return channel(f"127.0.0.1:{self.server.port}", self.signer.sign(who, timedelta(hours=1)))

    def stub(self, *roles: str) -> ClockServiceStub:
        return ClockServiceStub(self.channel(*roles))


def refusal(call) -> tuple[grpc.StatusCode, str]:
    """How a call is refused, and in what words."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code(), refused.value.details() or ""


def named(states: Iterable[sla_pb2.ClockState], name: str) -> sla_pb2.ClockState:
    """The state of the clock of this name."""
    return next(each for each in states if each.clock == name)
