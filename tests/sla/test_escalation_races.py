"""Many fire the same ticket while its solution is written: nobody climbs after the end that was committed (D14)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, Lock
from typing import Any

from services.kernel.errors import Refused
from services.profile.clocks import ServiceLevels
from services.sla.handlers import acknowledge, fire, hear
from services.sla.model import Rules, Timeline
from services.sla.stream import say_all
from tests.sla.world import ALWAYS, T0, M, Shelf, clock, news

TICKETS = 24
RIVALS = 4
LEVELS = ServiceLevels.model_validate(
    {"escalation": {"chain": ["team_leader", "desk_manager", "operations_manager"], "every": "5m", "repeat": "2m"}}
)
RULES = Rules(
    (clock("response", "received", "responded", {"default": 10}),),
    {"always": ALWAYS},
    chain=LEVELS.escalation.chain,
    every=LEVELS.escalation.every,
    chain_calendar="always",
    levels=LEVELS,
)


class Locked(Shelf):
    """A shelf whose compare-and-set is one step for threads, too."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def insert(self, timelines: Sequence[Timeline]) -> set[str]:
        with self._lock:
            return super().insert(timelines)

    def replace(self, timelines: Sequence[Timeline]) -> set[str]:
        with self._lock:
            return super().replace(timelines)


def rules_for(*_: Any) -> Rules:
    return RULES


def race(store: Any, number: str, seed: int) -> list[str]:
    """Several replicas fire one ticket at instants of their own while another hears of its end; ids they said."""
    chance = random.Random(seed)
    hear(store, rules_for, [news(1, T0, m={"received": T0}, number=number)], T0)
    done = T0 + chance.randint(5, 40) * M
    ended = news(2, done, m={"received": T0, "responded": done}, number=number)
    instants = [sorted(T0 + chance.randint(8, 60) * M for _ in range(3)) for _ in range(RIVALS)]
    start = Barrier(RIVALS + 2)
    said: list[str] = []

    def fires(rival: int) -> None:
        start.wait(10)
        for count, now in enumerate(instants[rival]):
            heard = fire(store, rules_for, [number], now, f"{number}/{rival}/{count}")
            said.extend(each.id for each in say_all(heard, rules_for))

    def hears() -> None:
        start.wait(10)
        said.extend(each.id for each in say_all(hear(store, rules_for, [ended], done), rules_for))

    def takes_up() -> None:
        start.wait(10)
        standing = store.read([number])[number].escalations
        if standing and not standing[0].ended:
            # Refused where the end was written first.
            with suppress(Refused):
                acknowledge(store, rules_for, f"{number}/response/0", "li", {"team_leader"}, "", done, f"{number}/ack")

    with ThreadPoolExecutor(RIVALS + 2) as pool:
        for each in [
            *(pool.submit(fires, rival) for rival in range(RIVALS)),
            pool.submit(hears),
            pool.submit(takes_up),
        ]:
            each.result(60)
    return said


def test_no_rung_follows_the_end_that_was_written_however_the_replicas_interleave(store):
    """D14, on the shelf and on the database: the document's own order is the order of the commits."""
    store = Locked() if isinstance(store, Shelf) else store
    for seed in range(TICKETS):
        number = f"DS20250303-{seed + 1:06d}"
        said = race(store, number, seed)
        effects = store.read([number])[number].effects
        kinds = [each.kind for each in effects if each.clock == "response"]
        end = min(kinds.index(kind) for kind in ("met", "acknowledged") if kind in kinds)
        assert not {"raised", "climbed", "repeated", "warned"} & set(kinds[end + 1 :]), (seed, kinds)
        keys = [each.key for each in effects]
        assert len(keys) == len(set(keys)), (seed, keys)
        # What two replicas said of the same step has one id, so that hearers take it once.
        assert len(set(said)) <= len(effects)
