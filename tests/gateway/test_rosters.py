"""Rosters through the HTTP edge to the directory and its real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mongoengine
import pytest
from fastapi.testclient import TestClient

from services.directory import compose
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.kernel.clock import SystemClock
from services.runtime.clock import move
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import serve
from services.runtime.settings import Settings
from tests.directory.roster_world import at
from tests.profile.folders import POLICY

pytestmark = pytest.mark.real


class Door(NamedTuple):
    http: TestClient
    signer: Signer

    def of(self, person: str, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.signer.sign(Principal(person, person, frozenset({role})))}"}


@pytest.fixture
def door(mongodb_uri: Any, tmp_path: Path) -> Iterator[Door]:
    make_keys(tmp_path)
    clock = tmp_path / "clock"
    move(clock, at("2031-03-03T09:00") - SystemClock().now())
    settings = Settings.model_validate(
        {
            "MONGODB_URI": mongodb_uri.uri,
            "database_prefix": mongodb_uri.prefix,
            "policy_dir": POLICY,
            "grpc_bind": "127.0.0.1:0",
            "clock_file": str(clock),
            "token_private_key": tmp_path / "token.jwk",
            "token_public_key": tmp_path / "token.pub.jwk",
        }
    )
    running = serve([compose.server(settings)], settings, Verifier.from_file(settings.token_public_key))
    edge = GatewaySettings(grpc_target=f"127.0.0.1:{running.port}", service_token=tmp_path / "service.token")
    with TestClient(create_app(edge)) as http:
        yield Door(http, Signer.from_file(settings.token_private_key))
    running.stop(0.5)
    mongoengine.disconnect("directory")


def test_a_month_is_made_filed_and_subscribed_to(door: Door) -> None:
    """M1, M28: and a calendar program needs the address only."""
    leader, agent = door.of("wang.fang", "team_leader"), door.of("li.wei", "specialist")
    address = "/api/v1/rosters/itss_desk/2031-03"
    assert door.http.get(address).status_code == 401
    assert door.http.post(address, json={}, headers=agent).status_code == 403
    made = door.http.post(address, json={"reason": "as every month"}, headers=leader)
    assert (made.status_code, made.json()["roster"]["state"]) == (200, "draft")
    filed = door.http.post(f"{address}/filing", json={}, headers=leader)
    assert filed.json()["roster"]["state"] == "in_force"
    assert door.http.get(address, headers=agent).json()["roster"]["filedBy"] == "wang.fang"

    token = door.http.post("/api/v1/roster-feeds/itss_desk", json={"team": "desk"}, headers=agent).json()["token"]
    calendar = door.http.get(f"/api/v1/roster-feeds/{token}.ics")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert calendar.text.count("BEGIN:VEVENT") > 60
    assert door.http.get("/api/v1/roster-feeds/nonsense.ics").status_code == 401


def test_leave_goes_from_asking_to_approval_over_http(door: Door) -> None:
    """M8, M21."""
    agent, manager = door.of("li.wei", "specialist"), door.of("sun.ning", "desk_manager")
    wish = {"start": "2031-03-09T16:00:00Z", "end": "2031-03-10T16:00:00Z", "substitute": "zhou.min"}
    asked = door.http.post("/api/v1/roster-requests/itss_desk/leave", json=wish, headers=agent)
    assert asked.status_code == 200, asked.text
    request = asked.json()["request"]["id"]
    decision = f"/api/v1/roster-requests/{request}/decision"
    assert door.http.post(decision, json={"agree": True}, headers=agent).status_code == 403
    assert door.http.post(decision, json={"agree": True}, headers=manager).json()["request"]["state"] == "approved"
    late = {**wish, "start": "2031-03-03T04:00:00Z", "end": "2031-03-03T08:00:00Z"}
    refused = door.http.post("/api/v1/roster-requests/itss_desk/leave", json=late, headers=agent)
    assert (refused.status_code, "提前一天" in refused.json()["detail"]) == (422, True)
