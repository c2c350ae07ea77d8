"""A month report over 100,000 tickets, and what it costs to hear them: `python -m tests.bench.report_bench`."""

from __future__ import annotations

import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mongoengine
from pymongo.errors import ConnectionFailure

from deploy.local.database import Database
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.sla_pb2 import ClockStatus, SlaEvent
from services.contracts.deskstream.v1.ticket_pb2 import Phase, TicketEvent
from services.profile.load import load_all
from services.reporting.handlers import Recorder
from services.reporting.queries import Reader
from services.reporting.storage import MongoReports
from services.reporting.wire import channel_name, report_answer
from services.runtime.message import Heard
from services.runtime.mongo import connect
from services.runtime.settings import Settings

BATCH = 500
_POLICY = Path(__file__).parents[2] / "deploy" / "policy"
_START = datetime(2026, 10, 1, tzinfo=UTC)


def measure(tickets: int = 100_000, mongodb_uri: str = "") -> dict[str, Any]:
    """Hears a month of tickets (four events each) and reports on it; on a private database unless one is given.

    report_s: seconds of GetReport for the month, the better of two; also heard_events_per_s (one worker, facts only),
    wallboard_s with a tenth of the tickets open, and records_s for listing the tickets behind one figure.
    """
    if mongodb_uri:
        return _measure(tickets, mongodb_uri)
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as folder:
        server = Database(Path(folder))
        server.start()
        try:
            server.wait_ready()
            return _measure(tickets, server.uri)
        finally:
            server.stop()


def _measure(tickets: int, uri: str) -> dict[str, Any]:
    mongoengine.disconnect("reporting")
    prefix = f"b{secrets.token_hex(4)}"
    settings = Settings.model_validate({"MONGODB_URI": uri, "database_prefix": prefix})
    database = connect("reporting", settings)
    try:
        store = MongoReports(database)
        store.ensure_indexes()
        reader = Reader(store, load_all(_POLICY, "itss_desk", "itss_desk"), channel_name)
        recorder = Recorder(store)
        events, spent = 0, 0.0
        for batch in _batches(tickets):
            begun = time.perf_counter()
            recorder.hear(batch)
            spent += time.perf_counter() - begun
            events += len(batch)
        now = _START + timedelta(days=40)
        reports = []
        for _ in range(2):
            begun = time.perf_counter()
            answer = report_answer(reader.report("itss_desk", "2026-10", "en", now))
            reports.append(time.perf_counter() - begun)
        assert answer.tickets == tickets
        begun = time.perf_counter()
        reader.wallboard("itss_desk", now)
        board = time.perf_counter() - begun
        begun = time.perf_counter()
        lines = reader.lines("itss_desk", "2026-10", "timeliness", numerator=True, now=now)
        return {
            "tickets": tickets,
            "report_s": round(min(reports), 3),
            "wallboard_s": round(board, 3),
            "records_s": round(time.perf_counter() - begun, 3),
            "records": len(lines),
            "heard_events_per_s": round(events / spent),
        }
    finally:
        # Given servers keep nothing of ours; the embedded one needs longer than our clients wait.
        with suppress(ConnectionFailure):
            database.client.drop_database(database.name)
        mongoengine.disconnect("reporting")


def _batches(tickets: int) -> Iterator[list[Heard]]:
    """Openings and dispatches with their clocks as they arrive, and now and then ends of older tickets."""
    chance = random.Random(1)
    batch: list[Heard] = []
    open_ones: list[int] = []
    for n in range(1, tickets + 1):
        batch += [_ticket(n, 1, tickets), _ticket(n, 2, tickets), _clock(n, tickets)]
        open_ones.append(n)
        if len(open_ones) >= 2_000:
            # Half of the desk's open tickets end, in the order they happen to.
            chance.shuffle(open_ones)
            batch += [_ticket(each, 9, tickets) for each in open_ones[1_000:]]
            del open_ones[1_000:]
        while len(batch) >= BATCH:
            yield batch[:BATCH]
            del batch[:BATCH]
    yield batch


def _received(n: int, tickets: int) -> datetime:
    return _START + timedelta(days=30) * (n / (tickets + 1))


def _number(n: int, tickets: int) -> str:
    return f"DS{_received(n, tickets):%Y%m%d}-{n:06d}"


def _ticket(n: int, version: int, tickets: int) -> Heard:
    received = _received(n, tickets)
    event = TicketEvent(event="closed" if version == 9 else "opened")
    ticket = event.ticket
    ticket.number = _number(n, tickets)
    ticket.version, ticket.profile, ticket.channel = version, "itss_desk", Channel.ValueType(n % 4 + 1)
    ticket.type = "incident" if n % 3 else "service_request"
    ticket.title, ticket.team, ticket.assignee = "打印机无法打印 printer does not print", "desk", "li.wei"
    ticket.milestones["received"].FromDatetime(received)
    ticket.phase = Phase.PHASE_OPEN
    if version > 1:
        ticket.dispatches = 1
        ticket.milestones["dispatched"].FromDatetime(received + timedelta(minutes=1))
    if version == 9:
        ticket.phase = Phase.PHASE_CLOSED
        for name, hours in (("accepted", 1), ("resolved", 2), ("closed", 3)):
            ticket.milestones[name].FromDatetime(received + timedelta(hours=hours))
    return Heard(f"{n}/{version}", "ticket.closed", event.SerializeToString(), ticket.number)


def _clock(n: int, tickets: int) -> Heard:
    event = SlaEvent(ticket_version=2)
    event.ticket.number = _number(n, tickets)
    state = event.clocks.add()
    state.clock, state.generation, state.limit_seconds, state.used_seconds = "response", 1, 600, 60
    state.status = ClockStatus.CLOCK_STATUS_MET if n % 9 else ClockStatus.CLOCK_STATUS_BREACHED
    return Heard(f"{n}/c", "sla.met", event.SerializeToString(), event.ticket.number)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000), indent=2))
