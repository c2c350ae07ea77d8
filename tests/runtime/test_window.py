"""A window of confirms whose connection is lost before the broker has answered."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import eventlet
import pytest

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.kernel.errors import Unavailable
from services.runtime.bus_every import Every
from services.runtime.bus_saying import Saying
from services.runtime.envelope import Packet
from services.runtime.message import MAX_BODY_BYTES, Said


def test_a_connection_lost_in_the_window_is_said_at_once_and_leaves_the_next_line_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Decision 6: what was not confirmed counts as not said; the line that came up meanwhile is not to blame."""
    cuts: list[str] = []
    saying = Saying()
    saying._line = SimpleNamespace(writing=nullcontext(), cut=lambda: cuts.append("cut"))  # type: ignore[assignment]
    saying._channel = SimpleNamespace()

    def written(channel: object, packets: object, window: object) -> None:
        saying._outstanding = {1: window}  # type: ignore[dict-item]
        eventlet.spawn(saying._end)

    monkeypatch.setattr(saying, "_write", written)
    with eventlet.Timeout(10), pytest.raises(Unavailable, match="went away"):
        saying.say([Packet.__new__(Packet)])
    assert cuts == []


def test_what_is_too_large_to_travel_costs_the_rest_of_its_tick_nothing() -> None:
    """Decision 6: a relay takes all that a tick gave for said; one table too large must not lose two hundred events."""
    size = (10, MAX_BODY_BYTES + 1, 10)
    said = [Said("ticket.noted", TicketEvent(reason="x" * long), f"id-{n}") for n, long in enumerate(size)]
    packets = Every(seconds=1.0)._packed(said, "deskstream/dispatch", datetime(2026, 1, 5, tzinfo=UTC))
    assert [packet.message_id for packet in packets] == ["id-0", "id-2"]
