"""What a server process does again and again beside answering: one thread, one thing, at its own pace."""

from __future__ import annotations

import threading
from collections.abc import Callable

from services.kernel.errors import Unavailable
from services.runtime import telemetry

_log = telemetry.get_log("deskstream.rounds")
_failed = telemetry.counter("deskstream_rounds_failed", "Rounds of a server's own work that raised, by name")


class Rounds:
    """Calls `do` at once after `start` and then every `seconds`, until `stop`. A failure ends a round, not the thread.

    A round that gives back a number of seconds says when it wants the next one.
    For processes on real threads; workers have `bus.every`.
    """

    def __init__(self, name: str, seconds: float, do: Callable[[], float | None]) -> None:
        self._name = name
        self._seconds = seconds
        self._do = do
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins; once."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Begins no further round and waits for the one under way, for `timeout` seconds at most."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._ending.is_set():
            pause = self._seconds
            try:
                wanted = self._do()
                pause = self._seconds if wanted is None else wanted
            except Unavailable as away:
                _failed.add(1, {"name": self._name})
                _log.warning("round_failed", name=self._name, why=away.message)
            except Exception as error:
                _failed.add(1, {"name": self._name})
                _log.error("round_failed", name=self._name, exc_info=error)
            self._ending.wait(pause)
