"""Watching a queue: it as it stands, then every change, without gaps (C22). Threads, no input or output of its own."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import wire
from services.dispatch.handlers import Tickets
from services.dispatch.queues.queue import Queue, whole
from services.kernel.errors import Refused, Unavailable

MOST_WAITING = 5_000
"""Changes that may wait for one watcher; a slower one is told to resume."""

OVERLAP = timedelta(seconds=90)
"""A resumed watcher is told again what changed this long before its token: writers' clocks differ, and a change is
written before it is said."""

RESUMABLE = timedelta(days=7)
"""Of an older token all that ever changed would have to be read."""

Kind = Literal["present", "left", "caught_up"]


@dataclass(frozen=True, slots=True)
class Told:
    """One thing a watcher is told."""

    kind: Kind
    ticket: ticket_pb2.Ticket | None
    token: str


@dataclass(eq=False)
class Watch:
    """One watcher's buffer."""

    waiting: deque[ticket_pb2.Ticket] = field(default_factory=deque)
    lost: bool = False
    fresh: threading.Condition = field(default_factory=threading.Condition)


class Hub:
    """Hands every heard ticket to all watchers of this process."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()

    def join(self) -> Watch:
        """A new watcher, told everything heard from now on."""
        watch = Watch()
        with self._lock:
            self._watches.add(watch)
        return watch

    def leave(self, watch: Watch) -> None:
        """The watcher has gone."""
        with self._lock:
            self._watches.discard(watch)

    @property
    def empty(self) -> bool:
        """Whether nobody watches."""
        with self._lock:
            return not self._watches

    def hear(self, ticket: ticket_pb2.Ticket) -> None:
        """A ticket as it stands after a change."""
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            with watch.fresh:
                if len(watch.waiting) >= MOST_WAITING:
                    watch.lost = True
                else:
                    watch.waiting.append(ticket)
                watch.fresh.notify()

    def lose(self) -> None:
        """Changes may have been missed: every watcher must resume from its token."""
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            with watch.fresh:
                watch.lost = True
                watch.fresh.notify()


def watch_queue(
    tickets: Tickets,
    hub: Hub,
    queue: Queue,
    token: str,
    now: datetime,
    alive: Callable[[], bool],
    listen: Callable[[], None] = lambda: None,
) -> Generator[Told, None, None]:
    """Tells the queue, then its changes, until `alive()` is false. Unavailable: resume with the last token.

    `listen` returns once the hub hears the stream: what changes while the queue is being read must not be missed.
    """
    since, whole_told = _read(token) if token else (None, False)
    if since is not None and now - since > RESUMABLE:
        raise Refused("This resume token is more than a week old; watch again without one.", field="resume_token")
    watch = hub.join()
    try:
        listen()
        view = View(queue)
        mark = since or now
        for ticket in whole(tickets, queue):
            view.show(ticket)
            if since is None or not whole_told or wire.instant(ticket.updated_at) >= since - OVERLAP:
                yield Told("present", ticket, _token(mark, whole_told))
        if since is not None:
            for ticket in tickets.changed_since(since - OVERLAP):
                if not view.has(ticket.number):
                    yield Told("left", ticket, _token(mark, whole_told))
        mark = max(mark, now)
        yield Told("caught_up", None, _token(mark))
        while alive():
            for ticket in _next(watch):
                mark = max(mark, wire.instant(ticket.updated_at))
                if (told := view.judge(ticket)) is not None:
                    yield Told(told, ticket, _token(mark))
    finally:
        hub.leave(watch)


def _next(watch: Watch) -> list[ticket_pb2.Ticket]:
    with watch.fresh:
        if not watch.waiting and not watch.lost:
            watch.fresh.wait(0.5)
        if watch.lost:
            raise Unavailable("Changes came faster than they were read; watch again with the last resume token.")
        taken = list(watch.waiting)
        watch.waiting.clear()
        return taken


class View:
    """What one watcher was told. Newest version wins: what is heard late or twice is not told again."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._present: dict[str, int] = {}
        self._gone: dict[str, int] = {}

    def has(self, number: str) -> bool:
        """Whether the ticket is in the queue as far as the watcher knows."""
        return number in self._present

    def show(self, ticket: ticket_pb2.Ticket) -> None:
        """The ticket is in the queue."""
        self._present[ticket.number] = ticket.version

    def judge(self, ticket: ticket_pb2.Ticket) -> Kind | None:
        """What a heard ticket means for the watcher; None for nothing new."""
        number, version = ticket.number, ticket.version
        if max(self._present.get(number, 0), self._gone.get(number, 0)) >= version:
            return None
        if self._queue.holds(ticket):
            self._gone.pop(number, None)
            self._present[number] = version
            return "present"
        # Remembered for a while: an older event that comes late must not bring it back.
        self._gone[number] = version
        if len(self._gone) > MOST_WAITING:
            del self._gone[next(iter(self._gone))]
        return "left" if self._present.pop(number, 0) else None


def _token(mark: datetime, whole_told: bool = True) -> str:
    """`whole_told`: the watcher knows the whole queue as of the mark; else all of it must be told again."""
    kind = 1 if whole_told else 0
    return base64.urlsafe_b64encode(f"{kind} {mark.timestamp():.6f}".encode()).decode()


def _read(token: str) -> tuple[datetime, bool]:
    try:
        kind, _, seconds = base64.urlsafe_b64decode(token).decode().partition(" ")
        if kind in ("0", "1"):
            return datetime.fromtimestamp(float(seconds), UTC), kind == "1"
    except (ValueError, OverflowError, UnicodeDecodeError):
        pass
    raise Refused("This is no resume token of a queue; watch again without one.", field="resume_token")
