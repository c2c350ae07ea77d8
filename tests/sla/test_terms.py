"""Which limit and which calendar a clock has: by grade, customer, site; by what was promised (D9-D12, D17)."""

from __future__ import annotations

from typing import Any

from services.sla.model import Status
from tests.sla.tales import Tale, looked, of_name, shown, written
from tests.sla.world import T0, M, at

FIX = {"name": "fix", "start": "received", "stop": "resolved", "limit": {"default": "4h"}}


def opened(start=T0, **traits: Any) -> Tale:
    tale = Tale(start, **traits)
    tale.tell(start, "opened")
    return tale


def test_the_first_row_that_fits_gives_the_limit_and_a_grade_it_leaves_out_has_the_usual_one():
    """D9: a customer with a contract of its own."""
    rows = [
        {"when": {"customer": ["bank"], "grade": ["urgent"]}, "limit": {"urgent": "1h"}},
        {"when": {"customer": ["bank"]}, "limit": {"default": "2h", "critical": "30m"}},
        {"when": {"flow": ["change"]}, "limit": {"critical": "10m"}},
    ]
    by = written({**FIX, "limits": rows})
    cases: tuple[tuple[dict[str, Any], str, int], ...] = (
        ({}, "general", 240),
        ({"customer": "bank"}, "general", 120),
        ({"customer": "bank"}, "urgent", 60),
        ({"customer": "bank"}, "critical", 30),
        ({"flow": "change"}, "general", 240),
        ({"flow": "change"}, "critical", 10),
    )
    for traits, grade, minutes in cases:
        tale = Tale(**traits)
        tale.tell(0, "opened", grade=grade)
        assert shown(looked(tale.facts, by, at=0), "fix") == [("RUNNING", 0, minutes)], (traits, grade)


def test_conditions_ask_for_the_neutral_type_the_site_and_whether_it_was_recorded_later():
    """D9, D12."""
    for when, traits, there in (
        ({"neutral_type": ["incident"]}, {"neutral_type": "incident"}, True),
        ({"neutral_type": ["incident"]}, {"neutral_type": "complaint"}, False),
        ({"fields": {"site": ["north"]}}, {"fields.site": "north"}, True),
        ({"fields": {"site": ["north"]}}, {}, False),
        ({"backfilled": True}, {"backfilled": "true"}, True),
        ({"backfilled": False}, {"backfilled": "true"}, False),
    ):
        ticket = looked(opened(**traits).facts, written({**FIX, "when": when}), at=0)
        assert bool(ticket.clocks) is there, (when, traits)


def test_a_customer_has_its_own_calendar():
    """D10, D11: of the rows the first that fits replaces the clock's calendar; days stay what the limit says."""
    choice = [{"when": {"customer": ["bank"]}, "instead_of": "office", "use": "always"}]
    friday = at("2025-03-07 17:00")
    for limit, customer, due in (
        ("4h", "bank", "2025-03-07 21:00"),
        ("4h", "shop", "2025-03-10 12:00"),
        ("2wd", "shop", "2025-03-11 18:00"),
        ("2d", "bank", "2025-03-09 17:00"),
    ):
        by = written({**FIX, "calendar": "office", "limit": {"default": limit}}, calendars=choice)
        [clock] = of_name(looked(opened(friday, customer=customer).facts, by, at=0), "fix")
        assert clock.due_at == at(due), (limit, customer)


def test_a_limit_of_nothing_is_due_at_once():
    """C10: told at once."""
    ticket = looked(opened().facts, written({**FIX, "limit": {"default": "0s"}}), at=0)
    assert shown(ticket, "fix") == [("BREACHED", 0, 0)]


PROMISE = {
    "name": "promise",
    "family": "callback",
    "start": {"event": ["promised"]},
    "stop": "resolved",
    "due": "promised_at",
}


def test_a_clock_is_due_when_it_was_promised():
    """C16, D22."""
    tale = opened()
    tale.tell(10, "promised", promised=T0 + 200 * M)
    ticket = looked(tale.facts, written(PROMISE), at=20)
    assert shown(ticket, "promise") == [("RUNNING", 10, 200)]
    assert of_name(ticket, "promise")[0].limit_seconds == 190 * 60


def test_another_time_promised_keeps_what_became_of_the_first():
    """D17, D22: the first was broken and stays so; the second is kept."""
    tale = opened()
    tale.tell(10, "promised", promised=T0 + 60 * M)
    ticket = looked(tale.facts, written(PROMISE), at=70)
    tale.tell(80, "promised", promised=T0 + 200 * M)
    tale.tell(190, "resolved", marks=["resolved"])
    ticket = looked(tale.facts, written(PROMISE), at=300, before=ticket)
    assert shown(ticket, "promise") == [("BREACHED", 10, 60), ("MET", 10, 200)]


def test_no_promise_is_no_clock():
    """D22."""
    tale = opened()
    tale.tell(10, "promised")
    assert looked(tale.facts, written(PROMISE), at=20).clocks == ()


def test_raising_the_urgency_of_a_ticket_that_rested_counts_from_the_original_start_less_its_rest():
    """D16, D17: critical after two hours of which one was a pause: a breach of one hour, flagged."""
    rule = {**FIX, "limit": {"general": "4h", "critical": "30m"}, "pause_while": [{"state": ["waiting"]}]}
    by = written(rule, pause={"allowed": True, "roles": ["team_leader"]})
    tale = opened()
    tale.tell(10, state="waiting")
    tale.tell(70, state="open")
    tale.tell(120, "graded", grade="critical")
    first, second = of_name(looked(tale.facts, by, at=120), "fix")
    assert (first.status, first.paused_seconds, first.used_seconds) == (Status.CANCELLED, 3600, 3600)
    assert (second.due_at, second.status, second.note) == (T0 + 90 * M, Status.BREACHED, "grade_changed")
