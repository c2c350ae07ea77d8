"""SlaService over a real connection: who may ask and acknowledge, and what they are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from services.contracts.deskstream.v1 import sla_pb2 as pb
from services.contracts.deskstream.v1.sla_pb2_grpc import SlaServiceStub, add_SlaServiceServicer_to_server
from services.kernel.clock import FixedClock
from services.kernel.errors import Unavailable
from services.profile.load import load_all
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import Service, serve
from services.runtime.settings import Settings
from services.sla.handlers import fire, hear
from services.sla.rulebook import Rulebook
from services.sla.server import ALLOW, NAME, Servicer
from services.sla.stream import stamp
from tests.sla.world import Shelf, at, news

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
NUMBER = "DS20250303-000001"
PROFILE = "it_callcentre_levels"
POLICY = Path(__file__).parents[2] / "deploy" / "policy"


class Desk:
    """A served SlaService on a shelf, and what it published."""

    def __init__(self, folder: Path) -> None:
        make_keys(folder)
        self.signer = Signer.from_file(folder / "token.jwk")
        self.book = Rulebook(load_all(POLICY, PROFILE))
        self.store, self.clock, self.said = Shelf(), FixedClock(T0), []
        self.away = False
        servicer = Servicer(self.store, self.book, self.clock, self._publish)
        service = Service(add_SlaServiceServicer_to_server, servicer, NAME, ALLOW)
        settings = Settings.model_validate({"grpc_bind": "127.0.0.1:0"})
        self.server = serve([service], settings, Verifier.from_file(folder / "token.pub.jwk"))
        story = news(1, T0, "II", m={"received": T0}, traits={"type": "system_defect"}, team="desk", profile=PROFILE)
        hear(self.store, self.book, [story], T0)

    def _publish(self, said) -> None:
        if self.away:
            raise Unavailable("The broker is away.")
        self.said.extend(said)

    def breach(self) -> None:
        self.clock.at = T0 + 31 * M
        fire(self.store, self.book, [NUMBER], self.clock.at, "timer/1")
        self.store.settle(["timer/1"])

    def stub(self, *roles: str) -> SlaServiceStub:
        person = Principal("li.wei", "Li Wei", frozenset(roles), frozenset(), "")
        return SlaServiceStub(channel(f"127.0.0.1:{self.server.port}", self.signer.sign(person, timedelta(hours=1))))


@pytest.fixture
def desk(tmp_path):
    built = Desk(tmp_path)
    yield built
    built.server.stop(0)


def code(call) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code()


def test_clocks_are_shown_with_what_is_used_of_them(desk):
    """D9, D21."""
    desk.clock.at = T0 + 12 * M
    answer = desk.stub("engineer").GetClocks(pb.GetClocksRequest(number=NUMBER))
    assert {each.clock: (each.used_seconds, each.limit_seconds) for each in answer.clocks} == {
        "response": (720, 1800),
        "plan": (720, 7200),
        "resolve": (720, 86_400),
        "progress": (720, 28_800),
    }
    assert code(lambda: desk.stub("engineer").GetClocks(pb.GetClocksRequest(number="DS1"))) == grpc.StatusCode.NOT_FOUND


def test_the_list_at_risk_shows_the_overdue_with_negative_time(desk):
    """D20."""
    desk.breach()
    [item] = desk.stub("team_leader").ListAtRisk(pb.ListAtRiskRequest(within_seconds=60, team="desk")).items
    assert (item.clock.clock, item.remaining_seconds) == ("response", -60)
    assert (item.ticket.requester.name, item.ticket.requester.phone) == ("", "")
    with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        desk.stub("requester").ListAtRisk(pb.ListAtRiskRequest(within_seconds=60))
    assert not desk.stub("team_leader").ListAtRisk(pb.ListAtRiskRequest(within_seconds=60, team="erp")).items


def test_a_deadline_can_be_asked_before_there_is_a_ticket(desk):
    """D4."""
    asked = pb.PreviewDeadlineRequest(profile="it_callcentre_levels", clock="resolve", grade="I", start=stamp(T0))
    answer = desk.stub("requester").PreviewDeadline(asked)
    assert answer.due_at.ToDatetime(tzinfo=UTC) == T0 + 12 * 60 * M
    asked.grade = "nonsense"
    assert code(lambda: desk.stub("requester").PreviewDeadline(asked)) == grpc.StatusCode.INVALID_ARGUMENT
    asked.clock = "nonsense"
    assert code(lambda: desk.stub("requester").PreviewDeadline(asked)) == grpc.StatusCode.INVALID_ARGUMENT


def test_a_role_on_the_chain_acknowledges_and_the_stream_hears_of_it(desk):
    """D14."""
    desk.breach()
    request = pb.AcknowledgeRequest(escalation_id=f"{NUMBER}/response/0", reason="calling")
    assert code(lambda: desk.stub("engineer").Acknowledge(request)) == grpc.StatusCode.PERMISSION_DENIED
    answer = desk.stub("project_manager").Acknowledge(request)
    assert (answer.escalation.acknowledged, answer.escalation.acknowledged_by.id) == (True, "li.wei")
    [said] = desk.said
    assert (said.key, said.body.reason, said.actor) == ("escalation.acknowledged", "calling", "li.wei")
    assert desk.store.journal == {}


def test_an_acknowledgement_while_the_broker_is_away_waits_in_the_journal(desk):
    """D14, D23."""
    desk.breach()
    desk.away = True
    request = pb.AcknowledgeRequest(escalation_id=f"{NUMBER}/response/0")
    assert desk.stub("supervisor").Acknowledge(request).escalation.acknowledged
    assert len(desk.store.owed(datetime(2100, 1, 1, tzinfo=UTC), 10)) == 1
