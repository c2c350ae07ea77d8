"""The nameko side of the watch: hears records, calls and callbacks; turns schedules, notices, outages and surges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.kernel.clock import Clock
from services.runtime.bus import Given, batches, every
from services.runtime.message import Heard, Said
from services.watch.handlers import Hearing
from services.watch.storage import as_said
from services.watch.turning import Turning


@dataclass(frozen=True)
class Built:
    """What the worker is given."""

    hearing: Hearing
    turning: Turning
    clock: Clock


class WatchWorker:
    """Entry points only."""

    name = "watch"
    built: Built = Given()

    @batches(queue="watch.events", size=400, wait_ms=50, prefetch=800)  # type: ignore[untyped-decorator]  # nameko ships no types
    def events(self, batch: Sequence[Heard]) -> Sequence[Said]:
        """Keep who is owed a call, and which calls were offered."""
        return [as_said(word) for word in self.built.hearing.hear(batch, self.built.clock.now())]

    @every(seconds=1)  # type: ignore[untyped-decorator]  # nameko ships no types
    def turn(self) -> Sequence[Said]:
        """What has come due, and what is still owed."""
        return self.built.turning.step()
