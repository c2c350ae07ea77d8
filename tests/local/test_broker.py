"""The private broker: comes up, keeps to itself, keeps its data, leaves nothing behind."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pika
import psutil
import pytest
from pika.exceptions import AMQPConnectionError

from deploy.local.broker import Broker
from tests.waiting import alive, wait_for

pytestmark = pytest.mark.real


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    node = Broker(tmp_path / "broker")
    node.start()
    node.wait_ready()
    yield node
    node.stop()


def _family(broker: Broker) -> list[psutil.Process]:
    leaders = [psutil.Process(pid) for pid in broker.pids]
    return leaders + [child for leader in leaders for child in leader.children(recursive=True)]


def _publish(uri: str, queue: str, body: bytes) -> None:
    with pika.BlockingConnection(pika.URLParameters(uri)) as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def _read(uri: str, queue: str) -> bytes | None:
    with pika.BlockingConnection(pika.URLParameters(uri)) as connection:
        body: bytes | None = connection.channel().basic_get(queue, auto_ack=True)[2]
        return body


def test_the_broker_listens_on_loopback_only(broker: Broker) -> None:
    listening = [c for p in _family(broker) for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 3  # AMQP, distribution, epmd
    assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1"}


def test_guest_may_not_log_in(broker: Broker) -> None:
    uri = "amqp://guest:guest@" + broker.uri.partition("@")[2]
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(uri))


def test_what_is_secret_nobody_else_may_read(broker: Broker) -> None:
    for name in ("credentials.json", "rabbitmq.conf", "home/.erlang.cookie"):
        assert stat.S_IMODE((broker.folder / name).stat().st_mode) & 0o077 == 0


def test_virtual_hosts_come_and_go_and_keep_apart(broker: Broker) -> None:
    broker.add_vhosts(["here", "there"])
    _publish(broker.uri_for("here"), "letters", b"for here")
    _publish(broker.uri_for("there"), "letters", b"for there")
    assert _read(broker.uri_for("there"), "letters") == b"for there"
    broker.delete_vhost("here")
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(broker.uri_for("here")))
    broker.delete_vhost("there")


def test_each_test_has_a_virtual_host_where_streams_work(amqp_uri: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        channel = connection.channel()
        channel.queue_declare("log", durable=True, arguments={"x-queue-type": "stream"})
        channel.confirm_delivery()
        channel.basic_publish("", "log", b"first", mandatory=True)
        channel.basic_qos(prefetch_count=10)
        for method, _, body in channel.consume("log", arguments={"x-stream-offset": "first"}, inactivity_timeout=20):
            assert body == b"first"
            channel.basic_ack(method.delivery_tag)
            break


@pytest.mark.faults
def test_a_restart_and_a_kill_keep_confirmed_messages_and_addresses(own_broker: Broker) -> None:
    uri = own_broker.uri
    _publish(uri, "letters", b"before the restart")
    own_broker.restart()
    assert own_broker.uri == uri
    assert _read(uri, "letters") == b"before the restart"
    _publish(uri, "letters", b"before the kill")
    own_broker.kill()
    own_broker.start()
    own_broker.wait_ready()
    assert _read(uri, "letters") == b"before the kill"


@pytest.mark.faults
def test_a_stopped_broker_leaves_no_process_not_even_epmd(own_broker: Broker) -> None:
    family = _family(own_broker)
    assert {"epmd", "beam.smp"} <= {process.name() for process in family}
    own_broker.stop()
    wait_for(lambda: not any(alive(process) for process in family), what="the end of every process of the node")
    assert own_broker.pids == []
