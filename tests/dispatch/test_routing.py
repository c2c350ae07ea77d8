"""Where a request goes and why: rules, emergency seat, the unmatched, the accused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contracts.deskstream.v1 import common_pb2
from services.dispatch import wire
from services.dispatch.model import Decision, Ticket
from services.dispatch.policy import Desk, decide, explain, open_ticket
from services.profile.load import load
from tests.dispatch.world import MORNING, POLICY, Tale, desk, request

NIGHT = MORNING + timedelta(hours=13)


def routed(**said: object) -> Decision:
    routing = Tale(**said).ticket.routing  # type: ignore[arg-type]  # words of a draft
    assert routing is not None
    return routing


def changed(name: str = "itss_desk", **routing: object) -> Desk:
    """A shipped desk with other routing."""
    loaded = load(POLICY / name)
    profile = loaded.profile.model_copy(update={"routing": loaded.profile.routing.model_copy(update=routing)})
    return Desk(profile, "changed", loaded.roster)


@pytest.mark.parametrize(
    ("said", "team", "rule"),
    [
        ({}, "desk", "desk_first"),
        ({"type": "complaint"}, "supervisors", "complaint_to_supervisor"),
        ({"grade": "P1", "channel": common_pb2.CHANNEL_MONITORING}, "emergency", "emergency_first"),
        ({"grade": "P2", "channel": common_pb2.CHANNEL_MONITORING}, "desk", "desk_first"),
    ],
)
def test_the_first_rule_that_matches_is_stored_with_what_was_tried(said, team, rule):
    """C2"""
    decision = routed(**said)
    assert (decision.team, decision.rule) == (team, rule)
    rules = [each.id for each in desk().profile.routing.rules]
    assert list(decision.tried) == rules[: rules.index(rule)]
    assert decision.facts["type"] == said.get("type", "incident")
    assert decision.reason


def test_outside_service_hours_the_emergency_seat_on_duty_has_it():
    """A5, A6"""
    tale = Tale(at=NIGHT)
    assert tale.ticket.routing is not None
    assert tale.ticket.routing.rule == "out_of_hours"
    assert (tale.ticket.team, tale.ticket.assignee) == ("emergency", "wu.hao")
    assert "应急坐席" in explain(tale.desk, tale.ticket.routing, "zh-CN")


def test_the_emergency_seat_is_passed_over_when_it_is_complained_about():
    """C28"""
    ticket = Tale(at=NIGHT, accused="吴昊").ticket
    assert (ticket.team, ticket.assignee) == ("emergency", "")


def test_what_no_rule_matches_goes_to_the_team_of_the_unmatched():
    """C24"""
    decision = decide(changed(rules=()), Tale().ticket, MORNING, MORNING)
    assert (decision.team, decision.rule) == ("supervisors", "")
    assert "No rule matched" in decision.reason


def test_a_backfilled_request_is_routed_by_the_hours_in_which_it_is_entered():
    """H9, D12: nobody is at the emergency seat for a call of last night."""
    tale = Tale(backfilled=True)
    ticket = replace(tale.ticket, milestones={"received": NIGHT}, routing=None)
    assert tale.ticket.team == "desk"
    assert decide(desk(), ticket, MORNING, MORNING).team == "desk"


def test_a_rules_person_is_replaced_by_the_substitute_and_never_the_accused():
    """C23, C28"""
    rule = desk().profile.routing.rules[-1]
    to = rule.to.model_copy(update={"team": "erp_ops", "person": "xu.ling"})
    rules = changed(rules=(rule.model_copy(update={"to": to}),))
    away = MORNING.replace(month=5, day=7)
    ticket: Ticket = Tale().ticket
    assert decide(rules, ticket, MORNING, MORNING).assignee == "xu.ling"
    assert decide(rules, ticket, away, away).assignee == "huang.lei"
    accused = replace(ticket, accused="徐玲")
    assert decide(rules, accused, MORNING, MORNING).assignee == ""


def test_a_request_told_in_a_call_is_responded_to_when_it_opens():
    """D1: an agent who writes it down in a call has responded; a web form has not been seen yet."""
    wanted = wire.request_from(request())
    (opened,) = open_ticket(desk(), wanted, MORNING, MORNING, answered=True)
    assert opened.ticket.milestones["responded"] == MORNING
    (opened,) = open_ticket(desk(), wanted, MORNING, MORNING)
    assert "responded" not in opened.ticket.milestones


def test_an_unmatched_ticket_raises_one_alert():
    """C24: told to the supervisor by the notices; the two events of one opening raise it once."""
    wanted = wire.request_from(request(profile="generic_desk", type="fault", grade="general"))
    events = open_ticket(changed("generic_desk", rules=()), wanted, MORNING, MORNING)
    assert len(events) == 2
    raised = [change.new for event in events for change in event.changes if change.field == "alert"]
    assert (events[-1].ticket.team, raised) == ("supervisors", ["unmatched"])


def test_an_empty_emergency_seat_raises_an_alert():
    """A6"""
    manned = open_ticket(desk(), wire.request_from(request()), NIGHT, NIGHT)
    assert [change for event in manned for change in event.changes if change.field == "alert"] == []
    empty = open_ticket(desk(), wire.request_from(request(accused="wu.hao")), NIGHT, NIGHT)
    assert [change.new for event in empty for change in event.changes if change.field == "alert"] == ["seat_empty"]
