"""The bench works on tiny sizes. No test says how fast anything is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a quick bench writes."""
    output = tmp_path_factory.mktemp("bench") / "bench.json"
    argv = [sys.executable, "-m", "tests.bench", "--quick", "--output", str(output)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "tickets/s" in done.stdout
    found: dict[str, Any] = json.loads(output.read_text("utf-8"))
    return found


def test_the_bench_writes_every_figure_it_promises(figures: dict[str, Any]) -> None:
    promised = {
        "floor_events_per_s", "tickets_per_s", "latency_ms", "clock_lateness_ms", "deadline_us", "report_s", "rss_mib",
        "claim_ms", "routing_us", "duty_lookups", "deadlines", "versions", "machine",
    }  # fmt: skip
    assert promised <= figures.keys()
    assert figures["floor_events_per_s"] > 0
    assert figures["tickets_per_s"] > 0
    assert figures["report_s"] > 0
    assert all(spent > 0 for spent in figures["deadline_us"].values())
    assert figures["clock_lateness_ms"].keys() == {"p50", "p99"}
    assert {"cpu", "cores", "memory_gib"} <= figures["machine"].keys()
    assert {"python", "rabbitmq", "pymongo", "pika", "nameko"} <= figures["versions"].keys()


def test_our_deadlines_are_right_where_days_are_made_up_and_hours_change(figures: dict[str, Any]) -> None:
    """D10: others that are not installed are told, not passed over."""
    ours = figures["deadlines"]["Deskstream"]
    assert all(ours["right"].values())
    assert all(spent > 0 for which in ("add_us", "between_us") for spent in ours[which].values())
    for name in ("pandas CustomBusinessHour", "businesstimedelta", "numpy busday_offset"):
        others = figures["deadlines"][name]
        assert others.get("missing") == "not installed" or not others["right"]["make-up day"]


def test_percentiles_of_latency_are_in_order(figures: dict[str, Any]) -> None:
    for load in ("at_30", "saturated"):
        cuts = [figures["latency_ms"][load][name] for name in ("p50", "p95", "p99")]
        assert cuts[0] > 0
        assert all(lower <= higher for lower, higher in pairwise(cuts))


def test_every_claim_is_given_once_and_the_waits_are_in_order(figures: dict[str, Any]) -> None:
    for load in ("paced", "at_once"):
        cuts = [figures["claim_ms"][load][name] for name in ("p50", "p95", "p99")]
        assert 0 < cuts[0] <= cuts[1] <= cuts[2]
    assert 100 < figures["claims_given"] <= figures["claims_queue"]


def test_memory_is_told_for_every_process(figures: dict[str, Any]) -> None:
    six = ("intake", "dispatch", "sla", "callbacks", "notifications", "reporting")
    expected = {*(f"{service} worker" for service in six), "broker", "database", "all servers"}
    assert expected <= figures["rss_mib"].keys()
    assert all(mib > 0 for mib in figures["rss_mib"].values())


def test_the_figures_name_no_host_and_no_path(figures: dict[str, Any]) -> None:
    told = json.dumps(figures)
    assert os.uname().nodename not in told
    assert str(ROOT) not in told
    assert "/tmp" not in told
