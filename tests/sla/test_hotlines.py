"""The two hotline profiles: replies promised, callbacks within 24 hours, questions resolved in a day (003-12, 004)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Refused
from services.profile.load import load
from services.sla.model import Status
from services.sla.policy.holding import hold
from services.sla.policy.steps import judge
from tests.dispatch.test_flows_stories import called
from tests.dispatch.world import MORNING, POLICY, Tale
from tests.sla.test_emergency_clocks import Watch

H, M = timedelta(hours=1), timedelta(minutes=1)
QUALITY, MONITORING = "hotline_quality", "monitoring_hotline"


def passed_on(profile: str, kind: str) -> Tale:
    tale = Tale(profile, type=kind, grade="P2", project="")
    tale.does("li.wei", "take_up")
    tale.does("li.wei", "escalate", target="erp_ops", promised_at="14:30", mark="urgent")
    return tale


def told(tale: Tale) -> Tale:
    tale.does("huang.lei", "claim")
    tale.does("huang.lei", "report_back", solution="已修正参数", steps="核对", remaining="无")
    tale.does("li.wei", "tell", summary="已告知", way="phone")
    return tale


@pytest.mark.parametrize("name", [QUALITY, MONITORING])
def test_every_number_of_the_hotlines_stands_in_their_files_with_its_source(name):
    """D7, D8, F10, F11: section 3.2; what the books leave out is marked ours."""
    profile = load(POLICY / name).profile
    assert all(each.source for each in profile.sla.clocks)
    hours = {
        each.name: each.limit["default"].seconds / 3600
        for each in profile.sla.clocks
        if "004" in each.source and each.limit
    }
    if name == QUALITY:
        assert hours == {"escalation_reply": 2, "callback": 24, "complaint_callback": 24}
        assert profile.callback is not None
        assert (profile.callback.scope, profile.callback.missed_over_rings) == ("complex", 10)
        assert {each.key for each in profile.types if each.offered} == {
            "consultation", "complaint", "suggestion", "fault_repair",
        }  # fmt: skip
    else:
        [resolve] = [each for each in profile.sla.clocks if each.name == "resolve"]
        assert (resolve.limit["default"].seconds, resolve.source) == (86_400, "003-12 二.8")


def test_a_question_unresolved_at_twenty_four_hours_is_overdue():
    """D7"""
    watch = Watch(Tale(MONITORING, type="question", grade="P2", project="")).hears()
    assert watch.last("resolve").due_at == MORNING + 24 * H
    watch.at(MORNING + 24 * H - M)
    assert "resolve" not in watch.said("breached")
    watch.at(MORNING + 24 * H)
    assert "resolve" in watch.said("breached")


def test_the_answer_of_a_seat_needs_no_call_where_only_complex_matters_are_called_back():
    """F10, X10: and it can be closed without one, which what was passed on cannot."""
    tale = Tale(QUALITY, type="consultation", grade="P2", project="")
    tale.does("li.wei", "take_up")
    tale.does("li.wei", "answer", solution="已说明", way="phone", summary="已说明")
    assert Watch(tale).hears().clocks("callback") == []
    tale.does("wang.fang", "call")
    assert tale.does("wang.fang", "close").state == "closed"
    complex_one = told(passed_on(QUALITY, "consultation"))
    complex_one.does("sun.ning", "call")
    with pytest.raises(Refused, match="回访"):
        complex_one.does("sun.ning", "close")
    called(complex_one)
    assert complex_one.does("sun.ning", "close").state == "closed"


def test_a_complex_matter_is_called_back_within_a_day_after_it_was_handled():
    """F10: the time counts from the solution; in time or late stays on the clock."""
    tale = told(passed_on(QUALITY, "consultation"))
    solved = tale.ticket.milestones["resolved"]
    watch = Watch(tale).hears()
    assert watch.last("callback").due_at == solved + 24 * H
    tale.now = solved + 25 * H
    called(tale)
    assert watch.hears().last("callback").status is Status.MET_LATE


def test_a_matter_passed_on_has_the_promised_time_and_the_two_hours_of_the_rule_book():
    """D22, D8"""
    tale = passed_on(QUALITY, "consultation")
    watch = Watch(tale).hears()
    assert watch.last("escalation_reply").due_at == tale.now + 2 * H
    assert watch.last("promised_reply").due_at == MORNING + 4 * H + 30 * M
    told(tale)
    assert {watch.hears().last(name).status for name in ("promised_reply", "escalation_reply")} == {Status.MET}


def test_an_exemption_from_the_day_is_the_supervisor_s_and_has_its_reason():
    """D7, D16: held with a reason it is not overdue at 24 h; without one it is refused."""
    watch = Watch(Tale(MONITORING, type="question", grade="P2", project="")).hears()
    before, rules = watch.timeline, watch.book(MONITORING, watch.timeline.facts.policy)
    now = MORNING + H
    with pytest.raises(Refused, match="reason"):
        hold(before, "h1", "resolve", " ", "chen.jing", ["supervisor"], rules, now)
    with pytest.raises(Refused, match="held by"):
        hold(before, "h1", "resolve", "等供货", "li.wei", ["specialist"], rules, now)
    facts = hold(before, "h1", "resolve", "等厂家供货，已征得客户同意", "chen.jing", ["supervisor"], rules, now)
    after = judge(before, facts, rules, MORNING + 25 * H, "look")
    [clock] = [each for each in after.clocks if each.name == "resolve"]
    assert clock.status is Status.PAUSED
    assert [each.reason for each in after.facts.holds] == ["等厂家供货，已征得客户同意"]
