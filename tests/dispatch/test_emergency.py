"""Section 5.10 as people live it: reported at once, coordinated, handled, stable, ended with its documents (H1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1 import common_pb2
from services.dispatch import model
from services.dispatch.policy import callback_heard, possible
from services.kernel.errors import Missing, Refused
from tests.dispatch.test_flows import replays
from tests.dispatch.world import MORNING, Tale, person

LEVELS = "it_callcentre_levels"
STRATEGY = {"situation": "hardware_damage", "used": "yes"}
IMPACT = {"systems": "ERP", "units": "昆明分公司", "users": "约 300 人", "began_at": "2025-06-10T09:30"}
FINDINGS = {"root_cause": "磁盘阵列故障", "remedy": "更换硬盘并重建", "temporary_measure": "切换到备机"}
BULLETIN = {"situation": "going_on", "text": "ERP 暂停服务，正在切换备机。", "units": "昆明分公司、大理分公司"}
REPORT = {"fault_kind": "硬件", "cause": "硬盘损坏", "method": "更换", "loss": "无"}
MEASURE = {"measure": "增加热备盘", "owner": "黄磊", "until": "2025-07-10T18:00"}
SUMMARY = {"summary": "阵列两块盘先后损坏", "lessons": "每周巡检阵列状态"}


def emergency(profile: str = "itss_desk", **said: Any) -> Tale:
    """One that monitoring reported."""
    words: dict[str, Any] = {"type": "emergency", "channel": common_pb2.CHANNEL_MONITORING, "title": "ERP 停机"}
    return Tale(profile, **({"grade": ""} | words | said))


def stable(tale: Tale | None = None) -> Tale:
    """As far as service is back, with no document written."""
    tale = tale or emergency()
    graded = {} if tale.ticket.grade else {"grade": "P1"}
    tale.does("zhang.qiang", "coordinate", steps="黄磊切换备机；徐玲核对数据", **graded)
    tale.does("zhang.qiang", "handle", target="huang.lei")
    tale.does("huang.lei", "stabilise", solution="已切换到备机", steps="切换；核对", remaining="更换硬盘")
    return tale


def documented(tale: Tale) -> Tale:
    """With everything the end asks for."""
    tale.does("zhang.qiang", "add_record", target="situation_bulletin", **(BULLETIN | {"situation": "stable"}))
    tale.does("huang.lei", "add_record", target="findings", **FINDINGS)
    tale.does("huang.lei", "add_record", target="handling_record", course="09:40 切换，10:05 恢复")
    tale.does("huang.lei", "submit_report", **REPORT)
    tale.does("zhang.qiang", "summarise", **SUMMARY)
    tale.does("zhang.qiang", "add_record", target="prevention_measure", **MEASURE)
    return tale


def heard(tale: Tale, outcome: str) -> model.Ticket:
    """The callback's outcome."""
    actor = model.Actor("sun.ning", "desk_manager")
    event = callback_heard(tale.desk, tale.ticket, outcome, tale.ticket.cycle, actor, tale.now)
    assert event is not None
    tale.events.append(event)
    return event.ticket


def test_an_emergency_is_with_the_project_manager_in_the_moment_it_occurs():
    """H1: nobody has to look first; who manages the project has it, else who is on duty."""
    tale = emergency()
    ticket = tale.ticket
    assert (ticket.state, ticket.assignee, ticket.flow) == ("reported_to_manager", "zhang.qiang", "emergency")
    assert ticket.milestones["reported_to_manager"] == MORNING
    assert emergency(project="office").ticket.assignee == "liu.yang"
    assert emergency(project="").ticket.assignee == "zhang.qiang"
    at_night = emergency(project="", at=MORNING + timedelta(hours=15))
    assert "project_manager" in tale.desk.people[at_night.ticket.assignee].roles


def test_an_emergency_goes_its_way_to_the_end_and_the_desk_closes_it_after_the_callback():
    """H1, H6, H7, H13, H18, section 5.10."""
    tale = emergency()
    tale.does("li.wei", "add_record", target="strategy", **STRATEGY)
    tale.does("li.wei", "add_record", target="impact_assessment", **IMPACT)
    tale.does("li.wei", "add_record", target="support_action", way="phone", with_whom="何洁", done="指导暂停录入")
    stable(tale)
    documented(tale)
    tale.does("zhang.qiang", "end")
    assert (tale.ticket.state, tale.ticket.phase, tale.ticket.team) == ("ended", "resolved", "desk")
    with pytest.raises(Refused, match="回访"):
        tale.does("sun.ning", "close")
    heard(tale, "completed")
    assert tale.does("sun.ning", "close").phase == "closed"
    assert replays(tale)


def test_an_emergency_cannot_end_without_its_documents_and_a_measure_and_all_that_is_missing_is_named():
    """H1, H6, H7"""
    tale = stable()
    with pytest.raises(Refused) as refused:
        tale.does("zhang.qiang", "end")
    assert {fault.field for fault in refused.value.faults} == {
        "records.problem_report",
        "records.handling_record",
        "records.situation_bulletin",
        "records.prevention_measure",
        "records.findings",
        "records.problem_summary",
    }
    assert "问题报告单" in refused.value.message
    assert "problem report" in refused.value.message


@pytest.mark.parametrize(
    "left_out", ["problem_report", "handling_record", "situation_bulletin", "prevention_measure", "problem_summary"]
)
def test_each_single_document_is_asked_for(left_out):
    """H1, H7"""
    tale = documented(stable())
    last = tale.events[-1]
    records = tuple(each for each in last.ticket.records if each.kind != left_out)
    tale.events[-1] = model.replace(last, ticket=model.replace(last.ticket, records=records))
    with pytest.raises(Refused) as refused:
        tale.does("zhang.qiang", "end")
    assert {fault.field for fault in refused.value.faults} == {f"records.{left_out}"}


def test_what_monitoring_reported_becomes_an_emergency_under_its_number():
    """H1, B8: from an ordinary incident, with what had been written on it."""
    tale = Tale(channel=common_pb2.CHANNEL_MONITORING)
    number = tale.ticket.number
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "add_record", target="contact", way="phone", summary="机房报警")
    with pytest.raises(Refused, match="a reason"):
        tale.does("li.wei", "declare_emergency")
    ticket = tale.does("li.wei", "declare_emergency", reason="ERP 全部停机")
    assert (ticket.number, ticket.type, ticket.flow) == (number, "emergency", "emergency")
    assert (ticket.state, ticket.assignee) == ("reported_to_manager", "zhang.qiang")
    assert [each.kind for each in ticket.records] == ["contact"]
    assert documented(stable(tale)).does("zhang.qiang", "end").state == "ended"
    assert replays(tale)


def test_the_records_of_an_emergency_are_for_emergencies_only():
    """H14: nobody sends a bulletin about a printer."""
    tale = Tale()
    with pytest.raises(Refused, match="应急事件"):
        tale.does("li.wei", "add_record", target="situation_bulletin", **BULLETIN)
    assert "add_record" in possible(tale.desk, tale.ticket, person("li.wei"), tale.now)


def test_what_was_thought_stable_can_fall_back_and_the_limits_of_its_documents_with_it():
    """H7: the summary is owed after it is stable, not before."""
    tale = stable()
    assert tale.ticket.milestones.keys() >= {"stable", "resolved"}
    ticket = tale.does("zhang.qiang", "relapse", reason="备机也报警")
    assert (ticket.state, ticket.assignee) == ("handling", "huang.lei")
    assert not {"stable", "resolved"} & ticket.milestones.keys()
    with pytest.raises(Refused, match="possible only"):
        tale.does("zhang.qiang", "summarise", **SUMMARY)


def test_a_callback_that_says_it_is_not_over_takes_the_emergency_up_again():
    """F13: a cycle of its own, with the manager who coordinated it, and reported already."""
    tale = documented(stable())
    tale.does("zhang.qiang", "end")
    ticket = heard(tale, "unsolved")
    assert (ticket.state, ticket.cycle, ticket.assignee) == ("handling", 1, "zhang.qiang")
    assert "reported_to_manager" in ticket.milestones
    assert ticket.records == ()


def test_another_manager_takes_over_only_while_on_duty():
    tale = emergency()
    with pytest.raises(Refused, match="a target"):
        tale.does("zhang.qiang", "hand_over", reason="休假")
    assert tale.does("zhang.qiang", "hand_over", target="liu.yang", reason="休假").assignee == "liu.yang"
    assert tale.does("liu.yang", "coordinate", grade="P2", steps="切换").project_manager == "liu.yang"


def test_an_emergency_without_a_severity_is_not_coordinated():
    """H6: who hears of it depends on the severity."""
    with pytest.raises(Refused, match="the grade"):
        emergency().does("zhang.qiang", "coordinate", steps="切换")


def test_a_preventive_entry_is_linked_to_a_ticket_if_the_desk_has_it():
    """H3"""
    tale = Tale()
    ticket = tale.does("li.wei", "link", target="app_cannot_start", kind="prevention")
    assert [(link.kind, link.target) for link in ticket.links] == [("prevention", "app_cannot_start")]
    with pytest.raises(Missing, match="app_abnormal_closing"):
        tale.does("li.wei", "link", target="no_such_entry", kind="prevention")


def test_the_centre_with_four_levels_handles_emergencies_after_its_own_book():
    """H1, D5: the emergency plan and the report of 003-01 belong to it, too."""
    tale = emergency(LEVELS, grade="I", project="")
    assert (tale.ticket.state, tale.ticket.assignee) == ("reported_to_manager", "i.gu.feng")
    tale.does("i.gu.feng", "coordinate", steps="陆斌切换备机")
    tale.does("i.gu.feng", "handle", target="i.kang.da")
    assert "emergency_planned" in tale.does("i.kang.da", "submit_emergency_plan", plan="启用备用机房").milestones
    tale.does("i.kang.da", "stabilise", solution="已切换", steps="切换", remaining="无")
    tale.does("i.gu.feng", "add_record", target="situation_bulletin", **(BULLETIN | {"units": "总部"}))
    tale.does("i.kang.da", "add_record", target="findings", **FINDINGS)
    tale.does("i.kang.da", "add_record", target="handling_record", course="切换")
    assert "reported" in tale.does("i.kang.da", "submit_report", **REPORT).milestones
    tale.does("i.gu.feng", "summarise", **SUMMARY)
    tale.does("i.gu.feng", "add_record", target="prevention_measure", **MEASURE)
    tale.does("i.gu.feng", "end")
    assert tale.does("i.fu.qin", "close").phase == "closed"
    assert replays(tale)


def test_a_fault_of_the_centre_becomes_an_emergency():
    """H1, B8"""
    tale = Tale(LEVELS, type="fault", grade="I", channel=common_pb2.CHANNEL_MONITORING)
    ticket = tale.does("i.he.xin", "declare_emergency", reason="全部业务停止")
    assert (ticket.type, ticket.state, ticket.assignee) == ("emergency", "reported_to_manager", "i.gu.feng")
    assert ticket.grade == "I"


def test_the_business_impact_names_systems_units_users_start_and_end():
    """H18: the end may be told later; what is missing is named."""
    tale = emergency()
    with pytest.raises(Refused) as refused:
        tale.does("li.wei", "add_record", target="impact_assessment", systems="ERP")
    assert {fault.field for fault in refused.value.faults} == {"units", "users", "began_at"}
    tale.does("li.wei", "add_record", target="impact_assessment", **IMPACT)
    tale.does("zhang.qiang", "add_record", target="impact_assessment", **IMPACT, ended_at="2025-06-10T10:05")
    [record] = [each for each in tale.ticket.records if each.kind == "impact_assessment"]
    assert record.values == {
        "systems": "ERP",
        "units": "昆明分公司",
        "users": "约 300 人",
        "began_at": "2025-06-10T01:30:00+00:00",
        "ended_at": "2025-06-10T02:05:00+00:00",
    }
