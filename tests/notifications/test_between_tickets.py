"""Who hears of what happens between tickets, and who is urged (A20, B21, E11, E14)."""

from __future__ import annotations

from typing import Any

import pytest

from services.contracts.deskstream.v1 import ticket_pb2
from services.notifications.compose import keys_of
from tests.notifications.world import NOON, FakeDeliveries, notices, on_ticket, profiles


def told(event: str, alert: str = "", **changes: Any) -> dict[str, tuple[str, str]]:
    """Recipient to subject and text."""
    message = on_ticket(event, **changes)
    if alert:
        body = ticket_pb2.TicketEvent.FromString(message.body)
        body.changes.add(field="alert", new=alert)
        message = type(message)(id=message.id, key=message.key, body=body.SerializeToString())
    kept = FakeDeliveries()
    notices(kept).hear([message], NOON)
    return {one.recipient: (one.subject, one.text) for one in kept.kept.values()}


def test_the_holder_is_urged_with_the_count():
    """E14"""
    found = told("urged", assignee="huang.lei", urges=3)
    assert set(found) == {"huang.lei"}
    assert "第 3 次督促" in found["huang.lei"][0]


def test_the_team_is_urged_while_nobody_holds_it():
    """E14"""
    found = told("urged", "urged_unheld", team="erp_ops", urges=1)
    members = {person.id for person in profiles().default.profile.organisation.people if "erp_ops" in person.teams}
    assert members
    assert set(found) == members


def test_the_requester_of_a_merged_ticket_is_told_at_once_and_when_the_target_is_resolved():
    """A20: without the numbers and words of others."""
    at_once = told("merged", state="withdrawn")
    assert set(at_once) == {"zhang.san"}
    assert "合并处理" in at_once["zhang.san"][1]
    in_the_end = told("noted", "merged_resolved", state="withdrawn")
    assert set(in_the_end) == {"zhang.san"}
    assert "已处理完毕" in in_the_end["zhang.san"][1]


def test_a_new_fault_is_reported_to_the_person_in_charge_and_a_solved_problem_to_the_holder():
    """E11, B21"""
    assert "zhang.qiang" in told("linked", "new_fault", project="erp", assignee="huang.lei")
    assert set(told("noted", "problem_resolved", assignee="huang.lei")) == {"huang.lei"}


@pytest.mark.parametrize("profile", ["itss_desk", "generic_desk", "it_callcentre_levels"])
def test_every_shipped_desk_has_rules_and_words_for_them(profile):
    """E14, A20"""
    rules = {rule.on for rule in profiles().get(profile).profile.notices.rules}
    assert {"ticket.urged", "ticket.merged", "alert.new_fault", "alert.problem_resolved"} <= rules
    assert {"ticket.urged", "ticket.merged", "ticket.linked", "ticket.noted"} <= keys_of(profiles())
    assert told("merged", profile=profile)


@pytest.mark.parametrize("event", ["dispatched", "graded"])
def test_technicians_and_specialists_hear_of_an_urgent_ticket_at_once(event):
    """C10: as it is dispatched, and when it becomes urgent on the way; of a general one they do not."""
    where = {"profile": "generic_desk", "team": "network"}
    people = profiles().get("generic_desk").profile.organisation.people
    concerned = {each.id for each in people if "network" in each.teams or "specialist" in each.roles}
    on_duty = set(told(event, grade="urgent", priority=2, **where))
    assert on_duty
    assert on_duty <= concerned
    assert {"g.net.one", "g.ren.yu"} <= on_duty
    assert told(event, grade="general", priority=3, **where) == {}
