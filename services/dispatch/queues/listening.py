"""A server process hears ticket.* for its watchers: a queue of its own that ends with the connection."""

from __future__ import annotations

import threading
import time
from typing import Any

import pika
from google.protobuf.message import DecodeError
from pika.exceptions import AMQPError

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch.queues.watching import Hub
from services.kernel.errors import Unavailable
from services.runtime import telemetry, topology
from services.runtime.publisher import parameters

READY_WITHIN = 10.0
IDLE = 30.0
"""Seconds without a watcher after which the queue is given back."""
_MOST_WAITING = 20_000
_PAUSE = 0.5


class Listener:
    """Feeds the hub while somebody watches. The queue is exclusive, which 4.x allows, and holds nothing for nobody."""

    def __init__(self, uri: str, hub: Hub) -> None:
        self._uri = uri
        self._hub = hub
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = telemetry.get_log("deskstream.dispatch.listener")

    def listen(self) -> None:
        """Returns once everything said from now on is heard; Unavailable when the broker does not answer."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._ready.clear()
                self._thread = threading.Thread(target=self._run, name="dispatch-listener", daemon=True)
                self._thread.start()
        if not self._ready.wait(READY_WITHIN):
            raise Unavailable("The broker does not answer, so changes cannot be told; watch again in a moment.")

    def close(self) -> None:
        """Ends listening; watchers are told to resume."""
        self._ended.set()
        self._hub.lose()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if self._hear():
                    return
            except (AMQPError, OSError) as error:
                self._ready.clear()
                self._hub.lose()
                self._log.warning("listener_down", why=f"{type(error).__name__}: {error}"[:300])
            self._ended.wait(_PAUSE)

    def _hear(self) -> bool:
        """One connection. True when it ended because nobody watches any more."""
        connection = pika.BlockingConnection(parameters(self._uri))
        try:
            channel = connection.channel()
            topology.declare(connection)
            limits = {"x-max-length": _MOST_WAITING}
            queue = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=limits).method.queue
            channel.queue_bind(queue, topology.TICKETS, "ticket.*")
            channel.basic_consume(queue, self._heard, auto_ack=True)
            self._ready.set()
            idle_since = time.monotonic()
            while not self._ended.is_set():
                connection.process_data_events(time_limit=0.2)
                if not self._hub.empty:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > IDLE and self._retire():
                    return True
            return True
        finally:
            self._ready.clear()
            if connection.is_open:
                connection.close()

    def _retire(self) -> bool:
        """Gives up under the lock, so that a watcher who comes now starts another thread."""
        with self._lock:
            if self._hub.empty:
                self._thread = None
                self._ready.clear()
                return True
            return False

    def _heard(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        try:
            self._hub.hear(ticket_pb2.TicketEvent.FromString(body).ticket)
        except DecodeError:
            self._log.warning("listener_cannot_read", key=method.routing_key)
