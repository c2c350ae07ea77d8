"""The worker in its own process, on the real broker and the real database."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pika
import pytest
from typer.testing import CliRunner

from deploy.local.children import Child, end, kill, spawn
from services.reporting.command import app
from services.reporting.storage import MongoReports
from services.runtime.message import Heard
from services.runtime.publisher import parameters
from services.runtime.topology import TICKETS, declare, parked_queue
from tests.conftest import MongoPlace
from tests.reporting.world import POLICY, Desk, call, callback, clock, closed, ticket
from tests.waiting import wait_for

pytestmark = pytest.mark.real


@pytest.fixture
def environment(amqp_uri: str, mongodb_uri: MongoPlace) -> dict[str, str]:
    """What a process of this test reads."""
    return {
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri.uri,
        "DESKSTREAM_DATABASE_PREFIX": mongodb_uri.prefix,
        "DESKSTREAM_POLICY_DIR": str(POLICY),
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Child]]:
    """Starts workers; none is left behind."""
    started: list[Child] = []

    def worker() -> Child:
        log = tmp_path / f"worker-{len(started)}.log"
        argv = [sys.executable, "-W", "ignore", "-m", "services.reporting", "worker"]
        started.append(spawn(argv, log=log, env={**os.environ, **environment}))
        wait_for(lambda: b"ready reporting worker" in log.read_bytes(), 60, "the worker to be ready")
        return started[-1]

    yield worker
    for child in started:
        if child.poll() is None:
            kill(child)


@pytest.fixture
def say(amqp_uri: str) -> Iterator[Callable[[Sequence[Heard]], None]]:
    connection = pika.BlockingConnection(parameters(amqp_uri))
    declare(connection)
    channel = connection.channel()
    channel.confirm_delivery()

    def publish(events: Sequence[Heard]) -> None:
        for event in events:
            properties = pika.BasicProperties(content_type=event.content_type, message_id=event.id, delivery_mode=2)
            channel.basic_publish(TICKETS, event.key, event.body, properties)

    yield publish
    connection.close()


def a_day(first: int, last: int) -> list[Heard]:
    return [
        event
        for n in range(first, last)
        for event in (
            ticket(n),
            clock(n, "MET"),
            closed(n),
            callback(n, satisfied=True),
            call(f"c{n}", answered_after=n),
        )
    ]


def test_a_worker_killed_in_the_middle_loses_nothing_and_counts_nothing_twice(
    start: Callable[[], Child], say: Callable[[Sequence[Heard]], None], real_store: MongoReports
) -> None:
    """T3: killed twice at work, every message said twice, one malformed."""
    events = a_day(1, 121)
    expected = Desk().hears(events).report()
    first = start()
    say(events[:200])
    kill(first)
    second = start()
    say([*events[150:], Heard("bad", "ticket.opened", b"\xff")])
    wait_for(lambda: Desk(real_store).report().tickets > 20, 30, "the second worker to be at work")
    kill(second)
    third = start()
    say(events)
    wait_for(lambda: Desk(real_store).report() == expected, 60, "the report of the whole stream")
    assert end(third, grace=30) == 0


def test_a_malformed_message_is_parked_once_and_the_stream_goes_on(
    start: Callable[[], Child],
    say: Callable[[Sequence[Heard]], None],
    real_store: MongoReports,
    amqp_uri: str,
) -> None:
    start()
    say([ticket(1), Heard("bad", "callback.due", b"\xff\xff"), ticket(2)])
    wait_for(lambda: Desk(real_store).report().tickets == 2, 30, "both tickets in the report")
    connection = pika.BlockingConnection(parameters(amqp_uri))
    queue = parked_queue("reporting.events")
    count = lambda: connection.channel().queue_declare(queue, passive=True).method.message_count  # noqa: E731
    wait_for(lambda: count() == 1, 30, "the parked message")
    connection.close()


def test_the_command_rebuilds_the_figures_while_the_worker_goes_on(
    start: Callable[[], Child],
    say: Callable[[Sequence[Heard]], None],
    real_store: MongoReports,
    environment: dict[str, str],
) -> None:
    """T3: `deskstream reporting rebuild`."""
    start()
    events = a_day(1, 40)
    say(events)
    wait_for(lambda: Desk(real_store).report() == Desk().hears(events).report(), 30, "the report")
    real_store.current().tickets.rows.delete_many({})
    assert Desk(real_store).report().tickets == 0
    done = CliRunner().invoke(app, ["rebuild"], env=environment)
    assert done.exit_code == 0, done.output
    assert f"Rebuilt from {len(events) + 3} messages" in done.output
    assert Desk(real_store).report() == Desk().hears(events).report()
    more = a_day(40, 50)
    say(more)
    wait_for(
        lambda: Desk(real_store).report() == Desk().hears(events, more).report(), 30, "what came after the rebuild"
    )
