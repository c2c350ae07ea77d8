"""The limits of the shipped desks, met and missed as people live them: from the steps on a ticket to its clocks."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from services.dispatch.policy import actions
from services.profile.load import load_all
from services.sla.model import Clock, Status
from services.sla.policy.steps import judge
from services.sla.rulebook import Rulebook
from services.sla.words import state_of
from tests.dispatch.world import MORNING, POLICY, Tale
from tests.sla.test_emergency_clocks import Watch
from tests.sla.world import at

H, M = timedelta(hours=1), timedelta(minutes=1)
LEVELS = "it_callcentre_levels"


def spoilt(clock: Clock) -> bool:
    return clock.status in (Status.BREACHED, Status.MET_LATE)


@pytest.mark.parametrize(("second", "late"), [(9 * 60 + 59, False), (10 * 60 + 1, True)])
def test_a_web_request_read_at_nine_fifty_nine_is_in_time_and_unread_at_ten_minutes_is_not(second, late):
    """D1"""
    tale = Tale("generic_desk", type="fault", grade="general", project="")
    watch = Watch(tale).hears()
    assert watch.last("response").due_at == MORNING + 10 * M
    if late:
        watch.at(MORNING + 10 * M)
        assert watch.said("breached") == ["response"]
    tale.now = MORNING + timedelta(seconds=second) - M
    tale.does("g.ren.yu", "respond")
    assert spoilt(watch.hears().last("response")) == late


@pytest.mark.parametrize(
    ("grade", "due"),
    [("critical", "2025-06-10 10:00"), ("urgent", "2025-06-10 14:30"), ("general", "2025-06-13 10:30")],
)
def test_technicians_have_to_begin_within_their_limit_from_the_dispatch_on_the_desk_s_hours(grade, due):
    """D2: dispatched 09:00; four hours cross the lunch gap, 24 hours are three days and more of the desk."""
    tale = Tale("generic_desk", at=at("2025-06-10 09:00"), type="fault", grade=grade, project="")
    assert tale.ticket.milestones["dispatched"] == at("2025-06-10 09:00")
    start = Watch(tale).hears().last("start")
    assert (start.due_at, start.started_at) == (at(due), at("2025-06-10 09:00"))


def test_each_fault_has_a_response_and_a_plan_clock_and_the_plan_stops_on_the_plan_alone():
    """D3: 30 minutes and 2 hours at all four levels."""
    for level in ("I", "II", "III", "IV"):
        tale = Tale(LEVELS, grade=level, project="", type="fault")
        watch = Watch(tale).hears()
        assert (watch.last("response").due_at, watch.last("plan").due_at) == (MORNING + 30 * M, MORNING + 2 * H)
        assert watch.last("plan").status is Status.RUNNING


@pytest.mark.parametrize(
    ("level", "due"),
    [("I", "2025-03-03 20:00"), ("II", "2025-03-04 08:00"), ("III", "2025-03-05 08:00"), ("IV", "2025-03-08 08:00")],
)
def test_a_fault_of_monday_at_eight_is_due_on_the_four_dates_of_the_rule_book(level, due):
    """D4, AM7, AM10: around the clock, five calendar days at level IV."""
    tale = Tale(LEVELS, at=at("2025-03-03 08:00"), grade=level, project="", type="fault")
    assert Watch(tale).hears().last("resolve").due_at == at(due)


def test_a_customer_who_writes_once_more_is_answered_within_the_next_reply_limit():
    """D9: from their message to the next word of the desk, each time anew; a result that is told is an answer, too."""
    tale = Tale(grade="P2")
    watch = Watch(tale).hears()
    assert watch.clocks("next_reply") == []
    tale.does("li.wei", "try_online")
    came_back(tale, 10)
    assert watch.hears().last("next_reply").due_at == tale.now + 2 * H
    tale.does("li.wei", "add_record", target="contact", way="phone", summary="正在查看")
    assert watch.hears().last("next_reply").status is Status.MET
    came_back(tale, 30)
    late = watch.hears().last("next_reply")
    watch.at(late.due_at)
    assert watch.said("breached").count("next_reply") == 1
    came_back(tale, 300)
    tale.does("li.wei", "solve_online", solution="已修复")
    found = watch.hears().clocks("next_reply")
    assert [each.status for each in found] == [Status.MET, Status.BREACHED]
    assert all(not each.live for each in found), "the solution is the answer"


def test_the_second_line_takes_up_what_the_desk_passes_on_within_the_level_between_them():
    """D9: operational levels between teams, ours."""
    tale = Tale(type="consultation", grade="P2")
    tale.does("li.wei", "take_up")
    tale.does("li.wei", "escalate", target="erp_ops", promised_at="14:30", mark="urgent")
    watch = Watch(tale).hears()
    clock = watch.last("acceptance")
    assert (clock.family, clock.due_at) == ("operational", tale.now + H)
    tale.does("huang.lei", "claim")
    assert watch.hears().last("acceptance").status is Status.MET
    assert Watch(Tale(grade="P2").to_engineer()).hears().clocks("acceptance") == [], "of the other ways none"


def test_what_a_supplier_owes_is_counted_from_our_request_to_their_answer():
    """D9: levels of suppliers, ours; four hours of the desk's duty at the highest priority."""
    tale = Tale(grade="P1").to_engineer()
    watch = Watch(tale).hears()
    assert watch.clocks("supplier") == []
    tale.does("huang.lei", "add_record", target="supplier_request", supplier="云岭供应链", matter="补丁")
    clock = watch.hears().last("supplier")
    assert (clock.family, clock.due_at) == ("supplier", tale.now + 4 * H)
    tale.does("huang.lei", "add_record", target="contact", way="phone", summary="已催供应商")
    assert watch.hears().last("supplier").status is Status.RUNNING
    tale.does("huang.lei", "add_record", target="supplier_answer", answer="补丁已发布")
    assert watch.hears().last("supplier").status is Status.MET


def came_back(tale: Tale, minutes: int) -> None:
    """The customer writes again, so many minutes later."""
    tale.now += minutes * M
    tale.events.append(actions.joined(tale.ticket, "还没有好", tale.now))


@pytest.mark.parametrize(("minutes", "kept"), [(120, True), (300, False)])
def test_what_was_promised_with_a_work_order_is_told_by_then_or_late(minutes, kept):
    """D22, C16: promised for 14:30, four and a half hours after the ticket came."""
    tale = Tale(type="consultation", grade="P2")
    tale.does("li.wei", "take_up")
    tale.does("li.wei", "escalate", target="erp_ops", promised_at="14:30", mark="urgent")
    watch = Watch(tale).hears()
    assert watch.last("promised_reply").due_at == at("2025-06-10 14:30")
    tale.does("huang.lei", "claim")
    tale.does("huang.lei", "report_back", solution="已修正参数", steps="核对", remaining="无")
    assert watch.hears().last("promised_reply").status is Status.RUNNING, "the customer has not been told"
    tale.now = MORNING + minutes * M
    tale.does("li.wei", "tell", summary="已告知", way="phone")
    clock = watch.hears().last("promised_reply")
    assert clock.status is (Status.MET if kept else Status.MET_LATE)


@pytest.mark.parametrize(
    ("span", "used", "due", "days"),
    [("5d", "always", "2025-03-08 08:00", 0), ("5wd", "duty", "2025-03-10 18:00", 5)],
)
def test_level_iv_is_due_by_calendar_or_working_days_as_set_and_the_clock_says_which(tmp_path, span, used, due, days):
    """D11, AM7"""
    folder = tmp_path / LEVELS
    shutil.copytree(POLICY / LEVELS, folder)
    text = (folder / "sla.yaml").read_text("utf-8")
    old = "IV: 5d}\n      calendar: always"
    assert old in text
    (folder / "sla.yaml").write_text(text.replace(old, f"IV: {span}}}\n      calendar: {used}"), "utf-8")
    rules = Rulebook(load_all(tmp_path, LEVELS))(LEVELS)
    facts = Watch(Tale(LEVELS, at=at("2025-03-03 08:00"), grade="IV", project="", type="fault")).hears().timeline.facts
    [clock] = [
        each for each in judge(None, facts, rules, at("2025-03-03 08:01"), "look").clocks if each.name == "resolve"
    ]
    assert clock.due_at == at(due)
    assert state_of(clock, rules, at("2025-03-03 08:01"), facts).working_days == days
