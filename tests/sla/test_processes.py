"""Workers of sla as they really run: killed, doubled, and with the clock moved over hours (D14, D23)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.local.children import end, kill
from tests.sla.stage import Stage, ticket_event
from tests.waiting import wait_for

pytestmark = [pytest.mark.real, pytest.mark.faults]
M = timedelta(minutes=1)


@pytest.fixture
def stage(amqp_uri, mongodb_uri, tmp_path) -> Iterator[Stage]:
    built = Stage(amqp_uri, mongodb_uri, tmp_path)
    try:
        yield built
    finally:
        built.close()


def numbers(count: int) -> list[str]:
    return [f"DS20250303-{n:06d}" for n in range(1, count + 1)]


def test_a_breach_missed_by_a_killed_service_is_told_once_after_the_restart_with_its_due_time(stage):
    """D23."""
    first = stage.worker()
    received = stage.now()
    stage.say([ticket_event("DS20250303-000001", 1, received, received=received)])
    wait_for(lambda: stage.count("sla.armed") == 1, 30, "the ticket to be armed")
    kill(first)
    stage.forward(31 * M)
    stage.worker()
    wait_for(lambda: stage.count("escalation.raised", "response") == 1, 40, "the escalation")
    breaches = [each for each in stage.listen() if each.key == "sla.breached"]
    assert [each.clock for each in breaches] == ["response"]
    due = breaches[0].body.due_at.ToDatetime(tzinfo=UTC)
    assert due == received + 30 * M
    assert breaches[0].body.at.ToDatetime(tzinfo=UTC) > due
    # Killed between saying and acking, the same words are said again under the same ids.
    once = {each.id: each.key for each in stage.told}
    assert list(once.values()) == ["sla.armed", "sla.warned", "sla.breached", "escalation.raised"]


def test_two_replicas_take_each_step_once_and_in_order_over_a_jump_of_hours(stage):
    """D14, D23."""
    stage.worker()
    stage.worker()
    received = stage.now()
    stage.say(ticket_event(each, 1, received, received=received) for each in numbers(100))
    wait_for(lambda: stage.count("sla.armed") == 100, 40, "all tickets to be armed")
    stage.forward(121 * M)
    wait_for(lambda: stage.count("escalation.raised", "plan") == 100, 40, "all escalations of the plan")
    answered = stage.now()
    stage.say(ticket_event(each, 2, answered, received=received, responded=answered) for each in numbers(100))
    wait_for(lambda: stage.count("escalation.ended", "response") == 100, 40, "all escalations to end")

    assert len({each.id for each in stage.told}) == len(stage.told)
    expected = [
        ("sla.armed", ""),
        ("sla.warned", "response"),
        ("sla.breached", "response"),
        ("escalation.raised", "response"),
        ("escalation.climbed", "response"),
        ("sla.warned", "plan"),
        ("sla.breached", "plan"),
        ("escalation.raised", "plan"),
        ("sla.met", "response"),
        ("escalation.ended", "response"),
    ]
    for number in numbers(100):
        assert [(each.key, each.clock) for each in stage.told if each.number == number] == expected


def test_a_replica_killed_while_it_fires_leaves_nothing_unsaid(stage):
    """D23: what it had written is said from the journal, what it held is taken over when its leases end."""
    stage.worker()
    victim = stage.worker()
    received = stage.now()
    stage.say(ticket_event(each, 1, received, received=received) for each in numbers(300))
    wait_for(lambda: stage.count("sla.armed") == 300, 40, "all tickets to be armed")
    stage.forward(31 * M)
    wait_for(lambda: stage.count("sla.breached", "response") > 0, 40, "the first breach")
    kill(victim)
    wait_for(lambda: stage.count("escalation.raised", "response") == 300, 60, "all escalations")
    # Saying twice is allowed after a kill, but only under the same id: an effect has one.
    ids = Counter({(each.number, each.key): 0 for each in stage.told})
    for number, key, _ in {(each.number, each.key, each.id) for each in stage.told if each.clock == "response"}:
        ids[number, key] += 1
    assert {ids[number, "sla.breached"] for number in numbers(300)} == {1}


def test_a_replica_told_to_end_has_given_its_shards_back_when_it_is_gone(stage, mongodb_uri):
    """H11: a rolling restart makes nobody wait for leases to run out."""
    first = stage.worker()
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        leases = client[f"{mongodb_uri.prefix}_sla"]["leases"]

        def holders() -> set[str]:
            return {row["holder"] for row in leases.find({}) if "holder" in row}

        wait_for(lambda: len(holders()) == 1 and "" not in holders(), 30, "the first replica to hold the shards")
        end(first)
        assert holders() == {""}


def test_servers_say_once_that_no_worker_takes_the_steps_and_once_more_when_one_does(stage):
    """D23: the auditor lives in another process than what it looks after; two of it say it once."""
    worker = stage.worker()
    received = stage.now()
    stage.say(ticket_event(each, 1, received, received=received) for each in numbers(3))
    wait_for(lambda: stage.count("sla.armed") == 3, 40, "all tickets to be armed")
    kill(worker)
    stage.server()
    stage.server()
    stage.forward(26 * M)

    def alarms():
        return [each for each in stage.listen() if each.key == "sla.alarm"]

    wait_for(alarms, 60, "the alarm")
    first = alarms()[0].body
    assert (first.over, first.steps, list(first.numbers)) == (False, 3, numbers(3))
    assert first.oldest.ToDatetime(tzinfo=UTC) == received + 24 * M
    stage.worker()
    wait_for(lambda: len(alarms()) == 2, 60, "the end of the alarm")
    assert alarms()[1].body.over
    assert len({each.id for each in alarms()}) == 2
    assert stage.count("sla.warned", "response") == 3
