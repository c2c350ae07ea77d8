"""What somebody else did while one was looking: said to who acts on an older version."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.dispatch import wire
from services.dispatch.entries import Record

MOST_TOLD = 3


def changed_since(record: Record, version: int, now: datetime | None) -> str:
    """A sentence: "changed meanwhile: assigned by huang.lei 12 s ago, noted by ..."; the newest changes first."""
    told: list[str] = []
    for entry in reversed(record.entries):
        event = entry.event()
        if event.ticket.version <= version or len(told) == MOST_TOLD:
            break
        at = wire.instant(event.at)
        when = f"{_long(now - at)} ago" if now is not None else f"at {at:%H:%M:%S} UTC"
        told.append(f"{event.event} by {event.actor.id or 'the system'} {when}")
    return f" Changed meanwhile: {', '.join(told)}." if told else ""


def _long(passed: timedelta) -> str:
    seconds = max(0, int(passed.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
