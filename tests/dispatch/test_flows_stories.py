"""Sections 5.1, 5.2, 5.3 and 5.5 as people live them, with their wrong turns refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.dispatch import model
from services.dispatch.policy import callback_heard
from services.kernel.errors import Refused
from tests.dispatch.test_flows import replays
from tests.dispatch.world import Tale, person


def called(tale: Tale, outcome: str = "completed") -> model.Ticket:
    actor = model.Actor("wang.fang", "team_leader")
    event = callback_heard(tale.desk, tale.ticket, outcome, tale.ticket.cycle, actor, tale.now)
    assert event is not None
    tale.events.append(event)
    return event.ticket


def escalated() -> Tale:
    tale = Tale(type="consultation")
    tale.does("li.wei", "take_up")
    tale.does("li.wei", "escalate", target="erp_ops", promised_at="14:30", mark="urgent")
    return tale


def test_the_second_line_gives_its_result_back_and_the_desk_tells_the_customer():
    """C15, C16, C17, E3, section 5.3: work order, promise, result, feedback, close."""
    tale = escalated()
    ticket = tale.ticket
    assert ticket.promised_at == datetime(2025, 6, 10, 6, 30, tzinfo=UTC), "14:30 in the desk's zone"
    assert (ticket.team, ticket.dispatches) == ("erp_ops", 1)
    assert {each.kind: each.values.get("mark") for each in ticket.records} == {"work_order": "urgent"}
    assert tale.does("huang.lei", "claim").state == "in_second_line"
    with pytest.raises(Refused, match="possible only"):
        tale.does("li.wei", "tell", summary="已处理")
    tale.does("huang.lei", "report_back", solution="已修正参数", steps="核对；修正", remaining="无")
    assert (tale.ticket.team, tale.ticket.phase) == ("desk", "open"), "the result goes to the desk, not to the customer"
    with pytest.raises(Refused, match="what the customer was told"):
        tale.does("li.wei", "tell")
    tale.does("li.wei", "tell", summary="已告知修正结果", way="phone")
    assert called(tale).state == "callback"
    with pytest.raises(Refused):
        tale.does("wang.fang", "close")
    ticket = tale.does("sun.ning", "close")
    assert ticket.state == "closed"
    assert replays(tale)


def test_a_transfer_to_the_second_line_without_a_reply_time_is_refused_by_name():
    """C16: everything missing is told at once."""
    tale = Tale(type="consultation")
    tale.does("li.wei", "take_up")
    with pytest.raises(Refused, match="reply time promised") as refused:
        tale.does("li.wei", "escalate", target="erp_ops")
    assert {fault.field for fault in refused.value.faults} == {"promised_at", "mark"}
    assert any("明确回复时间" in fault.zh for fault in refused.value.faults)
    with pytest.raises(Refused, match="still to come"):
        tale.does("li.wei", "escalate", target="erp_ops", promised_at="09:00", mark="general")
    for nonsense in ("soon", "25:00", "9999-12-31T23:59", "2025-13-01"):
        with pytest.raises(Refused) as wrong:
            tale.does("li.wei", "escalate", target="erp_ops", promised_at=nonsense, mark="general")
        assert wrong.value.field == "promised_at"
    assert tale.ticket.state == "accepted_by_seat"


def test_a_ticket_without_feedback_to_the_customer_cannot_be_closed():
    """C15"""
    tale = escalated()
    tale.does("huang.lei", "claim")
    tale.does("huang.lei", "report_back", solution="s", steps="s", remaining="无")
    tale.does("li.wei", "tell", summary="已告知")
    called(tale)
    tale.events[-1] = replace(tale.events[-1], ticket=replace(tale.ticket, records=()))
    with pytest.raises(Refused, match="结果反馈") as refused:
        tale.does("sun.ning", "close")
    assert refused.value.field == "records.feedback"


def test_what_the_seat_answers_itself_never_reaches_the_second_line():
    """B11, C1: ended at first contact, called back on the online path."""
    tale = Tale(type="consultation")
    tale.does("li.wei", "take_up")
    ticket = tale.does("li.wei", "answer", solution="已说明")
    assert (ticket.path, ticket.dispatches, ticket.phase) == ("online", 0, "resolved")
    called(tale)
    assert tale.does("wang.fang", "close").state == "closed"


def test_a_complaint_is_forwarded_found_told_called_back_and_closed():
    """G2, G6, G11, section 5.5."""
    tale = Tale(type="complaint")
    tale.does("li.wei", "forward", target="oa_ops")
    assert tale.does("ma.jun", "claim").state == "investigating"
    tale.does("ma.jun", "report_back", solution="已道歉并整改", steps="核对录音")
    with pytest.raises(Refused):
        tale.does("li.wei", "tell_result", summary="已处理")
    with pytest.raises(Refused, match="basis"):
        tale.does("chen.jing", "state_finding", justified="是")
    tale.does("chen.jing", "state_finding", justified="是", basis="录音属实")
    with pytest.raises(Refused):
        tale.does("wang.fang", "close")
    tale.does("li.wei", "tell_result", summary="认定有理，已整改")
    called(tale)
    ticket = tale.does("wang.fang", "close")
    assert ticket.state == "closed"
    assert [each.values["justified"] for each in ticket.records if each.kind == "finding"] == ["yes"]
    assert replays(tale)


def test_a_major_complaint_goes_to_the_supervisor():
    """G4, G5: marking it major reassigns; a leader may be named before."""
    tale = Tale(type="complaint")
    with pytest.raises(Refused, match="customer was told"):
        tale.does("li.wei", "escalate", target="zhao.gang")
    tale.does("li.wei", "escalate", target="zhao.gang", live="no", customer_told="yes")
    assert (tale.ticket.state, tale.ticket.assignee) == ("with_leader", "zhao.gang")
    ticket = tale.does("li.wei", "mark_major", reason="影响较大")
    assert (ticket.state, ticket.assignee, ticket.fields["major"]) == ("with_supervisor", "chen.jing", "true")
    assert tale.does("chen.jing", "decide", solution="当面致歉").state == "investigated"


def test_a_complaint_without_a_contact_ends_as_not_answerable():
    """A15: only when there is none."""
    tale = Tale(type="complaint")
    with pytest.raises(Refused, match="left a contact"):
        tale.does("li.wei", "end_unanswerable", reason="未留联系方式")
    nobody = replace(tale.ticket.requester, phone="", email="", im="")
    tale.events[-1] = replace(tale.events[-1], ticket=replace(tale.ticket, requester=nobody))
    ticket = tale.does("li.wei", "end_unanswerable", reason="未留联系方式")
    assert (ticket.state, ticket.phase) == ("not_answerable", "cancelled")


def test_nobody_takes_a_step_on_a_complaint_about_themselves():
    """C28: at every step, under any role; others may not give it to them either."""
    tale = Tale(type="complaint", accused="chen.jing")
    for action in ("forward", "mark_major", "grade", "update", "add_record", "claim", "withdraw"):
        with pytest.raises(Refused, match="complained about") as refused:
            tale.does("chen.jing", action, target="oa_ops", reason="r", grade="P3")
        assert refused.value.code == "forbidden"
    with pytest.raises(Refused, match="complained about"):
        tale.does("li.wei", "forward", target="chen.jing")
    with pytest.raises(Refused, match="Nobody who is"):
        tale.does("li.wei", "mark_major", reason="r")
    assert tale.does("chen.jing", "note", reason="我的说明").version == 2


def test_several_departments_wait_for_the_supervisor_to_name_the_lead():
    """C11, C21, section 5.2: resources on the way, result told by the desk."""
    tale = Tale("generic_desk", type="fault", grade="urgent", entry="network", project="")
    tale.does("g.ren.yu", "ask_lead", reason="涉及网络与应用")
    assert (tale.ticket.state, tale.ticket.assignee) == ("awaiting_lead", "g.qian.li")
    with pytest.raises(Refused):
        tale.does("g.ren.yu", "set_lead", target="applications")
    ticket = tale.does("g.qian.li", "set_lead", target="applications", supporting_teams="network")
    assert (ticket.team, ticket.lead_team, ticket.supporting_teams) == ("applications", "applications", ("network",))
    tale.does("g.app.one", "accept")
    tale.does("g.app.one", "begin")
    tale.does("g.app.one", "need_resources", reason="需要备件")
    assert tale.ticket.assignee == "g.qian.li", "C21: the supervisor's queue"
    tale.does("g.qian.li", "coordinate", reason="备件已到")
    assert {"resources_needed", "coordinated"} <= tale.ticket.milestones.keys(), "its clock has start and stop"
    with pytest.raises(Refused, match="remaining"):
        tale.does("g.app.one", "resolve", solution="s", steps="s", remaining="  ")
    tale.does("g.app.one", "resolve", solution="更换", steps="更换", remaining="无")
    with pytest.raises(Refused):
        tale.does("g.app.one", "close")
    with pytest.raises(Refused, match="what the customer was told"):
        tale.does("g.ren.yu", "tell_result")
    tale.does("g.ren.yu", "tell_result", summary="已更换")
    assert tale.does("g.ren.yu", "close").state == "closed"
    assert replays(tale)


def test_no_dispatch_without_an_attempt_or_the_reason_why_not():
    """C1, C12: the outcome of the attempt stands on the ticket."""
    tried = Tale()
    tried.does("li.wei", "try_online")
    ticket = tried.does("li.wei", "dispatch", tried="远程重启打印服务")
    attempt = ticket.records[0]
    assert (attempt.kind, attempt.by.id) == ("attempt", "li.wei")
    assert attempt.values == {"outcome": "unsolved", "tried": "远程重启打印服务"}
    untried = Tale()
    with pytest.raises(Refused, match="the reason"):
        untried.does("li.wei", "dispatch")
    ticket = untried.does("li.wei", "dispatch", reason="现场断电，无法远程")
    assert ticket.records[0].values == {"outcome": "not_attempted", "reason": "现场断电，无法远程"}
    online = Tale()
    online.does("li.wei", "try_online")
    ticket = online.does("li.wei", "solve_online", solution="重启")
    assert (ticket.records[0].values["outcome"], ticket.dispatches) == ("solved", 0)


def test_what_is_beyond_authority_goes_to_the_supervisor_who_alone_commits_the_desk():
    """C18, C21"""
    tale = Tale()
    tale.does("li.wei", "try_online")
    ticket = tale.does("li.wei", "refer_up", reason="涉及赔偿")
    assert (ticket.assignee, ticket.fields["beyond_authority"]) == ("chen.jing", "true")
    with pytest.raises(Refused, match="超出权限"):
        tale.does("li.wei", "update", promised_at="16:00")
    assert tale.does("chen.jing", "update", promised_at="16:00").promised_at is not None
    tale.does("chen.jing", "coordinate", reason="财务部负责答复")
    assert (tale.ticket.state, tale.ticket.team, tale.ticket.assignee) == ("online_support", "desk", "")
    engineer = Tale().to_engineer()
    engineer.does("huang.lei", "need_resources", reason="需要厂商")
    engineer.does("chen.jing", "coordinate", reason="厂商已到")
    assert (engineer.ticket.state, engineer.ticket.assignee) == ("in_progress", "huang.lei")


def test_a_technician_may_resolve_and_never_close():
    """E2: in every flow of every desk."""
    tale = Tale().to_engineer()
    tale.does("huang.lei", "resolve", solution="s", steps="s", remaining="无")
    for profile in ("itss_desk", "generic_desk"):
        for row in Tale(profile).desk.profile.transitions:
            assert not (row.to == "closed" and "engineer" in row.roles)
    with pytest.raises(Refused):
        tale.does(person("huang.lei"), "close")


def test_a_request_outside_the_catalogue_is_declined_with_a_reason_and_never_dispatched():
    """A19"""
    tale = Tale()
    with pytest.raises(Refused, match="a reason"):
        tale.does("li.wei", "decline")
    ticket = tale.does("li.wei", "decline", reason="不在受理范围")
    assert (ticket.state, ticket.phase, ticket.dispatches) == ("declined", "cancelled", 0)
    with pytest.raises(Refused):
        tale.does("li.wei", "try_online")


@pytest.mark.parametrize("kind", ["consultation", "complaint"])
def test_a_no_in_the_callback_begins_a_new_cycle_in_every_flow(kind: str):
    """F13: records, promise and milestones are asked for anew."""
    tale = Tale(type=kind)
    if kind == "consultation":
        tale.does("li.wei", "take_up")
        tale.does("li.wei", "answer", solution="已说明")
    else:
        tale.does("li.wei", "answer", solution="已解释")
        tale.does("chen.jing", "state_finding", justified="no", basis="核对属实")
        tale.does("li.wei", "tell_result", summary="已告知")
    ticket = called(tale, "unsolved")
    assert (ticket.state, ticket.cycle, ticket.records, ticket.callback) == ("reopened", 1, (), "")
    assert tale.events[-1].name == "reopened"
    assert replays(tale)
