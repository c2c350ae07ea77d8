"""A field added to a profile shows in API, form, judgement, ticket and export, without any code (B19)."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from services.contracts.deskstream.v1 import intake_pb2, ticket_pb2
from services.dispatch import wire
from services.dispatch.policy import Desk as Rules
from services.dispatch.policy import open_ticket
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.intake import catalogue_server
from services.intake.desk import Desk
from services.intake.handlers import Reception
from services.intake.hooks import Hooks
from services.intake.numbers import Numbers
from services.intake.server import ALLOW, NAME, Servicer, add
from services.kernel.clock import SystemClock
from services.profile.load import Profiles, load_all
from services.reporting.export import ticket_file
from services.reporting.hearing import ticket_facts
from services.reporting.wire import channel_name, satisfaction
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.message import Said, event_id
from services.runtime.rpc import Service, serve
from services.runtime.settings import Settings
from tests.intake.world import POLICY, FakeCounters, FakeReceipts

NASTY = '"><script>alert(1)</script>'
ADDED = f"""
  - name: heating_paid
    label: {{zh: 采暖费是否已缴, en: Heating fee paid}}
    kind: yes_no
    required: true
    only_for: {{types: [service_request]}}
    help: {{zh: 本季采暖费交了吗？, en: Has the heating fee of this season been paid?}}
  - {{name: repair_address, label: {{zh: 维修地址, en: Address of repair}}, min_length: 4, max_length: 60,
     personal: true, only_for: {{types: [service_request]}}, help: {{zh: '{NASTY}', en: '{NASTY}'}}}}
  - {{name: radiators, label: {{zh: 暖气片数, en: Radiators}}, kind: number, min: 1, max: 50, default: "1",
     only_for: {{entries: [telephone]}}}}
"""


class KeptReceipts(FakeReceipts):
    """Receipts in memory, which nobody relays."""

    def mark_all_said(self, ids: Sequence[str]) -> None:
        """Nothing is owed here."""


class Ear(list[Said]):
    """What was published."""

    def publish(self, said: Sequence[Said], timeout: float = 10.0) -> None:
        self.extend(said)

    def close(self) -> None:
        """Nothing to close."""


class House(NamedTuple):
    """A gateway in front of intake, on a changed copy of the profiles."""

    web: TestClient
    profiles: Profiles
    said: Ear
    token: str

    def page(self, language: str, **asked: str) -> str:
        told = self.web.get("/request", params={"lang": language, **asked})
        assert told.status_code == 200
        return str(told.text)

    def form(self, **asked: str) -> dict[str, Any]:
        told = self.web.get("/api/v1/form", params=asked)
        assert told.status_code == 200, told.text
        return {each["name"]: each for each in told.json()["fields"]}

    def files(self, **values: str) -> Any:
        given = {"name": "何洁", "phone": "13800138001", "description": "暖气不热", "type": "service_request"} | values
        return self.web.post("/hooks/web/form", json=given)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    policy = tmp_path / "policy"
    shutil.copytree(POLICY, policy)
    catalogue = policy / "itss_desk" / "catalogue.yaml"
    catalogue.write_text(catalogue.read_text("utf-8") + ADDED, "utf-8")
    profiles = load_all(policy, "itss_desk,it_callcentre_levels", "itss_desk")
    make_keys(tmp_path)
    settings = Settings(
        grpc_bind="127.0.0.1:0", token_public_key=tmp_path / "token.pub.jwk", token_private_key=tmp_path / "token.jwk"
    )
    receipts, said = KeptReceipts(), Ear()
    reception = Reception(profiles, receipts, Numbers(FakeCounters(), 500), event_id)
    desk = Desk(reception, receipts, said, SystemClock())  # type: ignore[arg-type]
    hooks = Hooks(desk, profiles, lambda: datetime.now(UTC))
    beside = (catalogue_server.service(profiles),)
    service = Service(add, Servicer(desk, hooks, profiles), NAME, ALLOW, close=desk.close, beside=beside)
    running = serve([service], settings, Verifier.from_file(settings.token_public_key))
    edge = GatewaySettings(
        grpc_target=f"127.0.0.1:{running.port}", service_token=tmp_path / "service.token", public_rate="1000/minute"
    )
    signer = Signer.from_file(settings.token_private_key)
    token = signer.sign(Principal("li.wei", "李伟", frozenset({"specialist"})))
    with TestClient(create_app(edge)) as web:
        yield House(web, profiles, said, token)
    running.stop(0.2)


def ticket_of(house: House) -> ticket_pb2.Ticket:
    """The ticket dispatch makes of what intake said last."""
    received = intake_pb2.RequestReceived.FromString(house.said[-1].as_heard().body)
    loaded = house.profiles.get(received.draft.profile)
    rules = Rules(loaded.profile, loaded.version, loaded.roster)
    now = datetime.now(UTC)
    return wire.event_to(open_ticket(rules, wire.request_from(received), now, now)[-1]).ticket


def test_the_added_field_is_described_by_the_api_in_both_languages(house: House) -> None:
    """B19, B23"""
    assert "heating_paid" not in house.form(type="incident")
    told = house.form(type="service_request", language="zh-CN")["heating_paid"]
    assert (told["label"], told["kind"], told["required"]) == ("采暖费是否已缴", "yes_no", True)
    assert [each["value"] for each in told["choices"]] == ["yes", "no"]
    assert house.form(type="service_request", language="en")["heating_paid"]["help"].startswith("Has the heating fee")
    below = house.form(type="incident", entry="telephone_repair")["radiators"]
    assert (below["min"], below["max"], below["defaultValue"]) == (1, 50, "1")


def test_the_added_field_stands_on_the_form_in_both_languages(house: House) -> None:
    """B19"""
    chinese, english = house.page("zh-CN"), house.page("en", type="service_request")
    assert "采暖费是否已缴" in chinese
    assert "本季采暖费交了吗？" in chinese
    assert "Heating fee paid" in english
    assert 'data-types="service_request"' in english
    assert '<option value="service_request" selected>' in english
    assert re.search(r'data-entries="telephone [^"]*telephone_repair', english)
    assert 'type="number" step="any" min="1.0" max="50.0"' in english


def test_nothing_on_the_form_is_run_by_the_browser(house: House) -> None:
    """Labels come from profiles and values from anybody: both are text."""
    assert "<script>alert" not in house.page("en")
    assert "<script>alert" not in house.page("en", type=NASTY, entry=NASTY)
    told = house.web.post("/request?lang=en", data={"name": NASTY, "heating_paid": NASTY, "type": NASTY})
    assert told.status_code == 422
    assert "<script>alert" not in told.text
    assert "&lt;script&gt;alert" in told.text


def test_what_the_field_may_not_be_is_refused_naming_it(house: House) -> None:
    """A7, B19"""
    for values, field in (
        ({}, "heating_paid"),
        ({"heating_paid": "maybe"}, "heating_paid"),
        ({"heating_paid": "yes", "repair_address": "3楼"}, "repair_address"),
        ({"heating_paid": "yes", "entry": "telephone", "radiators": "51"}, "radiators"),
        ({"heating_paid": "yes", "answer.weather": "bad"}, "answer.weather"),
    ):
        told = house.files(**values)
        assert told.status_code == 422
        assert [each["field"] for each in told.json()["faults"]] == [field]
        assert told.json()["faults"][0]["zh"]
    assert not house.said


def test_the_page_shows_the_reason_beside_the_field(house: House) -> None:
    """A7"""
    given = {"name": "何洁", "description": "暖气不热", "type": "service_request", "lang": "zh-CN"}
    told = house.web.post("/request?lang=zh-CN", data=given)
    assert told.status_code == 422
    assert "请填写采暖费是否已缴。" in told.text


def test_the_field_is_kept_with_the_ticket_and_stands_in_the_export(house: House) -> None:
    """B19: the field appears in export; personal ones are masked there (P1)."""
    told = house.files(heating_paid="是", repair_address="朝阳路1号", entry="telephone")
    assert told.status_code == 201
    ticket = ticket_of(house)
    assert dict(ticket.fields) == {"heating_paid": "yes", "repair_address": "朝阳路1号", "radiators": "1"}
    facts = ticket_facts(ticket_pb2.TicketEvent(event="opened", ticket=ticket))
    profile = house.profiles.get("itss_desk").profile
    file = b"".join(
        ticket_file([facts], profile, "zh-CN", ZoneInfo("Asia/Shanghai"), channel_name, satisfaction)
    ).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(file, newline=""))
    assert (row["采暖费是否已缴"], row["维修地址"], row["暖气片数"]) == ("是", "朝***", "1")
    assert row["服务目录项"].startswith("行政电话")


def test_a_request_it_is_not_asked_of_is_taken_without_it(house: House) -> None:
    """B19"""
    assert house.files(type="incident").status_code == 201
    assert dict(ticket_of(house).fields) == {}


def test_the_defect_form_makes_a_defect_ticket(house: House) -> None:
    """B12"""
    told = house.files(
        profile="it_callcentre_levels", type="system_defect", module="总账", reproducible="yes", entry="business_system"
    )
    assert told.status_code == 201
    ticket = ticket_of(house)
    assert (ticket.type, ticket.neutral_type, ticket.state) == ("system_defect", 4, "submitted")
    assert dict(ticket.fields) == {"module": "总账", "reproducible": "yes"}


def test_the_catalogue_and_the_proposed_grade_are_answered_over_http(house: House) -> None:
    """A18, B2, B5"""
    told = house.web.get("/api/v1/catalogue", params={"profile": "it_callcentre_levels", "language": "en"}).json()
    assert {each["key"] for each in told["types"]} >= {"consultation", "system_defect"}
    assert [each["key"] for each in told["grades"]] == ["I", "II", "III", "IV"]
    assert len(told["questions"]) == 5
    matrix = house.web.get("/api/v1/catalogue").json()["matrix"]
    assert len(matrix) == 9
    asked = {"profile": "it_callcentre_levels", "answers": {"data_lost": "yes"}, "language": "en"}
    assert house.web.post("/api/v1/grade-proposals", json=asked).status_code == 401
    signed = {"Authorization": f"Bearer {house.token}"}
    answer = house.web.post("/api/v1/grade-proposals", json=asked, headers=signed)
    assert (answer.json()["grade"], answer.json()["because"]) == ("I", "Data has been lost.")
    asked["answers"] = {"weather": "bad"}
    refused = house.web.post("/api/v1/grade-proposals", json=asked, headers=signed)
    assert refused.status_code == 422
    assert "business_stopped" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "status"), [({"type": "wish"}, 422), ({"entry": "x" * 999}, 422), ({"profile": "no"}, 404)]
)
def test_a_form_for_what_the_desk_does_not_have_is_refused(house: House, asked: dict[str, str], status: int) -> None:
    told = house.web.get("/api/v1/form", params=asked)
    assert told.status_code == status
    assert len(told.text) < 2000
