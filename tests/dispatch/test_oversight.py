"""The holder is urged, the supervisor names the departments (B16, C11, E14)."""

from __future__ import annotations

from typing import Any

import pytest

from services.contracts.deskstream.v1.queues_pb2 import TicketFilter
from services.dispatch import wire
from services.dispatch.entries import entries_of, say_again
from services.dispatch.queues.queue import queue_named
from services.dispatch.search.filters import found_by, wanted
from services.kernel.errors import Refused
from tests.dispatch.linked import ONE, Between
from tests.dispatch.world import Tale, desks, person


def test_urging_notifies_the_holder_is_timestamped_and_counted():
    """E14 (督促): the event carries holder, count and time; what tells them is a rule of the profile."""
    tale = Tale().to_engineer()
    before = tale.ticket
    after = tale.does("wang.fang", "urge", reason="用户催促")
    tale.does("sun.ning", "urge")
    assert (after.urges, tale.ticket.urges) == (1, 2)
    event = tale.events[-2]
    assert (event.key, event.at, event.ticket.assignee) == (
        "ticket.urged",
        tale.events[-2].ticket.updated_at,
        "huang.lei",
    )
    assert [(c.field, c.old, c.new) for c in event.changes] == [("urges", "0", "1")]
    assert after.state == before.state
    rules = [rule for rule in tale.desk.profile.notices.rules if rule.on == event.key]
    assert rules[0].to == ("assignee",)


def test_urging_what_nobody_holds_tells_the_team_and_answers_no_requester():
    """E14: the response clock runs on."""
    tale = Tale()
    after = tale.does("wang.fang", "urge")
    assert "responded" not in after.milestones
    assert [c.new for c in tale.events[-1].changes if c.field == "alert"] == ["urged_unheld"]
    assert "responded" in tale.does("li.wei", "try_online").milestones


def test_only_those_who_oversee_urge_and_only_what_is_open():
    """E14"""
    tale = Tale().to_engineer()
    with pytest.raises(Refused, match="Only "):
        tale.does("huang.lei", "urge")
    tale.does("li.wei", "withdraw", reason="误报")
    with pytest.raises(Refused, match="stays as it is"):
        tale.does("wang.fang", "urge")


def generic(**said: Any) -> Tale:
    words: dict[str, Any] = {"type": "fault", "grade": "general", "project": "", "entry": "network", **said}
    return Tale("generic_desk", **words)


def test_a_matter_of_several_departments_waits_for_the_supervisor_who_alone_names_the_lead():
    """C11, B16"""
    tale = generic()
    waiting = tale.does("g.ren.yu", "ask_lead", reason="网络与应用都涉及")
    assert waiting.state == "awaiting_lead"
    assert queue_named("role:supervisor", desks()).holds(wire.ticket_to(waiting))
    assert "supervisor" in person(waiting.assignee, "generic_desk").roles
    for who in ("g.ren.yu", "g.net.one"):
        with pytest.raises(Refused, match="Only "):
            tale.does(who, "set_lead", target="network")
    led = tale.does("g.qian.li", "set_lead", target="network", supporting_teams="applications，terminals")
    assert (led.lead_team, led.supporting_teams, led.team) == ("network", ("applications", "terminals"), "network")
    assert (led.state, led.assignee) == ("dispatched", "")
    told = {change.field: change.new for change in tale.events[-1].changes}
    assert (told["lead_team"], told["supporting_teams"]) == ("network", "applications, terminals")


def test_there_is_exactly_one_lead_and_it_does_not_support_itself():
    """B16"""
    tale = generic()
    with pytest.raises(Refused, match="Only "):
        tale.does("g.net.one", "set_departments", target="network")
    with pytest.raises(Refused, match="no lead department") as missing:
        tale.does("g.qian.li", "set_departments", supporting_teams="network")
    assert missing.value.field == "target"
    with pytest.raises(Refused, match=r"leads .* and cannot support"):
        tale.does("g.qian.li", "set_departments", target="network", supporting_teams="network")
    with pytest.raises(Refused, match='"nobody" is no team') as unknown:
        tale.does("g.qian.li", "set_departments", target="network", supporting_teams="nobody")
    assert unknown.value.field == "supporting_teams"
    tale.does("g.qian.li", "set_departments", target="network", supporting_teams="terminals")
    after = tale.does("g.qian.li", "set_departments", target="terminals")
    assert (after.lead_team, after.supporting_teams, after.team) == ("terminals", (), "terminals")
    cleared = tale.does("g.qian.li", "set_departments", supporting_teams="")
    assert cleared == after


def test_each_supporting_department_sees_the_ticket_and_may_log_on_it(tickets):
    """B16: it comes to the queues of their own tools, and their members note on it."""
    desk = Between(tickets, ONE, profile="generic_desk", type="fault", grade="general", project="", entry="network")
    desk.does("g.qian.li", ONE, "set_departments", "network", supporting_teams="applications, terminals")
    assert {"work.applications", "work.terminals"} <= set(desk.said[-1].also)
    for who in ("g.app.two", "g.ter.three"):
        assert desk.does(who, ONE, "note", reason="已配合检查").version
    last = tickets.load([ONE])[ONE].entries[-1].event()
    assert (last.event, last.actor.id) == ("noted", "g.ter.three")


def test_a_stored_decision_about_departments_is_said_again_to_the_same_queues():
    """Decision 6"""
    tale = generic()
    tale.does("g.qian.li", "set_departments", target="network", supporting_teams="terminals")
    first = entries_of(tale.events[:1], "c1", "")[0][-1]
    entries, said = entries_of(tale.events[-1:], "c2", "", first)
    assert say_again(entries)[0].also == said[0].also


def test_a_supporting_department_finds_what_it_supports_among_its_tickets():
    """B16"""
    tale = generic()
    tale.does("g.qian.li", "set_departments", target="network", supporting_teams="terminals")
    row = found_by(wire.ticket_to(tale.ticket))
    for team, there in (("network", True), ("terminals", True), ("applications", False)):
        asked = wanted(TicketFilter(teams=[team]), need=True, open_states=frozenset())
        assert asked.holds(row) is there
