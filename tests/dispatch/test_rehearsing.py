"""A changed rule set tells what it would have done, on stored facts, over gRPC and from the command line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from rich.console import Console
from typer.testing import CliRunner

from services.cli import app
from services.contracts.deskstream.v1 import routing_pb2
from services.contracts.deskstream.v1.dispatch_pb2_grpc import DispatchServiceServicer
from services.contracts.deskstream.v1.routing_pb2_grpc import RoutingServiceStub
from services.dispatch import server as desk_server
from services.dispatch import wire
from services.dispatch.handlers import Stream
from services.dispatch.model import Decision
from services.dispatch.policy import decide
from services.dispatch.policy.rehearsing import EXAMPLES, Decided, rehearse
from services.dispatch.queries import Queries
from services.dispatch.rehearsal.command import explanation, tell
from services.dispatch.rehearsal.decisions import MongoDecided, days
from services.dispatch.rehearsal.server import routing_service
from services.kernel.errors import Refused, Unavailable
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.mongo import connect
from services.runtime.rpc import Service, serve
from services.runtime.settings import Settings
from tests.dispatch.conftest import settings as settings_of
from tests.dispatch.rulebooks import desk_with, rule
from tests.dispatch.world import MORNING, POLICY, desk, desks, person, received, request

NIGHT = MORNING + timedelta(hours=13)


def as_kept(number: str, decision: Decision) -> Decided:
    return Decided(number, decision.team, decision.rule, decision.facts)


def month() -> list[Decided]:
    """Thirty tickets as the shipped desk decided them: every third a complaint, one at night."""
    found = []
    for n in range(30):
        ticket = wire.request_from(request(type="complaint" if n % 3 == 0 else "incident"))
        at = NIGHT if n == 7 else MORNING
        found.append(as_kept(f"DS20250610-{n:06d}", decide(desk(), ticket, at, at)))
    return found


def test_the_same_rules_move_no_ticket():
    """C2"""
    found = rehearse(desk(), month())
    assert (found.judged, found.moved, found.other_rule, found.incomplete) == (30, 0, 0, 0)
    assert found.before == found.after


def test_a_rehearsal_tells_who_would_go_elsewhere_by_which_rule():
    """C2: here everything about the ERP goes to its team, complaints and the night stay where they were."""
    shipped = desk().profile.routing.rules
    changed = desk_with([*shipped[:-1], rule("erp", {"project": ["erp"]}, "erp_ops")], out_of_hours_team="emergency")
    found = rehearse(changed, month())
    assert found.moved == 19
    assert found.moves == {("desk", "erp_ops"): 19}
    assert (found.before["desk_first"], found.after["desk_first"], found.after["erp"]) == (19, 0, 19)
    assert (found.after["complaint_to_supervisor"], found.after["out_of_hours"]) == (10, 1)
    first = found.examples[0]
    assert (first.number, first.team, first.new_team, first.new_rule) == ("DS20250610-000001", "desk", "erp_ops", "erp")


def test_examples_are_few_and_the_same_team_by_another_rule_is_no_move():
    found = rehearse(desk_with([rule("all", {}, "supervisors")]), month() * 3)
    assert len(found.examples) == EXAMPLES
    assert (found.moved, found.other_rule) == (57, 30)


def test_what_an_instant_is_is_judged_by_the_calendars_of_the_changed_profile():
    """C2, A6: without the emergency seat the ticket of the night goes by the rules, which may ask for the time."""
    changed = desk_with([rule("night", {"time": ["22:00-06:00"]}, "erp_ops"), rule("day", {}, "desk")])
    seatless = desk_with(changed.rules.rules, out_of_hours_team=None)
    assert rehearse(seatless, month()).after["night"] == 1


def test_decisions_of_before_all_facts_were_kept_are_counted_as_such():
    """S4"""
    old = Decided("DS20250610-000001", "desk", "desk_first", {"type": "incident", "in_hours": "true"})
    found = rehearse(desk(), [old])
    assert (found.incomplete, found.moved) == (1, 0)


def test_the_rehearsal_is_told_in_tables():
    """C2"""
    out = io.StringIO()
    found = rehearse(desk_with([rule("all", {}, "erp_ops")]), month())
    tell(found, desk(), "2025-06-01", "2025-06-30", Console(file=out, width=160))
    told = out.getvalue()
    assert "30 ticket(s) of itss_desk from 2025-06-01 to 2025-06-30" in told
    for words in ("29 would go to another team", "complaint_to_supervisor", "DS20250610-000000", "Would go to"):
        assert words in told


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2025-06-10", "2025-06-09", "before"),
        ("10.6.2025", "2025-06-09", "no day"),
        ("2020-01-01", "2025-06-09", "more than 400 days"),
    ],
)
def test_days_that_are_none_are_refused_with_the_remedy(first, last, told):
    with pytest.raises(Refused, match=told):
        days(first, last)


@dataclass
class Server:
    """RoutingService and what is needed to call it."""

    port: int
    signer: Signer
    settings: Settings
    keys: Path

    def token(self, *roles: str) -> str:
        return self.signer.sign(Principal("zhao.lei", "赵雷", frozenset(roles), frozenset(), ""))


@pytest.fixture
def server(real_tickets: Any, mongodb_uri: Any, tmp_path: Path) -> Iterator[Server]:
    """Five tickets of two days and two profiles on the real store, and a server over them."""
    batch = [
        *(received(f"DS20250610-00000{n}") for n in range(3)),
        received("DS20250611-000001", type="complaint"),
        received("DS20250611-000002", profile="generic_desk", type="fault", grade="general"),
    ]
    Stream(desks(), real_tickets).requests(batch, MORNING)
    make_keys(tmp_path)
    settings = settings_of(mongodb_uri.uri, mongodb_uri.prefix)
    verifier = Verifier.from_file(tmp_path / "token.pub.jwk")
    running = serve([routing_service(settings)], settings, verifier, bind="127.0.0.1:0")
    yield Server(running.port, Signer.from_file(tmp_path / "token.jwk"), settings, tmp_path)
    running.stop(0)


def asked(server: Server, first: str, last: str, profile: str = "", role: str = "supervisor") -> list[Any]:
    wanted = routing_pb2.ListDecisionsRequest(profile=profile, to=last, **{"from": first})
    with channel(f"127.0.0.1:{server.port}", server.token(role)) as line:
        return list(RoutingServiceStub(line).ListDecisions(wanted, timeout=10))


@pytest.mark.real
def test_decisions_are_listed_by_days_and_profile_to_those_who_may(server: Server):
    """C2, Q1"""
    both = asked(server, "2025-06-10", "2025-06-11")
    assert [told.number for told in both] == [
        *(f"DS20250610-00000{n}" for n in range(3)),
        *("DS20250611-000001", "DS20250611-000002"),
    ]
    assert [told.number for told in asked(server, "2025-06-11", "2025-06-11", "itss_desk")] == ["DS20250611-000001"]
    complaint = both[3].decision
    assert (complaint.rule, complaint.facts["type"]) == ("complaint_to_supervisor", "complaint")
    assert complaint.policy_version == desk().version
    for role in ("engineer", "requester"):
        with pytest.raises(grpc.RpcError) as refused:
            asked(server, "2025-06-10", "2025-06-11", role=role)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.RpcError) as refused:
        asked(server, "2025-06-11", "2025-06-10")
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.real
def test_a_long_day_is_read_bite_by_bite_through_its_numbers(real_tickets, mongodb_uri, monkeypatch):
    """Decision 13: every ticket once, in order, whatever the size of a bite."""
    monkeypatch.setattr("services.dispatch.rehearsal.decisions._BITE", 3)
    Stream(desks(), real_tickets).requests([received(f"DS20250610-{n:06d}") for n in range(8)], MORNING)
    decided = MongoDecided(connect("dispatch", settings_of(mongodb_uri.uri, mongodb_uri.prefix)))
    found = [ticket.number for ticket in decided.of(days("2025-06-09", "2025-06-11"), "")]
    assert found == [f"DS20250610-{n:06d}" for n in range(8)]


@pytest.mark.real
def test_an_operator_rehearses_a_changed_folder_from_the_command_line(server: Server, tmp_path, monkeypatch):
    """C2: nothing is changed, the end is 0."""
    folder = tmp_path / "changed" / "itss_desk"
    folder.mkdir(parents=True)
    for file in (POLICY / "itss_desk").glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        (folder / file.name).write_text(text.replace("to: {team: desk}", "to: {team: erp_ops}"), encoding="utf-8")
    monkeypatch.setenv("DESKSTREAM_GRPC_TARGET", f"127.0.0.1:{server.port}")
    monkeypatch.setenv("DESKSTREAM_SERVICE_TOKEN", str(server.keys / "service.token"))
    words = ["policy", "dry-run", str(folder), "--from", "2025-06-01", "--to", "2025-06-30"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "4 ticket(s) of itss_desk" in done.output
    assert "3 would go to another team" in done.output


@pytest.mark.real
def test_an_operator_has_a_decision_explained_from_the_command_line(real_tickets, server: Server, monkeypatch):
    """C2: `deskstream explain <ticket>` says what gRPC Explain says."""

    class Explains(DispatchServiceServicer):
        def Explain(self, wanted: Any, context: Any) -> Any:
            return Queries(desks(), real_tickets).explanation(wanted.number, wanted.language, person("li.wei"))

    # The stubs want every method; those that are not here answer UNIMPLEMENTED.
    servicer = Explains()  # type: ignore[abstract]
    verifier = Verifier.from_file(server.keys / "token.pub.jwk")
    hosted = Service(desk_server.add, servicer, desk_server.NAME, desk_server.ALLOW)
    running = serve([hosted], server.settings, verifier, bind="127.0.0.1:0")
    monkeypatch.setenv("DESKSTREAM_DISPATCH_TARGET", f"127.0.0.1:{running.port}")
    monkeypatch.setenv("DESKSTREAM_SERVICE_TOKEN", str(server.keys / "service.token"))
    try:
        done = CliRunner().invoke(app, ["explain", "DS20250611-000001", "--language", "en"])
        assert done.exit_code == 0, done.output
        assert 'rule "complaint_to_supervisor" matched' in done.output
        assert "emergency_first: grade is P2, not P1" in done.output
        chinese = CliRunner().invoke(app, ["explain", "DS20250611-000001"])
        assert "emergency_first：分级为" in chinese.output
    finally:
        running.stop(0)


def test_a_server_that_is_away_is_told_in_one_sentence(tmp_path):
    settings = Settings.model_validate({"grpc_target": "127.0.0.1:1"})
    with pytest.raises(Unavailable, match=r"does not answer at 127\.0\.0\.1:1"):
        explanation(settings, "DS20250610-000001", "", "some-token")
    with pytest.raises(Unavailable, match="sign in and set DESKSTREAM_TOKEN"):
        explanation(settings.model_copy(update={"service_token": tmp_path / "none"}), "DS20250610-000001", "", "")
