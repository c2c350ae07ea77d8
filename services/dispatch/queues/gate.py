"""So many at once, the others in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Lets `width` threads through at a time, first come, first served.

    A store that serves ten writers at once serves each of them ten times slower and all of them slower than four
    (measured on SecantusDB: 50 writers 91 claims/s, four 278). A semaphore is not fair: some would wait for seconds.
    """

    def __init__(self, width: int) -> None:
        self._lock = threading.Lock()
        self._free = width
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Waits for its turn; gives it on at the end, whatever happens."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def _leave(self) -> None:
        with self._lock:
            if self._waiting:
                # Handed on, not set free: nobody who comes now can be faster.
                self._waiting.popleft().set()
            else:
                self._free += 1
