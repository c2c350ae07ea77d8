"""The relay of embedded outboxes: says what a crash left unsaid (decision 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.kernel.errors import Unavailable
from services.runtime import telemetry
from services.runtime.message import Said

LEAVE_ALONE = timedelta(seconds=5)
"""Younger documents may still be on their sayer's tongue; a second saying is harmless but wasteful."""
AT_ONCE = 200
_log = telemetry.get_log("deskstream.outbox")


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


class Relaying:
    """A thread that relays every so many seconds until close(); for processes with real threads. Nothing ends it."""

    def __init__(
        self, store: Unsaid, publish: Callable[[Sequence[Said]], object], now: Callable[[], datetime], seconds: float
    ) -> None:
        self._relay: Callable[[], int] = lambda: relay(store, publish, now())
        self._seconds = seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after what it is saying."""
        self._ending.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                while self._relay() and not self._ending.is_set():
                    continue
            except Unavailable as away:
                _log.warning("relay_waits", why=away.message)
            except Exception as error:
                # A bug, but not one that may silence all that is still owed.
                _log.error("relay_broken", exc_info=error)
