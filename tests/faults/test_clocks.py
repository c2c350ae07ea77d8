"""Clocks across crashes: each warning, breach and rung once, none missed, with its due instant (D13, D14)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from deploy.local.children import kill
from tests.sla.stage import Stage, Told, ticket_event
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
TICKETS = 150
M = timedelta(minutes=1)


def due(each: Told) -> datetime:
    told: datetime = each.body.due_at.ToDatetime(tzinfo=UTC)
    return told


def test_two_replicas_killed_across_due_times_take_every_step_once(clocks: Stage, chance: Random) -> None:
    """One dies in the middle of its warnings, the other of its breaches, both before the next rungs; time goes on."""
    numbers = [f"DS20250303-{n:06d}" for n in range(1, TICKETS + 1)]
    one, other = clocks.worker(), clocks.worker()
    received = clocks.now()
    clocks.say(ticket_event(number, 1, received, received=received) for number in numbers)
    wait_for(lambda: clocks.count("sla.armed") == TICKETS, 60, "all tickets to be armed")

    clocks.forward(25 * M)
    some = chance.randint(1, TICKETS // 2)
    wait_for(lambda: clocks.count("sla.warned", "response") >= some, 60, "some warnings")
    kill(one)
    clocks.forward(6 * M)
    one = clocks.worker()
    some = chance.randint(1, TICKETS // 2)
    wait_for(lambda: clocks.count("sla.breached", "response") >= some, 60, "some breaches")
    kill(other)
    kill(one)
    clocks.forward(31 * M)
    clocks.worker()
    clocks.worker()
    wait_for(lambda: clocks.count("escalation.climbed", "response") == TICKETS, 90, "every escalation to climb")

    said = {each.id: each for each in clocks.listen()}.values()
    steps = Counter((each.number, each.key, each.clock) for each in said if each.clock == "response")
    keys = ("sla.warned", "sla.breached", "escalation.raised", "escalation.climbed")
    assert {number: {key: steps[number, key, "response"] for key in keys} for number in numbers} == {
        number: dict.fromkeys(keys, 1) for number in numbers
    }
    limit = received + 30 * M
    expected = {"sla.warned": received + 24 * M, "sla.breached": limit, "escalation.raised": limit}
    late = {(each.key, due(each)) for each in said if each.key in expected and each.clock == "response"}
    assert late == set(expected.items()), "every step names the instant it was due, however late it was taken"
    assert all(each.body.at.ToDatetime(tzinfo=UTC) >= due(each) for each in said if each.clock == "response")
