"""Publish frames by hand and buffered reads: py-amqp spends a system call per frame part, this one per window.

Measured here: see the speed notes in services/adr/0002-stream-and-bus.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from amqp.exceptions import FrameSyntaxError
from amqp.serialization import dumps

from services.runtime.envelope import Packet

_METHOD, _HEADER, _BODY, _END = 1, 2, 3, b"\xce"
_PUBLISH = struct.pack(">HHH", 60, 40, 0)
# content_type, headers, delivery_mode, message_id
_PROPERTIES = struct.pack(">H", (1 << 15) | (1 << 13) | (1 << 12) | (1 << 7))
_PERSISTENT = b"\x02"


def frames(packet: Packet, channel_id: int, frame_max: int) -> bytes:
    """One basic.publish with its content, ready for the socket."""
    method = b"".join((_PUBLISH, _short(packet.exchange), _short(packet.key), b"\x00"))
    body = packet.body
    header = b"".join(
        (
            struct.pack(">HHQ", 60, 0, len(body)),
            _PROPERTIES,
            _short(packet.content_type),
            _table(packet.headers),
            _PERSISTENT,
            _short(packet.message_id),
        )
    )
    parts = [_frame(_METHOD, channel_id, method), _frame(_HEADER, channel_id, header)]
    room = frame_max - 8
    parts.extend(_frame(_BODY, channel_id, body[at : at + room]) for at in range(0, len(body), room))
    return b"".join(parts)


def _frame(kind: int, channel_id: int, payload: bytes) -> bytes:
    return b"".join((struct.pack(">BHI", kind, channel_id, len(payload)), payload, _END))


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError(f"AMQP takes at most 255 bytes here, this has {len(raw)}: {text[:60]!r}...")
    return bytes((len(raw),)) + raw


def _table(headers: Mapping[str, object]) -> bytes:
    plain: list[bytes] = []
    for name, value in headers.items():
        if isinstance(value, str):
            raw = value.encode()
            plain += (_short(name), b"S", struct.pack(">I", len(raw)), raw)
        else:
            # Rare kinds (counts, lists of keys, whatever an adapter sent) go the library's way, as a table of one.
            try:
                plain.append(dumps("F", ({name: _speakable(value)},))[4:])
            except (FrameSyntaxError, struct.error, TypeError, ValueError):
                # What the library reads it cannot always write; a header nobody knows must not stop the queue.
                plain.append(dumps("F", ({name: str(value)[:1000]},))[4:])
    table = b"".join(plain)
    return struct.pack(">I", len(table)) + table


def _speakable(value: object) -> Any:
    # The library writes naive datetimes only.
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


class BufferedReads:
    """`recv` for py-amqp's transport that asks the socket for 64 KiB at a time."""

    __slots__ = ("_buffer", "_position", "_recv")

    def __init__(self, recv: Callable[[int], bytes]) -> None:
        self._recv = recv
        self._buffer = b""
        self._position = 0

    def __call__(self, size: int) -> bytes:
        start = self._position
        if start >= len(self._buffer):
            self._buffer = self._recv(65536)
            start = 0
        piece = self._buffer[start : start + size]
        self._position = start + len(piece)
        return piece
