"""Whose clocks count on which calendar, as the generic desk has it: a customer's contract, a branch abroad (D10)."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from services.profile.load import load
from services.sla.rulebook import rules_of
from tests.profile.folders import POLICY
from tests.sla.world import at, live, news

RULES = rules_of(load(POLICY / "generic_desk"))
BERLIN = ZoneInfo("Europe/Berlin")


def due(received: datetime, **traits: str) -> datetime:
    """When a general ticket's technician must be told: two hours on the calendar of whoever asks."""
    heard = news(1, received, m={"received": received}, traits={"type": "fault", **traits})
    [clock] = [each for each in live(heard, now=received, by=RULES).clocks if each.name == "dispatch"]
    assert clock.due_at is not None
    return clock.due_at


def munich(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_the_clock_of_a_customer_with_a_contract_around_the_clock_runs_through_the_night() -> None:
    """D10: the same ticket of another customer waits for the morning."""
    evening = at("2026-03-10 17:00")
    assert due(evening, customer="gc.qin.lan") == at("2026-03-10 19:00")
    assert due(evening, customer="gc.meng.hui") == at("2026-03-11 10:00")


def test_the_clock_of_a_branch_counts_its_own_hours_in_its_own_zone() -> None:
    """D10: the branch in Munich closes at two on Fridays, and its clocks are moved to summer over that weekend."""
    assert due(munich("2026-03-27 13:00"), unit="慕尼黑分公司") == munich("2026-03-30 09:00")


def test_the_clock_of_a_branch_keeps_the_holidays_of_its_country() -> None:
    """D10: Epiphany is kept in Bavaria; Chinese New Year is not."""
    assert due(munich("2026-01-05 16:00"), unit="慕尼黑分公司") == munich("2026-01-07 09:00")
    assert due(munich("2026-02-18 09:00"), unit="慕尼黑分公司") == munich("2026-02-18 11:00")
    assert due(at("2026-02-18 09:00"), unit="总部") == at("2026-02-24 11:00")
