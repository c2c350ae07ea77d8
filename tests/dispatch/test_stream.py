"""What dispatch hears: each message may come twice, late, or in the company of bad ones."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1 import intake_pb2
from services.dispatch.commands import Call, Commands, Relay
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.dispatch.queries import Queries
from services.dispatch.queues import page, queue_named
from services.kernel.errors import Missing, Refused, Unavailable
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


def test_queues_are_ordered_by_priority_then_waiting_time_and_paged_without_overlap(tickets):
    """C22"""
    stream, queries = Stream(desks(), tickets), Queries(desks(), tickets)
    batch = [
        received(number, grade=("P3", "P1", "P2")[index % 3], received_at=MORNING - timedelta(minutes=index))
        for index, number in enumerate(numbers(30))
    ]
    stream.requests(batch, MORNING)
    seen, token = [], ""
    while True:
        answer = queries.queue("team:desk", 7, token, person("li.wei"))
        seen += [(ticket.priority, ticket.milestones["received"].seconds, ticket.number) for ticket in answer.tickets]
        if not (token := answer.next_page_token):
            break
    assert seen == sorted(seen)
    assert len(set(seen)) == 30
    assert len(queries.queue("all", 100, "", person("li.wei")).tickets) == 30
    assert len(queries.queue("role:specialist", 100, "", person("li.wei")).tickets) == 30
    assert not queries.queue("person:li.wei", 100, "", person("li.wei")).tickets
    with pytest.raises(Refused, match="team:<name>"):
        queries.queue("everything", 10, "", person("li.wei"))


def test_an_ended_ticket_is_in_no_queue(tickets):
    number = "DS20250610-000001"
    Stream(desks(), tickets).requests([received(number)], MORNING)
    Commands(desks(), tickets, Ears()).act(number, Command("withdraw", "x"), call("li.wei", "1"))
    for name in ("team:desk", "all", "role:specialist", "person:li.wei"):
        assert not page(tickets, queue_named(name, desks()), "", 10)


def test_twenty_people_claiming_one_queue_get_each_ticket_once(tickets):
    """接单"""
    fields = {"profile": "generic_desk", "type": "fault", "grade": "general", "entry": "network", "project": ""}
    Stream(desks(), tickets).requests([received(number, **fields) for number in numbers(60)], MORNING)
    commands, start = Commands(desks(), tickets, Ears()), threading.Barrier(20)

    def claim_all(worker: int) -> list[str]:
        start.wait(10)
        mine: list[str] = []
        while True:
            try:
                who = ("g.net.one", "g.net.two", "g.net.three")[worker % 3]
                mine.append(
                    commands.claim_first("network", call(who, f"{worker}/{len(mine)}", profile="generic_desk")).number
                )
            except Missing:
                return mine
            except Unavailable:
                continue

    with ThreadPoolExecutor(20) as pool:
        claimed = [number for mine in pool.map(claim_all, range(20)) for number in mine]
    assert sorted(claimed) == numbers(60)
    assert all(len(tickets.load([number])[number].entries) == 3 for number in claimed)


def test_only_members_claim_from_a_teams_queue(tickets):
    commands = Commands(desks(), tickets, Ears())
    with pytest.raises(Refused, match="members"):
        commands.claim_first("desk", call("huang.lei", "1"))
    with pytest.raises(Missing, match="no team"):
        commands.claim_first("nowhere", call("huang.lei", "1"))
    with pytest.raises(Missing, match="Nothing waits"):
        commands.claim_first("desk", call("li.wei", "1"))


def test_the_history_tells_every_change_with_actor_time_and_values(tickets):
    """B9"""
    number = "DS20250610-000001"
    solved(tickets, number, Ears())
    entries = Queries(desks(), tickets).history(number, person("li.wei")).entries
    assert [entry.event for entry in entries] == ["opened", "online_tried", "resolved"]
    assert [entry.version for entry in entries] == [1, 2, 3]
    assert entries[2].actor.id == "li.wei"
    assert ("solution", "", "重启") in [(change.field, change.old, change.new) for change in entries[2].changes]


def test_the_decision_is_explained_in_both_languages(tickets):
    """C2, C24"""
    number = "DS20250610-000001"
    Stream(desks(), tickets).requests([received(number)], MORNING)
    queries = Queries(desks(), tickets)
    english = queries.explanation(number, "en", person("li.wei"))
    assert english.decision.rule == "desk_first"
    assert list(english.decision.tried) == ["emergency_first", "complaint_to_supervisor"]
    assert 'rule "desk_first" matched' in english.text
    assert "命中规则“desk_first”" in queries.explanation(number, "zh-CN", person("li.wei")).text


def test_who_need_not_know_the_requester_sees_them_masked(tickets):
    """P1"""
    number = "DS20250610-000001"
    Stream(desks(), tickets).requests([received(number)], MORNING)
    queries = Queries(desks(), tickets)
    seen = queries.ticket(number, person("zheng.yan"), LATER).ticket
    assert (seen.requester.name, seen.requester.phone, seen.description) == ("何***", "1***", "***")
    assert queries.ticket(number, person("li.wei"), LATER).ticket.requester.name == "何洁"
    assert {"try_online", "claim", "note"} <= set(queries.ticket(number, person("li.wei"), LATER).actions)
    assert set(queries.ticket(number, person("huang.lei"), LATER).actions) == {"note", "update"}


def test_whoever_asks_for_work_is_not_given_what_waits_for_its_callback(tickets):
    """C22: the solved ones stand first in the team's queue, as they are the oldest."""
    ears, work = Ears(), "DS20250610-000009"
    for number in numbers(3):
        commands = solved(tickets, number, ears)
    Stream(desks(), tickets).requests([received(work, received_at=LATER)], LATER)
    assert commands.claim_first("desk", call("zhou.min", "work")).number == work
    with pytest.raises(Refused, match="nothing is left"):
        commands.claim(numbers(1)[0], call("zhou.min", "solved"))
    with pytest.raises(Missing):
        commands.claim_first("desk", call("zhou.min", "more"))
