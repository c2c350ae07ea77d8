"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of things, and seconds after which a part gives up."""

    floor_events: int
    warm_up: int
    """Tickets that go through before anything is counted: a process that has just started is slower."""
    steady_tickets: int
    saturated_tickets: int
    window: int
    """Most tickets under way at saturation."""
    clocks: int
    clocks_due: int
    due_per_second: int
    report_tickets: int
    decisions: int
    """Routing decisions."""
    lookups: int
    """Questions who is on duty."""
    claims_queue: int
    claims: int
    claims_paced_s: float
    """Seconds for which engineers claim as people do; then `claims` as fast as they are answered."""
    deadline_s: float
    """Seconds spent on each figure of the deadlines."""
    within: float


FULL = Sizes(
    floor_events=30_000,
    warm_up=500,
    steady_tickets=750,
    saturated_tickets=8_000,
    window=2_000,
    clocks=100_000,
    clocks_due=10_000,
    due_per_second=300,
    report_tickets=100_000,
    claims_queue=10_000,
    claims=2_000,
    claims_paced_s=20.0,
    decisions=20_000,
    lookups=500_000,
    deadline_s=0.5,
    within=150.0,
)
QUICK = Sizes(
    floor_events=500,
    warm_up=5,
    steady_tickets=15,
    saturated_tickets=100,
    window=50,
    clocks=400,
    clocks_due=100,
    due_per_second=100,
    report_tickets=300,
    claims_queue=300,
    claims=100,
    claims_paced_s=2.0,
    decisions=200,
    lookups=5_000,
    deadline_s=0.01,
    within=60.0,
)
