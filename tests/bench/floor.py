"""The floor: what bare pika and bare pymongo do with the same bytes and the same servers, as one pipeline.

Two processes, as a stream has at least two: one publishes with confirms in a window, one consumes, inserts and acks.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pika
from pymongo import MongoClient

QUEUE = "bench.floor"
WINDOW = 1_000
LARGEST_BATCH = 500
PREFETCH = 2 * LARGEST_BATCH
_WITHIN = 90.0


def floor_events_per_s(amqp_uri: str, mongodb_uri: str, body: bytes, events: int) -> float:
    """Events a second from the first publish to the last ack after its insert, into one durable quorum queue."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongodb_uri)
    rows = client["bench_floor"]["events"]
    connection = pika.BlockingConnection(pika.URLParameters(amqp_uri))
    try:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_qos(prefetch_count=PREFETCH)
        waiting: list[dict[str, Any]] = []
        stored, tag = 0, 0

        def heard(_: Any, method: Any, properties: Any, content: bytes) -> None:
            nonlocal tag
            waiting.append({"_id": int(properties.message_id), "body": content})
            tag = method.delivery_tag

        channel.basic_consume(QUEUE, heard)
        publisher = subprocess.Popen(
            [sys.executable, "-m", __name__, amqp_uri, str(events)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert publisher.stdin is not None
        assert publisher.stdout is not None
        try:
            publisher.stdin.write(body)
            publisher.stdin.close()
            # It says when it is connected; starting Python is not part of the floor.
            publisher.stdout.readline()
            begun = time.perf_counter()
            while stored < events:
                connection.process_data_events(time_limit=0.005)
                while waiting:
                    batch, waiting[:] = waiting[:LARGEST_BATCH], waiting[LARGEST_BATCH:]
                    rows.insert_many(batch, ordered=False)
                    stored += len(batch)
                    if not waiting:
                        channel.basic_ack(tag, multiple=True)
                if time.perf_counter() - begun > _WITHIN:
                    raise TimeoutError(f"The floor stored {stored} of {events} events in {_WITHIN:.0f} s.")
            elapsed = time.perf_counter() - begun
        finally:
            publisher.kill()
            publisher.wait(timeout=10)
        channel.queue_delete(QUEUE)
        return events / elapsed
    finally:
        connection.close()
        client.drop_database("bench_floor")
        client.close()


class _Publisher:
    """Says `events` times the same body, at most WINDOW of them unconfirmed."""

    def __init__(self, amqp_uri: str, body: bytes, events: int) -> None:
        self._body = body
        self._events = events
        self._said = self._confirmed = 0
        self._channel: Any = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(amqp_uri),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
        )

    def run(self) -> None:
        """Returns when all are confirmed."""
        self._connection.ioloop.start()

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._told)
        sys.stdout.write("connected\n")
        sys.stdout.flush()
        self._fill()

    def _fill(self) -> None:
        while self._said < self._events and self._said - self._confirmed < WINDOW:
            self._said += 1
            properties = pika.BasicProperties(delivery_mode=2, message_id=str(self._said))
            self._channel.basic_publish("", QUEUE, self._body, properties)

    def _told(self, frame: Any) -> None:
        self._confirmed = frame.method.delivery_tag if frame.method.multiple else self._confirmed + 1
        if self._confirmed >= self._events:
            self._connection.ioloop.stop()
        elif self._said - self._confirmed <= WINDOW // 2:
            self._fill()


if __name__ == "__main__":
    _Publisher(sys.argv[1], sys.stdin.buffer.read(), int(sys.argv[2])).run()
