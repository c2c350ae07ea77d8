"""A worker's connection to the broker: it comes back for ever, and a green thread of its own reads it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import amqp
import eventlet
from amqp.exceptions import AMQPError
from eventlet.semaphore import Semaphore

from services.runtime import telemetry
from services.runtime.bus_wire import BufferedReads

HEARTBEAT = 20
TROUBLE = (AMQPError, OSError, EOFError)
"""What py-amqp raises when a connection is gone or refused."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class _Connection(amqp.Connection):
    # With connection.blocked negotiated py-amqp reads before every write; here the reading thread does that.
    negotiate_capabilities = {"consumer_cancel_notify": True, "authentication_failure_close": True}  # noqa: RUF012


def connect(uri: str, name: str) -> Any:
    """An open py-amqp connection. Raises one of TROUBLE, or ValueError for a URI that is none."""
    parts = urlsplit(uri)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise ValueError("AMQP_URI must look like amqp://user:password@host:5672/vhost.")
    secure: dict[str, Any] = {}
    if parts.scheme == "amqps":
        secure["server_hostname"] = parts.hostname
        if authorities := parse_qs(parts.query).get("cafile"):
            secure["ca_certs"] = authorities[0]
    connection = _Connection(
        host=f"{parts.hostname}:{parts.port or (5671 if secure else 5672)}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=unquote(parts.path[1:]) or "/",
        ssl=secure or False,
        connect_timeout=10,
        heartbeat=HEARTBEAT,
        client_properties={"connection_name": name},
    )
    connection.connect()
    transport = connection.transport
    # A timeout on the socket would also cut off the other thread's writes while the broker throttles us.
    transport.sock.settimeout(None)
    transport._quick_recv = BufferedReads(transport._quick_recv)
    return connection


class Line:
    """Keeps one connection open. `opened` is called with each new one, `closed` when it is gone."""

    def __init__(self, uri: str, name: str, opened: Callable[[Any], None], closed: Callable[[], None]) -> None:
        self._uri = uri
        self._name = name
        self._opened = opened
        self._closed = closed
        self._connection: Any = None
        self._stopping = False
        self._log = telemetry.get_log("bus")
        self.up = False
        self.writing = Semaphore()
        """Held by whoever writes frames to the socket by hand, so that a heartbeat never lands in the middle."""
        self.give_way = False
        """Set by a reader of deliveries when somebody has enough to work on; the line then lets others run."""

    def run(self) -> None:
        """Connect, read, and connect again until stopped. Runs in its own green thread."""
        pause = _FIRST_PAUSE
        ticking = eventlet.spawn(self._tick)
        while not self._stopping:
            reason = "closed by the broker"
            try:
                self._connection = connection = connect(self._uri, self._name)
                self._opened(connection)
                self.up = True
                pause = _FIRST_PAUSE
                self._read(connection)
            except TROUBLE as error:
                reason = f"{type(error).__name__}: {error}"
            except Exception as error:
                # Also a frame nobody can read: the delivery limit parks its message if it comes again and again.
                reason = f"{type(error).__name__}: {error}"
                self._log.exception("line_broken", line=self._name)
            finally:
                self.up = False
                self._close()
                self._closed()
            if not self._stopping:
                self._log.warning("line_down", line=self._name, reason=reason[:300], again_in_s=pause)
                eventlet.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        ticking.kill()

    def cut(self) -> None:
        """Drop the connection at once; whoever reads or writes it gets an error."""
        # Only the reader closes: a socket closed under it is forgotten by the event loop, and it would wait for ever.
        transport = getattr(self._connection, "_transport", None)
        if transport is not None and transport.sock is not None:
            with contextlib.suppress(OSError):
                transport.sock.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        self.cut()
        connection, self._connection = self._connection, None
        transport = getattr(connection, "_transport", None)
        if transport is not None and transport.sock is not None:
            transport.sock.close()

    def stop(self) -> None:
        """End for good; returns at once."""
        self._stopping = True
        self.cut()

    def _read(self, connection: Any) -> None:
        read = connection.blocking_read
        while not self._stopping:
            read()
            if self.give_way:
                self.give_way = False
                eventlet.sleep(0)

    def _tick(self) -> None:
        while True:
            eventlet.sleep(HEARTBEAT / 4)
            if not self.up:
                continue
            try:
                with self.writing:
                    self._connection.heartbeat_tick()
            except Exception as error:
                # Silence for two intervals: the reader would wait for ever on a dead peer.
                self._log.warning("line_silent", line=self._name, reason=str(error)[:300])
                self.cut()
