"""What every server of this service does after somebody's act is written: say it, then strike it out of the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.kernel.errors import Unavailable
from services.runtime.message import Said
from services.sla.handlers import Clocks, RulesFor, Utterance
from services.sla.model import Effect, Timeline
from services.sla.stream import say_all


@dataclass(frozen=True, slots=True)
class Teller:
    """Says what a cause brought about. The act is written by then, so that a broker that is away fails nobody."""

    store: Clocks
    rules_for: RulesFor
    publish: Callable[[Sequence[Said]], object]

    def words(self, timeline: Timeline, effects: tuple[Effect, ...]) -> list[Said]:
        """The messages, in order."""
        return list(say_all([Utterance(timeline, effects)], self.rules_for))

    def tell(self, timeline: Timeline, effects: tuple[Effect, ...], cause: str) -> None:
        """Says them and settles the cause; while the broker is away the worker's relay has it, from the journal."""
        try:
            self.publish(self.words(timeline, effects))
            self.store.settle([cause])
        except Unavailable:
            return
