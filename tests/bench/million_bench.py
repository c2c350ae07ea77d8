"""A million open clocks: how late steps are taken among them, how soon a replica is of use, what it holds in memory.

`python -m tests.bench.million_bench [clocks [due]]`, or `python -m tests.bench --only million --million N`. Broker,
database and two workers are real, in processes of their own. Measures only; asserts no time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import mongoengine
import pika
import psutil

from deploy.local.broker import Broker
from deploy.local.children import Child, Trouble, end, last_lines, spawn, wait_until
from deploy.local.database import Database
from services.contracts.deskstream.v1.sla_pb2 import SlaEvent
from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.profile.load import load_all
from services.runtime.message import Said
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from services.sla.handlers import hear
from services.sla.hearing import news_of
from services.sla.rows import row_of
from services.sla.rulebook import Rulebook
from services.sla.storage import MongoClocks
from tests.sla.stage import PROFILE, ticket_event
from tests.sla.world import Shelf

REPLICAS = 2
FIRST = 600
"""Steps that fall due, ten a second, while the replicas start."""
STARTING = timedelta(seconds=60)
SPREAD = timedelta(seconds=60)
"""In which `due` steps fall due, after that."""
FAR = timedelta(days=30)
AT_ONCE = 2_000
_PREFIX = "million"
_POLICY = Path(__file__).parents[2] / "deploy" / "policy"
Show = Callable[[int, int], None]


def measure(clocks: int = 1_000_000, due: int = 10_000, show: Show = lambda done, of: None) -> dict[str, Any]:
    """Figures: million_lateness_ms {p50, p99, earliest}, million_start_s, million_rss_mib, and how it was loaded."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deskmillion-")))
        broker, database = Broker(folder / "broker"), Database(folder / "database")
        for server in (broker, database):
            stack.callback(server.stop)
            server.start()
        broker.wait_ready()
        database.wait_ready()
        settings = Settings.model_validate({"MONGODB_URI": database.uri, "database_prefix": _PREFIX})
        rows = connect("sla", settings)["timelines"]
        stack.callback(mongoengine.disconnect, "sla")
        MongoClocks.ensure_indexes()
        pattern, begun = _pattern(), time.perf_counter()
        far = datetime.now(UTC) + timedelta(hours=2)
        waiting = (_shifted(pattern, f"DS20250303-{n:06d}", far + FAR * (n / clocks)) for n in range(clocks))
        for loaded, batch in enumerate(_batches(waiting), 1):
            rows.insert_many(batch, ordered=False)
            show(min(loaded * AT_ONCE, clocks), clocks)
        loading = time.perf_counter() - begun
        return _run(broker, database, rows, pattern, due, folder, stack) | {
            "million_clocks": clocks,
            "million_loaded_per_s": round(clocks / loading),
        }


def _run(
    broker: Broker, database: Database, rows: Any, pattern: dict[str, Any], due: int, folder: Path, stack: ExitStack
) -> dict[str, Any]:
    # Cut to seconds: documents keep milliseconds, and the first step of the minute belongs to it.
    start = (datetime.now(UTC) + timedelta(seconds=5)).replace(microsecond=0)
    early = [start + STARTING * (n / FIRST) for n in range(FIRST)]
    steady = [start + STARTING + SPREAD * (n / due) for n in range(due)]
    soon = (_shifted(pattern, f"DS20250304-{n:06d}", at) for n, at in enumerate([*early, *steady]))
    for batch in _batches(soon):
        rows.insert_many(batch, ordered=False)
    environment = {
        **os.environ,
        "AMQP_URI": broker.uri,
        "MONGODB_URI": database.uri,
        "DESKSTREAM_DATABASE_PREFIX": _PREFIX,
        "DESKSTREAM_PROFILES": PROFILE,
        "DESKSTREAM_DEFAULT_PROFILE": PROFILE,
        "DESKSTREAM_CLOCK_FILE": "",
        "DESKSTREAM_POLICY_DIR": str(_POLICY),
    }
    argv = [sys.executable, "-W", "ignore", "-m", "services.sla", "worker"]
    began = datetime.now(UTC)
    workers = [spawn(argv, log=folder / f"worker-{n}.log", env=environment) for n in range(REPLICAS)]
    for worker in workers:
        stack.callback(end, worker)
    ready = [folder / f"worker-{n}.log" for n in range(REPLICAS)]
    if not wait_until(lambda: all(b"ready sla worker" in log.read_bytes() for log in ready), 60):
        raise Trouble(f"The replicas were not ready within two minutes; one says:\n{last_lines(ready[0])}")
    with _Ear(broker.uri) as ear:
        last = steady[-1]
        wait_until(lambda: ear.warned >= FIRST + due or datetime.now(UTC) > last + timedelta(seconds=120), 400, 0.2)
        memory = [_rss_mib(worker) for worker in workers]
        return _figures(ear.heard, began, start + STARTING, memory)


def _figures(
    heard: Sequence[tuple[datetime, datetime, datetime]], began: datetime, steady: datetime, memory: Sequence[int]
) -> dict[str, Any]:
    taken = sorted(at - due for due, at, _ in heard)
    late = [(arrived - due).total_seconds() * 1000 for due, _, arrived in heard if due >= steady]
    timely = min((at for due, at, _ in heard if at - due < timedelta(seconds=1)), default=None)
    if timely is None or len(late) < 2:
        raise Trouble("No step was taken in time; run the bench again on quiet cores.")
    cuts = quantiles(late, n=100)
    return {
        "million_due": len(late),
        "million_lateness_ms": {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "most": round(max(late), 1)},
        "million_earliest_ms": round(taken[0].total_seconds() * 1000, 1),
        "million_start_s": round((timely - began).total_seconds(), 1),
        "million_rss_mib": max(memory),
    }


class _Ear:
    """Hears what is said of service levels, and notes when: due, taken, arrived."""

    def __init__(self, uri: str) -> None:
        self.heard: list[tuple[datetime, datetime, datetime]] = []
        self.warned = 0
        self._connection = pika.BlockingConnection(pika.URLParameters(uri))
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=2000)
        self._channel.basic_consume("reporting.events", self._take)
        self._ending = False
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> _Ear:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._thread.join(10)
        self._connection.close()

    def _listen(self) -> None:
        while not self._ending:
            self._connection.process_data_events(0.1)

    def _take(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        if method.routing_key == "sla.warned":
            arrived, event = datetime.now(UTC), SlaEvent.FromString(body)
            self.heard.append((event.due_at.ToDatetime(tzinfo=UTC), event.at.ToDatetime(tzinfo=UTC), arrived))
            self.warned += 1
        channel.basic_ack(method.delivery_tag)


def _pattern() -> dict[str, Any]:
    """The document of a ticket as the product itself would keep it, whose warning is what comes next."""
    rulebook = Rulebook(load_all(_POLICY, (PROFILE,), PROFILE))
    shelf, received = Shelf(), datetime.now(UTC).replace(microsecond=0)
    said: Said = ticket_event("DS20250303-000000", 1, received, received=received)
    assert isinstance(said.body, TicketEvent)
    hear(shelf, rulebook, [news_of(said.body)], received)
    return row_of(next(iter(shelf.kept.values())), "")


def _shifted(pattern: dict[str, Any], number: str, due: datetime) -> dict[str, Any]:
    """The same ticket under another number and at another time."""
    due = due.replace(microsecond=due.microsecond // 1000 * 1000)
    row: dict[str, Any] = _moved(pattern, due - pattern["next_due"])
    row["_id"] = row["facts"]["newest"]["number"] = number
    return row


def _moved(thing: Any, by: timedelta) -> Any:
    if isinstance(thing, datetime):
        return thing + by
    if isinstance(thing, dict):
        return {name: _moved(value, by) for name, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_moved(each, by) for each in thing]
    return thing


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, AT_ONCE)):
        yield batch


def _rss_mib(worker: Child) -> int:
    return round(psutil.Process(worker.pid).memory_info().rss / 1024**2)


if __name__ == "__main__":
    asked = [int(each) for each in sys.argv[1:3]]
    print(json.dumps(measure(**dict(zip(("clocks", "due"), asked, strict=False))), indent=2))  # type: ignore[arg-type]
