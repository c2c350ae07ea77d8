"""What becomes of a message that could not be handled: delayed and tried again, or parked with a readable reason."""

from __future__ import annotations

from datetime import datetime

from services.kernel.errors import DeskstreamError, Unavailable
from services.runtime import envelope, topology
from services.runtime.bus_schedule import delay_after
from services.runtime.envelope import Packet
from services.runtime.message import Heard


def failed(heard: Heard, queue: str, error: Exception, at: datetime) -> tuple[Packet, str]:
    """Where the message goes after `error`, and the reason in one word: retry, refused, exhausted or bug."""
    if isinstance(error, Unavailable):
        seconds = delay_after(heard.attempt)
        if seconds is not None:
            return delayed(heard, queue, seconds, heard.attempt + 1), "retry"
        return parked(heard, queue, "exhausted", error, at), "exhausted"
    reason = "refused" if isinstance(error, DeskstreamError) else "bug"
    return parked(heard, queue, reason, error, at), reason


def postponed(heard: Heard, queue: str) -> Packet:
    """Delayed without an attempt: its turn did not come, as what the handler needs is away."""
    return delayed(heard, queue, delay_after(heard.attempt) or topology.DELAYS[-1], heard.attempt)


def delayed(heard: Heard, queue: str, seconds: int, attempt: int) -> Packet:
    """The message, to come back to `queue` after `seconds`."""
    more: dict[str, object] = {topology.DELAY: f"{seconds}s", envelope.ATTEMPT: attempt}
    return envelope.again(heard, topology.RETRY, queue, more)


def parked(heard: Heard, queue: str, reason: str, error: Exception, at: datetime) -> Packet:
    """The message for the parked queue of `queue`, saying why (Q: `deskstream dead show`)."""
    said = error.message if isinstance(error, DeskstreamError) else f"{type(error).__name__}: {error}"
    return envelope.again(
        heard,
        topology.PARKED,
        queue,
        {
            envelope.PARKED_QUEUE: queue,
            envelope.PARKED_REASON: reason,
            envelope.PARKED_ERROR: said[:1000],
            envelope.PARKED_AT: envelope.rfc3339(at),
            envelope.ATTEMPT: heard.attempt,
        },
    )
