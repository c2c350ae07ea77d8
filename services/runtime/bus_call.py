"""Calling a handler inside nameko, and getting what it says onto the stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import eventlet
from eventlet.event import Event

from services.kernel.errors import Unavailable
from services.runtime import telemetry
from services.runtime.bus_saying import Saying
from services.runtime.envelope import Packet
from services.runtime.message import Said

STOP_WITHIN = 10.0
"""Seconds a stopping worker still tries to say what it has in hand."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


def call(container: Any, entrypoint: Any, arguments: tuple[Any, ...]) -> list[Said]:
    """Run the entrypoint's method as a nameko worker; what it returns or yields. Raises what it raises."""
    finished = Event()

    def result(context: Any, told: Any, trouble: Any) -> tuple[Any, Any]:
        said: list[Said] = []
        error: BaseException | None = trouble[1] if trouble else None
        if error is None:
            try:
                # A generator does its work here.
                said = list(told or ())
            except Exception as raised:
                error = raised
        finished.send((said, error))
        return None, None

    container.spawn_worker(entrypoint, arguments, {}, handle_result=result)
    said, error = finished.wait()
    if error is not None:
        raise error
    return list(said)


def say_until_done(saying: Saying, packets: Sequence[Packet], wanted: Callable[[], bool], stopping: Event) -> bool:
    """Say all, again and again while the broker is away or full. False when nobody wants it any more.

    A failure to publish is the broker's, not the message's, so it costs no attempt: the batch is kept in hand, unacked.
    """
    pause = _FIRST_PAUSE
    give_up = 0.0
    while wanted():
        try:
            saying.say(packets)
            return True
        except Unavailable as error:
            telemetry.get_log("bus").warning("not_said", why=error.message, messages=len(packets), again_in_s=pause)
        if stopping.ready():
            give_up = give_up or time.monotonic() + STOP_WITHIN
            if time.monotonic() > give_up:
                return False
        eventlet.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    return False
