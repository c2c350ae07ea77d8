"""What is due of one clock before and after its due instant, and what it asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.profile.clocks import ServiceLevels
from services.sla.model import Rules
from services.sla.policy.stepping import next_step, steps_of
from services.sla.policy.steps import judge
from tests.sla.world import ALWAYS, OFFICE, T0, M, at, clock, later, live, news, regraded, said, spoken

STEPS: tuple[dict[str, Any], ...] = (
    {"at": "50%", "do": {"notify": ["team_leader"]}},
    {"at": "-10m", "do": {"notify": ["assignee"]}},
    {"at": "+30m", "do": {"page": ["supervisor"]}},
    {"at": "200%", "do": {"raise_grade": True, "reassign_role": "team_leader"}},
)


def by(*steps: Any, **more: Any) -> Rules:
    """Rules with one clock of an hour, and these steps."""
    levels = ServiceLevels.model_validate(more.pop("levels", {}))
    grades = more.pop("grades", {"default": 60})
    rule = clock("resolve", "received", "resolved", grades, escalate=False, steps=steps, warn=(0.8,), **more)
    return Rules(
        (rule,), {"always": ALWAYS, "office": OFFICE}, "office", warn_roles=("specialist",), levels=levels, version="1"
    )


def opened(grade: str = "general", **more: Any):
    return news(1, T0, grade, m={"received": T0, **more})


def told(ticket, kind: str) -> list[tuple[int, timedelta]]:
    """Places of the steps of a kind, and how long after the start they were due."""
    return [(each.step, each.due_at - T0) for each in ticket.effects if each.kind == kind]


def test_steps_lie_at_a_fraction_before_and_after_the_due_instant():
    """D13."""
    rules = by(*STEPS)
    ticket = live(opened(), now=T0, by=rules)
    for minute in range(1, 200):
        ticket = later(ticket, T0 + minute * M, rules)
    assert told(ticket, "warned") == [(1, 30 * M), (0, 48 * M), (2, 50 * M)]
    assert told(ticket, "passed") == [(3, 90 * M), (4, 120 * M)]
    assert [each.at for each in ticket.effects if each.kind in ("warned", "passed")] == [
        T0 + n * M for n in (30, 48, 50, 90, 120)
    ]
    assert ticket.next_due is None


def test_a_step_is_written_as_the_rule_writes_it():
    rules = by(*STEPS, {"at": "+2wd", "do": {"notify": ["team_leader"]}})
    assert [each.text for each in steps_of("resolve", rules)] == ["80%", "50%", "-10m", "+30m", "200%", "+2wd"]


def test_eighty_percent_of_the_limit_warns_once_whatever_is_judged_again():
    """D13: a step is said once."""
    rules = by()
    ticket = live(opened(), now=T0, by=rules)
    for minute in (48, 48, 49, 59):
        ticket = later(ticket, T0 + minute * M, rules)
    assert said(ticket) == ["armed", "warned resolve"]


def test_steps_count_open_time_only():
    """D10, D13: half of the hour is used after half an hour of office time, and so is what follows the breach."""
    rules = by(
        {"at": "50%", "do": {"notify": ["team_leader"]}},
        {"at": "+30m", "do": {"notify": ["supervisor"]}},
        {"at": "+1wd", "do": {"notify": ["supervisor"]}},
        {"at": "-1wd", "do": {"notify": ["supervisor"]}},
        calendar="office",
        grades={"default": 10 * 60},
    )
    start = at("2025-03-03 09:00")
    ticket = live(opened(), now=start, by=rules)
    ticket = later(ticket, start + timedelta(days=3), rules)
    due = {(each.kind, each.step): each.due_at for each in ticket.effects}
    # 7.5 hours a day: ten hours end on Tuesday at 11:30.
    assert due["breached", 0] == at("2025-03-04 11:30")
    assert due["warned", 1] == at("2025-03-03 15:30")
    assert due["passed", 2] == at("2025-03-04 12:00")
    assert due["passed", 3] == at("2025-03-05 18:00")
    # The whole working day before Tuesday is Monday, and the clock was not there before its opening.
    assert ("warned", 4) not in due


def test_a_step_that_fell_before_the_clock_was_there_warns_of_nothing_and_one_after_the_breach_waits_from_then():
    """D12, D17: re-graded after two hours, the hour is over at once; half an hour from then the supervisor is paged."""
    rules = by({"at": "+30m", "do": {"page": ["supervisor"]}}, grades={"general": 24 * 60, "critical": 60})
    ticket = live(opened(), now=T0, by=rules)
    again = T0 + 120 * M
    ticket = live(regraded(2, again, "general", "critical", m={"received": T0}), now=again, by=rules, before=ticket)
    assert "breached resolve" in said(ticket)
    assert "warned resolve" not in said(ticket)
    assert ticket.next_due == again + 30 * M
    ticket = later(ticket, again + 30 * M, rules)
    assert said(ticket)[-1] == "passed resolve"


def test_no_step_is_taken_of_a_clock_that_has_stopped():
    rules = by(*STEPS)
    ticket = live(opened(), now=T0, by=rules)
    solved = T0 + 20 * M
    ticket = live(news(2, solved, m={"received": T0, "resolved": solved}), now=solved, by=rules, before=ticket)
    assert said(later(ticket, T0 + 500 * M, rules)) == ["armed", "met resolve"]


def test_a_step_missed_while_nobody_looked_is_taken_late_with_its_own_instant():
    """D23."""
    rules = by(*STEPS)
    ticket = later(live(opened(), now=T0, by=rules), T0 + 300 * M, rules)
    assert [f"{each.kind} {(each.due_at - T0) // M}" for each in ticket.effects[1:]] == [
        *("warned 30", "warned 48", "warned 50", "breached 60", "passed 90", "passed 120")
    ]
    assert {each.at for each in ticket.effects[1:]} == {T0 + 300 * M}
    assert [each.step for each in later(ticket, T0 + 301 * M, rules).effects] == [each.step for each in ticket.effects]


def test_the_next_step_is_known_before_it_is_due():
    rules = by(*STEPS)
    ticket = live(opened(), now=T0, by=rules)
    [only] = ticket.clocks
    assert next_step(only, ticket.facts, rules, T0) == T0 + 30 * M
    ticket = later(ticket, T0 + 70 * M, rules)
    assert next_step(ticket.clocks[0], ticket.facts, rules, T0 + 70 * M) == T0 + 90 * M == ticket.next_due


def test_what_a_step_asks_is_said_beside_it_under_an_id_of_its_own():
    """D13: raise the grade, reassign; said again it has the same id."""
    rules = by(*STEPS)
    ticket = later(live(opened(), now=T0, by=rules), T0 + 120 * M, rules)
    wishes = [each for each in spoken(ticket, rules) if each.key == "sla.asked"]
    assert [(each.body.action, each.body.target, each.body.step, each.body.grade) for each in wishes] == [
        ("raise_grade", "", "200%", "general"),
        ("reassign_role", "team_leader", "200%", "general"),
    ]
    again = [each.id for each in spoken(ticket, rules)]
    assert len(set(again)) == len(again)
    assert {each.id for each in wishes} <= set(again)
    passed = next(each for each in spoken(ticket, rules, ticket.effects[-1:]))
    assert (passed.key, passed.body.step, list(passed.body.asks)) == (
        "sla.passed",
        "200%",
        ["raise_grade", "reassign_role:team_leader"],
    )


QUIET: dict[str, Any] = {"escalation": {"quiet": {"grades": ["general"], "calendar": "office"}}}


@pytest.mark.parametrize(("grade", "told_at"), [("general", "2025-03-04 09:00"), ("critical", "2025-03-03 23:36")])
def test_low_grades_are_warned_in_the_morning(grade, told_at):
    """D14: quiet hours put off what wakes people; who is critical is told at once."""
    rules = by(levels=QUIET, grades={"default": 18 * 60 + 15})
    ticket = live(opened(grade), now=T0, by=rules)
    ticket = later(ticket, at("2025-03-03 23:36"), rules)
    assert ("warned resolve" in said(ticket)) == (grade == "critical")
    if grade == "general":
        # The due instant itself comes first: 03:15 in the night, and its breach is told then.
        ticket = later(ticket, at("2025-03-04 03:15"), rules)
        assert said(ticket)[-1] == "breached resolve"
        assert "warned resolve" not in said(later(ticket, at(told_at), rules))


def test_a_page_wakes_whoever_it_names():
    rules = by({"at": "+30m", "do": {"page": ["supervisor"]}}, levels=QUIET, grades={"default": 15 * 60})
    ticket = later(live(opened(), now=T0, by=rules), at("2025-03-04 00:30"), rules)
    assert said(ticket)[-1] == "passed resolve"


def test_a_warning_that_waits_for_the_morning_is_told_when_the_grade_rises():
    rules = by(levels=QUIET, grades={"default": 20 * 60})
    ticket = live(opened(), now=T0, by=rules)
    night = at("2025-03-04 02:00")
    ticket = later(ticket, night, rules)
    assert "warned resolve" not in said(ticket)
    assert ticket.next_due == at("2025-03-04 05:00")
    ticket = live(regraded(2, night, "general", "critical", m={"received": T0}), now=night, by=rules, before=ticket)
    assert "warned resolve" in said(ticket)


def test_steps_are_made_once_for_the_rules_and_judging_again_says_nothing_more():
    rules = by(*STEPS)
    ticket = live(opened(), now=T0, by=rules)
    assert steps_of("resolve", rules) is steps_of("resolve", rules)
    assert judge(ticket, ticket.facts, rules, T0, "again").effects == ticket.effects
