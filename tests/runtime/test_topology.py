"""The one table of the stream, and what the real broker makes of it (decisions 2, 8, 9)."""

from __future__ import annotations

import json

import amqp
import pika
import pytest

from services.runtime import bus_line, topology
from services.runtime.bus_schedule import RETRY_AFTER
from services.runtime.topology import QUEUES, declare, definitions, parked_queue, work_queue

BY_NAME = {queue.name: queue for queue in QUEUES}


def _get(channel, queue: str, tries: int = 200):
    for _ in range(tries):
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is not None:
            return method, properties, body
        channel.connection.sleep(0.05)
    raise AssertionError(f"nothing came to {queue}")


def test_every_queue_of_a_service_is_safe_and_has_a_place_for_its_dead() -> None:
    for queue in QUEUES:
        if not queue.keys or queue.kind == "stream":
            continue
        arguments = queue.arguments
        assert arguments["x-queue-type"] == "quorum"
        assert arguments["x-delivery-limit"] == queue.delivery_limit == 20
        # At-least-once dead-lettering silently becomes at-most-once without it.
        assert (arguments["x-dead-letter-strategy"], arguments["x-overflow"]) == ("at-least-once", "reject-publish")
        assert queue.parked == parked_queue(queue.name)
        assert BY_NAME[queue.parked].bindings[0].exchange == arguments["x-dead-letter-exchange"]
        assert BY_NAME[queue.parked].bindings[0].key == arguments["x-dead-letter-routing-key"]


def test_the_queues_hear_what_the_design_says() -> None:
    assert BY_NAME["intake.requests"].keys == ("request.submitted.#", "call.*")
    assert BY_NAME["dispatch.requests"].keys == ("request.received.#", "request.joined.#")
    assert BY_NAME["dispatch.links"].keys == ("links.told",)
    assert BY_NAME["sla.tickets"].keys == ("ticket.*",)
    assert BY_NAME["deskstream.log"].keys == ("#",)
    # What carries tokens of people is on no stream that others read.
    assert BY_NAME["dispatch.answers"].keys == ()


def test_every_retry_delay_has_its_queue() -> None:
    waits = {queue.arguments["x-message-ttl"] // 1000 for queue in QUEUES if queue.name.startswith(topology.RETRY)}
    assert set(RETRY_AFTER) <= waits == set(topology.DELAYS)


def test_definitions_are_plain_data_with_everything_in_it() -> None:
    told = json.loads(json.dumps(definitions(teams=("desk",), vhost="deskstream")))
    assert {queue["name"] for queue in told["queues"]} == {*BY_NAME, "work.desk"}
    assert all(queue["durable"] and not queue["auto_delete"] for queue in told["queues"])
    assert len(told["bindings"]) == sum(len(queue.bindings) for queue in QUEUES) + 1


@pytest.mark.real
def test_declaring_again_with_any_client_changes_nothing(amqp_uri: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        declare(connection, teams=("desk",))
        declare(connection, teams=("desk",))
    line: amqp.Connection = bus_line.connect(amqp_uri, "test")
    declare(line, teams=("desk", "network"))
    line.close()


@pytest.mark.real
def test_a_delayed_message_comes_back_to_its_own_queue_only(amqp_uri: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        declare(connection)
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(headers={topology.DELAY: "1s"}, delivery_mode=2)
        channel.basic_publish(topology.RETRY, "sla.tickets", b"later", properties, mandatory=True)
        method, found, body = _get(channel, "sla.tickets")
        assert body == b"later"
        assert method.routing_key == "sla.tickets"
        assert found.headers["x-death"][0]["queue"] == "deskstream.retry.1s"
        assert channel.basic_get("callbacks.events")[0] is None


@pytest.mark.real
def test_what_a_crashing_consumer_never_answers_is_parked_by_the_broker(amqp_uri: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        declare(connection)
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(topology.TICKETS, "callback.unsolved", b"x", pika.BasicProperties(delivery_mode=2))
        for _ in range(21):
            method, _, _ = channel.basic_get("dispatch.callbacks")
            assert method is not None
            channel.basic_nack(method.delivery_tag, requeue=True)
        _, properties, _ = _get(channel, "dispatch.callbacks.parked")
        assert properties.headers["x-death"][0]["reason"] == "delivery_limit"


@pytest.mark.real
def test_a_team_that_never_reads_its_queue_holds_nobody_back(amqp_uri: str) -> None:
    """U3: dispatch holds the truth, so the oldest are dropped rather than the newest refused."""
    assert work_queue("desk").arguments["x-overflow"] == "drop-head"
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        declare(connection, teams=("desk",))
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(headers={"CC": ["work.desk"]}, delivery_mode=2)
        channel.basic_publish(topology.TICKETS, "ticket.dispatched", b"x", properties)
        method, _, _ = _get(channel, "work.desk")
        assert method.routing_key == "ticket.dispatched"
        # Two keys that reach one queue are still one message there.
        _get(channel, "sla.tickets")
        assert channel.basic_get("sla.tickets")[0] is None


def test_what_an_adapter_says_reaches_no_queue_by_a_further_key_of_its_own():
    """P2: brokers before 4 check only the first key of a message."""
    for queue in ("dispatch.asked", "dispatch.requests", "sla.tickets", "callbacks.events", "notifications.events"):
        assert topology.is_smuggled(queue, "request.submitted.web")
        assert topology.is_smuggled(queue, "call.ringing")
    assert topology.is_smuggled("watch.events", "request.submitted.web")
    assert not topology.is_smuggled("watch.events", "call.ringing")
    assert not topology.is_smuggled("watch.events", "request.received.phone")
    assert not topology.is_smuggled("intake.requests", "request.submitted.web")
    assert not topology.is_smuggled("intake.requests", "call.ended")
    assert not topology.is_smuggled("sla.tickets", "ticket.opened")
