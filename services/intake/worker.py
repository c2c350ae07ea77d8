"""Intake on the stream (nameko): one line per entrypoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.intake.hearing import Hearing
from services.runtime.bus import Given, batches
from services.runtime.message import Heard, Said


class IntakeWorker:
    """The worker of intake."""

    name = "intake"
    handlers: Hearing = Given()

    @batches(queue="intake.requests", size=400, wait_ms=5, prefetch=800)  # type: ignore[untyped-decorator]  # nameko ships no types
    def requests(self, batch: Sequence[Heard]) -> Iterable[Said]:
        """Drafts and call events, as they come."""
        return self.handlers.hear(batch)
