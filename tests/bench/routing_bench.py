"""How long one routing decision takes with 500 rules, facts gathered and person chosen included (issue 3: 200 us)."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import quantiles
from typing import Any

from services.dispatch import wire
from services.dispatch.policy import Desk, decide
from services.profile.schema import RoutingRule
from tests.dispatch.rulebooks import desk_with, rule
from tests.dispatch.world import MORNING, request

RULES = 500


def measure(decisions: int, count: int = RULES) -> dict[str, dict[str, float]]:
    """Microseconds per decision, p50 and p99: rules of a desk with many customers, and rules no index can help."""
    return {
        f"{count} rules, indexed": _spent(desk_with(customers(count), out_of_hours_team=None), decisions),
        f"{count} rules without an index": _spent(desk_with(hours(count), out_of_hours_team=None), decisions),
    }


def customers(count: int = RULES) -> list[RoutingRule]:
    """Rules as a desk for many customers has them, half of them trees; the last takes the rest."""
    rules = []
    for index in range(count - 1):
        when: dict[str, Any] = {"customer": [f"c{index}"], "type": [("incident", "consultation")[index % 2]]}
        if index % 2:
            when = {"any": [when, {"expr": f'unit == "u{index}" and grade in ["P1", "P2"]'}], "time": ["00:00-24:00"]}
        rules.append(rule(f"r{index}", when))
    return [*rules, rule("rest", {})]


def hours(count: int = RULES) -> list[RoutingRule]:
    """Rules by exclusion and time of day alone, none of which holds but the last."""
    rules = [
        rule(f"r{index}", {"not": {"customer": [f"c{index}"]}, "time": [f"01:{index % 60:02}-02:00"]})
        for index in range(count - 1)
    ]
    return [*rules, rule("rest", {})]


def _spent(desk: Desk, decisions: int) -> dict[str, float]:
    ticket = wire.request_from(request())
    tickets = [replace(ticket, requester=replace(ticket.requester, id=f"c{n * 7}")) for n in range(97)]
    spent: list[float] = []
    for n in range(decisions):
        begun = time.perf_counter()
        decide(desk, tickets[n % 97], MORNING, MORNING)
        spent.append((time.perf_counter() - begun) * 1e6)
    cuts = quantiles(spent, n=100)
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}
