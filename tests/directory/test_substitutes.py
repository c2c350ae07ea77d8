"""Who could come instead, when somebody cannot: snow, no train, sudden illness (H19)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.directory.substitutes import Candidate, Substitutes
from services.kernel.errors import Missing, Refused
from tests.directory.roster_world import FakeRosters, World, at

DAY = timedelta(days=1)
MORNING = at("2025-03-10T00:00")


@pytest.fixture
def world() -> World:
    return World(FakeRosters()).filed()


def found(world: World, person: str, start=MORNING, end=MORNING + DAY) -> list[Candidate]:
    return list(Substitutes(world.profiles, world.store).of("itss_desk", person, start, end, world.now))


def test_candidates_share_the_role_and_are_not_on_duty_while_the_absent_is_needed(world):
    """H19: from the filed roster."""
    shifts = [each for each in world.store.book("itss_desk", "2025-03").work if each.person == "li.wei"]
    shift = next(each for each in shifts if str(each.day) == "2025-03-10")
    middle = MORNING + timedelta(seconds=(shift.start + shift.end) // 2 - int(MORNING.timestamp()))
    on_duty = {person.id for person in world.duty.on_duty(middle)}
    assert "li.wei" in on_duty
    candidates = found(world, "li.wei")
    assert candidates
    assert all("specialist" in each.person.roles for each in candidates)
    assert not on_duty & {each.person.id for each in candidates}


def test_who_shares_every_role_and_is_rested_stands_in_front(world):
    """H19: a shift leader is replaced by a shift leader first."""
    candidates = found(world, "wei.dong")
    assert candidates[0].roles == ("shift_leader", "specialist")
    order = [(-len(each.roles), not each.rested, -len(each.teams), -len(each.skills)) for each in candidates]
    assert order == sorted(order)


def test_who_is_away_too_is_no_candidate(world):
    """H19"""
    instead = found(world, "li.wei")[0].person.id
    asked = world.rosters.leave("itss_desk", world.wish(instead, acute=True), MORNING, MORNING + DAY, "", "")
    for approver in ("wang.fang", "sun.ning"):
        if asked.steps and asked.steps[0] in world.loaded.lookups.people[approver].roles and asked.state != "approved":
            asked = world.rosters.decide(asked.id, approver, True, "", world.now)
    assert asked.state == "approved"
    assert instead not in {each.person.id for each in found(world, "li.wei")}


@pytest.mark.parametrize("end", [MORNING, MORNING - DAY, MORNING + timedelta(days=32)])
def test_a_time_that_is_none_is_refused(world, end):
    """H19"""
    with pytest.raises(Refused) as refused:
        found(world, "li.wei", MORNING, end)
    assert refused.value.field == "end"


def test_somebody_unknown_is_missing(world):
    """H19"""
    with pytest.raises(Missing):
        found(world, "nobody")
