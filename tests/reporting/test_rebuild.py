"""Facts made anew from the real stream log, while a real worker goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pika
import pytest

from services.kernel.errors import Refused, Unavailable
from services.reporting.handlers import Recorder
from services.reporting.rebuild import rebuild
from services.reporting.storage import MongoReports
from services.runtime.message import Heard
from services.runtime.publisher import parameters
from services.runtime.topology import TICKETS, declare
from tests.reporting.world import Desk, call, callback, clock, closed, ticket

pytestmark = pytest.mark.real


@pytest.fixture
def stream(amqp_uri: str) -> Iterator[Stream]:
    connection = pika.BlockingConnection(parameters(amqp_uri))
    declare(connection)
    channel = connection.channel()
    channel.confirm_delivery()
    yield Stream(amqp_uri, channel)
    connection.close()


class Stream:
    """Says events on the real exchange."""

    def __init__(self, uri: str, channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
        self.uri = uri
        self._channel = channel

    def say(self, events: list[Heard]) -> None:
        for event in events:
            properties = pika.BasicProperties(content_type=event.content_type, message_id=event.id, delivery_mode=2)
            self._channel.basic_publish(TICKETS, event.key, event.body, properties)


def day(first: int, last: int) -> list[Heard]:
    """A stretch of tickets from opening to closing."""
    return [
        event
        for n in range(first, last)
        for event in (
            ticket(n),
            clock(n, "MET" if n % 5 else "BREACHED"),
            closed(n),
            callback(n, satisfied=n % 4 > 0),
            call(f"c{n}"),
        )
    ]


def test_a_rebuild_from_the_stream_log_gives_the_same_reports(stream: Stream, real_store: MongoReports) -> None:
    """T3: also when the facts had been spoilt, and when the log repeats itself."""
    events = day(1, 60)
    stream.say([*events, Heard("m", "ticket.opened", b"\xff"), *events[:50]])
    expected = Desk().hears(events).report()
    Desk(real_store).hears(events[: len(events) // 2], [ticket(500)])
    seen: list[tuple[int, int]] = []
    old = real_store.current()
    done = rebuild(real_store, stream.uri, progress=lambda read, total: seen.append((read, total)))
    assert Desk(real_store).report() == expected
    assert (done.read, done.refused) == (len(events) + 51 + 3, 1)
    assert seen[-1][0] == done.read
    assert real_store.current().generation == done.generation != old.generation
    assert old.tickets.rows.count_documents({}) == 0, "the old generation is dropped"
    rebuild(real_store, stream.uri)
    assert Desk(real_store).report() == expected


def test_nothing_is_lost_that_is_heard_while_a_rebuild_runs(stream: Stream, real_store: MongoReports) -> None:
    """T3: the worker keeps writing before, during and after the change of generations."""
    first, later = day(1, 40), day(100, 180)
    stream.say(first)
    Desk(real_store).hears(first)

    def work() -> None:
        recorder = Recorder(real_store)
        for start in range(0, len(later), 5):
            batch = later[start : start + 5]
            # As the broker does: a worker hears nothing that the log does not hold.
            stream.say(batch)
            recorder.hear(batch)

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        rebuilds = 0
        while not worker.done():
            rebuild(real_store, stream.uri)
            rebuilds += 1
        worker.result()
    assert rebuilds
    assert Desk(real_store).report() == Desk().hears(first, later).report()


def test_a_worker_that_was_slow_to_write_into_the_old_generation_loses_nothing(
    stream: Stream, real_store: MongoReports
) -> None:
    """T3: it asked which generation is current, then the rebuild put another in place, then it wrote."""
    events = day(1, 10)
    stream.say(events)

    class Slow:
        def current(self):
            views = real_store.current()
            rebuild(real_store, stream.uri)
            return views

    Recorder(Slow()).hear(events)
    assert Desk(real_store).report() == Desk().hears(events).report()


def test_a_second_rebuild_is_refused_until_the_broken_one_is_given_up(stream: Stream, real_store: MongoReports) -> None:
    events = day(1, 5)
    stream.say(events)
    left = real_store.begin("broken", again=False)
    Desk(real_store).hears(events)
    with pytest.raises(Refused, match="--again"):
        rebuild(real_store, stream.uri)
    rebuild(real_store, stream.uri, again=True)
    assert Desk(real_store).report() == Desk().hears(events).report()
    assert left.tickets.rows.name not in left.tickets.rows.database.list_collection_names()
    rebuild(real_store, stream.uri)


def test_without_a_log_the_rebuild_says_so_and_leaves_everything_as_it_was(
    amqp_uri: str, real_store: MongoReports
) -> None:
    Desk(real_store).hears(day(1, 5))
    before = Desk(real_store).report()
    with pytest.raises(Unavailable, match="AMQP_URI"):
        rebuild(real_store, amqp_uri)
    assert Desk(real_store).report() == before
    with pytest.raises(Unavailable, match="AMQP_URI"):
        rebuild(real_store, amqp_uri)
