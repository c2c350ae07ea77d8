"""The measures, each in its place: what is started for it, what it gives to the figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
from pymongo import MongoClient
from rich.progress import Progress

from deploy.local.play.stage import Stage
from services.profile.calendars import calendars_of
from services.profile.load import LoadedProfile, load
from services.reporting.storage import FIRST_GENERATION
from services.runtime.publisher import Publisher
from tests.bench import claims_bench, deadline_bench, duty_bench, million_bench, report_bench, routing_bench, sla_bench
from tests.bench.drafts import PROFILE, reception_time, submission
from tests.bench.floor import floor_events_per_s
from tests.bench.machine import Meter
from tests.bench.sizes import Sizes
from tests.bench.stream_bench import Stream
from tests.bench.watch import Watch

_POLICY = Path(__file__).parents[2] / "deploy" / "policy"


def platform(folder: Path, sizes: Sizes, progress: Progress, *, stream: bool = True) -> dict[str, Any]:
    """(a) and (b): floor and Deskstream on the same broker and database, every worker a process of its own."""
    task = progress.add_task("platform starts", total=1)
    with Stage(folder, apart=True, edges=False, movable=False) as stage:
        progress.update(task, completed=1)
        desk = load(_POLICY / PROFILE)
        received_at = reception_time(calendars_of(desk.profile)["duty"], datetime.now(UTC))
        body = submission("floor", 0, received_at).body.SerializeToString()
        task = progress.add_task("(a) floor", total=sizes.floor_events)
        floor = floor_events_per_s(stage.broker.uri, stage.database.uri, body, sizes.floor_events)
        progress.update(task, completed=sizes.floor_events)
        figures: dict[str, Any] = {"floor_events_per_s": round(floor), "ticket_bytes_submitted": len(body)}
        if stream:
            figures |= _stream(stage, desk, received_at, sizes, progress)
            figures["floor_ratio"] = round(figures["tickets_per_s"] / floor, 3)
        return figures


def _stream(
    stage: Stage, desk: LoadedProfile, received_at: datetime, sizes: Sizes, progress: Progress
) -> dict[str, Any]:
    client: MongoClient[dict[str, Any]] = MongoClient(stage.database.uri)
    prefix = stage.env.get("DESKSTREAM_DATABASE_PREFIX", "deskstream")
    day = received_at.astimezone(ZoneInfo(desk.profile.profile.timezone)).strftime("%Y%m%d")
    watch = Watch(client[f"{prefix}_reporting"], client[f"{prefix}_sla"], FIRST_GENERATION, day)
    publisher = Publisher(stage.broker.uri, source="deskstream/bench")
    run = Stream(publisher, watch, received_at)
    meter = Meter(_pids(stage))
    try:
        run.saturated(sizes.warm_up, sizes.window, _shown(progress, "    warm-up", sizes.warm_up), sizes.within)
        steady = run.steady(
            sizes.steady_tickets, _shown(progress, "(b) 30 tickets/s", sizes.steady_tickets), sizes.within
        )
        meter.start()
        full = run.saturated(
            sizes.saturated_tickets,
            sizes.window,
            _shown(progress, "(b) as fast as it goes", sizes.saturated_tickets),
            sizes.within,
        )
        return {
            "tickets_per_s": round(full.per_s),
            "latency_ms": {"at_30": dict(steady.latency_ms), "saturated": dict(full.latency_ms)},
            "cores_used": meter.shares(full.elapsed),
            "rss_mib": meter.rss_mib(),
        }
    finally:
        publisher.close()
        client.close()


def _pids(stage: Stage) -> Mapping[str, Sequence[int]]:
    pids: dict[str, Sequence[int]] = {f"{name} worker": part.pids for name, part in stage.workers.items()}
    pids["broker"], pids["database"] = stage.broker.pids, stage.database.pids
    own = psutil.Process()
    pids["all servers"] = [each.pid for each in own.children() if each.cmdline()[-3:] == ["services", "all", "server"]]
    pids["bench itself"] = [own.pid]
    return pids


def clocks(sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """(c) and (d)."""
    task = progress.add_task("(c) clocks, (d) deadlines", total=sizes.clocks)
    told = sla_bench.measure(sizes.clocks, sizes.clocks_due, due_per_second=sizes.due_per_second)
    progress.update(task, completed=sizes.clocks)
    return {
        "clock_lateness_ms": told["clock_lateness_ms"],
        "clocks_armed_per_s": told["armed_per_s"],
        "clocks_fired": told["fired"],
        "deadline_us": told["deadline_us"],
    }


def deadlines(sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """(i), beside other libraries where they are installed."""
    task = progress.add_task("(i) deadlines beside others", total=1)
    told = deadline_bench.measure(sizes.deadline_s)
    progress.update(task, completed=1)
    return {"deadlines": told}


def report(sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """(e)."""
    task = progress.add_task("(e) month report", total=sizes.report_tickets)
    told = report_bench.measure(sizes.report_tickets)
    progress.update(task, completed=sizes.report_tickets)
    return {"report_s": told["report_s"], "report_tickets": told["tickets"]}


def routing(sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """Routing decisions, in this process."""
    task = progress.add_task("routing decisions", total=sizes.decisions)
    told = routing_bench.measure(sizes.decisions)
    progress.update(task, completed=sizes.decisions)
    return {"routing_us": told}


def duty(sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """(h), in this process."""
    task = progress.add_task("(h) who is on duty", total=sizes.lookups)
    told = duty_bench.measure(sizes.lookups)
    progress.update(task, completed=sizes.lookups)
    return {"duty_lookups": told}


def claims(sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """(g)."""
    task = progress.add_task("(g) claims from one queue", total=sizes.claims)
    told = claims_bench.measure(sizes.claims_queue, sizes.claims, seconds=sizes.claims_paced_s)
    progress.update(task, completed=sizes.claims)
    return told


def million(clocks: int, progress: Progress) -> dict[str, Any]:
    """(j): steps among so many open clocks; a hundredth of them fall due within a minute, 100 at least."""
    show = _shown(progress, "(j) open clocks are laid in", clocks)
    return million_bench.measure(clocks, max(clocks // 100, 100), show)


def _shown(progress: Progress, name: str, total: int) -> Callable[[int, int], None]:
    task = progress.add_task(name, total=total)

    def show(done: int, of: int) -> None:
        progress.update(task, completed=done, total=of)

    return show
