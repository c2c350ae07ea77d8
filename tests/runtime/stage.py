"""The stage of the bus tests: a real broker, a worker in its own process, and what can be seen of both."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pika

from deploy.local.children import Child, end, kill, spawn
from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.runtime.message import Said, event_id
from services.runtime.publisher import Publisher
from tests.waiting import wait_for


def tickets(event: str, count: int, first: int = 0) -> list[Said]:
    """So many different messages that tell the handler to do `event`."""
    return [
        Said(
            "ticket.opened",
            TicketEvent(event=event),
            event_id(event, "ticket.opened", "", number),
            subject=f"DS20260105-{number:06d}",
        )
        for number in range(first, first + count)
    ]


class Stage:
    """Everything of one test; leaves no process behind."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri = uri
        self.folder = folder
        self.publisher = Publisher(uri, source="deskstream/dispatch")
        self._workers: list[Child] = []

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.publisher.close()
        for worker in self._workers:
            if worker.poll() is None:
                kill(worker)

    def say(self, said: Sequence[Said]) -> list[str]:
        """Publish; returns the ids."""
        self.publisher.publish(said, timeout=60)
        return [message.id for message in said]

    def worker(self, *arguments: str) -> Child:
        """A worker in its own process, once it consumes."""
        log = self.folder / f"worker-{len(self._workers)}.log"
        child = spawn(
            [sys.executable, "-W", "ignore", "-m", "tests.runtime.worker_under_test", str(self.folder), *arguments],
            log=log,
            env={**os.environ, "AMQP_URI": self.uri},
        )
        self._workers.append(child)
        wait_for(lambda: b"ready sla worker" in log.read_bytes(), 60, "the worker to be ready")
        return child

    def stop(self, worker: Child) -> int:
        """TERM, and its exit code."""
        return end(worker, grace=40)

    def journal(self) -> list[list[str]]:
        """What the handlers wrote."""
        path = self.folder / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def handled(self) -> Counter[str]:
        """How often each message went through the handler to its end."""
        return Counter(words[2] for words in self.journal() if words[0] == "sla")

    def depth(self, queue: str) -> int:
        """Ready messages of a queue."""
        with pika.BlockingConnection(pika.URLParameters(self.uri)) as connection:
            channel = connection.channel()
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def take(self, queue: str) -> list[tuple[str, dict[str, object], bytes, pika.BasicProperties]]:
        """All messages of a queue, removed: (routing key, headers, body, properties)."""
        taken = []
        with pika.BlockingConnection(pika.URLParameters(self.uri)) as connection:
            channel = connection.channel()
            while True:
                # One by one costs a round trip each, so by consuming; and when that is quiet, one get to be sure.
                for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=0.2):
                    if method is None:
                        break
                    taken.append((method.routing_key, dict(properties.headers or {}), body, properties))
                channel.cancel()
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    return taken
                taken.append((method.routing_key, dict(properties.headers or {}), body, properties))
