"""Definitions and rights for operators of a broker of their own, tried on the real one."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from deploy.local.broker import Broker
from deploy.rabbitmq.__main__ import FILE, main, rendered
from deploy.rabbitmq.rights import commands, rights
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.runtime import topology
from services.runtime.message import Said
from services.runtime.publisher import Publisher
from tests.deploy.world import ROOT

TEAM = "network"


def test_the_committed_definitions_are_what_the_topology_gives(tmp_path, monkeypatch, capsys):
    assert FILE.read_text("utf-8") == rendered()
    assert main(["definitions", "--check"]) == 0
    monkeypatch.setattr("deploy.rabbitmq.__main__.FILE", tmp_path / "definitions.json")
    assert main(["definitions", "--check"]) == 1
    assert "python -m deploy.rabbitmq definitions" in capsys.readouterr().out


def test_the_handbook_shows_the_rights_as_they_are():
    handbook = (ROOT / "deploy" / "README.md").read_text("utf-8")
    for line in commands("TEAM"):
        assert line in handbook


def told(broker: Broker, definitions: object) -> None:
    """What `rabbitmqctl import_definitions` does, in a quarter of its time."""
    text = base64.b64encode(json.dumps(definitions).encode()).decode()
    broker._control([f'rpc:call(N, rabbit_definitions, import_raw, [base64:decode(<<"{text}">>)])'])


@pytest.fixture
def users(broker: Broker, amqp_uri: str) -> dict[str, str]:
    """A virtual host with the imported topology, and the address of each kind of user."""
    vhost = urlsplit(amqp_uri).path.lstrip("/")
    told(broker, topology.definitions([TEAM], vhost))
    password, suffix = secrets.token_hex(8), f"-{vhost}"
    # Names of users are the whole broker's, not the virtual host's.
    told(
        broker,
        {
            "users": [{"name": one.user + suffix, "password": password, "tags": ""} for one in rights(TEAM)],
            "permissions": [
                {
                    "user": one.user + suffix,
                    "vhost": vhost,
                    "configure": one.configure,
                    "write": one.write,
                    "read": one.read,
                }
                for one in rights(TEAM)
            ],
            "topic_permissions": [
                {
                    "user": one.user + suffix,
                    "vhost": vhost,
                    "exchange": topology.TICKETS,
                    "write": one.says,
                    "read": "",
                }
                for one in rights(TEAM)
                if one.says
            ],
        },
    )
    port = urlsplit(amqp_uri).port
    return {one.user: f"amqp://{one.user}{suffix}:{password}@127.0.0.1:{port}/{vhost}" for one in rights(TEAM)}


@pytest.fixture
def desk(users: dict[str, str]) -> Iterator[dict[str, pika.BlockingConnection]]:
    """A connection of each kind of user."""
    connections = {user: pika.BlockingConnection(pika.URLParameters(uri)) for user, uri in users.items()}
    yield connections
    for connection in connections.values():
        connection.close()


def refused(
    connection: pika.BlockingConnection, *, queue: str = "", key: str = "", exchange: str = topology.TICKETS
) -> bool:
    """Whether the broker denies reading the queue, or saying something with the key."""
    channel = connection.channel()
    try:
        if queue:
            channel.basic_get(queue, auto_ack=True)
        else:
            channel.confirm_delivery()
            channel.basic_publish(exchange, key, b"{}")
    except ChannelClosedByBroker as error:
        if error.reply_code != 403:
            raise
        return True
    channel.close()
    return False


@pytest.mark.real
def test_processes_meet_an_imported_topology_as_their_own_and_need_no_more_than_their_rights(desk):
    topology.declare(desk["deskstream"], [TEAM])
    watching = desk["deskstream"].channel()
    queue = watching.queue_declare("", exclusive=True, auto_delete=True).method.queue
    watching.queue_bind(queue, topology.TICKETS, "ticket.*")
    assert not refused(desk["deskstream"], key="ticket.opened")
    assert not refused(desk["deskstream"], queue="sla.tickets")


@pytest.mark.real
def test_an_adapter_may_hand_in_requests_and_calls_and_nothing_else(desk):
    adapter = desk["adapter"]
    assert not refused(adapter, key="request.submitted.web")
    assert not refused(adapter, key="call.ringing")
    assert refused(adapter, key="ticket.closed")
    assert refused(adapter, key="request.received.web")
    assert refused(adapter, queue="intake.requests")


@pytest.mark.real
def test_the_publisher_of_the_adapter_kit_needs_no_more_than_an_adapters_rights(users):
    """It declares what it may; an adapter may not, and finds what our processes have declared (T7)."""
    publisher = Publisher(users["adapter"], source="acme/form")
    try:
        publisher.publish([Said("request.submitted.web", RequestDraft(), "one")], timeout=15.0)
    finally:
        publisher.close()


@pytest.mark.real
def test_a_teams_tools_may_take_their_own_work_and_answer_it_and_nothing_else(desk):
    tools = desk[f"team-{TEAM}"]
    assert not refused(tools, queue=f"work.{TEAM}")
    assert refused(tools, queue="dispatch.requests")
    assert refused(tools, key=f"work.{TEAM}")
    assert not refused(tools, key="work.accept", exchange=topology.ANSWERS)
    assert refused(tools, key="dispatch.answers", exchange=topology.REDELIVER)


@pytest.mark.real
def test_a_dashboard_may_read_the_log_and_say_nothing(desk):
    dashboard = desk["dashboard"]
    channel = dashboard.channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(topology.LOG, lambda *_: None, arguments={"x-stream-offset": "first"})
    assert refused(dashboard, key="ticket.opened")
    assert refused(dashboard, queue="intake.requests")
