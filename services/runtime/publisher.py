"""Publishing from processes with real threads (servers, smtp, gateway, sdk): pika in one thread, windowed confirms."""

from __future__ import annotations

import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from services.kernel.clock import Clock, SystemClock
from services.kernel.errors import Unavailable
from services.runtime import telemetry, topology
from services.runtime.envelope import Packet, pack
from services.runtime.message import Said

MOST_IN_FLIGHT = 2_000
"""Messages on the wire without a confirm; more only fill the broker's buffers."""
MOST_WAITING = 50_000
"""Messages that may wait for the wire; then publish refuses at once instead of eating the memory."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_HEARTBEAT = 20
_TROUBLE = (AMQPError, OSError)
_ACCESS_REFUSED = 403


class _Window:
    """What one call of publish said."""

    __slots__ = ("done", "given_up", "left", "nacked")

    def __init__(self, size: int) -> None:
        self.left = size
        self.nacked = 0
        self.given_up = False
        self.done = threading.Event()


_Item = tuple[Packet, _Window]


class Publisher:
    """Says messages on the stream; any number of threads may call it at once.

    `source` names the sayer in the envelope ("deskstream/intake"). Connects by itself, also again, and declares the
    topology. What was on the wire when a connection broke is said again on the next one, with the same ids.
    """

    def __init__(self, uri: str, *, source: str = "deskstream", clock: Clock | None = None) -> None:
        self._parameters = parameters(uri)
        self._source = source
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._waiting: deque[_Item] = deque()
        self._in_flight: dict[int, _Item] = {}
        self._sequence = 0
        self._connection: Any = None
        self._channel: Any = None
        self._declared = False
        self._woken = False
        self._closing = threading.Event()
        self._log = telemetry.get_log("publisher")
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    @property
    def up(self) -> bool:
        """Whether the broker is connected now; for readiness."""
        return self._channel is not None

    def publish(self, said: Sequence[Said], timeout: float = 10.0) -> None:
        """Returns after the broker has confirmed all. Raises Unavailable when that takes longer than `timeout` seconds
        or the broker refuses one: some may have arrived then; saying all again with the same ids does no harm.
        """
        now = self._clock.now()
        packets = [pack(message, topology.TICKETS, self._source, now) for message in said]
        self.send(packets, timeout)

    def send(self, packets: Sequence[Packet], timeout: float = 10.0) -> None:
        """The same for messages already in their envelopes (replays)."""
        if not packets:
            return
        window = _Window(len(packets))
        with self._lock:
            if self._closing.is_set():
                raise Unavailable("The publisher is closed; the process is ending.")
            if len(self._waiting) + len(packets) > MOST_WAITING:
                raise Unavailable("Too many messages wait for the broker: try again in a moment.")
            self._waiting.extend((packet, window) for packet in packets)
            self._wake()
        if not window.done.wait(timeout):
            with self._lock:
                window.given_up = True
                if self._waiting:
                    self._waiting = deque(item for item in self._waiting if item[1] is not window)
            raise Unavailable(f"The broker did not confirm within {timeout:g} s: check AMQP_URI and that it runs.")
        if window.given_up:
            raise Unavailable("The publisher was closed before the broker confirmed.")
        if window.nacked:
            raise Unavailable(
                f"The broker refused {window.nacked} of {len(packets)} messages: a queue is full or away."
            )

    def close(self) -> None:
        """End the thread and the connection; whoever still waits gets Unavailable. Closing twice is fine."""
        with self._lock:
            self._closing.set()
            connection = self._connection
            if connection is not None:
                connection.ioloop.add_callback_threadsafe(self._hang_up)
        self._thread.join(timeout=10)
        with self._lock:
            for _, window in (*self._waiting, *self._in_flight.values()):
                window.given_up = True
                window.done.set()
            self._waiting.clear()
            self._in_flight.clear()

    def _wake(self) -> None:
        # One callback serves all that is waiting by then.
        if self._channel is not None and not self._woken:
            self._woken = True
            self._connection.ioloop.add_callback_threadsafe(self._guarded(self._write))

    # Everything below runs in the publisher's own thread.

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            worked = False
            try:
                if not self._declared:
                    self._declare()
                worked = self._live()
            except _TROUBLE as error:
                self._log.warning("publisher_down", why=_reason(error), again_in_s=pause)
            except Exception as error:
                self._log.error("publisher_broken", exc_info=error)
            pause = _FIRST_PAUSE if worked else min(pause * 2, _LONGEST_PAUSE)
            self._closing.wait(pause)

    def _declare(self) -> None:
        connection = pika.BlockingConnection(self._parameters)
        try:
            topology.declare(connection)
        except ChannelClosedByBroker as error:
            # An adapter's user may say and nothing else; what it says to was declared by our own processes.
            if error.reply_code != _ACCESS_REFUSED:
                raise
        finally:
            connection.close()
        self._declared = True

    def _live(self) -> bool:
        """One connection from opening to its end. Returns whether it could be used."""
        worked = []

        def opened(connection: Any) -> None:
            connection.channel(on_open_callback=self._guarded(begin))

        def begin(channel: Any) -> None:
            worked.append(True)
            channel.add_on_close_callback(self._guarded(self._channel_closed))
            channel.confirm_delivery(self._guarded(self._confirmed))
            with self._lock:
                self._channel = channel
                self._sequence = 0
            self._write()

        def ended(connection: Any, error: Any) -> None:
            if not self._closing.is_set():
                self._log.warning("publisher_down", why=_reason(error))
            connection.ioloop.stop()

        connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._guarded(opened),
            on_open_error_callback=ended,
            on_close_callback=ended,
        )
        with self._lock:
            self._connection = connection
        try:
            if not self._closing.is_set():
                connection.ioloop.start()
        finally:
            with self._lock:
                self._connection = self._channel = None
                # Confirmed or not: nobody knows. They go first, in their order.
                unsure = [item for item in self._in_flight.values() if not item[1].given_up]
                self._waiting.extendleft(reversed(unsure))
                self._in_flight = {}
            connection.ioloop.close()
        return bool(worked)

    def _guarded(self, step: Callable[..., None]) -> Callable[..., None]:
        """pika turns an exception in a callback into a lost stream; at least it shall be told."""

        def guarded(*arguments: Any) -> None:
            try:
                step(*arguments)
            except _TROUBLE:
                self._hang_up()
            except Exception as error:
                self._log.error("publisher_broken", exc_info=error)
                self._hang_up()

        return guarded

    def _write(self) -> None:
        channel = self._channel
        with self._lock:
            self._woken = False
            room = MOST_IN_FLIGHT - len(self._in_flight)
            going: list[Packet] = []
            while channel is not None and room > 0 and self._waiting:
                packet, window = self._waiting.popleft()
                self._sequence += 1
                self._in_flight[self._sequence] = (packet, window)
                going.append(packet)
                room -= 1
        for packet in going:
            properties = pika.BasicProperties(
                content_type=packet.content_type,
                headers=dict(packet.headers),
                delivery_mode=2,
                message_id=packet.message_id,
            )
            channel.basic_publish(packet.exchange, packet.key, packet.body, properties)

    def _confirmed(self, frame: Any) -> None:
        refused = isinstance(frame.method, pika.spec.Basic.Nack)
        tag = frame.method.delivery_tag
        with self._lock:
            tags = [tag]
            if frame.method.multiple:
                tags = []
                for known in self._in_flight:
                    if known > tag:
                        break
                    tags.append(known)
            for known in tags:
                item = self._in_flight.pop(known, None)
                if item is None:
                    continue
                window = item[1]
                window.left -= 1
                window.nacked += refused
                if not window.left:
                    window.done.set()
            more = bool(self._waiting)
        if more:
            self._write()

    def _channel_closed(self, channel: Any, error: Any) -> None:
        if self._closing.is_set():
            return
        # The broker closes a channel for a missing exchange, among others.
        self._declared = False
        self._log.warning("publisher_channel_closed", why=_reason(error))
        self._hang_up()

    def _hang_up(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.is_open:
            connection.close()
        elif connection.is_closed:
            connection.ioloop.stop()


def parameters(uri: str) -> pika.URLParameters:
    """pika's connection parameters. Raises ValueError when the URI is none; `?cafile=` names a CA for amqps."""
    parts = urlsplit(uri)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise ValueError("AMQP_URI must look like amqp://user:password@host:5672/vhost.")
    found = pika.URLParameters(urlunsplit(parts._replace(query="")))
    if parts.scheme == "amqps":
        authorities = parse_qs(parts.query).get("cafile", [None])
        context = ssl.create_default_context(cafile=authorities[0])
        found.ssl_options = pika.SSLOptions(context, parts.hostname)
    found.heartbeat = _HEARTBEAT
    found.socket_timeout = 10
    found.blocked_connection_timeout = 30
    return found


def _reason(error: object) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
