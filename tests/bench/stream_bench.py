"""Deskstream under load: requests published to the stream, watched until they are assigned, armed and reported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles

from services.runtime.message import Said
from services.runtime.publisher import Publisher
from tests.bench.drafts import submission
from tests.bench.watch import Watch

PER_SECOND = 30
CHUNK = 100
_STEADY_LOOK, _BUSY_LOOK = 0.01, 0.2

Progress = Callable[[int, int], None]
"""How many of how many have arrived."""


class TooSlow(Exception):
    """Not all tickets arrived in time; the message says how many did."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What came of one run. Latencies in milliseconds, from before the publish of a ticket to its arrival."""

    tickets: int
    elapsed: float
    latency_ms: Mapping[str, float]

    @property
    def per_s(self) -> float:
        """Tickets a second, from the first publish to the last arrival."""
        return self.tickets / self.elapsed


class Stream:
    """Publishes and watches; one run after the other."""

    def __init__(self, publisher: Publisher, watch: Watch, received_at: datetime) -> None:
        self._publisher = publisher
        self._watch = watch
        self._received_at = received_at

    def steady(self, tickets: int, progress: Progress, within: float) -> Flow:
        """So many tickets, PER_SECOND of them every second, one by one."""

        def feed(run: str, said: dict[int, float], ended: threading.Event) -> None:
            begun = time.perf_counter()
            for n in range(tickets):
                if ended.wait(max(begun + n / PER_SECOND - time.perf_counter(), 0)):
                    return
                message = self._message(run, n)
                self._watch.said(1)
                said[n] = time.perf_counter()
                self._publisher.publish([message])

        return self._run("steady", tickets, feed, _STEADY_LOOK, progress, within)

    def saturated(self, tickets: int, window: int, progress: Progress, within: float) -> Flow:
        """So many tickets as fast as they go, with at most `window` of them under way."""

        def feed(run: str, said: dict[int, float], ended: threading.Event) -> None:
            chunk = min(CHUNK, window)
            for first in range(0, tickets, chunk):
                messages = [self._message(run, n) for n in range(first, min(first + chunk, tickets))]
                while first + len(messages) - len(self._watch.arrived) > window:
                    if ended.wait(0.02):
                        return
                self._watch.said(len(messages))
                said.update(dict.fromkeys(range(first, first + len(messages)), time.perf_counter()))
                self._publisher.publish(messages, timeout=60)

        return self._run("full", tickets, feed, _BUSY_LOOK, progress, within)

    def _message(self, run: str, n: int) -> Said:
        return submission(run, n, self._received_at)

    def _run(
        self,
        name: str,
        tickets: int,
        feed: Callable[[str, dict[int, float], threading.Event], None],
        pause: float,
        progress: Progress,
        within: float,
    ) -> Flow:
        run = f"{name}{time.time_ns() % 1_000_000_000}"
        said: dict[int, float] = {}
        ended = threading.Event()
        self._watch.begin(run)
        feeder = threading.Thread(target=feed, args=(run, said, ended), name="bench-feeder", daemon=True)
        begun = time.perf_counter()
        feeder.start()
        try:
            while (arrived := self._watch.look()) < tickets:
                progress(arrived, tickets)
                if time.perf_counter() - begun > within:
                    raise TooSlow(f"{arrived} of {tickets} tickets arrived within {within:.0f} s.")
                time.sleep(pause)
        finally:
            ended.set()
            feeder.join(timeout=60)
        progress(tickets, tickets)
        late = [(at - said[n]) * 1000 for n, at in self._watch.arrived.items()]
        return Flow(tickets, max(self._watch.arrived.values()) - min(said.values()), percentiles(late))


def percentiles(figures: list[float]) -> dict[str, float]:
    """p50, p95 and p99, to a tenth."""
    cuts = quantiles(figures, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}
