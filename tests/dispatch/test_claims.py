"""Many engineers at one queue: each gets another ticket, and nobody is told of an empty queue that is not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from services.dispatch.commands import Call, Commands
from services.dispatch.entries import entries_of
from services.dispatch.handlers import Stream
from services.dispatch.model import Actor, Caller, Command, Event
from services.dispatch.queues.gate import Gate
from services.dispatch.queues.heads import FRESH, Heads
from services.kernel.errors import Missing
from tests.dispatch.test_stream import LATER, Ears, call, numbers
from tests.dispatch.world import MORNING, desks, received
from tests.waiting import wait_for

ENGINEERS = 50


def engineer(name: str, cause: str) -> Call:
    return Call(Caller(name, frozenset({"specialist"}), frozenset({"desk"})), LATER, cause)


@pytest.mark.real
def test_fifty_engineers_claim_five_hundred_tickets_once_each(real_tickets):
    """C22, B1: through two processes' worth of commands on the real store, while the queue is read in shared heads."""
    everything = [f"DS20250610-{n:06d}" for n in range(1, 501)]
    stream, ears = Stream(desks(), real_tickets), Ears()
    for start in range(0, len(everything), 100):
        stream.requests([received(number) for number in everything[start : start + 100]], MORNING)
    replicas = [Commands(desks(), real_tickets, ears), Commands(desks(), real_tickets, ears)]
    given: list[tuple[str, str]] = []
    lock = threading.Lock()

    def work(place: int) -> None:
        name, commands = f"engineer.{place}", replicas[place % 2]
        for turn in range(len(everything)):
            try:
                ticket = commands.claim_first("desk", engineer(name, f"{name}-{turn}"))
            except Missing:
                return
            assert ticket.assignee == name
            with lock:
                given.append((ticket.number, name))

    with ThreadPoolExecutor(ENGINEERS) as pool:
        list(pool.map(work, range(ENGINEERS)))
    assert sorted(number for number, _ in given) == everything
    held = {number: record.latest.assignee for number, record in real_tickets.load(everything).items()}
    assert held == dict(given)
    assert all(len(record.entries) == 2 for record in real_tickets.load(everything).values())
    assert len({said.id for said in ears.said}) == len(everything)
    assert real_tickets.unsaid(LATER + timedelta(days=1), 10) == []


def test_an_urgent_ticket_that_came_a_moment_ago_is_claimed_first(tickets):
    """C22: whoever is alone reads the queue as it is now."""
    stream, commands = Stream(desks(), tickets), Commands(desks(), tickets, Ears())
    first, second, urgent = numbers(3)
    stream.requests([received(first), received(second)], MORNING)
    assert commands.claim_first("desk", engineer("a", "1")).number == first
    stream.requests([received(urgent, grade="P1", received_at=LATER)], LATER)
    assert commands.claim_first("desk", engineer("a", "2")).number == urgent
    assert commands.claim_first("desk", engineer("a", "3")).number == second


def test_what_changed_since_it_was_read_is_taken_all_the_same(tickets):
    """C22: a note in between is no reason to pass a ticket over."""
    number = numbers(1)[0]
    Stream(desks(), tickets).requests([received(number)], MORNING)
    commands = Commands(desks(), tickets, Ears())
    read = tickets.newest

    def noted(*asked):
        found = read(*asked)
        if len(tickets.load([number])[number].entries) == 1:
            commands.act(number, Command("note", "eilt"), call("zhou.min", "note"))
        return found

    tickets.newest = noted
    assert commands.claim_first("desk", engineer("a", "1")).version == 3


def test_whoever_asks_while_others_do_shares_what_they_read_but_hears_of_no_empty_queue_unread():
    """C22: a head is shared for a moment; before "nothing waits" the queue is read again."""

    class Line:
        def __init__(self) -> None:
            self.waiting: list[str] = ["1", "2"]
            self.reads = 0

        def newest(self, field, prefix, after, limit):
            self.reads += 1
            return [(f"1|0|{number}", None) for number in self.waiting if f"1|0|{number}" > after][:limit]

    line, now = Line(), [0.0]
    heads = Heads(line, lambda: now[0])
    with heads.of("desk") as one, heads.of("desk") as other:
        first = next(one)
        now[0] += FRESH / 2
        second = next(other)
        assert (first.number, second.number, line.reads) == ("1", "2", 1)
        first.is_gone = second.is_gone = True
        line.waiting = ["3"]
        now[0] += FRESH / 2
        assert next(other).number == "3"
        assert next(one, None) is None, "the third is in the hands of the other"
    line.waiting = ["1"]
    now[0] += FRESH
    with heads.of("desk") as again:
        assert next(again).number == "1", "it came back to the queue"


def test_a_gate_lets_everybody_through_in_the_order_in_which_they_came():
    """C22: no engineer waits for seconds because others come again and again."""
    gate, order, threads = Gate(1), list[int](), list[threading.Thread]()

    def pass_through(place: int) -> None:
        with gate.passed():
            order.append(place)

    def waits(wanted: int) -> bool:
        return len(gate._waiting) == wanted

    with gate.passed():
        for place in range(5):
            threads.append(threading.Thread(target=pass_through, args=(place,)))
            threads[-1].start()
            wait_for(partial(waits, place + 1), what="the next to wait")
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3, 4]
    with gate.passed():
        assert order[-1] == 4


def test_a_ticket_of_a_desk_no_longer_served_does_not_keep_its_team_from_the_others(tickets):
    """C22: two desks may call a team by one name, and one of them may be taken away."""
    first, second = numbers(2)
    stream = Stream(desks(), tickets)
    stream.requests([received(first), received(second, received_at=LATER)], LATER)
    ticket = tickets.load([first])[first].ticket()
    after = replace(ticket, profile="gone", version=ticket.version + 1)
    event = Event("noted", "note", Actor("x", "system"), LATER, after, ticket.state)
    entries, _ = entries_of((event,), "gone", "", tickets.load([first])[first].entries[-1])
    assert tickets.append(after, entries)
    assert Commands(desks(), tickets, Ears()).claim_first("desk", engineer("a", "1")).number == second
