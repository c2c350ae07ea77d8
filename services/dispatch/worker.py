"""What the worker of dispatch hears and says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.dispatch.asked import Asked
from services.dispatch.assignment.engine import Assigning
from services.dispatch.commands import Relay
from services.dispatch.handlers import Stream
from services.dispatch.linking import Linking
from services.dispatch.search.indexing import Indexer
from services.dispatch.work.answers import Answers
from services.kernel.clock import Clock
from services.runtime.bus import Given, batches, every
from services.runtime.duty_feed import EVERY, DutyFeed
from services.runtime.message import Heard, Said
from services.runtime.outbox import LEAVE_ALONE


@dataclass(frozen=True, slots=True)
class Hands:
    """What the composition root gives the worker."""

    stream: Stream
    relay: Relay
    linking: Linking
    assigning: Assigning
    clock: Clock
    duty: DutyFeed
    indexer: Indexer
    answers: Answers
    asked: Asked


class DispatchWorker:
    """nameko class; bodies are one line. Its decorators carry no types, as nameko ships none."""

    name = "dispatch"
    hands: Hands = Given()

    @batches(queue="dispatch.requests", size=400, wait_ms=5, prefetch=800)  # type: ignore[untyped-decorator]
    def requests(self, batch: Sequence[Heard]) -> Sequence[Said]:
        return self.hands.stream.requests(batch, self.hands.clock.now())

    @batches(queue="dispatch.callbacks", size=100, wait_ms=20, prefetch=200)  # type: ignore[untyped-decorator]
    def callbacks(self, batch: Sequence[Heard]) -> Sequence[Said]:
        return self.hands.stream.callbacks(batch, self.hands.clock.now())

    @batches(queue="dispatch.answers", size=20, wait_ms=20, prefetch=40)  # type: ignore[untyped-decorator]
    def answered(self, batch: Sequence[Heard]) -> Sequence[Said]:
        return self.hands.answers.hear(batch, self.hands.clock.now())

    @batches(queue="dispatch.links", size=50, wait_ms=20, prefetch=100)  # type: ignore[untyped-decorator]
    def links(self, batch: Sequence[Heard]) -> Sequence[Said]:
        return self.hands.linking.hear(batch, self.hands.clock.now())

    @batches(queue="dispatch.asked", size=50, wait_ms=20, prefetch=100)  # type: ignore[untyped-decorator]
    def asked(self, batch: Sequence[Heard]) -> Sequence[Said]:
        return self.hands.asked.hear(batch, self.hands.clock.now())

    @batches(queue="dispatch.duty", size=20, wait_ms=20, prefetch=40)  # type: ignore[untyped-decorator]
    def duty_changed(self, batch: Sequence[Heard]) -> Sequence[Said]:
        return self.hands.duty.hear(batch)

    @every(seconds=EVERY)  # type: ignore[untyped-decorator]
    def duty(self) -> Sequence[Said]:
        return self.hands.duty.refresh()

    @every(seconds=1.0)  # type: ignore[untyped-decorator]
    def renew(self) -> Sequence[Said]:
        return self.hands.assigning.renew()

    @every(seconds=0.5)  # type: ignore[untyped-decorator]
    def assign(self) -> Sequence[Said]:
        return self.hands.assigning.tick(self.hands.clock.now())

    @every(seconds=1.0)  # type: ignore[untyped-decorator]
    def index(self) -> Sequence[Said]:
        self.hands.indexer.tick(self.hands.clock.now())
        return ()

    @every(seconds=1.0)  # type: ignore[untyped-decorator]
    def unsaid(self) -> Sequence[Said]:
        return self.hands.relay.tick(self.hands.clock.now() - LEAVE_ALONE)
