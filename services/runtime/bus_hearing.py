"""Consuming: one connection per container, one channel per queue, messages collected for their batch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import eventlet
from eventlet.event import Event
from nameko.extensions import SharedExtension

from services.runtime import topology
from services.runtime.bus_line import TROUBLE, Line
from services.runtime.envelope import KEY, open_envelope
from services.runtime.message import Heard


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and the tag it is acked by, valid on its own session only."""

    heard: Heard
    tag: int
    said_with: str = ""
    """The key it was said with on the stream; empty when it comes back from a delay or a replay."""


class Session:
    """The life of one channel. Tags of a dead session mean nothing, so nothing of it is ever acked."""

    def __init__(self, channel: Any, line: Line) -> None:
        self._channel = channel
        self._line = line
        self._waiter: Event | None = None
        self._wanted = 0
        self._collected: deque[Any] = deque()
        self.alive = True

    def arrive(self, message: Any) -> None:
        """Called by the reading thread with each delivery."""
        self._collected.append(message)
        if self._waiter is not None and len(self._collected) >= self._wanted:
            self._wake()
            self._line.give_way = True

    def collect(self, size: int, seconds: float) -> list[Delivery]:
        """Up to `size` messages: at once when so many are there, else `seconds` after the first. May be empty."""
        if not self._collected:
            self._wait(1, 1.0)
        if self._collected and len(self._collected) < size and seconds > 0:
            self._wait(size, seconds)
        taken = min(size, len(self._collected))
        return [_opened(self._collected.popleft()) for _ in range(taken)] if self.alive else []

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Everything up to the last of these is done: one multiple-ack. Nothing happens on a dead session."""
        if self.alive and deliveries:
            try:
                self._channel.basic_ack(deliveries[-1].tag, multiple=True)
            except TROUBLE:
                # The broker delivers them again; hearing twice is what handlers are made for.
                self._line.cut()

    def end(self) -> None:
        """The connection is gone."""
        self.alive = False
        self._collected.clear()
        self._wake()

    def cancel(self, tag: str) -> None:
        """Ask for no more messages; what was collected and not handled goes back when the channel closes."""
        try:
            self._channel.basic_cancel(tag, nowait=True)
        except TROUBLE:
            self._line.cut()

    def _wait(self, count: int, seconds: float) -> None:
        waiter = self._waiter = Event()
        self._wanted = count
        deadline = time.monotonic() + seconds
        if self.alive and len(self._collected) < count:
            waiter.wait(timeout=max(0.0, deadline - time.monotonic()))
        self._waiter = None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.send(None)


def _opened(message: Any) -> Delivery:
    told = message.delivery_info
    properties = message.properties
    headers = properties.get("application_headers") or {}
    said_with = told["routing_key"] if told["exchange"] == topology.TICKETS else ""
    if said_with and KEY in headers:
        # Only what comes back has its key there; on the stream it would be anybody's claim.
        headers = {name: value for name, value in headers.items() if name != KEY}
    heard = open_envelope(
        told["routing_key"],
        bytes(message.body or b""),
        headers,
        properties.get("message_id", ""),
        properties.get("content_type", ""),
    )
    return Delivery(heard, told["delivery_tag"], said_with)


class Hearing(SharedExtension):
    """The consumer connection of a container."""

    def __init__(self) -> None:
        self._wanted: dict[str, tuple[str, int, Callable[[Session], None]]] = {}
        self._sessions: dict[str, Session] = {}
        self._line: Line | None = None

    def want(self, queue: str, prefetch: int, begin: Callable[[Session], None]) -> None:
        """Before start: `begin` is called with each new session of `queue`."""
        self._wanted[queue] = (f"{self.container.service_name}:{queue}", prefetch, begin)

    @property
    def up(self) -> bool:
        """Whether all wanted queues are being consumed now."""
        return self._line is not None and self._line.up

    def start(self) -> None:
        if self._wanted:
            name = f"deskstream {self.container.service_name} hears"
            self._line = Line(self.container.config["AMQP_URI"], name, self._open, self._end)
            self.container.spawn_managed_thread(self._line.run, identifier=name)

    def quieten(self, queue: str) -> None:
        """No more deliveries of this queue."""
        if queue in self._sessions:
            self._sessions[queue].cancel(self._wanted[queue][0])

    def stop(self) -> None:
        if self._line is not None:
            # Acks are in the socket already; a short while lets them leave before it closes.
            eventlet.sleep(0.05)
            self._line.stop()

    kill = stop

    def _open(self, connection: Any) -> None:
        topology.declare(connection)
        for queue, (tag, prefetch, begin) in self._wanted.items():
            channel = connection.channel()
            # A body is bytes, whatever content_encoding an adapter claims.
            channel.auto_decode = False
            channel.basic_qos(0, prefetch, False)
            session = self._sessions[queue] = Session(channel, self._line)  # type: ignore[arg-type]
            channel.basic_consume(queue, consumer_tag=tag, callback=session.arrive)
            begin(session)

    def _end(self) -> None:
        for session in self._sessions.values():
            session.end()
        self._sessions.clear()
