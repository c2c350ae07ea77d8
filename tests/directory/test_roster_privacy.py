"""What of rosters is told to whom, and how much one person may write (P1, P2)."""

from __future__ import annotations

from contextvars import copy_context
from pathlib import Path

import pytest
from google.protobuf.message import Message

from services.contracts.deskstream.v1 import roster_pb2 as pb
from services.directory import duty_records, roster_limits
from services.directory.feeds import Feeds
from services.directory.roster_server import RosterServicer
from services.directory.substitutes import Substitutes
from services.kernel.errors import Refused
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import _caller
from tests.directory.roster_world import FakeRosters, World, at

SHIFT = "2025-03-12/office/desk"


class Frozen:
    """A clock that stands."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self):
        return self._world.now


@pytest.fixture
def world() -> World:
    return World(FakeRosters()).filed()


def feeds(world: World, keys: Path) -> Feeds:
    make_keys(keys)
    signer, verifier = Signer.from_file(keys / "token.jwk"), Verifier.from_file(keys / "token.pub.jwk")
    return Feeds(world.rosters, world.store, world.store, signer, verifier)


def ask(world: World, method: str, request: Message, who: Principal):
    found = Substitutes(world.profiles, world.store)
    servicer = RosterServicer(world.rosters, world.records, world.store, None, Frozen(world), found)  # type: ignore[arg-type]

    def as_caller():
        _caller.set(who)
        return getattr(servicer, method)(request, None)

    return copy_context().run(as_caller)


def test_an_address_of_a_teams_roster_ends_with_the_membership(world: World, tmp_path: Path, monkeypatch) -> None:
    """P2: it is good for over a year, and people change teams."""
    shows = feeds(world, tmp_path)
    token = shows.address("itss_desk", "desk", False, "li.wei")
    own = shows.address("itss_desk", "", False, "li.wei")
    assert shows.calendar(token, world.now).startswith(b"BEGIN:VCALENDAR")
    people = world.loaded.lookups.people
    monkeypatch.setitem(people, "li.wei", people["li.wei"].model_copy(update={"teams": ("erp_ops",)}))
    with pytest.raises(Refused) as refused:
        shows.calendar(token, world.now)
    assert refused.value.code == "unauthenticated"
    assert shows.calendar(own, world.now).startswith(b"BEGIN:VCALENDAR")


def test_why_somebody_is_away_is_told_to_the_leaders_of_the_desk_only(world: World) -> None:
    """P1: neither the reason nor what gives it away, and not to leaders of other desks."""
    world.leave("li.wei", "2025-03-10T00:00", "2025-03-11T00:00", "zhou.min", evidence="hospital")
    asked = pb.ListRequestsRequest(month="2025-03")
    stranger = Principal("somebody.else", roles=frozenset({"team_leader"}))
    mate = Principal("wu.hao", roles=frozenset({"engineer"}))
    leader = Principal("wang.fang", roles=frozenset({"team_leader"}))
    assert ask(world, "ListRequests", asked, leader).requests[0].reason == "family"
    for who in (stranger, mate):
        (told,) = ask(world, "ListRequests", asked, who).requests
        assert (told.reason, told.evidence, list(told.flags), told.deduction_yuan) == ("", "", [], 0)
        assert not any(step.why for step in told.history)


def test_what_a_shift_hands_over_is_not_told_to_other_desks(world: World) -> None:
    """P1"""
    asked = pb.ListDutyRecordsRequest(day="2025-03-12")
    with pytest.raises(Refused) as refused:
        ask(world, "ListDutyRecords", asked, Principal("somebody.else", roles=frozenset({"supervisor"})))
    assert refused.value.code == "forbidden"
    ask(world, "ListDutyRecords", asked, Principal("wu.hao", roles=frozenset({"engineer"})))
    ask(world, "ListDutyRecords", asked, Principal("root", roles=frozenset({"administrator"})))


def test_one_person_fills_neither_the_book_of_requests_nor_the_log(world: World, monkeypatch) -> None:
    """Withdrawn requests stay in the book, so they count."""
    monkeypatch.setattr(roster_limits, "_MOST_OF_ONE", 2)
    for _ in range(2):
        made = world.leave("li.wei", "2025-03-10T00:00", "2025-03-11T00:00", "zhou.min")
        world.decide(made, "li.wei", agree=False)
    with pytest.raises(Refused, match="2 requests"):
        world.leave("li.wei", "2025-03-10T00:00", "2025-03-11T00:00", "zhou.min")
    monkeypatch.setattr(duty_records, "_MOST_ENTRIES", 2)
    world.now = at("2025-03-12T17:00")
    for key in ("1", "2", "2"):
        world.records.log("itss_desk", SHIFT, "x", False, False, key, "li.wei", world.now)
    with pytest.raises(Refused, match="2 entries"):
        world.records.log("itss_desk", SHIFT, "x", False, False, "3", "li.wei", world.now)


def test_nothing_that_people_are_called_breaks_a_line_of_a_calendar(world: World, tmp_path: Path, monkeypatch) -> None:
    """RFC 5545: line ends, commas and colons in a name stay text of one property."""
    people = world.loaded.lookups.people
    name = "李伟\r\nATTACH:http://evil.example\nEND:VEVENT;x,y" + "长" * 80
    monkeypatch.setitem(people, "li.wei", people["li.wei"].model_copy(update={"name": name}))
    shows = feeds(world, tmp_path)
    told = shows.calendar(shows.address("itss_desk", "desk", False, "li.wei"), world.now)
    lines = told.split(b"\r\n")
    assert not any(line.startswith((b"ATTACH", b"END:VEVENT;")) for line in lines)
    assert max(map(len, lines)) <= 75
    assert b"\n" not in told.replace(b"\r\n", b"")
