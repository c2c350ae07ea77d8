"""Clocks, warnings, breaches and escalations, judged without any database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Missing, Refused
from services.profile.schema import Span
from services.sla.model import Clock, Status, Timeline
from services.sla.policy.steps import acknowledge
from tests.sla.world import FAULT, GENERIC, T0, M, at, clock, later, live, news, rules, said


def of(ticket: Timeline, name: str, cycle: int, generation: int) -> Clock:
    """That clock, which must be there."""
    found = ticket.clock(name, cycle, generation)
    assert found is not None
    return found


def opened(**more):
    return news(1, T0, m={"received": T0, **more})


def test_a_web_ticket_unread_at_ten_minutes_raises_a_response_breach():
    """D1."""
    ticket = live(opened(), now=T0)
    assert "breached response" not in said(later(ticket, T0 + 10 * M - timedelta(milliseconds=1)))
    breached = later(ticket, T0 + 10 * M)
    effect = next(each for each in breached.effects if each.kind == "breached")
    assert effect.due_at == T0 + 10 * M


def test_a_response_at_nine_fifty_nine_meets_its_limit():
    """D1."""
    ticket = live(opened(), now=T0)
    answered = T0 + timedelta(minutes=9, seconds=59)
    ticket = live(news(2, answered, m={"received": T0, "responded": answered}), now=answered, before=ticket)
    [response] = ticket.clocks
    assert (response.status, response.used_seconds) == (Status.MET, 599)
    assert said(ticket) == ["armed", "met response"]
    assert said(later(ticket, T0 + 60 * M)) == said(ticket)


@pytest.mark.parametrize(
    ("grade", "due"),
    [("general", "2025-03-04 09:00"), ("urgent", "2025-03-03 13:00"), ("critical", "2025-03-03 10:00")],
)
def test_technicians_begin_within_a_day_four_hours_or_one(grade, due):
    """D2: from the dispatch."""
    ticket = live(news(1, T0, grade, m={"received": T0 - 60 * M, "responded": T0 - 59 * M, "dispatched": T0}), now=T0)
    assert of(ticket, "start", 0, 0).due_at == at(due)


def test_the_start_clock_does_not_run_before_the_dispatch():
    """D2, D9."""
    ticket = live(opened(), now=T0)
    assert [each.name for each in ticket.clocks] == ["response"]


def test_fault_response_and_plan_are_two_clocks_and_the_plan_stops_only_on_a_plan():
    """D3."""
    by = rules(*FAULT)
    ticket = live(news(1, T0, "II", m={"received": T0, "responded": T0 + 5 * M}), now=T0 + 6 * M, by=by)
    assert of(ticket, "response", 0, 0).status is Status.MET
    assert of(ticket, "plan", 0, 0).due_at == T0 + 120 * M
    ticket = later(ticket, T0 + 121 * M, by)
    assert of(ticket, "plan", 0, 0).status is Status.BREACHED
    ticket = live(
        news(2, T0 + 130 * M, "II", m={"received": T0, "responded": T0 + 5 * M, "planned": T0 + 129 * M}),
        now=T0 + 130 * M,
        by=by,
        before=ticket,
    )
    plan = of(ticket, "plan", 0, 0)
    assert (plan.status, plan.used_seconds - plan.limit_seconds) == (Status.MET_LATE, 540)


@pytest.mark.parametrize(
    ("level", "due"),
    [
        ("I", "2025-03-03 20:00"),
        ("II", "2025-03-04 08:00"),
        ("III", "2025-03-05 08:00"),
        ("IV", "2025-03-08 08:00"),
    ],
)
def test_faults_are_resolved_within_twelve_hours_to_five_days(level, due):
    """D4."""
    start = at("2025-03-03 08:00")
    ticket = live(news(1, start, level, m={"received": start}), now=start, by=rules(*FAULT))
    assert of(ticket, "resolve", 0, 0).due_at == at(due)


def test_level_one_unresolved_at_twelve_hours_owes_an_emergency_plan_by_sixteen():
    """D5."""
    by = rules(*FAULT)
    ticket = live(news(1, T0, "I", m={"received": T0}), now=T0, by=by)
    assert ticket.clock("emergency_plan", 0, 0) is None
    ticket = later(ticket, T0 + 720 * M, by)
    plan = of(ticket, "emergency_plan", 0, 0)
    assert (plan.started_at, plan.due_at, plan.status) == (T0, T0 + 960 * M, Status.RUNNING)


def test_level_one_resolved_a_minute_before_twelve_hours_owes_no_emergency_plan():
    """D5."""
    by = rules(*FAULT)
    ticket = live(news(1, T0, "I", m={"received": T0}), now=T0, by=by)
    solved = T0 + 719 * M
    ticket = live(news(2, solved, "I", m={"received": T0, "resolved": solved}), now=solved, by=by, before=ticket)
    assert later(ticket, T0 + 2000 * M, by).clock("emergency_plan", 0, 0) is None


def test_four_hours_from_friday_evening_are_due_on_monday_noon():
    """D10."""
    by = rules(clock("start", "received", "started", {"default": 240}, calendar="office"))
    start = at("2025-03-07 17:00")
    ticket = live(news(1, start, m={"received": start}), now=start, by=by)
    assert ticket.clocks[0].due_at == at("2025-03-10 12:00")


def test_days_of_a_limit_may_be_working_days():
    """D11."""
    by = rules(clock("answer", "received", "resolved", {"default": Span(working_days=3)}, calendar="office"))
    start = at("2025-03-06 10:00")
    ticket = live(news(1, start, m={"received": start}), now=start, by=by)
    assert ticket.clocks[0].due_at == at("2025-03-11 18:00")
    assert ticket.clocks[0].limit_seconds == (6.5 + 7.5 + 7.5 + 7.5) * 3600


def test_a_call_of_ten_entered_at_fourteen_counts_from_ten_and_is_not_warned_in_hindsight():
    """D12."""
    called, entered = at("2025-03-03 10:00"), at("2025-03-03 14:00")
    ticket = live(news(1, entered, m={"received": called}), now=entered)
    assert ticket.clocks[0].started_at == called
    assert said(ticket) == ["armed", "breached response", "raised response"]
    assert ticket.effects[1].due_at == called + 10 * M
    assert ticket.escalations[0].next_at == entered + 30 * M


def test_one_warning_at_eighty_percent():
    """D13."""
    ticket = live(opened(), now=T0)
    assert ticket.next_due == T0 + 8 * M
    ticket = later(later(ticket, T0 + 8 * M), T0 + 9 * M)
    assert said(ticket) == ["armed", "warned response"]
    assert ticket.next_due == T0 + 10 * M


def test_an_unacknowledged_breach_climbs_one_rung_per_interval_until_the_last():
    """D14."""
    ticket = live(opened(), now=T0)
    roles = []
    for minute in range(0, 200, 5):
        ticket = later(ticket, T0 + minute * M)
        roles = [each.role for each in ticket.effects if each.role]
    assert roles == ["team_leader", "desk_manager", "operations_manager"]
    assert [each.due_at for each in ticket.effects if each.kind == "climbed"] == [T0 + 40 * M, T0 + 70 * M]
    assert (ticket.next_due, ticket.overdue) == (None, T0 + 10 * M)


def test_acknowledging_ends_the_climb_and_stays():
    """D14."""
    ticket = later(live(opened(), now=T0), T0 + 10 * M)
    ticket = acknowledge(ticket, "response", 0, "li.wei", {"desk_manager"}, "calling", GENERIC, T0 + 12 * M, "a")
    assert said(later(ticket, T0 + 500 * M)).count("climbed response") == 0
    again = acknowledge(ticket, "response", 0, "wang", {"team_leader"}, "", GENERIC, T0 + 13 * M, "b")
    assert again is ticket
    assert ticket.escalations[0].acknowledged_by == "li.wei"


def test_only_the_chain_and_managers_acknowledge():
    """D14."""
    ticket = later(live(opened(), now=T0), T0 + 10 * M)
    with pytest.raises(Refused) as refused:
        acknowledge(ticket, "response", 0, "eng", {"engineer"}, "", GENERIC, T0 + 12 * M, "a")
    assert refused.value.code == "forbidden"
    with pytest.raises(Missing):
        acknowledge(ticket, "start", 0, "li.wei", {"desk_manager"}, "", GENERIC, T0, "a")


def test_an_escalation_ends_when_its_clock_stops_and_raises_no_more():
    """D14: no escalation after the work is done."""
    ticket = later(live(opened(), now=T0), T0 + 10 * M)
    done = T0 + 15 * M
    ticket = live(news(2, done, m={"received": T0, "responded": done}), now=done, before=ticket)
    assert said(ticket)[-2:] == ["met response", "ended response"]
    with pytest.raises(Refused):
        acknowledge(ticket, "response", 0, "li.wei", {"desk_manager"}, "", GENERIC, T0 + 50 * M, "a")
    assert said(later(ticket, T0 + 500 * M)) == said(ticket)
