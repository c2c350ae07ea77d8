"""The relay of embedded outboxes: says what a crash left unsaid (decision 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.runtime.message import Said

LEAVE_ALONE = timedelta(seconds=5)
"""Younger documents may still be on their sayer's tongue; a second saying is harmless but wasteful."""
AT_ONCE = 200


class Unsaid(Protocol):
    """A store whose documents hold the messages they owe (an embedded outbox)."""

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        """Documents last written before `older_than` that owe messages: (document key, the messages in order)."""
        ...

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        """These messages of the document were confirmed by the broker."""
        ...


def relay(store: Unsaid, publish: Callable[[Sequence[Said]], object], now: datetime) -> int:
    """Say what is owed and mark it; returns how many messages. Call it every few seconds.

    Marks only after `publish` returned (all confirmed): a crash between says again, with the same ids.
    Raises what `publish` raises (Unavailable); nothing is marked then.
    """
    owed = store.unsaid(now - LEAVE_ALONE, AT_ONCE)
    messages = [said for _, document in owed for said in document]
    if not messages:
        return 0
    publish(messages)
    for key, document in owed:
        store.mark_said(key, [said.id for said in document])
    return len(messages)
