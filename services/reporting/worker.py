"""Hears everything figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.runtime.bus import Given, batches
from services.runtime.message import Heard, Said


class ReportingWorker:
    """nameko service."""

    name = "reporting"
    recorder = Given()

    @batches(queue="reporting.events", size=500, wait_ms=10, prefetch=1000)  # type: ignore[untyped-decorator]  # nameko ships no types
    def hear(self, batch: Sequence[Heard]) -> Iterable[Said]:
        """Folds the batch into the facts; says nothing."""
        self.recorder.hear(batch)
        return ()
