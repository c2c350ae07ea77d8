"""Ways around a requirement's Accept line that were open once; each is refused, in every shipped desk."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dispatch import wire
from services.dispatch.policy import possible
from services.dispatch.queues.queue import queue_named
from services.kernel.errors import Refused
from tests.dispatch.linked import ONE, TWO, Between
from tests.dispatch.test_flows import LEVELS, replays
from tests.dispatch.test_flows_stories import called
from tests.dispatch.test_merging import alerts
from tests.dispatch.world import MORNING, PROFILES, KeptTickets, Tale, desk, desks, person

SOLVED = {"solution": "更换部件", "steps": "检查；更换", "remaining": "无"}
NIGHT = MORNING + timedelta(hours=13)


def test_the_agent_cannot_take_back_that_a_matter_is_beyond_their_authority():
    """C18: neither before the promise nor together with it; the supervisor may."""
    tale = Tale()
    tale.does("li.wei", "update", beyond_authority="yes")
    for values in ({"beyond_authority": "no"}, {"beyond_authority": "no", "promised_at": "16:00"}):
        with pytest.raises(Refused, match="超出权限") as refused:
            tale.does("li.wei", "update", **values)
        assert refused.value.code == "forbidden"
    assert tale.ticket.promised_at is None
    assert "beyond_authority" not in tale.does("chen.jing", "update", beyond_authority="no").fields


def test_the_plan_consented_to_cannot_be_exchanged_behind_the_consent():
    """E7: a proposal, its consent, an analysis and a reply are written by their steps alone."""
    tale = Tale(LEVELS, type="system_defect")
    tale.does("i.he.xin", "begin_analysis")
    tale.does("i.he.xin", "analyse", subtype="business", findings="规则配置错误")
    tale.does("i.mao.ting", "accept")
    tale.does("i.mao.ting", "propose", plan="修正规则表")
    with pytest.raises(Refused, match="propose") as refused:
        tale.does("i.mao.ting", "add_record", target="proposal", plan="重建数据库")
    assert (refused.value.code, refused.value.field) == ("conflict", "target")
    tale.does("i.fu.qin", "approve")
    for who, kind in (("i.mao.ting", "proposal"), ("i.fu.qin", "approval"), ("i.he.xin", "analysis")):
        with pytest.raises(Refused, match="own step"):
            tale.does(who, "add_record", target=kind, plan="x", subtype="technical", findings="x")
    plans = [each.values["plan"] for each in tale.ticket.records if each.kind == "proposal"]
    assert plans == ["修正规则表"]
    assert "add_record" in possible(tale.desk, tale.ticket, person("i.mao.ting", LEVELS), tale.now)


@pytest.mark.parametrize("name", ["solution", "steps", "remaining", "description", "title"])
def test_what_was_written_down_is_not_blanked_afterwards(name: str):
    """B14, A7, B10: corrected, but not emptied."""
    tale = Tale().to_engineer()
    tale.does("huang.lei", "resolve", **SOLVED)
    with pytest.raises(Refused, match="blank") as refused:
        tale.does("zhang.qiang", "update", **{name: "  "})
    assert refused.value.field == name
    assert getattr(tale.does("zhang.qiang", "update", **{name: "更正"}), name) == "更正"


@pytest.mark.parametrize(
    ("profile", "kind", "who", "before", "action"),
    [
        ("itss_desk", "consultation", "li.wei", "take_up", "answer"),
        ("itss_desk", "complaint", "li.wei", "", "answer"),
        (LEVELS, "consultation", "i.he.xin", "", "answer"),
        (LEVELS, "fault", "i.he.xin", "", "explain"),
    ],
)
def test_an_on_site_matter_that_is_answered_at_once_has_its_record_too(profile, kind, who, before, action):
    """B13, E13: whatever the flow calls it."""
    tale = Tale(profile, type=kind, channel=5)
    if before:
        tale.does(who, before)
    tale.does(who, "update", touches_user_machine="yes")
    with pytest.raises(Refused) as refused:
        tale.does(who, action, solution="已说明")
    assert {fault.field for fault in refused.value.faults} == {"records.on_site", "records.user_consent"}
    seen = {"happened_at": "2025-06-10T09:10", "place": "302", "raised_by": "何洁", "observed": "无法登录"}
    tale.does(who, "add_record", target="on_site", **seen)
    tale.does(who, "add_record", target="user_consent", agreed="yes", measure="重装")
    assert tale.does(who, action, solution="已说明").version > 1


def test_risky_work_in_the_second_line_waits_for_the_backup_check():
    """E12: accepting is beginning there; and what proves risky later is not resolved without it."""
    tale = Tale(type="consultation")
    tale.does("li.wei", "take_up")
    tale.does("li.wei", "escalate", target="erp_ops", promised_at="14:30", mark="urgent", risky="yes")
    with pytest.raises(Refused, match="数据保护检查"):
        tale.does("huang.lei", "accept")
    tale.does("huang.lei", "add_record", target="backup_check", protected="yes")
    assert tale.does("huang.lei", "accept").state == "in_second_line"
    late = Tale().to_engineer()
    late.does("huang.lei", "update", risky="yes")
    with pytest.raises(Refused, match="数据保护检查"):
        late.does("huang.lei", "resolve", **SOLVED)


def test_a_failed_transfer_is_recorded_with_what_the_customer_wants():
    """C20"""
    for profile, who in (("itss_desk", "li.wei"), ("generic_desk", "g.ren.yu")):
        tale = Tale(profile)
        failed = {"consent": "yes", "department": "网络组", "result": "failed"}
        with pytest.raises(Refused) as refused:
            tale.does(who, "add_record", target="transfer", **failed)
        assert refused.value.field == "details"
        assert tale.does(who, "add_record", target="transfer", details="无法上网", **failed).records


def test_nobody_off_duty_is_passed_a_ticket_by_name():
    """C23: to the second line, in a transfer and with a complaint; a team's queue always takes it."""
    tale = Tale(type="consultation")
    tale.does("li.wei", "take_up")
    tale.now = NIGHT
    words = {"promised_at": "2025-06-11T10:00", "mark": "general"}
    with pytest.raises(Refused, match="not on duty"):
        tale.does("li.wei", "escalate", target="zhou.min", **words)
    with pytest.raises(Refused, match="neither a person nor a team"):
        tale.does("li.wei", "escalate", target="erp_op", **words)
    tale.does("li.wei", "escalate", target="erp_ops", **words)
    with pytest.raises(Refused, match="not on duty"):
        tale.does("li.wei", "transfer", target="zhou.min", reason="r")
    complaint = Tale(type="complaint")
    complaint.now = NIGHT
    with pytest.raises(Refused, match="not on duty"):
        complaint.does("li.wei", "forward", target="wang.fang")
    generic = Tale("generic_desk", type="fault", entry="network")
    generic.now = NIGHT
    with pytest.raises(Refused, match="not on duty"):
        generic.does("g.ren.yu", "transfer", target="g.app.one", reason="r")


def test_what_went_to_the_wrong_staff_is_a_failed_dispatch_with_its_reason():
    """C12, C25: at the call centre, too; and it can be passed on."""
    tale = Tale(LEVELS, type="fault", entry="infrastructure")
    with pytest.raises(Refused, match="a reason"):
        tale.does("i.kang.da", "reject")
    ticket = tale.does("i.kang.da", "reject", reason="业务规则问题")
    assert (ticket.state, ticket.team, ticket.dispatches, ticket.failed_dispatches) == ("classified", "desk", 1, 1)
    assert (tale.events[-1].name, tale.events[-1].reason) == ("rejected", "业务规则问题")
    assert "dispatched" not in ticket.milestones
    tale.does("i.he.xin", "update", entry="business_system")
    assert tale.does("i.he.xin", "dispatch").team == "business"
    ticket = tale.does("i.he.xin", "transfer", target="technical", reason="仍是设备问题")
    assert (ticket.team, ticket.state, ticket.reassignments) == ("technical", "analysing", 1)
    defect = Tale(LEVELS, type="system_defect")
    defect.does("i.he.xin", "begin_analysis")
    defect.does("i.he.xin", "analyse", subtype="business", findings="x")
    ticket = defect.does("i.mao.ting", "reject", reason="技术问题")
    assert (ticket.state, ticket.team, ticket.failed_dispatches) == ("centre_analysing", "desk", 1)
    assert defect.does("i.he.xin", "analyse", subtype="technical", findings="y").team == "technical"
    assert replays(tale)
    assert replays(defect)


def test_only_those_it_was_sent_to_reject_a_dispatch():
    """C12: others cannot spoil the success rate of the desk, nor send away what somebody holds."""
    tale = Tale("generic_desk", type="fault", entry="network")
    with pytest.raises(Refused, match="the team network") as refused:
        tale.does("g.app.one", "reject", reason="r")
    assert refused.value.code == "forbidden"
    tale.does("g.ren.yu", "transfer", target="g.net.one", reason="r")
    with pytest.raises(Refused, match=r"g\.net\.one"):
        tale.does("g.net.two", "reject", reason="r")
    assert tale.ticket.failed_dispatches == 0
    ticket = tale.does("g.net.one", "reject", reason="r")
    assert (ticket.failed_dispatches, ticket.team, ticket.assignee) == (1, "desk", ""), "it is the desk's again"


def at_the_call_centre() -> Tale:
    tale = Tale(LEVELS, type="fault", entry="infrastructure")
    tale.does("i.kang.da", "accept")
    tale.does("i.kang.da", "submit_plan", steps="更换电源")
    tale.does("i.kang.da", "begin")
    return tale


def test_the_call_centre_closes_no_fault_without_feedback_and_asks_for_resources():
    """C15, C21, E2: the leader finds the means within a time; the centre tells the user, and it alone closes."""
    tale = at_the_call_centre()
    tale.does("i.kang.da", "need_resources", reason="缺备件")
    assert (tale.ticket.state, tale.ticket.assignee) == ("needs_resources", "i.fu.qin")
    assert "resources" in {clock.name for clock in tale.desk.profile.sla.clocks}
    tale.does("i.fu.qin", "coordinate", reason="备件已到")
    assert (tale.ticket.state, tale.ticket.assignee) == ("implementing", "i.kang.da")
    tale.does("i.kang.da", "resolve", **SOLVED)
    with pytest.raises(Refused, match="what the customer was told"):
        tale.does("i.he.xin", "confirm")
    tale.does("i.he.xin", "confirm", summary="已告知更换电源", way="phone")
    assert [each.values["summary"] for each in tale.ticket.records if each.kind == "feedback"] == ["已告知更换电源"]
    tale.does("i.kang.da", "submit_report", fault_kind="硬件", cause="老化", method="更换", loss="无")
    assert all("feedback" in row.needs for row in tale.desk.rows_of("close"))
    assert tale.does("i.he.xin", "close").state == "closed"
    assert replays(tale)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_flow_of_any_desk_lets_engineers_or_project_managers_close(profile: str):
    """E2, section 5.1: and where the rule book has a callback, the specialist neither."""
    never = {"engineer", "project_manager"} | ({"specialist"} if desk(profile).profile.callback else set())
    for flow in desk(profile).flows.values():
        closing = [row for row in flow.lifecycle.transitions if flow.states.get(row.to, None) and row.to == "closed"]
        assert closing
        assert not any(never & set(row.roles) for row in closing)


def test_an_urgent_ticket_stays_in_the_specialists_queue_until_its_result_is_told():
    """C10: tracked from the dispatch on, ahead of general ones; the notice goes to technicians and specialist."""
    rules = desk("generic_desk").profile.notices.rules
    told = [rule for rule in rules if rule.on == "ticket.dispatched"]
    assert [(rule.to, rule.when.grade) for rule in told] == [(("team", "specialist"), ("urgent", "critical"))]
    tale = Tale("generic_desk", type="fault", grade="urgent", entry="network")
    tracked = queue_named("role:specialist", desks())
    assert tale.ticket.priority < Tale("generic_desk", grade="general").ticket.priority
    for action, values in (("", {}), ("accept", {}), ("begin", {}), ("resolve", SOLVED)):
        if action:
            tale.does("g.net.one", action, **values)
        assert tracked.holds(wire.ticket_to(tale.ticket)), tale.ticket.state
    tale.does("g.ren.yu", "tell_result", summary="已恢复")
    tale.does("g.ren.yu", "close")
    assert not tracked.holds(wire.ticket_to(tale.ticket))


def test_the_requester_of_a_merged_ticket_hears_of_the_result_once_the_desk_has_confirmed_it():
    """E3: what an engineer reports as solved may still be refused."""
    between = Between(KeptTickets(), ONE, TWO)
    between.does("li.wei", ONE, "merge", TWO)
    between.settle()
    for who, action, target in (
        ("li.wei", "try_online", ""),
        ("li.wei", "dispatch", ""),
        ("zhang.qiang", "accept", ""),
        ("zhang.qiang", "assign", "huang.lei"),
        ("huang.lei", "begin", ""),
    ):
        between.does(who, TWO, action, target)
    between.does("huang.lei", TWO, "resolve", **SOLVED)
    between.does("zhang.qiang", TWO, "confirm_completion")
    between.settle()
    assert "merged_resolved" not in alerts(between, ONE)
    between.does("li.wei", TWO, "confirm")
    between.settle()
    assert alerts(between, ONE).count("merged_resolved") == 1


@pytest.mark.parametrize("once", ["rejected", "reopened"])
def test_what_comes_back_to_the_desk_is_coordinated_at_the_desk(once: str):
    """C1, C4, C21: nobody is at work on it before it is dispatched, accepted and assigned anew."""
    if once == "rejected":
        tale = Tale()
        tale.does("li.wei", "dispatch", reason="现场断电")
        tale.does("zhang.qiang", "reject", reason="不是本项目")
    else:
        tale = Tale().to_engineer()
        tale.does("huang.lei", "resolve", **SOLVED)
        tale.does("zhang.qiang", "confirm_completion")
        tale.does("li.wei", "confirm")
        called(tale, "unsolved")
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "need_resources", reason="需要厂商")
    assert tale.does("chen.jing", "coordinate", reason="厂商可远程").state == "online_support"
    assert tale.does("li.wei", "dispatch", project="erp").path == "dispatched"
