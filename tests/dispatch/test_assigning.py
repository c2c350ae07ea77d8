"""Giving out: the engine on both stores, leases, and what is said of it (C22, C25, M28)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.dispatch import assigning as module
from services.dispatch import model, wire
from services.dispatch.assigning import Assigning, Assignments, names_of
from services.dispatch.assignments import MongoAssignments
from services.dispatch.commands import Call, Commands
from services.dispatch.handlers import Stream, Tickets
from services.dispatch.policy import Desk
from services.dispatch.storage import MongoTickets
from services.dispatch.turns import LIFETIME, Leases, MongoLeases, Turns
from services.kernel.errors import Unavailable
from tests.dispatch.assign_world import NETWORK, PUSH, KeptAssignments, KeptLeases, desk, desks
from tests.dispatch.world import MORNING, KeptTickets, person, received

WALL = datetime(2026, 1, 1, tzinfo=UTC)


class Time:
    """Wall time and the monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


@dataclass
class Place:
    """One desk with its tickets, and replicas that give out its work."""

    tickets: Tickets
    store: Assignments
    rows: Any
    time: Time
    book: Desk
    kept: dict[str, Turns] = field(default_factory=dict)

    def opens(self, count: int, at: datetime = MORNING, first: int = 0, **said: Any) -> list[str]:
        numbers = [f"DS20250610-{first + n:06d}" for n in range(count)]
        words = {"profile": "generic_desk", "type": "fault", "grade": "general", "entry": "network"} | said
        batch = [received(number, received_at=at + timedelta(seconds=n), **words) for n, number in enumerate(numbers)]
        Stream(desks(self.book), self.tickets).requests(batch, at)
        return numbers

    def replica(self, me: str = "one") -> Assigning:
        served = desks(self.book)
        leases: Leases = self.leases(me) if self.rows is not None else KeptLeases(names_of(served), self.kept)
        return Assigning(served, self.store, leases, me, self.time.monotonic)

    def leases(self, me: str) -> MongoLeases:
        return MongoLeases(self.rows, me, names_of(desks(self.book)), self.time.wall, self.time.monotonic)

    def ticket(self, number: str) -> model.Ticket:
        return self.tickets.load([number])[number].ticket()

    def holders(self, numbers: list[str]) -> Counter[str]:
        return Counter(self.ticket(number).assignee for number in numbers)

    def does(self, number: str, who: str, action: str, now: datetime, **values: str) -> None:
        commands = Commands(desks(self.book), self.tickets, lambda said: None)
        call = Call(person(who, "generic_desk"), now, f"{number}-{action}-{now}")
        commands.act(number, model.Command(action, "because", values=values), call)


@pytest.fixture
def place(tickets: Tickets) -> Place:
    """Both stores, one after the other; the desk may be replaced before the first replica."""
    if isinstance(tickets, KeptTickets):
        return Place(tickets, KeptAssignments(tickets), None, Time(), desk())
    assert isinstance(tickets, MongoTickets)
    rows = tickets._rows.database
    return Place(tickets, MongoAssignments(rows, tickets), rows, Time(), desk())


@pytest.fixture
def real(real_tickets: MongoTickets) -> Place:
    """On the real database."""
    rows = real_tickets._rows.database
    return Place(real_tickets, MongoAssignments(rows, real_tickets), rows, Time(), desk())


def test_waiting_tickets_are_given_to_people_up_to_their_capacity_and_the_rest_waits(place: Place):
    """C22, M28: an event by the system with the reason, said once and marked as said."""
    numbers = place.opens(11)
    replica = place.replica()
    said = replica.tick(MORNING)
    assert place.holders(numbers) == {**dict.fromkeys(NETWORK, 3), "": 2}
    assert len(said) == 9
    assert {(message.key, message.also) for message in said} == {("ticket.assigned", ("work.network",))}
    events = [message.body for message in said if isinstance(message.body, TicketEvent)]
    assert {event.actor.role for event in events} == {"system"}
    assert all("负荷" in event.reason for event in events)
    assert replica.tick(MORNING) == []


def test_urgent_tickets_come_first_and_then_those_that_wait_longest(place: Place):
    place.book = desk({**PUSH, "capacity": {"default": 1}})
    late = place.opens(3, MORNING + timedelta(minutes=9), first=10)
    early = place.opens(2, MORNING, first=20)
    (urgent,) = place.opens(1, MORNING + timedelta(minutes=10), first=30, grade="critical")
    place.replica().tick(MORNING + timedelta(minutes=11))
    assert place.holders([urgent, *early])[""] == 0
    assert place.holders(late) == {"": 3}


def test_who_finishes_gets_the_next_one(place: Place):
    place.book = desk({**PUSH, "capacity": {"default": 1}})
    numbers = place.opens(4)
    replica = place.replica()
    replica.tick(MORNING)
    done = next(number for number in numbers if place.ticket(number).assignee == "g.net.two")
    (left,) = [number for number in numbers if not place.ticket(number).assignee]
    for action in ("accept", "begin"):
        place.does(done, "g.net.two", action, MORNING)
    place.does(done, "g.net.two", "resolve", MORNING, solution="cable", steps="looked", remaining="none")
    place.time.passed += 3
    replica.tick(MORNING + timedelta(minutes=1))
    assert place.ticket(left).assignee == "g.net.two"


def test_a_silent_holder_loses_it_and_another_gets_it_in_the_same_breath(place: Place):
    """C23, C25."""
    place.book = desk({**PUSH, "take_back": {"after": "30m"}})
    (number,) = place.opens(1)
    replica = place.replica()
    replica.tick(MORNING)
    first = place.ticket(number).assignee
    assert replica.tick(MORNING + timedelta(minutes=29)) == []
    said = replica.tick(MORNING + timedelta(minutes=30))
    assert [message.key for message in said] == ["ticket.taken_back", "ticket.assigned"]
    after = place.ticket(number)
    assert after.assignee not in ("", first)
    assert (after.reassignments, after.passed) == (1, (first,))


def test_what_nobody_takes_in_time_goes_over_to_the_second_team(place: Place):
    place.book = desk({"overflow": {"after": "1h", "to": "terminals"}}, {"terminals": PUSH})
    (number,) = place.opens(1)
    replica = place.replica()
    assert replica.tick(MORNING + timedelta(minutes=59)) == []
    said = replica.tick(MORNING + timedelta(hours=1))
    assert [message.key for message in said] == ["ticket.overflowed", "ticket.assigned"]
    assert said[0].also == ("work.terminals",)
    assert place.ticket(number).assignee.startswith("g.ter.")


def test_an_instant_left_by_older_rules_is_put_right_without_an_event(place: Place):
    place.book = desk({"overflow": {"after": "1h", "to": "terminals"}})
    (number,) = place.opens(1)
    place.book = desk({})
    assert place.replica().tick(MORNING + timedelta(hours=2)) == []
    assert place.ticket(number).version == 2
    assert place.store.overdue(MORNING + timedelta(hours=2), 10) == []


def test_what_the_lifecycle_has_nothing_for_does_not_hide_what_stands_behind_it(place: Place, monkeypatch):
    """A long row of tickets that nobody can take is passed page by page."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    hard = {"when": {"grade": ["urgent"]}, "skill": "network", "level": 3}
    capacity = {"default": 5, "people": {"g.net.one": 0}}
    place.book = desk({"mode": "push", "skills": [hard], "capacity": capacity})
    place.opens(5, grade="urgent")
    (behind,) = place.opens(1, first=50)
    replica = place.replica()
    for _ in range(4):
        replica.tick(MORNING)
    assert place.ticket(behind).assignee in ("g.net.two", "g.net.three")


def test_somebody_faster_keeps_the_ticket_and_nobody_gets_two_events(place: Place, monkeypatch):
    """An engineer claims between the look and the write."""
    numbers = place.opens(2)
    replica = place.replica()
    keep = replica._leases.keep

    def claimed_meanwhile(name: str, turns: Turns) -> bool:
        place.does(numbers[0], "g.net.three", "accept", MORNING)
        return keep(name, turns)

    monkeypatch.setattr(replica._leases, "keep", claimed_meanwhile)
    said = replica.tick(MORNING)
    assert [message.subject for message in said] == [numbers[1]]
    assert place.ticket(numbers[0]).assignee == "g.net.three"


def test_what_a_dead_replica_left_unsaid_is_said_by_the_next_under_the_same_id(place: Place):
    """Decision 6: the process dies between writing and saying."""
    place.opens(2)
    said = place.replica("one").tick(MORNING)
    place.time.passed += 5
    replica = place.replica("two")
    again = replica.tick(MORNING)
    assert [message.id for message in again] == [message.id for message in said]
    assert [message.body for message in again] == [message.body for message in said]
    assert replica.tick(MORNING) == []
    place.time.passed += 5
    assert place.replica("three").tick(MORNING) == [], "confirmed words are owed no more"


def test_what_was_written_before_the_database_went_away_is_said_when_it_is_back(place: Place, monkeypatch):
    """The answer to the write is lost: nobody knows what was taken until it is looked up."""
    numbers = place.opens(2)
    replica = place.replica()
    append = place.store.append

    def lost(given: Any) -> set[str]:
        append(given)
        raise Unavailable("away")

    monkeypatch.setattr(place.store, "append", lost)
    with pytest.raises(Unavailable):
        replica.tick(MORNING)
    monkeypatch.setattr(place.store, "append", append)
    assert sorted(message.subject for message in replica.tick(MORNING)) == numbers
    assert replica.tick(MORNING) == []


def test_a_person_s_queue_shows_their_own_by_urgency_then_age(place: Place):
    """C22"""
    place.book = desk({**PUSH, "capacity": {"default": 9, "people": {"g.net.one": 0, "g.net.three": 0}}})
    first = place.opens(2)
    urgent = place.opens(1, MORNING + timedelta(hours=1), first=9, grade="critical")
    place.replica().tick(MORNING + timedelta(hours=1))
    queue = [ticket.number for _, ticket in place.tickets.page("place", "person:g.net.two", "", 10)]
    assert queue == [*urgent, *first]


@pytest.mark.real
def test_one_replica_has_the_lease_and_another_takes_over_when_it_is_silent(real: Place):
    """Within five seconds; the late one finds its token gone and writes nothing."""
    one, two = real.leases("one"), real.leases("two")
    one.renew()
    (name,) = one.taken()
    two.renew()
    assert two.taken() == ()
    known = Turns(3, {"g.net.one": 3}, {"g.net.two": MORNING}, (("DS20250610-000001", "x"),))
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
