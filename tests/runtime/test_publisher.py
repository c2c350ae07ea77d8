"""Publishing from real threads, on the real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from deploy.local.broker import Broker
from services.kernel.errors import Unavailable
from services.runtime.publisher import Publisher, parameters
from tests.runtime.stage import Stage, tickets
from tests.waiting import wait_for

pytestmark = pytest.mark.real


@pytest.fixture
def stage(amqp_uri: str, tmp_path: Path) -> Iterator[Stage]:
    with Stage(amqp_uri, tmp_path) as built:
        yield built


def _ids(stage: Stage, queue: str) -> list[str]:
    return [str(properties.message_id) for _, _, _, properties in stage.take(queue)]


def test_what_publish_returned_from_is_in_every_queue_in_its_order(stage: Stage) -> None:
    ids = stage.say(tickets("fine", 3000))
    assert _ids(stage, "sla.tickets") == ids
    assert stage.depth("callbacks.events") == 3000


def test_many_threads_may_say_at_once(stage: Stage) -> None:
    threads = [threading.Thread(target=stage.say, args=(tickets("fine", 100, first=100 * part),)) for part in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(set(_ids(stage, "sla.tickets"))) == 1000


def test_no_broker_is_unavailable_after_the_time_given() -> None:
    publisher = Publisher("amqp://127.0.0.1:9/")
    with pytest.raises(Unavailable, match="AMQP_URI"):
        publisher.publish(tickets("fine", 1), timeout=0.3)
    assert not publisher.up
    publisher.close()
    with pytest.raises(Unavailable, match="closed"):
        publisher.publish(tickets("fine", 1))


def test_an_address_that_is_none_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="amqp://user"):
        Publisher("http://localhost")
    assert parameters("amqp://u:p%40ss@h:1234/v").credentials.password == "p@ss"


def test_a_full_queue_is_unavailable_not_lost(stage: Stage) -> None:
    stage.say(tickets("fine", 1))
    with pika.BlockingConnection(pika.URLParameters(stage.uri)) as connection:
        channel = connection.channel()
        full = {"x-queue-type": "quorum", "x-max-length": 3, "x-overflow": "reject-publish"}
        channel.queue_declare("full", durable=True, arguments=full)
        channel.queue_bind("full", "deskstream.tickets", "ticket.*")

    def overfill() -> None:
        for start in range(0, 50, 10):
            stage.say(tickets("fine", 10, first=start))

    with pytest.raises(Unavailable, match="refused"):
        overfill()
    with pika.BlockingConnection(pika.URLParameters(stage.uri)) as connection:
        connection.channel().queue_delete("full")
    stage.say(tickets("fine", 10))


def test_a_missing_exchange_is_declared_anew(stage: Stage) -> None:
    stage.say(tickets("fine", 1))
    with pika.BlockingConnection(pika.URLParameters(stage.uri)) as connection:
        connection.channel().exchange_delete("deskstream.tickets")
    stage.say(tickets("fine", 5, first=1))
    assert stage.depth("sla.tickets") == 6


@pytest.mark.faults
def test_a_broker_restart_in_the_middle_of_saying_loses_nothing(tmp_path: Path) -> None:
    node = Broker(tmp_path / "node")
    try:
        node.start()
        node.wait_ready()
        with Stage(node.uri, tmp_path) as stage:
            said = tickets("fine", 20_000)
            stage.say(said[:1])
            # RabbitMQ 3.10 forgets a stream for ever when it is killed within seconds of the stream's making.
            node.restart()
            speaking = threading.Thread(target=stage.say, args=(said,))
            speaking.start()
            wait_for(lambda: stage.depth("sla.tickets") > 100, what="some of it said")
            node.kill()
            node.start()
            node.wait_ready()
            speaking.join(timeout=60)
            assert not speaking.is_alive()
            assert set(_ids(stage, "sla.tickets")) == {message.id for message in said}
    finally:
        node.stop()
