"""A long queue is read bite by bite, and nobody is missed whatever enters or leaves meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.queues.fences import STEP, Fences
from services.dispatch.queues.queue import queue_named, whole
from tests.dispatch.test_stream import Ears, call, numbers
from tests.dispatch.world import MORNING, desks, received

POSITIONS = [f"2|{n:05d}" for n in range(1000)]


def test_a_bite_holds_little_more_than_was_asked_for():
    fences = Fences()
    assert list(fences.bites("place", "team:desk", "", 20)) == [None]
    fences.put_up("place", "team:desk", POSITIONS)
    first = next(fences.bites("place", "team:desk", "", STEP))
    assert POSITIONS.index(first or "") < 3 * STEP
    behind = next(fences.bites("place", "team:desk", POSITIONS[500], STEP))
    assert 500 < POSITIONS.index(behind or "") < 500 + 3 * STEP


def test_an_emptied_field_is_crossed_in_growing_bites_and_its_fences_go():
    fences = Fences()
    fences.put_up("place", "team:desk", POSITIONS)
    bites = list(fences.bites("place", "team:desk", "", STEP))
    assert bites[-1] is None
    assert len(bites) < 8
    fences.take_down("place", "team:desk", POSITIONS[-1])
    assert next(fences.bites("place", "team:desk", "", STEP)) == POSITIONS[-1]


@pytest.mark.real
def test_a_reader_with_old_fences_misses_nothing(real_tickets):
    """C22: by priority, then longest waiting, whatever was learnt before."""
    stream, commands = Stream(desks(), real_tickets), Commands(desks(), real_tickets, Ears())
    late = MORNING + timedelta(hours=1)
    stream.requests([received(number, received_at=late) for number in numbers(120)], late)
    assert len(real_tickets.page("place", "team:desk", "", 20)) == 20
    urgent, older, newest = "DS20250610-000901", "DS20250610-000902", "DS20250610-000903"
    stream.requests(
        [
            received(urgent, grade="P1", received_at=late),
            received(older, received_at=MORNING),
            received(newest, received_at=late + timedelta(hours=1)),
        ],
        late,
    )
    for n in range(90):
        commands.claim_first("desk", call("li.wei", f"{n}"))
    left = [ticket.number for ticket in whole(real_tickets, queue_named("team:desk", desks()))]
    assert left == [*numbers(120)[88:], newest]
    assert [ticket.number for _, ticket in real_tickets.page("place", "team:desk", "", 5)] == left[:5]
