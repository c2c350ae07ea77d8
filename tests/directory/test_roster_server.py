"""Rosters over real gRPC with the real database, from a terminal and as a calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import mongoengine
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from icalendar import Calendar
from typer.testing import CliRunner

from services.contracts.deskstream.v1 import directory_pb2, directory_pb2_grpc
from services.contracts.deskstream.v1 import roster_pb2 as pb
from services.contracts.deskstream.v1 import roster_pb2_grpc as stubs
from services.directory import compose
from services.directory.command import app
from services.directory.roster_server import ALLOW
from services.kernel.clock import SystemClock
from services.profile.load import load
from services.runtime.clock import JourneyClock, move
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import channel, serve
from services.runtime.settings import Settings
from tests.directory.roster_world import at
from tests.profile.folders import POLICY

pytestmark = pytest.mark.real

MONTH = "2031-03"
"""Ahead of any real clock, as a journey's clock is never moved back; its tenth is a Monday."""
PEOPLE = {person.id: person for person in load(POLICY / "itss_desk").profile.organisation.people}


class Place(NamedTuple):
    port: int
    signer: Signer
    settings: Settings

    def token(self, person: str) -> str:
        known = PEOPLE[person]
        return self.signer.sign(Principal(person, known.name, frozenset(known.roles), frozenset(known.teams)))

    def stub(self, person: str = "") -> Any:
        return stubs.RosterServiceStub(channel(f"127.0.0.1:{self.port}", self.token(person) if person else ""))

    def on_duty(self, when: datetime, team: str) -> set[str]:
        line = channel(f"127.0.0.1:{self.port}", self.token("li.wei"))
        asked = directory_pb2.WhoIsOnDutyRequest(at=stamp(when), team=team)
        return {person.id for person in directory_pb2_grpc.DirectoryServiceStub(line).WhoIsOnDuty(asked).people}


def stamp(when: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(when)
    return made


def code(call: Callable[[], object]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    status: grpc.StatusCode = caught.value.code()
    return status


@pytest.fixture
def place(mongodb_uri: Any, tmp_path: Path) -> Iterator[Place]:
    make_keys(tmp_path)
    clock = tmp_path / "clock"
    begin = at("2031-03-03T09:00")
    move(clock, begin - SystemClock().now())
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
    assert abs(JourneyClock(clock).now() - begin) < timedelta(minutes=5)
    running = serve([compose.server(settings)], settings, Verifier.from_file(settings.token_public_key))
    yield Place(running.port, Signer.from_file(settings.token_private_key), settings)
    running.stop(0.5)
    mongoengine.disconnect("directory")


def filed(place: Place) -> pb.MonthRoster:
    stub = place.stub("wang.fang")
    made = stub.MakeRoster(pb.MakeRosterRequest(month=MONTH)).roster
    assert (made.state, list(made.faults)) == ("draft", [])
    told: pb.MonthRoster = stub.FileRoster(pb.FileRosterRequest(month=MONTH, expected_version=made.version)).roster
    return told


def test_filing_changes_who_is_on_duty_at_once(place: Place) -> None:
    """M28, M1."""
    night = at(f"{MONTH}-10T22:00")
    assert place.on_duty(night, "emergency") == {"wu.hao"}
    roster = filed(place)
    assert (roster.state, roster.filed_by) == ("in_force", "wang.fang")
    assert dict(roster.vacancies) == {}
    key = f"{MONTH}-10/night/monitoring"
    assert place.on_duty(night, "emergency") == {each.person for each in roster.shifts if each.key == key}
    table = place.stub("li.wei").GetDuty(pb.GetDutyRequest()).table
    assert len(table.months) == 1
    assert not place.stub("li.wei").GetDuty(pb.GetDutyRequest(known_version=table.version)).HasField("table")


def test_a_past_month_answers_from_its_own_book(place: Place) -> None:
    roster = filed(place)
    key = f"{MONTH}-10/night/monitoring"
    expected = {each.person for each in roster.shifts if each.key == key}
    move(Path(place.settings.clock_file), timedelta(days=92))
    assert place.on_duty(at(f"{MONTH}-10T22:00"), "emergency") == expected


def test_leave_goes_its_way_and_its_reason_stays_between_those_concerned(place: Place) -> None:
    """M21, P1."""
    filed(place)
    begin, end = at(f"{MONTH}-10T00:00"), at(f"{MONTH}-11T00:00")
    asked = pb.RequestLeaveRequest(start=stamp(begin), end=stamp(end), substitute="zhou.min", reason="my daughter")
    made = place.stub("li.wei").RequestLeave(asked).request
    assert (made.state, list(made.steps), made.reason) == ("checked", ["desk_manager"], "my daughter")
    listed = place.stub("wu.hao").ListRequests(pb.ListRequestsRequest(month=MONTH)).requests
    assert [(each.id, each.reason) for each in listed] == [(made.id, "")]
    assert all(not step.why for step in listed[0].history)
    decide = pb.DecideRequestRequest(id=made.id, agree=True)
    assert code(lambda: place.stub("wu.hao").DecideRequest(decide)) is grpc.StatusCode.PERMISSION_DENIED
    assert place.stub("sun.ning").DecideRequest(decide).request.state == "approved"
    assert "li.wei" not in place.on_duty(begin + timedelta(hours=10), "desk")


def test_an_absence_notice_without_a_substitute_shows_who_could_come_instead(place: Place) -> None:
    """H19: with the notice itself, and to whoever asks later."""
    filed(place)
    begin, end = at(f"{MONTH}-10T00:00"), at(f"{MONTH}-11T00:00")
    asked = pb.RequestLeaveRequest(start=stamp(begin), end=stamp(end), reason="snow: no train", acute=True)
    told = place.stub("li.wei").RequestLeave(asked)
    assert told.candidates
    assert "li.wei" not in {each.person for each in told.candidates}
    later = pb.ListSubstitutesRequest(person="li.wei", start=stamp(begin), end=stamp(end))
    assert list(place.stub("wang.fang").ListSubstitutes(later).candidates) == list(told.candidates)


def test_a_calendar_program_reads_the_shifts_as_worked_until_the_address_is_ended(place: Place) -> None:
    filed(place)
    stub = place.stub("li.wei")
    begin, end = at(f"{MONTH}-10T00:00"), at(f"{MONTH}-11T00:00")
    asked = pb.RequestLeaveRequest(start=stamp(begin), end=stamp(end), substitute="zhou.min")
    made = stub.RequestLeave(asked).request
    place.stub("sun.ning").DecideRequest(pb.DecideRequestRequest(id=made.id, agree=True))

    def events(person: str, team: str = "") -> list[Any]:
        token = place.stub(person).MakeFeed(pb.MakeFeedRequest(team=team)).token
        told = place.stub().GetFeed(pb.GetFeedRequest(token=token)).calendar
        return list(Calendar.from_ical(told).walk("VEVENT"))

    away = {event["dtstart"].dt.date() for event in events("li.wei")}
    assert begin.date() not in away
    assert len(away) > 15
    standing = [str(event["summary"]) for event in events("zhou.min") if event["dtstart"].dt.date() == begin.date()]
    assert sorted(standing) == ["行政班", "行政班 (替李伟)"]
    assert any("王芳" in str(event["summary"]) for event in events("li.wei", "desk"))
    assert code(lambda: events("li.wei", "erp_ops")) is grpc.StatusCode.PERMISSION_DENIED

    old = stub.MakeFeed(pb.MakeFeedRequest()).token
    new = stub.MakeFeed(pb.MakeFeedRequest(revoke=True)).token
    assert code(lambda: place.stub().GetFeed(pb.GetFeedRequest(token=old))) is grpc.StatusCode.UNAUTHENTICATED
    assert place.stub().GetFeed(pb.GetFeedRequest(token=new)).calendar.startswith(b"BEGIN:VCALENDAR")


def test_a_callers_token_is_no_calendar_address_and_the_other_way_round(place: Place) -> None:
    filed(place)
    feed = place.stub("li.wei").MakeFeed(pb.MakeFeedRequest()).token
    as_caller = stubs.RosterServiceStub(channel(f"127.0.0.1:{place.port}", feed))
    assert code(lambda: as_caller.GetRoster(pb.GetRosterRequest())) is grpc.StatusCode.UNAUTHENTICATED
    caller = pb.GetFeedRequest(token=place.token("li.wei"))
    assert code(lambda: place.stub().GetFeed(caller)) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", sorted(set(ALLOW) - {"GetFeed"}))
def test_nothing_is_told_to_the_unknown(place: Place, method: str) -> None:
    """Default deny (decision 15)."""
    request = getattr(pb, f"{method}Request")()
    assert code(lambda: getattr(place.stub(), method)(request)) is grpc.StatusCode.UNAUTHENTICATED


def test_every_method_says_who_may_call_it() -> None:
    assert set(ALLOW) == {method.name for method in pb.DESCRIPTOR.services_by_name["RosterService"].methods}


def test_a_month_is_made_shown_and_filed_from_a_terminal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """M1."""
    monkeypatch.setenv("DESKSTREAM_GRPC_TARGET", f"127.0.0.1:{place.port}")
    monkeypatch.setenv("DESKSTREAM_TOKEN", place.token("wang.fang"))
    monkeypatch.setenv("COLUMNS", "200")
    run = CliRunner()
    made = run.invoke(app, ["make", MONTH])
    assert made.exit_code == 0, made.output
    assert "draft, version 1" in made.output
    assert "lu.xia (info)" in made.output
    done = run.invoke(app, ["file", MONTH])
    assert "in_force, version 2, filed by wang.fang as version 2" in done.output
    again = run.invoke(app, ["file", MONTH])
    assert again.exit_code == 1
    assert "make the roster first" in str(again.exception or again.output)
    assert "in_force" in run.invoke(app, ["show"]).output
