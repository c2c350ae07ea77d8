"""The nameko side of callbacks: hears tickets and missed calls, turns waiting tasks due again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.callbacks.handlers import Hearing
from services.callbacks.relaying import Turning
from services.callbacks.storage import as_said
from services.kernel.clock import Clock
from services.runtime.bus import Given, batches, every
from services.runtime.message import Heard, Said


@dataclass(frozen=True)
class Built:
    """What the worker is given."""

    hearing: Hearing
    turning: Turning
    clock: Clock


class CallbacksWorker:
    """Entry points only."""

    name = "callbacks"
    built: Built = Given()

    @batches(queue="callbacks.events", size=400, wait_ms=20, prefetch=800)  # type: ignore[untyped-decorator]  # nameko ships no types
    def events(self, batch: Sequence[Heard]) -> Sequence[Said]:
        """Open, end and turn tasks."""
        said = self.built.hearing.hear(batch, self.built.clock.now())
        return [as_said(word, task.number) for task, word in said]

    @every(seconds=0.25)  # type: ignore[untyped-decorator]  # nameko ships no types
    def turn(self) -> Sequence[Said]:
        """What is due again, and what is still owed."""
        return self.built.turning.step()
