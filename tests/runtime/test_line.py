"""A connection that breaks under its reader."""

from __future__ import annotations

import socket as plain
import struct
from types import SimpleNamespace

import eventlet
import pytest
from eventlet.green import socket

from services.runtime import bus_line


def test_a_line_cut_by_a_writer_that_noticed_first_still_wakes_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 6: a broker that dies is noticed by whoever writes or reads first, and everybody reconnects."""
    door = plain.create_server(("127.0.0.1", 0))
    opened: list[object] = []

    def connect(uri: str, name: str) -> SimpleNamespace:
        sock = socket.create_connection(door.getsockname())

        def blocking_read() -> None:
            if not sock.recv(1):
                raise OSError("closed")

        return SimpleNamespace(_transport=SimpleNamespace(sock=sock), blocking_read=blocking_read)

    monkeypatch.setattr(bus_line, "connect", connect)
    line = bus_line.Line("amqp://nowhere", "test", opened.append, lambda: None)
    running = eventlet.spawn(line.run)
    try:
        with eventlet.Timeout(20):
            while not line.up:
                eventlet.sleep(0.01)
            eventlet.sleep(0.01)
            peer, _ = door.accept()
            peer.setsockopt(plain.SOL_SOCKET, plain.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            line.cut()
            while len(opened) < 2:
                eventlet.sleep(0.01)
    finally:
        line.stop()
        running.kill()
        door.close()
