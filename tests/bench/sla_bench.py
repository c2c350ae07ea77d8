"""How fast clocks are armed, how late they fire, what a deadline costs. Measures only; asserts no time.

`python -m tests.bench.sla_bench [clocks [due]]` prints the figures; `measure()` gives them to the bench runner.
"""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, cast

from deploy.local.database import Database
from services.contracts.deskstream.v1.sla_pb2 import SlaEvent
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from services.sla.handlers import hear
from services.sla.storage import MongoClocks
from services.sla.timers.engine import Engine
from services.sla.timers.leases import Leases
from tests.bench.deadline_bench import hard_calendar
from tests.sla.world import clock, news, rules

DUE_PER_SECOND = 300
BATCH = 200


class _Running:
    """Starts at a given instant and runs with the machine."""

    def __init__(self, start: datetime) -> None:
        self._offset = start - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset


def deadline_us(repeats: int = 100_000) -> dict[str, float]:
    """Microseconds of one deadline, for limits of ten minutes, four hours and sixty days of work."""
    calendar = hard_calendar()
    starts = [datetime(2025, 1, 1, 1, 2, 3, tzinfo=UTC) + timedelta(minutes=7 * n) for n in range(1000)]
    figures = {}
    for name, seconds in (("10min", 600), ("4h", 14_400), ("60d", 60 * 7 * 3600)):
        calendar.add(starts[0], seconds)
        begun = time.perf_counter()
        for n in range(repeats):
            calendar.add(starts[n % 1000], seconds)
        figures[name] = round((time.perf_counter() - begun) / repeats * 1e6, 3)
    return figures


def measure(
    clocks: int = 100_000, due: int = 20_000, mongodb_uri: str = "", due_per_second: int = DUE_PER_SECOND
) -> dict[str, Any]:
    """Figures of this machine: clock_lateness_ms {p50, p99}, deadline_us, armed_per_s, fired_per_busy_s.

    `clocks` tickets with one clock each are armed in batches; then `due` of them fire in real time, so many a second,
    among the others. Lateness is counted until the breach is written and ready to be published. Without a URI a private
    database is started for it.
    """
    figures: dict[str, Any] = {"deadline_us": deadline_us()}
    if mongodb_uri:
        return figures | _arm_and_fire(clocks, due, mongodb_uri, due_per_second)
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as folder:
        server = Database(Path(folder) / "database")
        try:
            server.start()
            server.wait_ready()
            return figures | _arm_and_fire(clocks, due, server.uri, due_per_second)
        finally:
            server.stop()


def _arm_and_fire(clocks: int, due: int, uri: str, due_per_second: int) -> dict[str, Any]:
    settings = Settings.model_validate({"MONGODB_URI": uri, "database_prefix": f"bench{secrets.token_hex(4)}"})
    database = connect("sla", settings)
    store = MongoClocks(database)
    store.ensure_indexes()
    by = rules(clock("response", "received", "responded", {"default": 600}, warn=(), escalate=False))
    first = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)
    gap, later = timedelta(seconds=1) / due_per_second, timedelta(hours=1)
    template = news(1, first, brief=b"x" * 250, traits={"type": "fault", "channel": "web", "entry": "erp"})
    begun = time.perf_counter()
    for start in range(0, clocks, BATCH):
        batch = [
            replace(
                template,
                number=f"DS20250303-{n:06d}",
                milestones={"received": _milliseconds(first + n * gap + (timedelta() if n < due else later))},
            )
            for n in range(start, min(start + BATCH, clocks))
        ]
        hear(store, lambda profile, version: by, batch, first)
    armed = time.perf_counter() - begun

    running = _Running(first + timedelta(minutes=600, seconds=-1))
    leases = Leases(database, "bench", lambda: datetime.now(UTC), time.monotonic)
    leases.renew()
    engine = Engine(store, lambda profile, version: by, leases, running, time.monotonic)
    late: list[float] = []
    begun, renewed = time.perf_counter(), time.perf_counter()
    busy = 0.0
    while len(late) < due and time.perf_counter() - begun < due / due_per_second * 4:
        tick = time.perf_counter()
        said = list(engine.tick())
        now = running.now()
        late.extend(
            (now - cast(SlaEvent, message.body).due_at.ToDatetime(tzinfo=UTC)).total_seconds() * 1000
            for message in said
        )
        busy += time.perf_counter() - tick if said else 0.0
        if time.perf_counter() - renewed > 2:
            leases.renew()
            renewed = time.perf_counter()
        time.sleep(max(0.05 - (time.perf_counter() - tick), 0))
    cuts = quantiles(late, n=100)
    return {
        "armed_per_s": round(clocks / armed),
        "fired": len(late),
        "fired_per_busy_s": round(len(late) / busy),
        "clock_lateness_ms": {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)},
    }


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


if __name__ == "__main__":
    asked = [int(each) for each in sys.argv[1:3]]
    print(json.dumps(measure(**dict(zip(("clocks", "due"), asked, strict=False))), indent=2))  # type: ignore[arg-type]
