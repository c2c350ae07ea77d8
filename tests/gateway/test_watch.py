"""The desk's own state through the HTTP edge to the watch and its real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import mongoengine
import pytest
from fastapi.testclient import TestClient

from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.runtime import mongo
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import serve
from services.runtime.settings import Settings
from services.watch import compose
from services.watch.storage import MongoEntries
from services.watch.turning import Turning
from tests.profile.folders import POLICY
from tests.watch.world import World

pytestmark = pytest.mark.real
API = "/api/v1"


class Door(NamedTuple):
    http: TestClient
    signer: Signer
    turning: Turning

    def of(self, person: str, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.signer.sign(Principal(person, person, frozenset({role})))}"}


@pytest.fixture
def door(mongodb_uri: Any, amqp_uri: str, tmp_path: Path) -> Iterator[Door]:
    make_keys(tmp_path)
    settings = Settings.model_validate(
        {
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongodb_uri.uri,
            "database_prefix": mongodb_uri.prefix,
            "policy_dir": POLICY,
            "grpc_bind": "127.0.0.1:0",
            "token_public_key": tmp_path / "token.pub.jwk",
        }
    )
    running = serve([compose.server(settings)], settings, Verifier.from_file(settings.token_public_key))
    world = World(MongoEntries(mongo.connect("watch", settings)), datetime.now(UTC))
    edge = GatewaySettings(grpc_target=f"127.0.0.1:{running.port}", service_token=tmp_path / "service.token")
    with TestClient(create_app(edge)) as http:
        yield Door(http, Signer.from_file(tmp_path / "token.jwk"), world.turning)
    running.stop(0.5)
    mongoengine.disconnect("watch")


def test_outage_mode_is_switched_and_shown_over_http_with_its_prompt_and_its_form(door: Door) -> None:
    """H8, J15: the prompt in the reader's language while the mode is on, the form as a file at any time."""
    supervisor, agent = door.of("chen.jing", "supervisor"), door.of("li.wei", "specialist")
    state = f"{API}/desk-state/itss_desk"
    assert door.http.get(state).status_code == 401
    assert door.http.get(state, headers=door.of("c.he.jie", "requester")).status_code == 403
    assert door.http.get(state, headers=agent).json()["mode"] == "DESK_MODE_NORMAL"
    switch = f"{API}/outages/itss_desk"
    assert door.http.post(switch, json={"on": True, "what": "断电"}, headers=agent).status_code == 403
    on = door.http.post(switch, json={"on": True, "what": "断电"}, headers=supervisor)
    assert (on.status_code, on.json()["outage"]["outageId"]) == (200, "itss_desk-outage-1")
    shown = door.http.get(f"{state}?lang=en", headers=agent).json()
    assert "call you first" in shown["outagePrompt"]
    assert {"key": "phone", "label": "Telephone"} in shown["offlineForm"]
    sheet = door.http.get(f"{API}/offline-form/itss_desk.csv", headers=agent)
    assert sheet.headers["content-type"].startswith("text/csv")
    assert "来电时间" in sheet.text
    assert "<th>" in door.http.get(f"{API}/offline-form/itss_desk.html", headers=agent).text
    off = door.http.post(switch, json={"on": False}, headers=supervisor).json()
    assert off["outage"]["mode"] == "DESK_MODE_RECOVERING"
    counted = door.http.post(
        f"{API}/outage/itss_desk-outage-1/paper-count", json={"count": 2, "explanation": "两张空白"}, headers=supervisor
    )
    assert counted.json()["outage"]["paperCount"] == 2
    assert door.http.get(f"{API}/outage/itss_desk-outage-1/contacts", headers=agent).json() == {}
    engineer = door.of("huang.lei", "engineer")
    assert door.http.get(f"{API}/outage/itss_desk-outage-1/contacts", headers=engineer).status_code == 403
    assert [said.key for said in door.turning.step()] == ["watch.outage_ended"]
    assert door.http.get(state, headers=agent).json()["mode"] == "DESK_MODE_NORMAL"


def test_a_notice_is_read_by_agents_website_and_ivr_and_nobody_unknown_publishes_one(door: Door) -> None:
    """H12"""
    leader, agent = door.of("wei.dong", "shift_leader"), door.of("li.wei", "specialist")
    ends = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    wanted = {"area": "<盘龙区>", "endsAt": ends, "textZh": "计划停电", "textEn": "Planned power cut"}
    publish = f"{API}/notices/itss_desk"
    assert door.http.post(publish, json=wanted).status_code == 401
    assert door.http.post(publish, json=wanted, headers=agent).status_code == 403
    notice = door.http.post(publish, json=wanted, headers=leader).json()["notice"]
    assert len(door.http.get(f"{API}/desk-state/itss_desk", headers=agent).json()["notices"]) == 1
    for channel, language, text in (("web", "zh-CN", "计划停电"), ("ivr", "en", "Planned power cut")):
        told = door.http.get(f"{API}/public/notices?profile=itss_desk&channel={channel}&lang={language}")
        assert [each["text"] for each in told.json()["notices"]] == [text]
        assert "publishedBy" not in told.text
    page = door.http.get("/notices?profile=itss_desk&lang=en")
    assert "Planned power cut" in page.text
    assert "&lt;盘龙区&gt;" in page.text
    assert door.http.post(f"{API}/notice/{notice['noticeId']}/withdrawal", json={}, headers=leader).status_code == 200
    assert door.http.get(f"{API}/public/notices?profile=itss_desk").json()["timezone"] == "Asia/Shanghai"
    assert "no notices" in door.http.get("/notices?profile=itss_desk&lang=en").text
    assert door.http.get(f"{API}/public/notices?profile=itss_desk&channel=agents").status_code in (400, 422)


def test_findings_and_turns_are_logged_and_exported_over_http(door: Door) -> None:
    """H4, H5, H11"""
    watcher = door.of("lu.xia", "specialist")
    seen = {"source": "patrol", "system": "机房", "what": "空调告警", "abnormal": True}
    finding = door.http.post(f"{API}/findings/itss_desk", json=seen, headers=watcher).json()["finding"]
    tasks = f"{API}/finding/{finding['findingId']}/tasks"
    assert (
        door.http.post(f"{tasks}/notice", json={"state": "done", "note": "已通知"}, headers=watcher).status_code == 200
    )
    assert door.http.post(f"{tasks}/party", json={"state": "taken"}, headers=watcher).status_code in (400, 422)
    assert len(door.http.get(f"{API}/findings/itss_desk?openOnly=true", headers=watcher).json()["findings"]) == 1
    door.turning.step()
    listed = door.http.get(f"{API}/inspections/itss_desk", headers=watcher).json()["inspections"]
    assert {each["schedule"] for each in listed} >= {"morning_patrol", "incremental_backup", "full_backup"}
    day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    log = door.http.get(f"{API}/watch-log/itss_desk/findings.csv?first={day[0]}&last={day[1]}&lang=en", headers=watcher)
    assert log.text.lstrip("\ufeff").startswith("ID,Source,System")
    assert "空调告警" in log.text
    wrong = door.http.get(f"{API}/watch-log/itss_desk/findings.csv?first=tomorrow", headers=watcher)
    assert wrong.status_code in (400, 422)
    assert door.http.get(f"{API}/watch-log/itss_desk/findings.csv?first={day[0]}&last={day[1]}").status_code == 401
