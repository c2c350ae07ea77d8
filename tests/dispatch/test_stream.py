"""What dispatch hears: each message may come twice, late, or in the company of bad ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1 import intake_pb2
from services.dispatch.commands import Call, Commands, Relay
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.kernel.errors import Refused, Unavailable
from services.runtime.message import Heard
from tests.dispatch.world import MORNING, callback, desks, heard, person, received

LATER = MORNING + timedelta(minutes=1)


class Ears:
    """Collects what is said; may be deaf for a while."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.deaf = False

    def __call__(self, said) -> None:
        if self.deaf:
            raise Unavailable("The broker is away.")
        self.said.extend(said)


def numbers(count: int) -> list[str]:
    return [f"DS20250610-{n:06d}" for n in range(1, count + 1)]


def call(who: str, cause: str, now=LATER, profile: str = "itss_desk") -> Call:
    return Call(person(who, profile), now, cause)


def joined(number: str, cause: str) -> Heard:
    body = intake_pb2.RequestJoined(number=number, draft=intake_pb2.RequestDraft(title="还没好", source_id=cause))
    return heard(body, "request.joined.phone", cause)


def test_hearing_the_same_request_twice_opens_one_ticket(tickets):
    """B1, decision 6"""
    stream = Stream(desks(), tickets)
    first = stream.requests([received("DS20250610-000001")], MORNING)
    again = stream.requests([received("DS20250610-000001")] * 3, LATER)
    assert [said.id for said in again] == [said.id for said in first]
    assert [said.body for said in again] == [said.body for said in first]
    assert len(tickets.load(["DS20250610-000001"])["DS20250610-000001"].entries) == 1


def test_another_message_about_a_known_number_opens_nothing_and_says_nothing(tickets):
    stream = Stream(desks(), tickets)
    stream.requests([received("DS20250610-000001")], MORNING)
    assert stream.requests([received("DS20250610-000001", cause="other", title="stolen")], LATER) == []


def test_a_batch_half_known_after_a_crash_says_everything_again_with_the_same_ids(tickets):
    """Killed between write and publish."""
    stream = Stream(desks(), tickets)
    lost = stream.requests([received(number) for number in numbers(5)], MORNING)
    said = stream.requests([received(number) for number in numbers(10)], LATER)
    assert {each.id for each in lost} < {each.id for each in said}
    assert len(said) == len({each.id for each in said}) == 10


def test_a_bad_message_is_parked_alone_with_its_reason(tickets):
    stream = Stream(desks(), tickets)
    broken = Heard(id="bad", key="request.received.web", body=b"\xff\xff\xff")
    nowhere = received("DS20250610-000002", profile="no_such_desk")
    said = stream.requests([broken, received("DS20250610-000001"), nowhere], MORNING)
    assert [each.subject for each in said] == ["DS20250610-000001"]
    assert broken.refused is not None
    assert nowhere.refused is not None
    assert "no_such_desk" in nowhere.refused.message


def test_opening_names_the_teams_work_queue(tickets):
    """U3"""
    stream = Stream(desks(), tickets)
    (opened,) = stream.requests([received("DS20250610-000001")], MORNING)
    assert opened.also == ("work.desk",)
    said = stream.requests(
        [
            received(
                "DS20250610-000002", profile="generic_desk", type="fault", grade="urgent", entry="network", project=""
            )
        ],
        MORNING,
    )
    assert [(each.key, each.also) for each in said] == [("ticket.opened", ()), ("ticket.dispatched", ("work.network",))]


def test_a_repeated_contact_is_counted_once_and_told_to_the_owner(tickets):
    """A20"""
    stream = Stream(desks(), tickets)
    stream.requests([received("DS20250610-000001")], MORNING)
    told: list[Any] = stream.requests([joined("DS20250610-000001", "j1"), joined("DS20250610-000001", "j1")], LATER)
    assert [(each.key, each.body.ticket.repeat_contacts, each.body.reason) for each in told] == [
        ("ticket.updated", 1, "还没好")
    ] * 2
    assert told[0].id == told[1].id


def test_a_repeated_contact_that_overtakes_its_opening_is_tried_again(tickets):
    with pytest.raises(Unavailable):
        Stream(desks(), tickets).requests([joined("DS20250610-000001", "j1")], LATER)


def test_a_request_and_its_repetition_in_one_batch_are_both_taken(tickets):
    said = Stream(desks(), tickets).requests([joined("DS20250610-000001", "j"), received("DS20250610-000001")], MORNING)
    assert [each.key for each in said] == ["ticket.opened", "ticket.updated"]


def solved(tickets, number: str, ears: Ears) -> Commands:
    stream, commands = Stream(desks(), tickets), Commands(desks(), tickets, ears)
    stream.requests([received(number)], MORNING)
    commands.act(number, Command("try_online"), call("li.wei", f"{number}a"))
    commands.act(number, Command("solve_online", values={"solution": "重启"}), call("li.wei", f"{number}b"))
    return commands


def test_a_completed_callback_opens_the_close_gate(tickets):
    """F2"""
    number, ears = "DS20250610-000001", Ears()
    commands = solved(tickets, number, ears)
    with pytest.raises(Refused):
        commands.act(number, Command("close"), call("wang.fang", "c"))
    said = Stream(desks(), tickets).callbacks([callback(number, "completed")] * 2, LATER)
    assert {each.key for each in said} == {"ticket.called_back"}
    assert len({each.id for each in said}) == 1
    assert commands.act(number, Command("close"), call("wang.fang", "d")).state == "closed"


def test_an_unsolved_callback_reopens_once(tickets):
    """F13"""
    number = "DS20250610-000001"
    solved(tickets, number, Ears())
    stream = Stream(desks(), tickets)
    stream.callbacks([callback(number, "unsolved")], LATER)
    stream.callbacks([callback(number, "unsolved")], LATER)
    ticket = tickets.load([number])[number].latest
    assert (ticket.state, ticket.cycle) == ("reopened", 1)


def test_not_solved_said_after_closing_is_noted_once_and_told_to_a_manager(tickets):
    """F13, section 5.1: closed is an end; the answer is not lost, and somebody hears that a new ticket is due."""
    number = "DS20250610-000001"
    commands, stream = solved(tickets, number, Ears()), Stream(desks(), tickets)
    stream.callbacks([callback(number, "unreachable")], LATER)
    commands.act(number, Command("close"), call("wang.fang", "c"))
    said = stream.callbacks([callback(number, "unsolved"), callback(number, "unsolved", cause="again")], LATER)
    ticket = tickets.load([number])[number].latest
    assert (ticket.state, ticket.cycle, ticket.callback) == ("closed", 0, "unsolved")
    assert [each.key for each in said] == ["ticket.noted"]
    noted: Any = tickets.load([number])[number].entries[-1].event()
    assert noted.changes[-1].new == "unsolved_after_close"


def test_the_same_idempotency_key_acts_once(tickets):
    number, ears = "DS20250610-000001", Ears()
    Stream(desks(), tickets).requests([received(number)], MORNING)
    commands = Commands(desks(), tickets, ears)
    first = commands.act(number, Command("note", "a"), call("li.wei", "act:k1"))
    again = commands.act(number, Command("note", "a"), call("li.wei", "act:k1"))
    assert first.version == again.version == 2
    assert len({said.id for said in ears.said}) == 1


def test_a_stale_version_is_refused_and_changes_nothing(tickets):
    number = "DS20250610-000001"
    Stream(desks(), tickets).requests([received(number)], MORNING)
    commands = Commands(desks(), tickets, Ears())
    commands.act(number, Command("note", "a"), call("li.wei", "1"), expected_version=1)
    with pytest.raises(Refused) as refused:
        commands.act(number, Command("note", "b"), call("li.wei", "2"), expected_version=1)
    assert refused.value.code == "stale"
    assert tickets.load([number])[number].latest.version == 2


def test_what_was_written_but_not_said_is_said_by_the_relay_once(tickets):
    """Decision 6: the embedded outbox."""
    number, ears = "DS20250610-000001", Ears()
    Stream(desks(), tickets).requests([received(number)], MORNING)
    commands, relay = Commands(desks(), tickets, ears), Relay(tickets)
    commands.act(number, Command("note", "heard"), call("li.wei", "1"))
    ears.deaf = True
    commands.act(number, Command("note", "unheard"), call("li.wei", "2"))
    commands.act(number, Command("try_online"), call("li.wei", "3"))
    assert list(relay.tick(LATER)) == [], "too young to be called forgotten"
    told: Any = relay.tick(LATER + timedelta(seconds=10))
    assert [(said.key, said.body.ticket.version) for said in told] == [("ticket.noted", 3), ("ticket.online_tried", 4)]
    assert list(relay.tick(LATER + timedelta(seconds=10))) == []
    assert list(relay.tick(LATER + timedelta(seconds=10))) == []
