"""When to try again, and when to tick next. Pure."""

from __future__ import annotations

RETRY_AFTER: tuple[int, ...] = (1, 1, 5, 5, 5, 30, 30, 120, 120)
"""Seconds before the second, third ... tenth attempt; after it the message is parked. Five minutes in all."""


def delay_after(attempt: int) -> int | None:
    """Seconds to wait after this failed attempt (counted from 1); None when it was the last."""
    return RETRY_AFTER[attempt - 1] if attempt <= len(RETRY_AFTER) else None


def next_due(due: float, now: float, seconds: float) -> float:
    """The next multiple after `due` that is not past."""
    following = due + seconds
    return following if following >= now else following + seconds * int((now - following) / seconds + 1)
