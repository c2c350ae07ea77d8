"""Who is on duty: look-ups over two filed months, spread over time, roles and teams, and the first look at each day."""

from __future__ import annotations

import random
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.directory.duty_board import duty_table
from services.directory.roster_model import Book, Request
from services.kernel.duty import DutyTable
from services.profile.duty import Roster, midnight
from services.profile.load import LoadedProfile, load
from services.profile.shifts import make_month

_POLICY = Path(__file__).parents[2] / "deploy" / "policy"
_ASKED = (
    *(("specialist", None), ("engineer", None), ("shift_leader", None), (None, "desk"), (None, "emergency")),
    *((None, "monitoring"), (None, None), ("specialist", "emergency")),
)


def measure(lookups: int) -> dict[str, float]:
    """`per_s` look-ups a second, `p99_us` and `worst_us` of single ones, `first_us` of the first in a day laid out."""
    loaded = load(_POLICY / "itss_desk")
    zone, months = ZoneInfo("Asia/Shanghai"), ("2025-05", "2025-06", "2025-07")
    # A leave a day, as a desk in summer has them.
    leave = tuple(
        Request(
            f"itss_desk/2025-06/{day}",
            "leave",
            "li.wei",
            "zhou.min",
            midnight(date(2025, 6, day), zone) + 30_000,
            midnight(date(2025, 6, day), zone) + 50_000,
            "approved",
            (),
        )
        for day in range(1, 31)
    )
    books = [
        Book("itss_desk", month, 2, "filed", make_month(loaded.profile, 2025, int(month[5:])), requests=leave)
        for month in months
    ]
    table = duty_table(loaded, books)
    begin, chance = datetime(2025, 6, 1, tzinfo=UTC), random.Random(7)
    instants = [begin + timedelta(seconds=chance.randrange(58 * 86_400)) for _ in range(5_000)]
    asked = [(at, *chance.choice(_ASKED)) for at in instants]
    first = max(_one(_roster(loaded, table), begin + timedelta(days=day, hours=5)) for day in range(0, 56, 8))
    roster = _roster(loaded, table)
    for at, role, team in asked:
        roster.on_duty(at, role, team)
    singles = sorted(_one(roster, *each) for each in asked)
    rounds = max(1, lookups // len(asked))
    started = time.perf_counter()
    for _ in range(rounds):
        for at, role, team in asked:
            roster.on_duty(at, role, team)
    spent = time.perf_counter() - started
    return {
        "per_s": round(rounds * len(asked) / spent),
        "p99_us": round(singles[int(len(singles) * 0.99)] * 1e6, 2),
        "worst_us": round(singles[-1] * 1e6, 1),
        "first_us": round(first * 1e6, 1),
    }


def _roster(loaded: LoadedProfile, table: DutyTable) -> Roster:
    roster = Roster(loaded.profile, loaded.calendars)
    roster.on_duty(datetime(2025, 5, 1, tzinfo=UTC))
    roster.adopt(table)
    return roster


def _one(roster: Roster, at: datetime, role: str | None = None, team: str | None = None) -> float:
    started = time.perf_counter()
    roster.on_duty(at, role, team)
    return time.perf_counter() - started
