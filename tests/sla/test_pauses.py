"""Clocks that rest: by the state of the ticket, by a person; only where the profile permits (D16)."""

from __future__ import annotations

from dataclasses import replace

from services.sla.model import Facts, Hold, Status
from services.sla.policy.pauses import remaining, used
from tests.sla.tales import Tale, looked, of_name, shown, written
from tests.sla.world import T0, M, at

ALLOWED = {"allowed": True, "roles": ["team_leader"]}
FIX = {"name": "fix", "start": "received", "stop": "resolved", "limit": {"default": "2h"}, "warn": [0.5],
       "pausable": True, "pause_while": [{"state": ["waiting_for_customer"]}]}  # fmt: skip
BY = written(FIX, pause=ALLOWED)


def held(facts: Facts, since: int, until: int | None = None, clock: str = "") -> Facts:
    """Somebody holds it from a minute on."""
    hold = Hold(
        f"h{since}", clock, 0, T0 + since * M, "customer away", "li.wei", None if until is None else T0 + until * M
    )
    return replace(facts, holds=(*facts.holds, hold))


def waiting(first: int, last: int | None = None) -> Tale:
    """A ticket that waits for the customer from one minute to another."""
    tale = Tale()
    tale.tell(0, "opened", state="open")
    tale.tell(first, state="waiting_for_customer")
    if last is not None:
        tale.tell(last, state="open")
    return tale


def test_a_clock_rests_while_the_ticket_waits_for_the_customer():
    """D16: the paused span is subtracted."""
    [clock] = of_name(looked(waiting(60).facts, BY, at=300), "fix")
    assert (clock.status, clock.paused_since, used(clock, BY, T0 + 300 * M)) == (Status.PAUSED, T0 + 60 * M, 3600)
    [clock] = of_name(looked(waiting(60, 400).facts, BY, at=410), "fix")
    assert (clock.status, clock.due_at, clock.paused_seconds) == (Status.RUNNING, T0 + 460 * M, 340 * 60)
    assert (used(clock, BY, T0 + 410 * M), remaining(clock, BY, T0 + 410 * M)) == (70 * 60, 50 * 60)
    assert clock.rests == ((T0 + 60 * M, T0 + 400 * M),)


def test_nothing_is_due_while_a_clock_rests_and_its_warning_waits_as_long():
    """D13, D16."""
    tale = waiting(30)
    ticket = looked(tale.facts, BY, at=30)
    assert ticket.next_due is None
    ticket = looked(tale.facts, BY, at=1000, before=ticket)
    assert not {"warned", "breached"} & {each.kind for each in ticket.effects}
    tale.tell(1000, state="open")
    ticket = looked(tale.facts, BY, at=1000, before=ticket)
    assert ticket.next_due == T0 + 1030 * M
    ticket = looked(tale.facts, BY, at=1090, before=ticket)
    assert [each.kind for each in ticket.effects if each.clock == "fix"] == ["paused", "resumed", "warned", "breached"]


def test_no_profile_pauses_unless_it_says_so():
    """D16: the default is no pause; neither a state nor a hold rests a clock."""
    ticket = looked(held(waiting(60).facts, 10), written(FIX), at=130)
    assert shown(ticket, "fix") == [("BREACHED", 0, 120)]


def test_only_a_clock_that_may_be_held_rests_by_a_hold_of_all():
    """D16."""
    by = written(FIX, {**FIX, "name": "answer", "pausable": False}, pause=ALLOWED)
    tale = Tale()
    tale.tell(0, "opened")
    ticket = looked(held(tale.facts, 10), by, at=60)
    assert {each.name: each.status for each in ticket.clocks} == {"fix": Status.PAUSED, "answer": Status.RUNNING}


def test_pauses_that_overlap_count_once():
    """D16."""
    facts = held(held(waiting(30, 60).facts, 40, 80), 70, 90, clock="fix")
    [clock] = of_name(looked(facts, BY, at=95), "fix")
    assert (clock.due_at, clock.paused_seconds) == (T0 + 180 * M, 3600)


def test_a_pause_that_begins_after_the_due_instant_rescues_nothing():
    """D16."""
    ticket = looked(held(waiting(121).facts, 120), BY, at=130)
    assert shown(ticket, "fix") == [("BREACHED", 0, 120)]


def test_a_hold_ends_by_itself_after_the_longest_time_and_the_clock_goes_on():
    """D16: the ticket wakes at that instant and says so."""
    tale = Tale()
    tale.tell(0, "opened")
    facts = held(tale.facts, 30, 90)
    ticket = looked(facts, BY, at=30)
    [clock] = of_name(ticket, "fix")
    assert (clock.status, clock.due_at, ticket.next_due) == (Status.PAUSED, T0 + 180 * M, T0 + 90 * M)
    ticket = looked(facts, BY, at=90, before=ticket)
    [clock] = of_name(ticket, "fix")
    assert (clock.status, clock.paused_seconds) == (Status.RUNNING, 3600)
    assert ticket.effects[-1].kind == "resumed"


def test_a_solution_while_the_clock_rests_is_in_time():
    """D16, D21: what is used of it is kept with its margin."""
    tale = waiting(60)
    tale.tell(500, "resolved", marks=["resolved"], state="solved")
    [clock] = of_name(looked(tale.facts, BY, at=600), "fix")
    assert (clock.status, clock.used_seconds, remaining(clock, BY, T0 + 600 * M)) == (Status.MET, 3600, 3600)


def test_a_pause_over_night_takes_out_office_hours_only():
    """D10, D16."""
    start = at("2025-03-03 16:00")
    tale = Tale(start)
    tale.tell(start, "opened", state="open")
    tale.tell(at("2025-03-03 17:00"), state="waiting_for_customer")
    tale.tell(at("2025-03-04 10:00"), state="open")
    by = written({**FIX, "calendar": "office", "limit": {"default": "3h"}}, pause=ALLOWED)
    [clock] = of_name(looked(tale.facts, by, at=26 * 60), "fix")
    assert (clock.paused_seconds, clock.due_at) == (2 * 3600, at("2025-03-04 12:00"))


def test_a_hold_of_one_life_does_not_hold_the_next():
    """D16, F13."""
    tale = Tale()
    tale.tell(0, "opened")
    facts = held(tale.facts, 10)
    tale.tell(50, "reopened", reopened=True)
    ticket = looked(replace(tale.facts, holds=facts.holds), BY, at=60)
    assert [(each.cycle, each.status) for each in of_name(ticket, "fix")] == [
        (0, Status.CANCELLED),
        (1, Status.RUNNING),
    ]
