"""Giving out: the engine on both stores, leases, and what is said of it (C22, C25, M28)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.dispatch.assignment import engine as module
from services.dispatch.assignment.storage import MongoAssignments
from services.dispatch.assignment.turns import Turns
from services.dispatch.handlers import Tickets
from services.dispatch.storage import MongoTickets
from services.kernel.errors import Unavailable
from tests.dispatch.assign_world import NETWORK, PUSH, KeptAssignments, Place, Time, desk
from tests.dispatch.world import MORNING, KeptTickets


@pytest.fixture
def place(tickets: Tickets) -> Place:
    """Both stores, one after the other; the desk may be replaced before the first replica."""
    if isinstance(tickets, KeptTickets):
        return Place(tickets, KeptAssignments(tickets), None, Time(), desk())
    assert isinstance(tickets, MongoTickets)
    rows = tickets._rows.database
    return Place(tickets, MongoAssignments(rows, tickets), rows, Time(), desk())


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
    assert place.store.overdue(MORNING + timedelta(hours=2), [place.book.name], 10) == []


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


def test_what_a_held_up_replica_writes_after_it_was_replaced_is_said_by_its_successor(place: Place, monkeypatch):
    """Decision 6: frozen between remembering and writing for longer than its lease, then killed before it spoke."""
    night = MORNING + timedelta(hours=14)
    place.book = desk(duty=[{"calendar": "duty", "people": list(NETWORK)}])
    numbers = place.opens(2)
    append, held_up = place.store.append, []

    def frozen(given: Any) -> set[str]:
        held_up.extend(given)
        raise Unavailable("frozen")

    monkeypatch.setattr(place.store, "append", frozen)
    with pytest.raises(Unavailable):
        place.replica("one").tick(MORNING)
    monkeypatch.setattr(place.store, "append", append)
    place.time.passed += 5
    successor = place.replica("two")
    # Nobody is on duty by now, so the successor gives nothing out itself.
    assert successor.tick(night) == successor.tick(night) == []
    assert append(held_up) == set(numbers)
    assert sorted(message.subject for message in successor.tick(night)) == numbers
    assert successor.tick(night) == []
    place.time.passed += 5
    assert place.replica("three").tick(night) == [], "confirmed words are owed no more"


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


def test_tickets_of_a_desk_no_longer_served_do_not_keep_others_from_going_over(place: Place, monkeypatch):
    """M28: they stay overdue for as long as nobody serves them, before everything else."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    place.book = desk({"overflow": {"after": "1h", "to": "terminals"}}, {"terminals": {}})
    (number,) = place.opens(1, MORNING + timedelta(minutes=1))
    served, place.book = place.book, desk({"overflow": {"after": "1h", "to": "terminals"}}, {"terminals": {}})
    place.book.name = "gone"
    left = place.opens(3, first=10, profile="gone")
    place.book = served
    place.replica().tick(MORNING + timedelta(hours=2))
    assert place.ticket(number).team == "terminals"
    assert {place.ticket(each).team for each in left} == {"network"}


def test_somebody_who_comes_on_duty_between_two_looks_is_looked_at_before_being_given_anything(
    place: Place, monkeypatch
):
    """M28: what people hold is read from the database, and meanwhile a newer roster may be followed."""
    place.book = desk()
    numbers = place.opens(2)
    read, present = place.store.held_by, place.book.roster.on_duty
    late = [person for person in present(MORNING, team="network") if person.id == "g.net.one"]

    def without(at: Any, role: str | None = None, team: str | None = None) -> Any:
        return tuple(person for person in present(at, role, team) if person not in late)

    def reads(people: Any) -> Any:
        found = read(people)
        late.clear()
        return found

    monkeypatch.setattr(place.book.roster, "on_duty", without)
    monkeypatch.setattr(place.store, "held_by", reads)
    replica = place.replica()
    replica.tick(MORNING)
    replica.tick(MORNING)
    assert "" not in place.holders(numbers)
