"""The `every` entrypoint: a tick without drift that never overlaps itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from eventlet.event import Event
from nameko.extensions import Entrypoint

from services.kernel.errors import Unavailable
from services.runtime import telemetry, topology
from services.runtime.bus_call import STOP_WITHIN, call, say_until_done
from services.runtime.bus_saying import Saying
from services.runtime.bus_schedule import next_due
from services.runtime.envelope import Packet, pack
from services.runtime.message import Said

_failed = telemetry.counter("deskstream_ticks_failed", "Ticks that raised, by worker and method")
_LONGEST_PAUSE = 5.0


class Every(Entrypoint):
    """Calls the method at once and then at every multiple of `seconds` after; a tick missed by a slow one is skipped.

    It runs on every replica: what must happen once is the handler's care (leases, effect keys). An exception is logged
    and counted, and the next tick comes; after Unavailable up to 5 s later.
    """

    saying = Saying()

    def __init__(self, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError("every(seconds=...) must be above zero")
        super().__init__()
        self._seconds = seconds
        self._stopping = Event()
        self._stopped = Event()
        self._log = telemetry.get_log("bus")

    def start(self) -> None:
        self.container.spawn_managed_thread(self._work, identifier=f"every {self.method_name}")

    def stop(self) -> None:
        self._stopping.send(None)
        self._stopped.wait(timeout=STOP_WITHIN + 20)

    def _work(self) -> None:
        due = time.monotonic()
        away = 0
        while not self._stopping.ready():
            away = away + 1 if not self._tick() else 0
            due = next_due(due, time.monotonic(), self._seconds)
            pause = min(0.2 * 2**away, _LONGEST_PAUSE) if away else 0.0
            self._stopping.wait(timeout=max(due - time.monotonic(), pause, 0.0))
        self._stopped.send(None)

    def _tick(self) -> bool:
        """False when what the handler needs is away."""
        name = self.container.service_name
        facts = {"worker": name, "method": self.method_name}
        try:
            # No span: twenty empty ones a second would bury the telling ones. What is said carries its ticket's trace.
            said = call(self.container, self, ())
            now = self.container.config["clock"].now()
        except Unavailable as error:
            _failed.add(1, facts)
            self._log.warning("tick_failed", why=error.message, **facts)
            return False
        except Exception as error:
            _failed.add(1, facts)
            self._log.error("tick_failed", exc_info=error, **facts)
            return True
        # Kept in hand until said: a crash here is healed by the handler's own outbox or effect keys.
        say_until_done(self.saying, self._packed(said, f"deskstream/{name}", now), lambda: True, self._stopping)
        return True

    def _packed(self, said: Sequence[Said], source: str, now: datetime) -> list[Packet]:
        """What cannot travel is logged alone: the handler takes everything of its tick for said."""
        packets: list[Packet] = []
        for message in said:
            try:
                packets.append(pack(message, topology.TICKETS, source, now))
            except Exception as error:
                self._log.error("not_sayable", key=message.key, message=message.id, exc_info=error)
        return packets
