"""Clocks and promises through the HTTP edge to the service and its real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import mongoengine
import pika
import pytest
from fastapi.testclient import TestClient

from services.contracts.deskstream.v1 import common_pb2
from services.gateway.app import create_app
from services.gateway.operations import OPERATIONS
from services.gateway.settings import GatewaySettings
from services.kernel.clock import SystemClock
from services.profile.load import load_all
from services.runtime import topology
from services.runtime.clock import move
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.mongo import connect
from services.runtime.rpc import serve
from services.runtime.settings import Settings
from services.sla import compose
from services.sla.handlers import fire, hear
from services.sla.hearing import news_of
from services.sla.rulebook import Rulebook
from services.sla.storage import MongoClocks
from tests.profile.folders import copied
from tests.sla.stage import ticket_body

pytestmark = pytest.mark.real
PROFILE = "it_callcentre_levels"
NUMBER = "DS20310303-000001"
T0 = datetime(2031, 3, 3, 1, tzinfo=UTC)
M = timedelta(minutes=1)


class Door(NamedTuple):
    http: TestClient
    signer: Signer
    store: MongoClocks
    book: Rulebook

    def of(self, person: str, *roles: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.signer.sign(Principal(person, person, frozenset(roles)))}"}


@pytest.fixture
def door(mongodb_uri: Any, amqp_uri: str, tmp_path: Path) -> Iterator[Door]:
    make_keys(tmp_path)
    (tmp_path / "policy").mkdir()
    folder = copied(tmp_path / "policy", PROFILE)
    rules = (folder / "sla.yaml").read_text(encoding="utf-8")
    # The shipped desk permits no pauses (D16): this one does.
    rules = rules.replace("pause: {allowed: false}", "pause: {allowed: true, roles: [engineer]}")
    rules = rules.replace("limit: {default: 30m}\n", "limit: {default: 30m}\n      pausable: true\n", 1)
    assert "pausable: true" in rules
    assert "allowed: true" in rules
    (folder / "sla.yaml").write_text(rules, encoding="utf-8")
    clock = tmp_path / "clock"
    move(clock, T0 + 10 * M - SystemClock().now())
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        topology.declare(connection)
    settings = Settings.model_validate(
        {
            "MONGODB_URI": mongodb_uri.uri,
            "AMQP_URI": amqp_uri,
            "database_prefix": mongodb_uri.prefix,
            "policy_dir": tmp_path / "policy",
            "profiles": PROFILE,
            "default_profile": PROFILE,
            "grpc_bind": "127.0.0.1:0",
            "clock_file": str(clock),
            "token_private_key": tmp_path / "token.jwk",
            "token_public_key": tmp_path / "token.pub.jwk",
        }
    )
    running = serve([compose.server(settings)], settings, Verifier.from_file(settings.token_public_key))
    store = MongoClocks(connect("sla", settings))
    book = Rulebook(load_all(settings.policy_dir, PROFILE))
    event = ticket_body(NUMBER, 1, T0, received=T0)
    event.ticket.profile_version = book(PROFILE).version
    event.ticket.requester.CopyFrom(common_pb2.Requester(id="kunde", name="Kunde"))
    hear(store, book, [news_of(event)], T0)
    edge = GatewaySettings(grpc_target=f"127.0.0.1:{running.port}", service_token=tmp_path / "service.token")
    with TestClient(create_app(edge)) as http:
        yield Door(http, Signer.from_file(settings.token_private_key), store, book)
    running.stop(0.5)
    mongoengine.disconnect("sla")


def test_a_clock_is_shown_held_and_let_go_on_over_http(door: Door) -> None:
    """D16, D20, D21."""
    engineer = door.of("li.wei", "engineer")
    assert door.http.get(f"/api/v1/tickets/{NUMBER}/clocks").status_code == 401
    assert door.http.get(f"/api/v1/tickets/{NUMBER}/clocks", headers=door.of("other", "requester")).status_code == 404
    shown = door.http.get(f"/api/v1/tickets/{NUMBER}/clocks", headers=door.of("kunde", "requester")).json()
    assert "response" in {each["clock"] for each in shown["clocks"]}
    address = f"/api/v1/tickets/{NUMBER}/pause"
    held = door.http.post(address, json={"clock": "response", "reason": "Customer away"}, headers=engineer)
    assert (held.status_code, held.json()["pause"]["reason"]) == (200, "Customer away"), held.text
    twice = door.http.post(address, json={"clock": "response", "reason": "Customer away"}, headers=engineer)
    assert (twice.status_code, "held already" in twice.json()["detail"]) == (409, True)
    gone_on = door.http.post(f"/api/v1/tickets/{NUMBER}/resumption", json={}, headers=engineer)
    assert gone_on.status_code == 200, gone_on.text
    assert door.http.post(address, json={"clock": "plan", "reason": "x"}, headers=engineer).status_code == 409
    assert door.http.post(address, json={"clock": "response"}, headers=engineer).status_code == 422
    listed = door.http.get("/api/v1/open-tickets", params={"page_size": "5"}, headers=engineer).json()
    assert [each["ticket"]["number"] for each in listed["tickets"]] == [NUMBER]


def test_what_is_overdue_is_listed_and_acknowledged_over_http(door: Door) -> None:
    """D14, D19, D20: lists of families come with commas."""
    fire(door.store, door.book, [NUMBER], T0 + 31 * M, "timer/1")
    leader = door.of("wang.fang", "team_leader")
    asked = {"clocks": "response,plan", "families": "progress,plan"}
    found = door.http.get("/api/v1/at-risk", params=asked, headers=leader).json()
    assert {each["clock"]["clock"] for each in found["items"]} == {"response"}
    taken = door.http.post(f"/api/v1/escalations/{NUMBER}/response/0/acknowledgement", json={}, headers=leader)
    assert taken.json()["escalation"]["acknowledged"] is True


def test_a_deadline_a_recalculation_and_a_comparison_are_asked_over_http(door: Door) -> None:
    """D4, D18."""
    manager = door.of("sun.ning", "desk_manager")
    asked = {"profile": PROFILE, "clock": "resolve", "grade": "I", "start": "2031-03-03T01:00:00Z"}
    due = door.http.get("/api/v1/deadline", params={**asked, "facts.type": "fault"}, headers=manager).json()
    assert due["dueAt"] == "2031-03-03T13:00:00Z"
    unknown = door.http.get("/api/v1/deadline", params={**asked, "facts.weather": "fine"}, headers=manager)
    assert unknown.status_code == 422
    address = f"/api/v1/tickets/{NUMBER}/recalculation"
    same = door.http.post(address, json={"reason": "contract", "dryRun": True}, headers=manager)
    assert (same.status_code, same.json().get("changed", False)) == (200, False)
    assert door.http.post(address, json={"reason": "x"}, headers=door.of("a", "engineer")).status_code == 403
    told = door.http.get(f"/api/v1/policies/{PROFILE}/differences", headers=manager).json()
    assert told["oldVersion"] == told["newVersion"]


def test_promises_are_there_over_http(door: Door) -> None:
    """D8: whatever the desk's policy lets be promised."""
    listed = door.http.get("/api/v1/commitments", params={"number": NUMBER}, headers=door.of("li.wei", "engineer"))
    assert listed.status_code == 200, listed.text
    asked = {"kind": "nonsense", "text": "x", "due": "2h"}
    made = door.http.post(f"/api/v1/tickets/{NUMBER}/commitments", json=asked, headers=door.of("li.wei", "engineer"))
    assert made.status_code in (409, 422)
    keep = f"/api/v1/tickets/{NUMBER}/commitments/c1/keeping"
    assert door.http.post(keep, json={}, headers=door.of("li.wei", "engineer")).status_code == 404


def test_every_method_of_clocks_and_promises_has_an_address() -> None:
    """D20: what gRPC offers, HTTP offers."""
    services = {"sla": "SlaService", "clocks": "ClockService", "commitments": "CommitmentService"}
    from services.contracts.deskstream.v1 import clocks_pb2, commitments_pb2, sla_pb2

    files = {"sla": sla_pb2, "clocks": clocks_pb2, "commitments": commitments_pb2}
    for key, name in services.items():
        offered = {each.name for each in files[key].DESCRIPTOR.services_by_name[name].methods}
        assert {each.method for each in OPERATIONS if each.service == key} == offered
