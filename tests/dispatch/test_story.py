"""The flow of section 5.1, both branches, as people live it."""

from __future__ import annotations

import pytest

from services.dispatch.model import Actor, Event
from services.dispatch.policy import callback_heard
from services.kernel.errors import Refused
from tests.dispatch.world import Tale, person


def called(tale: Tale, outcome: str) -> Event:
    event = callback_heard(
        tale.desk, tale.ticket, outcome, tale.ticket.cycle, Actor("sun.ning", "desk_manager"), tale.now
    )
    assert event is not None
    tale.events.append(event)
    return event


def test_a_graded_request_waits_classified_in_the_desks_queue():
    """B6, C2, C24"""
    ticket = Tale().ticket
    assert (ticket.state, ticket.team, ticket.assignee, ticket.version) == ("classified", "desk", "", 1)
    assert ticket.routing is not None
    assert ticket.routing.rule == "desk_first"
    assert set(ticket.milestones) == {"received", "opened", "graded"}


def test_an_ungraded_request_waits_for_the_specialist_to_classify_it():
    """B6"""
    tale = Tale(grade="")
    assert tale.ticket.state == "recorded"
    ticket = tale.does("li.wei", "classify", type="incident", grade="P1")
    assert (ticket.state, ticket.grade, ticket.priority) == ("classified", "P1", 1)
    assert ticket.milestones["responded"] == tale.now


def test_what_the_desk_solves_online_is_called_back_and_closed_by_the_team_leader():
    """C1, F2, F3"""
    tale = Tale()
    tale.does("li.wei", "try_online")
    assert tale.ticket.assignee == "li.wei"
    tale.does("li.wei", "solve_online", solution="重启打印服务")
    called(tale, "completed")
    ticket = tale.does("wang.fang", "close")
    assert (ticket.state, ticket.phase, ticket.path) == ("closed", "closed", "online")
    assert {"resolved", "confirmed", "called_back", "user_confirmed", "closed"} <= set(ticket.milestones)


def test_what_an_engineer_solves_passes_both_confirmations_before_the_manager_closes():
    """C3, C4, C7, C8, F3"""
    tale = Tale().to_engineer()
    tale.does("huang.lei", "resolve", solution="更换网线", steps="检查, 更换", remaining="无")
    assert tale.ticket.assignee == "zhang.qiang"
    with pytest.raises(Refused, match="Resolved"):
        tale.does("li.wei", "confirm")
    tale.does("zhang.qiang", "confirm_completion")
    tale.does("li.wei", "confirm")
    assert called(tale, "completed").ticket.state == "callback"
    ticket = tale.does("sun.ning", "close")
    assert ticket.state == "closed"
    assert [event.name for event in tale.events] == [
        *("opened", "online_tried", "dispatched", "accepted", "assigned", "started", "resolved", "completed"),
        *("confirmed", "called_back", "closed"),
    ]


def test_what_an_engineer_cannot_solve_goes_back_and_up_to_the_operations_manager():
    """C5, C6, C7"""
    tale = Tale().to_engineer()
    with pytest.raises(Refused, match="a reason"):
        tale.does("huang.lei", "hand_back")
    tale.does("huang.lei", "hand_back", reason="需要厂商支持")
    assert (tale.ticket.hand_backs, tale.ticket.assignee, tale.ticket.engineer) == (1, "zhang.qiang", "huang.lei")
    with pytest.raises(Refused, match="name another engineer"):
        tale.does("zhang.qiang", "reassign", target="huang.lei")
    tale.does("zhang.qiang", "pass_up")
    assert tale.ticket.assignee == "zhao.gang"
    tale.does("zhao.gang", "resolve", solution="厂商补丁", steps="安装补丁", remaining="无")
    assert tale.does("li.wei", "confirm").state == "desk_confirmed"


def test_naming_an_engineer_before_acceptance_is_refused():
    """C4"""
    tale = Tale()
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "dispatch")
    with pytest.raises(Refused, match="Accepted"):
        tale.does("zhang.qiang", "assign", target="huang.lei")


def test_a_project_nobody_knows_is_refused_with_the_projects_there_are():
    """C3"""
    tale = Tale(project="")
    tale.does("li.wei", "try_online")
    with pytest.raises(Refused, match="the project"):
        tale.does("li.wei", "dispatch")
    with pytest.raises(Refused, match="erp"):
        tale.does("li.wei", "dispatch", project="moon")


def test_a_rejected_dispatch_counts_as_failed_and_goes_back_to_the_desk():
    """C12, AM1"""
    tale = Tale()
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "dispatch")
    ticket = tale.does("zhang.qiang", "reject", reason="不是本项目")
    assert (ticket.dispatches, ticket.failed_dispatches, ticket.team, ticket.assignee) == (1, 1, "desk", "")
    tale.does("li.wei", "try_online")
    assert tale.does("li.wei", "dispatch", project="office").assignee == "liu.yang"
    assert tale.does("liu.yang", "accept").project_manager == "liu.yang"


@pytest.mark.parametrize("who", ["li.wei", "huang.lei", "zhang.qiang"])
def test_direct_close_by_specialist_engineer_or_project_manager_is_refused(who: str):
    """F2, F3"""
    tale = Tale().to_engineer()
    with pytest.raises(Refused) as refused:
        tale.does(who, "close")
    assert refused.value.code == "forbidden"


def test_the_close_gate_names_the_missing_callback():
    """F2"""
    tale = Tale()
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "solve_online", solution="重启")
    with pytest.raises(Refused, match="回访"):
        tale.does("wang.fang", "close")
    tale.does("wang.fang", "call")
    with pytest.raises(Refused, match="回访"):
        tale.does("wang.fang", "close")
    called(tale, "unreachable")
    assert tale.does("wang.fang", "close").state == "closed"


def test_an_unsolved_callback_reopens_with_a_new_cycle_and_new_milestones():
    """F13"""
    tale = Tale()
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "solve_online", solution="重启")
    event = called(tale, "unsolved")
    assert (event.name, event.actor.role, event.ticket.state, event.ticket.cycle) == (
        "reopened",
        "system",
        "reopened",
        1,
    )
    assert set(event.ticket.milestones) == {"received", "opened"}
    again = callback_heard(tale.desk, tale.ticket, "completed", 0, event.actor, tale.now)
    assert again is None, "an answer about the first cycle says nothing about the second"
    assert "responded" in tale.does("li.wei", "try_online").milestones


def test_grade_changes_keep_old_new_who_when_and_why():
    """B5, B6, D17"""
    tale = Tale()
    with pytest.raises(Refused, match="reason"):
        tale.does("li.wei", "grade", grade="P1")
    tale.does("li.wei", "grade", grade="P1", reason="业务中断")
    event = tale.events[-1]
    assert (event.name, event.actor, event.reason, event.at) == (
        "graded",
        Actor("li.wei", "specialist"),
        "业务中断",
        tale.now,
    )
    assert [(c.field, c.old, c.new) for c in event.changes] == [("grade", "P2", "P1")]
    assert event.ticket.priority == 1
    with pytest.raises(Refused):
        tale.does("huang.lei", "grade", grade="P3", reason="x")


def test_nothing_is_assigned_to_the_person_complained_about():
    """C28"""
    tale = Tale(type="complaint", accused="李伟")
    with pytest.raises(Refused, match="complained about"):
        tale.does("li.wei", "try_online")
    with pytest.raises(Refused):
        tale.does(person("li.wei"), "claim")
    tale = Tale(accused="huang.lei")
    tale.does("zhou.min", "try_online")
    tale.does("zhou.min", "dispatch")
    tale.does("zhang.qiang", "accept")
    with pytest.raises(Refused, match="complained about"):
        tale.does("zhang.qiang", "assign", target="huang.lei")


def test_an_absent_engineer_is_replaced_by_the_registered_substitute():
    """C23, M21"""
    tale = Tale()
    tale.now = tale.now.replace(month=5, day=7)
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "dispatch")
    tale.does("zhang.qiang", "accept")
    assert tale.does("zhang.qiang", "assign", target="xu.ling").assignee == "huang.lei"


def test_the_third_hand_back_raises_the_alarm():
    """C25"""
    tale = Tale().to_engineer()
    for engineer, other in (("huang.lei", "xu.ling"), ("xu.ling", "huang.lei"), ("huang.lei", "")):
        tale.does(engineer, "hand_back", reason="无法解决")
        if other:
            tale.does("zhang.qiang", "reassign", target=other)
            tale.does(other, "begin")
    assert ("alert", "hand_back_limit") in [(change.field, change.new) for change in tale.events[-1].changes]


def test_a_generic_desk_dispatches_by_rule_on_arrival():
    """5.2, C2"""
    tale = Tale("generic_desk", type="fault", grade="urgent", entry="network", project="")
    assert [event.name for event in tale.events] == ["opened", "dispatched"]
    assert (tale.ticket.team, tale.ticket.version, tale.ticket.dispatches) == ("network", 2, 1)
    tale.does("g.net.one", "claim")
    assert (tale.ticket.state, tale.ticket.assignee) == ("accepted", "g.net.one")
    tale.does("g.net.one", "begin")
    tale.does("g.net.one", "resolve", solution="换交换机", steps="更换", remaining="无")
    tale.does("g.ren.yu", "tell_result", summary="已恢复")
    assert tale.does("g.ren.yu", "close").state == "closed"


def test_notes_updates_and_withdrawal_are_recorded():
    """B9, B10"""
    tale = Tale()
    tale.does("li.wei", "note", reason="用户在外地")
    tale.does("li.wei", "update", title="打印机卡纸")
    tale.does("li.wei", "withdraw", reason="用户撤销")
    assert [event.name for event in tale.events[1:]] == ["noted", "updated", "withdrawn"]
    assert tale.ticket.phase == "cancelled"
    with pytest.raises(Refused, match="Withdrawn"):
        tale.does("li.wei", "update", title="x")
    assert tale.does("li.wei", "note", reason="事后说明").version == 5


@pytest.mark.parametrize("field", ["reason", "target"])
def test_what_people_write_is_bounded(field: str):
    """B9: it stays in the history for good."""
    tale = Tale()
    with pytest.raises(Refused, match="shorten it") as refused:
        tale.does("li.wei", "note", **{"reason": "r", field: "长" * 4001})
    assert refused.value.field == field
    assert tale.does("li.wei", "note", reason="长" * 4000).version == 2


def test_a_refused_solution_is_no_solution_any_more():
    """Section 5.1, B9: the milestones are taken back, told with their instants, and set anew by the next solution."""
    tale = Tale().to_engineer()
    begun = tale.ticket.milestones["started"]
    tale.does("huang.lei", "resolve", solution="重启", steps="重启服务", remaining="无")
    first = tale.now
    tale.does("zhang.qiang", "refuse_completion", reason="仍然报错")
    assert "resolved" not in tale.ticket.milestones
    assert (tale.events[-1].changes[-1].field, tale.events[-1].changes[-1].old) == (
        "milestones.resolved",
        first.isoformat(),
    )
    tale.does("huang.lei", "resolve", solution="更换", steps="更换部件", remaining="无")
    tale.does("zhang.qiang", "confirm_completion")
    tale.does("li.wei", "send_back", reason="用户未收到")
    assert {"resolved", "completed"} & tale.ticket.milestones.keys() == set()
    assert tale.ticket.milestones["started"] == begun


def test_beginning_again_after_a_hand_back_does_not_make_the_first_begin_late():
    """D2: the limit is met by the technician who began first."""
    tale = Tale().to_engineer()
    begun = tale.ticket.milestones["started"]
    tale.does("huang.lei", "hand_back", reason="需要另一位")
    tale.does("zhang.qiang", "reassign", target="xu.ling")
    tale.does("xu.ling", "begin")
    assert tale.ticket.milestones["started"] == begun


def test_every_clock_of_a_reopened_ticket_can_be_stopped():
    """F13: the project manager names an engineer at once; what the desk had to decide is decided."""
    tale = Tale().to_engineer()
    tale.does("huang.lei", "resolve", solution="重启", steps="重启服务", remaining="无")
    tale.does("zhang.qiang", "confirm_completion")
    tale.does("li.wei", "confirm")
    called(tale, "unsolved")
    tale.does("zhang.qiang", "assign", target="huang.lei")
    assert {"triaged", "assigned", "responded"} <= tale.ticket.milestones.keys()
    generic = Tale("generic_desk", type="fault", grade="general", project="", entry="network")
    engineer = generic.desk.teams["network"].lead or ""
    names = [person.id for person in generic.desk.people.values() if "engineer" in person.roles]
    chosen = engineer if engineer in names else names[0]
    specialist = next(person.id for person in generic.desk.people.values() if "specialist" in person.roles)
    generic.does(chosen, "accept")
    generic.does(chosen, "begin")
    generic.does(chosen, "resolve", solution="重启", steps="重启", remaining="无")
    generic.does(specialist, "reopen", reason="仍然报错")
    assert (generic.ticket.cycle, generic.ticket.milestones["dispatched"]) == (1, generic.now)
