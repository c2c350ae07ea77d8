"""Several lifecycles in one profile: which one a ticket runs under, and how it may change it (B8, sections 5.3-5.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.dispatch import model, wire
from services.dispatch.entries import entries_of
from services.dispatch.policy import possible, step
from services.dispatch.queues.queue import queue_named
from services.kernel.errors import Refused
from tests.dispatch.world import MORNING, PROFILES, Tale, desk, desks, person

LEVELS = "it_callcentre_levels"


def replays(tale: Tale) -> bool:
    """Whether the stored history gives back the ticket (B9)."""
    entries, _ = entries_of(tale.events, "cause", "")
    return wire.ticket_from(entries[-1].event().ticket) == tale.ticket


@pytest.mark.parametrize(
    ("profile", "kind", "flow", "state"),
    [
        ("itss_desk", "incident", "", "classified"),
        ("itss_desk", "complaint", "complaint", "classified"),
        ("itss_desk", "consultation", "second_line", "classified"),
        (LEVELS, "fault", "", "analysing"),
        (LEVELS, "system_defect", "defect", "submitted"),
        (LEVELS, "consultation", "consultation", "recorded"),
    ],
)
def test_a_ticket_runs_under_the_lifecycle_of_its_type(profile: str, kind: str, flow: str, state: str):
    """B12: what a user fills in as a system defect is submitted at the support centre."""
    ticket = Tale(profile, type=kind).ticket
    assert (ticket.flow, ticket.state) == (flow, state)
    assert ticket.team


@pytest.mark.parametrize("profile", PROFILES)
def test_every_flow_refuses_every_step_its_table_does_not_list(profile: str):
    """Default deny holds in every flow, for every state, action and role."""
    rules = desk(profile)
    opened = Tale(profile).ticket
    refused = 0
    for name, flow in rules.flows.items():
        actions = {row.action for each in rules.flows.values() for row in each.lifecycle.transitions}
        for state, known in flow.states.items():
            ticket = replace(opened, flow=name, state=state, phase=known.phase)
            for action in sorted(actions - {"withdraw"}):
                for role in rules.profile.roles:
                    if any(role in row.roles for row in flow.rows(state, action)):
                        continue
                    caller = model.Caller("somebody", frozenset({role}))
                    with pytest.raises(Refused):
                        step(rules, ticket, model.Command(action, "r", "desk"), caller, MORNING)
                    assert action not in possible(rules, ticket, caller, MORNING)
                    refused += 1
    assert refused > 500


def test_a_type_with_another_lifecycle_can_be_set_while_both_know_the_state():
    """B6, B8: a request found to be a complaint goes on as one; once it has been worked on, it cannot."""
    tale = Tale(type="incident")
    ticket = tale.does("li.wei", "update", type="complaint")
    assert (ticket.flow, ticket.state, ticket.neutral_type) == ("complaint", "classified", "complaint")
    told = {change.field: (change.old, change.new) for change in tale.events[-1].changes}
    assert told["type"] == ("incident", "complaint")
    assert told["flow"] == ("", "complaint")
    late = Tale(type="incident")
    late.does("li.wei", "try_online")
    with pytest.raises(Refused, match="lifecycle of its own") as refused:
        late.does("li.wei", "update", type="complaint")
    assert refused.value.field == "type"
    assert "已分类" in refused.value.message, "the remedy names the states in which it can be"


def test_classifying_an_ungraded_request_as_a_complaint_takes_it_into_that_flow():
    tale = Tale(type="incident", grade="")
    ticket = tale.does("li.wei", "classify", type="complaint", grade="P2")
    assert (ticket.flow, ticket.state) == ("complaint", "classified")
    assert "forward" in possible(tale.desk, ticket, person("li.wei"), tale.now)
    assert "try_online" not in possible(tale.desk, ticket, person("li.wei"), tale.now)


def test_an_operational_defect_becomes_a_consultation_under_the_same_number():
    """B7, B8: the type change stands in the history; from then on it counts as a consultation."""
    tale = Tale(LEVELS, type="system_defect")
    number = tale.ticket.number
    tale.does("i.he.xin", "begin_analysis")
    ticket = tale.does("i.he.xin", "analyse", subtype="operational", findings="用户未勾选选项")
    assert (ticket.number, ticket.type, ticket.neutral_type) == (number, "consultation", "consultation")
    assert (ticket.flow, ticket.state) == ("consultation", "answering")
    assert tale.events[-1].name == "converted"
    told = {change.field: (change.old, change.new) for change in tale.events[-1].changes}
    assert told["type"] == ("system_defect", "consultation")
    tale.does("i.he.xin", "answer", solution="已说明操作方法")
    assert tale.does("i.he.xin", "close").phase == "closed"
    assert replays(tale)


def test_a_fault_that_is_a_question_of_use_is_explained_and_becomes_a_consultation():
    """B8"""
    tale = Tale(LEVELS, type="fault", entry="infrastructure")
    ticket = tale.does("i.he.xin", "explain", solution="网线未插好，已说明")
    assert (ticket.type, ticket.flow, ticket.state, ticket.path) == (
        "consultation",
        "consultation",
        "explained",
        "online",
    )


def test_a_consultation_that_is_none_becomes_a_defect():
    """B8, the other way."""
    tale = Tale(LEVELS, type="consultation")
    tale.does("i.he.xin", "take_up")
    with pytest.raises(Refused, match="a reason"):
        tale.does("i.he.xin", "report_defect")
    ticket = tale.does("i.he.xin", "report_defect", reason="确认为系统缺陷")
    assert (ticket.flow, ticket.state, ticket.assignee) == ("defect", "submitted", "")


def test_queues_of_roles_hold_the_states_of_every_flow():
    """C22: a supervisor's queue has complaints to decide, and not what other flows have in a state of that name."""
    supervisor = queue_named("role:supervisor", desks()).prefixes
    assert "itss_desk/complaint.with_supervisor" in supervisor
    assert "itss_desk/complaint.classified" in supervisor
    assert "itss_desk/classified" not in supervisor
    assert "itss_desk/needs_resources" in supervisor
    assert f"{LEVELS}/defect.awaiting_approval" in supervisor
    everything = queue_named("all", desks()).prefixes
    assert "itss_desk/second_line.in_second_line" in everything
    assert "itss_desk/complaint.not_answerable" not in everything, "an end is in no queue"
    complaint, incident = (wire.ticket_to(Tale(type=kind).ticket) for kind in ("complaint", "incident"))
    assert queue_named("role:supervisor", desks()).holds(complaint)
    assert not queue_named("role:supervisor", desks()).holds(incident)


def test_an_action_of_another_flow_is_refused_with_what_this_one_knows():
    tale = Tale(type="complaint")
    with pytest.raises(Refused, match="state_finding"):
        tale.does("li.wei", "try_online")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_withdrawal_is_possible_from_every_state_that_is_no_end(profile: str):
    """B10: nothing is deleted; it is withdrawn with a reason."""
    rules = desk(profile)
    specialist = next(each.id for each in rules.people.values() if "specialist" in each.roles)
    opened = Tale(profile).ticket
    for name, flow in rules.flows.items():
        for state, known in flow.states.items():
            if known.phase in ("closed", "cancelled"):
                continue
            ticket = replace(opened, flow=name, state=state, phase=known.phase)
            caller = person(specialist, profile)
            if state == "with_supervisor":
                caller = person("chen.jing")
            event = step(rules, ticket, model.Command("withdraw", "用户撤销"), caller, MORNING)
            assert event is not None
            assert event.ticket.phase == "cancelled"


def test_the_third_reassignment_alerts_as_the_third_hand_back_does():
    """C25: transfers are counted apart from hand-backs, with the same limit."""
    tale = Tale("generic_desk", type="fault", grade="general", entry="network", project="")
    alarms = []
    for team in ("applications", "terminals", "network"):
        tale.does("g.ren.yu", "transfer", target=team, reason="不属于本组")
        alarms.append(("alert", "hand_back_limit") in [(each.field, each.new) for each in tale.events[-1].changes])
    assert tale.ticket.reassignments == 3
    assert alarms == [False, False, True]
