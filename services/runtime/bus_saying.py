"""Publishing: one connection per container, everything of a batch confirmed in one window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import eventlet
from eventlet.event import Event
from nameko.extensions import SharedExtension

from services.kernel.errors import Unavailable
from services.runtime.bus_line import TROUBLE, Line
from services.runtime.bus_wire import frames
from services.runtime.envelope import Packet

CONFIRM_WITHIN = 30.0
"""Seconds a window may stay unconfirmed; then its connection is given up, as nobody knows what arrived."""
_CHUNK = 128 * 1024
_GONE = "The broker went away; the messages are said again when it is back."


class _Window:
    """Messages said together: done when each is confirmed."""

    __slots__ = ("done", "left", "lost", "nacked")

    def __init__(self, size: int) -> None:
        self.left = size
        self.nacked = 0
        self.lost = False
        self.done = Event()


class Saying(SharedExtension):
    """The publisher connection of a container."""

    _line: Line

    def __init__(self) -> None:
        self._channel: Any = None
        self._sequence = 0
        self._outstanding: dict[int, _Window] = {}
        self._waiting: list[Event] = []

    def setup(self) -> None:
        name = f"deskstream {self.container.service_name} says"
        self._line = Line(self.container.config["AMQP_URI"], name, self._open, self._end)

    def start(self) -> None:
        self.container.spawn_managed_thread(self._line.run, identifier="says")

    @property
    def up(self) -> bool:
        """Whether messages can be said now."""
        return self._channel is not None

    def stop(self) -> None:
        self._line.stop()

    kill = stop

    def say(self, packets: Sequence[Packet]) -> None:
        """Returns when the broker has confirmed all. Raises Unavailable when it did not: say all again then."""
        if not packets:
            return
        self._wait_for_channel()
        window = _Window(len(packets))
        line = self._line
        with line.writing:
            channel = self._channel
            if channel is None:
                raise Unavailable(_GONE)
            self._write(channel, packets, window)
        with eventlet.Timeout(CONFIRM_WITHIN, False):
            window.done.wait()
        if window.lost:
            raise Unavailable(_GONE)
        if window.left:
            line.cut()
            raise Unavailable(f"The broker did not confirm within {CONFIRM_WITHIN:.0f} s: look at its alarms.")
        if window.nacked:
            raise Unavailable(
                f"The broker refused {window.nacked} of {len(packets)} messages: a queue is full or away."
            )

    def _write(self, channel: Any, packets: Sequence[Packet], window: _Window) -> None:
        connection = channel.connection
        write, number, room = connection.transport.write, channel.channel_id, connection.frame_max
        # Encoded before the first byte leaves: an unspeakable message must not break the channel's numbering.
        encoded = [frames(packet, number, room) for packet in packets]
        for _ in packets:
            self._sequence += 1
            self._outstanding[self._sequence] = window
        chunk: list[bytes] = []
        size = 0
        try:
            for piece in encoded:
                chunk.append(piece)
                size += len(piece)
                if size >= _CHUNK:
                    write(b"".join(chunk))
                    chunk, size = [], 0
            if chunk:
                write(b"".join(chunk))
            # Else py-amqp sees silence and sends heartbeats in between.
            connection.bytes_sent += len(packets)
        except TROUBLE as error:
            self._line.cut()
            raise Unavailable(f"The broker went away while being spoken to: {error}") from error

    def _wait_for_channel(self) -> None:
        if self._channel is None:
            waiter = Event()
            self._waiting.append(waiter)
            waiter.wait(timeout=CONFIRM_WITHIN)
            if self._channel is None:
                raise Unavailable("The broker cannot be reached: check AMQP_URI and that it runs.")

    def _open(self, connection: Any) -> None:
        channel = connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(lambda tag, multiple: self._settle(tag, multiple, refused=False))
        channel.events["basic_nack"].add(lambda tag, multiple: self._settle(tag, multiple, refused=True))
        self._sequence = 0
        self._outstanding = {}
        self._channel = channel
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.send(None)

    def _settle(self, tag: int, multiple: bool, *, refused: bool) -> None:
        outstanding = self._outstanding
        if multiple:
            tags = []
            for known in outstanding:
                if known > tag:
                    break
                tags.append(known)
        else:
            tags = [tag]
        for known in tags:
            window = outstanding.pop(known, None)
            if window is None:
                continue
            window.left -= 1
            window.nacked += refused
            if not window.left:
                window.done.send(None)

    def _end(self) -> None:
        self._channel = None
        outstanding, self._outstanding = self._outstanding, {}
        for window in set(outstanding.values()):
            # Confirmed or not: nobody knows. Said again with the same ids it does no harm.
            window.lost = True
            if not window.done.ready():
                window.done.send(None)
