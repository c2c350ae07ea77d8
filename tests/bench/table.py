"""The figures as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table


def table(figures: Mapping[str, Any]) -> Table:
    """One row per figure that was measured."""
    where = figures["machine"]
    title = f"{where['cpu']}, {where['cores']} cores, {where['memory_gib']} GiB, load before {where['load_before'][0]}"
    made = Table(title=title, title_justify="left")
    made.add_column("Measured")
    made.add_column("Figure", justify="right")
    for name, figure in rows(figures):
        made.add_row(name, figure)
    return made


def rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and figure, with its unit."""
    if "floor_events_per_s" in figures:
        yield "(a) floor: publish, consume and insert, bare", f"{figures['floor_events_per_s']:,} events/s"
    if "tickets_per_s" in figures:
        yield "(b) Deskstream: assigned, clocks armed, in the report", f"{figures['tickets_per_s']:,} tickets/s"
        yield "    share of the floor", f"{figures['floor_ratio']:.1%}"
        for name, words in (("at_30", "at 30 tickets/s"), ("saturated", "saturated")):
            yield f"    latency {words}, p50 / p95 / p99", f"{_three(figures['latency_ms'][name])} ms"
        for name, mib in figures["rss_mib"].items():
            cores = figures["cores_used"].get(name, 0)
            yield f"    {name}", f"{mib} MiB, {cores:.2f} cores when saturated"
    if "clock_lateness_ms" in figures:
        late = figures["clock_lateness_ms"]
        yield "(c) clocks armed", f"{figures['clocks_armed_per_s']:,}/s"
        yield "    clocks fired late by, p50 / p99", f"{late['p50']} / {late['p99']} ms"
        for limit, spent in figures["deadline_us"].items():
            yield f"(d) a deadline {limit} of working time ahead", f"{spent} us"
    for rules, spent in figures.get("routing_us", {}).items():
        yield f"(f) routing by {rules}, p50 / p99", f"{spent['p50']} / {spent['p99']} us"
    if "claim_ms" in figures:
        who = f"{figures['claims_engineers']} engineers, one queue of {figures['claims_queue']:,}"
        for name, words in (("paced", f"{figures['claims_paced_per_s']:g}/s asked for"), ("at_once", "all at once")):
            cuts = figures["claim_ms"][name]
            yield f"(g) a claim, {who}, {words}", f"{_three(cuts)} ms, {cuts['per_s']:g}/s, load {cuts['load']:g}"
    if "duty_lookups" in figures:
        told = figures["duty_lookups"]
        yield (
            "(h) who is on duty",
            f"{told['per_s']:,}/s, p99 {told['p99_us']:g} us, first of a day {told['first_us']:g} us",
        )
    for name, told in figures.get("deadlines", {}).items():
        yield f"(i) a deadline, 10 min / 4 h / 60 d ahead: {name}", _deadlines(told, "add_us")
        if "missing" not in told:
            yield "    working time between, 10 min / 4 h / 60 d", _deadlines(told, "between_us")
            right = [case for case, found in told["right"].items() if found]
            yield "    right over", ", ".join(right) or "nothing"
    if "million_clocks" in figures:
        late = figures["million_lateness_ms"]
        yield f"(j) among {figures['million_clocks']:,} open clocks, {figures['million_due']:,} due in a minute", ""
        yield "    late by, p50 / p99", f"{late['p50']:g} / {late['p99']:g} ms"
        yield "    from start to the first timely step", f"{figures['million_start_s']:g} s"
        yield "    memory of a replica", f"{figures['million_rss_mib']} MiB"
    if "report_s" in figures:
        yield f"(e) month report over {figures['report_tickets']:,} tickets", f"{figures['report_s']} s"


def _three(cuts: Mapping[str, float]) -> str:
    return " / ".join(f"{cuts[name]:g}" for name in ("p50", "p95", "p99"))


def _deadlines(told: Mapping[str, Any], which: str) -> str:
    if "missing" in told:
        return str(told["missing"])
    return " / ".join("cannot" if spent is None else f"{spent:g}" for spent in told[which].values()) + " us"
