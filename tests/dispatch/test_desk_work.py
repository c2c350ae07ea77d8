"""What people at the desk do and see: queues, claims, history and explanations, on both stores."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.dispatch.queries import Queries
from services.dispatch.queues.queue import page, queue_named
from services.kernel.errors import Missing, Refused, Unavailable
from tests.dispatch.test_stream import LATER, Ears, call, numbers, solved
from tests.dispatch.world import MORNING, desks, person, received


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
    engineers = set(queries.ticket(number, person("huang.lei"), LATER).actions)
    assert {"note", "update"} <= engineers
    assert engineers.isdisjoint({"try_online", "claim", "withdraw"})


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
