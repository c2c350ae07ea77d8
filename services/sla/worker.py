"""The worker's entrypoints: one line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.runtime.bus import Given, batches, every
from services.runtime.message import Heard, Said
from services.sla.timers.engine import Engine


class SlaWorker:
    """nameko service; `engine` is what compose.py built."""

    name = "sla"
    engine: Engine = Given()

    @batches(queue="sla.tickets", size=400, wait_ms=10, prefetch=800)  # type: ignore[untyped-decorator]  # nameko ships no types
    def tickets(self, batch: Sequence[Heard]) -> Iterable[Said]:
        """ticket.* to clocks."""
        return self.engine.tickets(batch)

    @every(seconds=0.05)  # type: ignore[untyped-decorator]
    def tick(self) -> Iterable[Said]:
        """Fires what is due."""
        return self.engine.tick()

    @every(seconds=2)  # type: ignore[untyped-decorator]
    def renew(self) -> Iterable[Said]:
        """Keeps the leases."""
        return self.engine.renew()

    @every(seconds=2)  # type: ignore[untyped-decorator]
    def relay(self) -> Iterable[Said]:
        """Says what was left unsaid."""
        return self.engine.relay()
