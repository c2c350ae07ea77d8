"""The directory over real gRPC with the real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import mongoengine
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from services.cli import app
from services.contracts.deskstream.v1 import directory_pb2 as pb
from services.contracts.deskstream.v1 import directory_pb2_grpc as stubs
from services.directory import compose
from services.kernel.errors import Missing
from services.runtime.identity import Verifier, make_keys
from services.runtime.rpc import channel, serve
from services.runtime.settings import Settings
from tests.profile.folders import POLICY

pytestmark = pytest.mark.real

PASSWORD = "a password for tests"


class Place(NamedTuple):
    port: int
    verifier: Verifier
    settings: Settings

    def stub(self, token: str = "") -> Any:
        return stubs.DirectoryServiceStub(channel(f"127.0.0.1:{self.port}", token))

    def token(self, person: str, password: str = PASSWORD) -> str:
        asked = pb.IssueTokenRequest(person=person, password=password)
        return str(self.stub().IssueToken(asked).token)


@pytest.fixture
def place(mongodb_uri: Any, tmp_path: Path) -> Iterator[Place]:
    make_keys(tmp_path)
    settings = Settings.model_validate(
        {
            "MONGODB_URI": mongodb_uri.uri,
            "database_prefix": mongodb_uri.prefix,
            "policy_dir": POLICY,
            "grpc_bind": "127.0.0.1:0",
            "token_private_key": tmp_path / "token.jwk",
            "token_public_key": tmp_path / "token.pub.jwk",
        }
    )
    verifier = Verifier.from_file(settings.token_public_key)
    compose.set_passwords(settings, dict.fromkeys(("li.wei", "admin"), PASSWORD))
    running = serve([compose.server(settings)], settings, verifier)
    yield Place(running.port, verifier, settings)
    running.stop(0.5)
    mongoengine.disconnect("directory")


def code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    status: grpc.StatusCode = caught.value.code()
    return status


def test_a_token_names_the_person_with_roles_and_teams(place: Place) -> None:
    principal = place.verifier.verify(place.token("li.wei"))
    assert (principal.id, principal.name) == ("li.wei", "李伟")
    assert (principal.roles, principal.teams) == (frozenset({"specialist"}), frozenset({"desk"}))


def test_a_token_lives_twelve_hours(place: Place) -> None:
    told = place.stub().IssueToken(pb.IssueTokenRequest(person="li.wei", password=PASSWORD))
    left = told.expires_at.ToDatetime(UTC) - datetime.now(UTC)
    assert 11.9 * 3600 < left.total_seconds() <= 12 * 3600


def test_a_wrong_password_is_unauthenticated_and_five_of_them_rest_the_right_one(place: Place) -> None:
    for _ in range(5):
        assert code(lambda: place.token("li.wei", "wrong")) is grpc.StatusCode.UNAUTHENTICATED
    assert code(lambda: place.token("li.wei")) is grpc.StatusCode.UNAUTHENTICATED
    assert place.token("admin")
    compose.set_password(place.settings, "li.wei", "a new password")
    assert place.token("li.wei", "a new password")


def test_a_demo_gives_everybody_a_password(place: Place) -> None:
    assert compose.set_password_for_all(place.settings, "the demo's password") == 46
    for person in ("zhang.qiang", "g.net.three", "i.mao.ting"):
        assert place.token(person, "the demo's password")


def test_the_command_sets_a_password_and_says_who_is_unknown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", place.settings.mongodb_uri)
    monkeypatch.setenv("DESKSTREAM_DATABASE_PREFIX", place.settings.database_prefix)
    monkeypatch.setenv("DESKSTREAM_POLICY_DIR", str(POLICY))
    monkeypatch.setenv("DESKSTREAM_NEW_PASSWORD", "typed by nobody")
    told = CliRunner().invoke(app, ["person", "set-password", "zhou.min"])
    assert told.exit_code == 0, told.output
    assert "typed by nobody" not in told.output
    assert place.token("zhou.min", "typed by nobody")
    unknown = CliRunner().invoke(app, ["person", "set-password", "intruder"])
    assert isinstance(unknown.exception, Missing)


@pytest.mark.parametrize("method", ["GetPerson", "ListTeams", "WhoIsOnDuty", "GetProfile", "ListProfiles"])
def test_nothing_is_told_to_the_unknown(place: Place, method: str) -> None:
    """Default deny (decision 15)."""
    request = getattr(pb, f"{method}Request")()
    assert code(lambda: getattr(place.stub(), method)(request)) is grpc.StatusCode.UNAUTHENTICATED


def test_addresses_are_for_the_person_and_for_administrators(place: Place) -> None:
    """P1, P7."""
    mine, admin = place.stub(place.token("li.wei")), place.stub(place.token("admin"))
    assert dict(mine.GetPerson(pb.GetPersonRequest(id="li.wei")).person.addresses) == {"smtp": "li.wei@itss.example"}
    other = mine.GetPerson(pb.GetPersonRequest(id="zhou.min")).person
    assert (other.name, dict(other.addresses)) == ("周敏", {})
    assert admin.GetPerson(pb.GetPersonRequest(id="zhou.min")).person.addresses["smtp"] == "zhou.min@itss.example"
    assert code(lambda: mine.GetPerson(pb.GetPersonRequest(id="nobody"))) is grpc.StatusCode.NOT_FOUND


def test_duty_is_told_for_any_instant_and_role_without_addresses(place: Place) -> None:
    """A5, A6."""
    stub = place.stub(place.token("li.wei"))
    sunday, monday = Timestamp(), Timestamp()
    sunday.FromDatetime(datetime(2025, 3, 16, 2, tzinfo=UTC))
    monday.FromDatetime(datetime(2025, 3, 17, 2, tzinfo=UTC))
    told = stub.WhoIsOnDuty(pb.WhoIsOnDutyRequest(at=sunday, role="specialist"))
    assert ([each.id for each in told.people], told.in_hours) == (["wu.hao"], False)
    assert not told.people[0].addresses
    told = stub.WhoIsOnDuty(pb.WhoIsOnDutyRequest(at=monday, team="desk"))
    assert (len(told.people), told.in_hours) == (4, True)
    told = stub.WhoIsOnDuty(pb.WhoIsOnDutyRequest(profile="generic_desk", at=monday, role="engineer"))
    assert len(told.people) == 9
    assert stub.WhoIsOnDuty(pb.WhoIsOnDutyRequest()).people
    unknown = pb.WhoIsOnDutyRequest(profile="nowhere")
    assert code(lambda: stub.WhoIsOnDuty(unknown)) is grpc.StatusCode.NOT_FOUND


def test_teams_are_told_with_their_members(place: Place) -> None:
    stub = place.stub(place.token("li.wei"))
    teams = {team.id: team for team in stub.ListTeams(pb.ListTeamsRequest()).teams}
    assert (teams["desk"].name_zh, teams["desk"].lead) == ("服务台", "wang.fang")
    assert set(teams["erp_ops"].members) == {"zhang.qiang", "huang.lei", "xu.ling"}


def test_profiles_are_listed_and_shown_without_people(place: Place) -> None:
    stub = place.stub(place.token("li.wei"))
    listed = {each.name: each for each in stub.ListProfiles(pb.ListProfilesRequest()).profiles}
    assert set(listed) == {"itss_desk", "generic_desk", "it_callcentre_levels"}
    shown = stub.GetProfile(pb.GetProfileRequest(name="itss_desk"))
    assert (shown.version, shown.effective_from) == (listed["itss_desk"].version, listed["itss_desk"].effective_from)
    facets = json.loads(shown.json)
    assert facets["sla"]["clocks"][0]["name"] == "response"
    assert "people" not in facets["organisation"]
    past = pb.GetProfileRequest(name="itss_desk", version="0.1+00000000")
    assert code(lambda: stub.GetProfile(past)) is grpc.StatusCode.NOT_FOUND
