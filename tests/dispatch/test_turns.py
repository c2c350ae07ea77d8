"""Leases of groups of teams on the real database: one holder, its memory, and plans through indexes (decision 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from services.dispatch import model, wire
from services.dispatch.assignment.storage import MongoAssignments
from services.dispatch.assignment.turns import LIFETIME, Owed, Turns
from services.dispatch.policy import Desk
from services.dispatch.storage import MongoTickets
from services.profile.duty import Roster
from tests.dispatch.assign_world import LOADED, NETWORK, PUSH, Place, Time, desk
from tests.dispatch.world import MORNING


@pytest.fixture
def real(real_tickets: MongoTickets) -> Place:
    """On the real database."""
    rows = real_tickets._rows.database
    return Place(real_tickets, MongoAssignments(rows, real_tickets), rows, Time(), desk())


@pytest.mark.real
def test_one_replica_has_the_lease_and_another_takes_over_when_it_is_silent(real: Place):
    """Within five seconds; the late one finds its token gone and writes nothing."""
    one, two = real.leases("one"), real.leases("two")
    one.renew()
    (name,) = one.taken()
    two.renew()
    assert two.taken() == ()
    known = Turns(3, {"g.net.one": 3}, {"g.net.two": MORNING}, (Owed("DS20250610-000001", "x", 3),))
    assert one.keep(name, known)
    real.time.passed += LIFETIME.total_seconds() + 0.1
    two.renew()
    assert two.taken() == (name,)
    assert two.recall(name) == known
    assert list(one.held()) == []
    # As after a long halt of the process: it still believes it holds the group.
    one._held[name] = real.time.passed + 100
    assert not one.keep(name, Turns(4))
    assert two.tokens[name] == 2


@pytest.mark.real
def test_what_was_reckoned_before_another_held_the_lease_is_not_kept_after_it(real: Place):
    """Lost and taken again within one tick: the tick knows nothing of what the other gave out."""
    one, two = real.leases("one"), real.leases("two")
    one.renew()
    (name,) = one.taken()
    for late in (two, one):
        real.time.passed += LIFETIME.total_seconds() + 0.1
        late.renew()
    assert not one.keep(name, Turns(4))
    assert one.taken() == (name,)
    assert one.keep(name, Turns(4))


@pytest.mark.real
def test_the_new_holder_knows_what_people_hold_and_whose_turn_it_is(real: Place):
    """Loads come from the tickets, turns from the lease: nothing is lost with the process."""
    real.book = desk({"mode": "push", "choose": "round_robin", "capacity": {"default": 2}})
    first = real.opens(2)
    real.replica("one").tick(MORNING)
    second = real.opens(9, MORNING + timedelta(minutes=1), first=100)
    real.time.passed += 10
    real.replica("two").tick(MORNING + timedelta(minutes=2))
    assert {real.ticket(number).assignee for number in first} == {"g.net.one", "g.net.three"}
    assert real.ticket(second[0]).assignee == "g.net.two"
    assert real.holders([*first, *second]) == dict.fromkeys(NETWORK, 2) | {"": 5}


@pytest.mark.real
def test_every_question_of_giving_out_goes_through_an_index(real: Place, mongodb_uri):
    """Decision 13"""
    real.book = desk({**PUSH, "take_back": {"after": "30m"}})
    real.opens(30)
    real.replica().tick(MORNING)
    questions = {
        "attend_at": {"attend_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC), "$lte": MORNING + timedelta(hours=1)}},
        "place": {"place": {"$gt": "person:g.net.one|", "$lt": "person:g.net.one}"}},
    }
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        rows = client[f"{mongodb_uri.prefix}_dispatch"]["tickets"]
        for index, question in questions.items():
            plan = rows.find(question).explain()
            assert f"'indexName': '{index}'" in str(plan["queryPlanner"]["winningPlan"])
            assert 0 < plan["executionStats"]["totalDocsExamined"] < 10


def test_the_wire_keeps_what_giving_out_leaves_on_a_ticket():
    ticket = replace(
        model.Ticket("DS20250610-000001", "generic_desk"),
        attend_at=MORNING,
        waits_since=MORNING,
        passed=("a", "b"),
        weight=3,
    )
    assert wire.ticket_from(wire.ticket_to(ticket)) == ticket


@pytest.mark.real
def test_what_a_dead_replica_left_unsaid_is_said_also_when_no_team_is_given_work_any_more(real: Place):
    """C22: the new rules have no assignment at all."""
    real.opens(1)
    unsaid = real.replica("dead").tick(MORNING)
    real.book = Desk(LOADED.profile.model_copy(update={"assignment": {}}), "new", Roster(LOADED.profile))
    real.time.passed += LIFETIME.total_seconds() + 0.1
    next_one = real.replica("next")
    assert [each.id for each in next_one.tick(MORNING)] == [each.id for each in unsaid]
    assert next_one.tick(MORNING) == []
