"""Hearing and saying on the real broker, the worker in its own process (decisions 6, 7, 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from services.runtime.bus_schedule import RETRY_AFTER, delay_after, next_due
from services.runtime.envelope import Packet
from services.runtime.topology import DELAYS, TICKETS
from tests.runtime.stage import Stage, tickets
from tests.waiting import wait_for

pytestmark = pytest.mark.real
PARKED = "sla.tickets.parked"


@pytest.fixture
def stage(amqp_uri: str, tmp_path: Path) -> Iterator[Stage]:
    with Stage(amqp_uri, tmp_path) as built:
        yield built


def _said_because_of(stage: Stage) -> list[str]:
    """Causes of what the worker said, as reporting hears it."""
    heard = stage.take("reporting.events")
    return [str(headers["cause"]) for key, headers, _, _ in heard if key == "sla.armed"]


def test_everything_said_is_heard_once_in_batches_and_answered(stage: Stage) -> None:
    ids = stage.say(tickets("fine", 500))
    worker = stage.worker()
    wait_for(lambda: len(stage.handled()) == 500, what="500 handled messages")
    assert stage.stop(worker) == 0
    assert set(stage.handled()) == set(ids)
    assert set(stage.handled().values()) == {1}
    assert max(int(words[1]) for words in stage.journal() if words[0] == "batch") == 50
    assert sorted(_said_because_of(stage)) == sorted(ids)
    assert stage.depth("sla.tickets") == 0


def test_the_same_message_delivered_twice_says_the_same_id_twice(stage: Stage) -> None:
    one = tickets("fine", 1)
    stage.say(one)
    stage.say(one)
    worker = stage.worker()
    wait_for(lambda: stage.handled()[one[0].id] == 2, what="both deliveries")
    stage.stop(worker)
    said = [headers["cloudEvents_id"] for key, headers, _, _ in stage.take("reporting.events") if key == "sla.armed"]
    assert len(said) == 2
    assert len(set(said)) == 1


def test_what_is_said_carries_cause_subject_source_and_trace(stage: Stage) -> None:
    (heard,) = tickets("fine", 1)
    stage.say([heard])
    worker = stage.worker()
    wait_for(lambda: stage.handled()[heard.id], what="the message")
    stage.stop(worker)
    messages = stage.take("reporting.events")
    (opened,) = [headers for key, headers, _, _ in messages if key == "ticket.opened"]
    ((armed, properties),) = [(headers, properties) for key, headers, _, properties in messages if key == "sla.armed"]
    assert armed["cause"] == opened["cloudEvents_id"] == heard.id
    assert armed["cloudEvents_subject"] == "DS20260105-000000"
    assert armed["cloudEvents_source"] == "deskstream/sla"
    assert str(armed["traceparent"]).startswith("00-")
    assert properties.message_id == armed["cloudEvents_id"]
    assert properties.delivery_mode == 2


def test_a_poison_message_is_parked_once_and_the_stream_goes_on(stage: Stage) -> None:
    worker = stage.worker()
    good, bad, more = tickets("fine", 30), tickets("refused", 1), tickets("fine", 30, first=30)
    stage.say([*good, *bad, *more])
    wait_for(lambda: len(stage.handled()) == 60, what="the 60 good ones")
    wait_for(lambda: stage.depth(PARKED) == 1, what="the poison message parked")
    stage.stop(worker)
    ((key, headers, body, properties),) = stage.take(PARKED)
    assert key == "sla.tickets"
    assert headers["parked_queue"] == "sla.tickets"
    assert headers["parked_reason"] == "refused"
    assert headers["parked_error"] == "This ticket has no number: send one."
    assert headers["parked_at"]
    assert headers["deskstream_key"] == "ticket.opened"
    assert headers["cloudEvents_id"] == properties.message_id == bad[0].id
    assert body == bad[0].body.SerializeToString()
    assert stage.depth("sla.tickets") == 0


def test_bytes_that_are_no_message_are_parked_with_the_reason(stage: Stage) -> None:
    worker = stage.worker()
    stage.publisher.send([Packet(TICKETS, "ticket.opened", b"\xff\xff\xff", {}, "m-1")])
    stage.publisher.send([Packet(TICKETS, "ticket.opened", b"{}", {}, "m-2", "text/plain")])
    stage.say(tickets("fine", 1))
    wait_for(lambda: len(stage.handled()) == 1, what="the good one")
    wait_for(lambda: stage.depth(PARKED) == 2, what="both bad ones parked")
    stage.stop(worker)
    reasons = [str(headers["parked_error"]) for _, headers, _, _ in stage.take(PARKED)]
    assert any("no TicketEvent" in reason for reason in reasons)
    assert any("text/plain" in reason for reason in reasons)


def test_a_handler_may_refuse_one_message_of_a_batch(stage: Stage) -> None:
    stage.say([*tickets("fine", 20), *tickets("refused_alone", 1)])
    worker = stage.worker()
    wait_for(lambda: stage.depth(PARKED) == 1, what="the refused one")
    wait_for(lambda: len(stage.handled()) == 21, what="the rest")
    stage.stop(worker)
    # Nobody was handled a second time because of it.
    assert set(stage.handled().values()) == {1}


def test_what_an_adapter_says_by_a_further_key_is_parked_unheard(stage: Stage) -> None:
    """P2: brokers before 4 check only the first key; the body looks like one of ours."""
    forged = [replace(each, key="request.submitted.web", also=("ticket.opened",)) for each in tickets("forged", 2)]
    stage.say([*tickets("fine", 5), *forged])
    worker = stage.worker()
    wait_for(lambda: stage.depth(PARKED) == 2, what="the forged ones")
    wait_for(lambda: len(stage.handled()) == 5, what="the rest")
    stage.stop(worker)
    assert not any("forged" in line for each in stage.journal() for line in each)


def test_a_bug_parks_the_message_that_shows_it_and_logs_its_trace(stage: Stage) -> None:
    stage.say([*tickets("fine", 10), *tickets("broken", 1)])
    worker = stage.worker()
    wait_for(lambda: stage.depth(PARKED) == 1, what="the parked one")
    wait_for(lambda: len(stage.handled()) == 10, what="the innocent ones")
    stage.stop(worker)
    ((_, headers, _, _),) = stage.take(PARKED)
    assert headers["parked_reason"] == "bug"
    assert headers["parked_error"] == "RuntimeError: a bug of the handler"
    log = (stage.folder / "worker-0.log").read_text()
    assert "Traceback" in log
    assert str(headers["cloudEvents_id"]) in log
    assert '"trace_id"' in log


def test_an_unavailable_handler_hears_the_message_again_later(stage: Stage) -> None:
    (message,) = tickets("away", 1)
    stage.say([message])
    worker = stage.worker()
    wait_for(lambda: any(words[0] == "away" and words[3] == "2" for words in stage.journal()), what="a second attempt")
    (stage.folder / "back").touch()
    wait_for(lambda: stage.handled()[message.id] == 1, what="the success")
    stage.stop(worker)
    assert stage.depth(PARKED) == 0
    assert _said_because_of(stage) == [message.id]


def test_retries_end_in_parking(stage: Stage) -> None:
    (message,) = tickets("away", 1)
    stage.say([message])
    worker = stage.worker("1,1")
    wait_for(lambda: stage.depth(PARKED) == 1, what="the parked message")
    stage.stop(worker)
    assert [words[3] for words in stage.journal() if words[0] == "away"] == ["1", "2", "3"]
    ((_, headers, _, _),) = stage.take(PARKED)
    assert headers["parked_reason"] == "exhausted"
    assert headers["deskstream_attempt"] == 3
    assert headers["deskstream_key"] == "ticket.opened"


def test_an_outage_costs_untried_messages_no_attempt(stage: Stage) -> None:
    ids = stage.say(tickets("away", 40))
    worker = stage.worker("1,1")
    wait_for(lambda: len([1 for words in stage.journal() if words[0] == "away"]) > 5, what="the outage")
    (stage.folder / "back").touch()
    wait_for(lambda: len(stage.handled()) + stage.depth(PARKED) >= 40, what="every message's end")
    stage.stop(worker)
    assert stage.depth(PARKED) <= 6
    assert len(set(stage.handled())) >= len(ids) - 6


@pytest.mark.faults
def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(stage: Stage) -> None:
    ids = stage.say([*tickets("fine", 200), *tickets("crash", 1), *tickets("fine", 200, first=200)])
    first = stage.worker()
    first.wait(timeout=60)
    assert len(stage.handled()) < len(ids)
    second = stage.worker()
    wait_for(lambda: set(stage.handled()) == set(ids), what="everything handled")
    wait_for(lambda: stage.depth("sla.tickets") == 0, what="an empty queue")
    stage.stop(second)
    assert set(_said_because_of(stage)) == set(ids)
    assert stage.depth(PARKED) == 0


@pytest.mark.faults
def test_a_broker_restart_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    node = Broker(tmp_path / "node")
    try:
        node.start()
        node.wait_ready()
        with Stage(node.uri, tmp_path) as stage:
            worker = stage.worker()
            ids = stage.say(tickets("fine", 300))
            slow = stage.say(tickets("slow", 2))
            wait_for(lambda: (tmp_path / "slow_begun").exists(), what="the handler at work")
            node.restart()
            more = stage.say(tickets("fine", 300, first=300))
            everything = {*ids, *slow, *more}
            wait_for(lambda: set(stage.handled()) == everything, 60, "everything handled")
            wait_for(lambda: stage.depth("sla.tickets") == 0, what="an empty queue")
            assert stage.stop(worker) == 0
            assert set(_said_because_of(stage)) == everything
            assert stage.depth(PARKED) == 0
    finally:
        node.stop()


def test_a_worker_told_to_end_finishes_what_it_has_in_hand(stage: Stage) -> None:
    worker = stage.worker()
    ids = stage.say(tickets("slow", 1))
    wait_for(lambda: (stage.folder / "slow_begun").exists(), what="the handler at work")
    assert stage.stop(worker) == 0
    assert stage.journal()[-1] == ["ended"]
    assert stage.handled() == {ids[0]: 1}
    assert _said_because_of(stage) == ids
    assert stage.depth("sla.tickets") == 0


def test_ticks_go_on_after_one_that_breaks(stage: Stage) -> None:
    worker = stage.worker()
    wait_for(lambda: (stage.folder / "tick-2").exists(), what="the third tick")
    wait_for(lambda: stage.depth("reporting.events") == 2, what="what the first and third tick said")
    stage.stop(worker)


def test_a_tick_is_due_at_multiples_and_missed_ones_are_skipped() -> None:
    assert next_due(10.0, 10.01, 0.5) == 10.5
    assert next_due(10.0, 10.5, 0.5) == 10.5
    assert next_due(10.0, 11.7, 0.5) == 12.0


def test_ten_attempts_then_never_again() -> None:
    waits = [delay_after(attempt) for attempt in range(1, 11)]
    assert waits[-1] is None
    assert None not in waits[:-1]
    assert set(RETRY_AFTER) <= set(DELAYS)
