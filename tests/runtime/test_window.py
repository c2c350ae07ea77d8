"""A window of confirms whose connection is lost before the broker has answered."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import eventlet
import pytest

from services.kernel.errors import Unavailable
from services.runtime.bus_saying import Saying
from services.runtime.envelope import Packet


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
