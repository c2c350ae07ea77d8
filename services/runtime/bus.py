"""How a worker hears and says (decisions 1, 6, 7, 8). nameko is the container; no stock AMQP extension is used.

class SlaWorker:
    name = "sla"
    handlers = Given()

    @batches(queue="sla.tickets")
    def tickets(self, batch): return self.handlers.tickets(batch)

    @every(seconds=0.05)
    def tick(self): return self.handlers.tick()

run_workers([Worker("sla", SlaWorker, build)], settings)
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import eventlet
from nameko.extensions import DependencyProvider
from nameko.runners import ServiceRunner

from services.kernel.errors import Unavailable
from services.runtime import telemetry
from services.runtime.bus_batches import Batches
from services.runtime.bus_every import Every
from services.runtime.clock import clock_from
from services.runtime.settings import Settings

batches = Batches.decorator
every = Every.decorator

_READY_LOOK = 0.02


class Given(DependencyProvider):
    """The object that the worker's `build` made, once per container, on `self.<attribute>` of the nameko class."""

    def setup(self) -> None:
        build = self.container.config["builds"][self.container.service_name]
        pause = 0.2
        while True:
            try:
                self._built = build()
                return
            except Unavailable as error:
                # The database may start after us; a worker that ended here would only be started again.
                telemetry.get_log("bus").warning("not_built_yet", worker=self.container.service_name, why=error.message)
                eventlet.sleep(pause)
                pause = min(pause * 2, 5.0)

    def stop(self) -> None:
        """Entrypoints have stopped; an object with `hand_over` may leave to other replicas what it held."""
        hand_over = getattr(getattr(self, "_built", None), "hand_over", None)
        if hand_over is not None:
            hand_over()

    def get_dependency(self, worker_ctx: Any) -> object:
        return self._built


@dataclass(frozen=True, slots=True)
class Worker:
    """One nameko service: its name, its class (with the same `name`), and what builds the object its Given gives."""

    name: str
    cls: type
    build: Callable[[], object]


def run_workers(workers: Sequence[Worker], settings: Settings) -> None:
    """Run until TERM or INT: then no more is heard, what is in hand is finished, said and acked. A second signal kills.

    The process must have been patched first (runtime.process.start). Prints `ready <name> worker` for each worker
    once it consumes; /readyz says the same.
    """
    # nameko would log every failure a second time, with its own words.
    logging.getLogger("nameko").setLevel(logging.CRITICAL)
    runner = ServiceRunner(
        {
            "AMQP_URI": settings.amqp_uri,
            "clock": clock_from(settings),
            "builds": {worker.name: worker.build for worker in workers},
            "max_workers": 64,
        }
    )
    for worker in workers:
        if getattr(worker.cls, "name", None) != worker.name:
            raise ValueError(f"{worker.cls.__name__}.name must be {worker.name!r}, as its Worker is called")
        runner.add_service(worker.cls)
    signals = [0]

    def end(number: int, frame: object) -> None:
        signals[0] += 1
        eventlet.spawn_n(runner.stop if signals[0] == 1 else runner.kill)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    for name, container in runner.service_map.items():
        telemetry.probes.add(f"{name} hears and says", lambda of=container: _up(of))  # type: ignore[misc]
        eventlet.spawn_n(_announce, name, container)
    runner.start()
    runner.wait()


def _up(container: Any) -> bool:
    return bool(container.started) and all(extension.up for extension in container.shared_extensions.values())


def _announce(name: str, container: Any) -> None:
    while not _up(container):
        eventlet.sleep(_READY_LOOK)
    sys.stdout.write(f"ready {name} worker\n")
    sys.stdout.flush()
