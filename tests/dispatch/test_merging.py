"""Duplicates are merged, defects grouped under a problem, parents wait for their children (A20, B18, B21)."""

from __future__ import annotations

import random

import pytest

from services.contracts.deskstream.v1 import intake_pb2, ticket_pb2
from services.kernel.errors import Refused
from tests.dispatch.linked import FOUR, ONE, THREE, TWO, Between
from tests.dispatch.world import KeptTickets, heard


def alerts(desk: Between, number: str) -> list[str]:
    """Every alert that any event of the ticket raised."""
    entries = desk.tickets.load([number])[number].entries
    return [change.new for entry in entries for change in entry.event().changes if change.field == "alert"]


def again(number: str, cause: str):
    """The requester comes back about a ticket."""
    body = intake_pb2.RequestJoined(number=number, draft=intake_pb2.RequestDraft(title="还没好", source_id=cause))
    return heard(body, "request.joined.phone", cause)


def test_a_merged_ticket_ends_and_its_contacts_count_on_the_target(tickets):
    """A20, B18"""
    desk = Between(tickets, ONE, TWO)
    desk.stream.requests([again(ONE, "c1"), again(ONE, "c2")], desk.now)
    desk.does("li.wei", ONE, "link", "CALL-7", kind="contact")
    merged = desk.does("li.wei", ONE, "merge", TWO, reason="同一故障")
    assert (merged.phase, merged.assignee, merged.place) == ("cancelled", "", None)
    desk.settle()
    assert desk[TWO].repeat_contacts == 3
    assert desk.links(TWO) == [("contact", "CALL-7", ""), ("duplicate", ONE, "3 contacts")]
    assert alerts(desk, TWO)[-1] == "merged_in"
    assert [said.key for said in desk.said if said.subject == ONE][-1] == "ticket.merged"


def test_whoever_comes_back_about_a_merged_ticket_is_counted_on_the_target_once(tickets):
    """A20: a mail that answers the merged number, heard twice and before the merging is known."""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "merge", TWO)
    desk._say(desk.stream.requests([again(ONE, "c1")], desk.now))
    merging, coming_back = desk.waiting
    for message in (coming_back, merging, coming_back, merging):
        desk.linking.hear([message], desk.now)
    assert desk[TWO].repeat_contacts == 2


def test_the_requester_of_a_merged_ticket_is_told_through_the_target_once(tickets):
    """A20: also through a chain of two."""
    desk = Between(tickets, ONE, TWO, THREE)
    desk.does("li.wei", ONE, "merge", TWO)
    desk.settle()
    desk.does("li.wei", TWO, "merge", THREE)
    desk.settle()
    assert desk[THREE].repeat_contacts == 2
    assert "merged_resolved" not in alerts(desk, ONE)
    desk.solved(THREE)
    desk.settle()
    desk.closed(THREE)
    desk.settle()
    assert alerts(desk, ONE).count("merged_resolved") == alerts(desk, TWO).count("merged_resolved") == 1


def test_somebody_is_told_when_the_target_is_withdrawn_after_all(tickets):
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "merge", TWO)
    desk.settle()
    desk.does("li.wei", TWO, "withdraw", reason="误报")
    desk.settle()
    assert alerts(desk, ONE)[-1] == "merged_withdrawn"


def test_merging_into_a_ticket_that_cannot_carry_it_is_refused(tickets):
    """A20, C28"""
    desk = Between(tickets, ONE, TWO, THREE)
    desk.open(FOUR, type="complaint", accused="li.wei", grade="", project="")
    with pytest.raises(Refused, match="its own ticket it is merged into"):
        desk.does("li.wei", ONE, "merge", ONE)
    with pytest.raises(Refused, match=r"not complaints \(投诉\) about"):
        desk.does("zhou.min", FOUR, "merge", ONE)
    desk.does("li.wei", TWO, "merge", THREE)
    with pytest.raises(Refused, match=f"merged into {THREE}; merge into that one"):
        desk.does("li.wei", ONE, "merge", TWO)
    with pytest.raises(Refused, match="stays as it is"):
        desk.does("li.wei", TWO, "merge", ONE)
    with pytest.raises(Refused, match="Only "):
        desk.does("huang.lei", ONE, "merge", THREE)


def test_a_ticket_merged_into_one_that_ended_in_the_same_moment_is_open_again(tickets):
    """No obligation is lost, whichever of the two was faster."""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "try_online")
    before = desk[ONE]
    desk.does("li.wei", ONE, "merge", TWO)
    desk.does("li.wei", TWO, "withdraw", reason="误报")
    desk.settle()
    after = desk[ONE]
    assert (after.state, after.phase, after.assignee) == (before.state, "open", "li.wei")
    assert desk.links(ONE) == desk.links(TWO) == []
    assert after.place == before.place
    assert after.cycle == before.cycle + 1
    told = [said for said in desk.said if said.subject == ONE][-1]
    assert isinstance(told.body, ticket_pb2.TicketEvent)
    assert (told.key, told.body.action) == ("ticket.reopened", "restore")
    assert "work.desk" in told.also
    # What the merging ended is owed anew: the callback too, without which nothing closes.
    desk.does("li.wei", ONE, "solve_online", solution="重启")
    assert desk.closed(ONE).phase == "closed"


@pytest.mark.parametrize("seed", range(10))
def test_two_tickets_merged_into_each_other_at_once_do_not_both_disappear(seed):
    desk = Between(KeptTickets(), ONE, TWO)
    # Both judged before either was written: the second is forced past its refusal as a race would.
    other = Between(KeptTickets(), ONE, TWO)
    desk.does("li.wei", ONE, "merge", TWO)
    other.does("li.wei", TWO, "merge", ONE)
    record = other.tickets.load([TWO])[TWO]
    desk.tickets.append(record.ticket(), record.entries[-1:])
    desk.waiting.extend(other.waiting)
    desk.settle(random.Random(seed))
    assert not (desk[ONE].ended and desk[TWO].ended)


def test_resolving_a_problem_offers_it_to_every_member_and_each_is_confirmed_on_its_own(tickets):
    """B21"""
    desk = Between(tickets, ONE, TWO, THREE, FOUR)
    desk.does("li.wei", ONE, "make_problem", members=f"{TWO}，{THREE}")
    desk.does("li.wei", FOUR, "join_problem", ONE)
    desk.settle()
    assert [each[:2] for each in desk.links(ONE)] == [("member", n) for n in (TWO, THREE, FOUR)]
    desk.solved(ONE, "更换交换机 A-3")
    desk.settle()
    for member in (TWO, THREE, FOUR):
        assert desk.links(member) == [("problem", ONE, "resolved: 更换交换机 A-3")]
        last = tickets.load([member])[member].entries[-1].event()
        assert "更换交换机 A-3" in last.reason
        assert alerts(desk, member)[-1] == "problem_resolved"
        assert desk[member].phase == "new"
        assert desk[member].place is not None
    desk.solved(TWO)
    assert [desk[n].phase for n in (TWO, THREE)] == ["resolved", "new"]


def test_a_problem_that_comes_back_takes_its_offer_back(tickets):
    """B21, F13"""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "make_problem", members=TWO)
    desk.solved(ONE)
    desk.settle()
    desk.called_back(ONE, "unsolved")
    desk.settle()
    assert desk.links(TWO) == [("problem", ONE, "")]


def test_a_problem_has_no_problem_above_it_and_a_member_only_one(tickets):
    """B21"""
    desk = Between(tickets, ONE, TWO, THREE, FOUR)
    desk.does("li.wei", ONE, "make_problem", members=TWO)
    desk.settle()
    with pytest.raises(Refused, match=f"belongs to the problem {ONE} itself"):
        desk.does("li.wei", THREE, "join_problem", TWO)
    with pytest.raises(Refused, match="is a problem with members itself"):
        desk.does("li.wei", ONE, "join_problem", THREE)
    desk.does("li.wei", THREE, "make_problem", members=FOUR)
    desk.settle()
    with pytest.raises(Refused, match=f"belongs to the problem {ONE} already"):
        desk.does("li.wei", TWO, "join_problem", THREE)
    with pytest.raises(Refused, match="give 1 to 50 members"):
        desk.does("li.wei", THREE, "make_problem", members=" ")


def test_a_parent_is_not_closed_before_its_children_and_hears_of_each(tickets):
    """B18: the refusal names the open ones."""
    desk = Between(tickets, ONE, TWO, THREE)
    for child in (TWO, THREE):
        desk.does("li.wei", child, "link", ONE, kind="parent")
    desk.settle()
    desk.solved(ONE)
    desk.called_back(ONE)
    with pytest.raises(Refused, match=f"children .* are open: {TWO}, {THREE}; close or unlink") as refused:
        desk.does("wang.fang", ONE, "close")
    assert refused.value.code == "conflict"
    desk.solved(TWO, "换线")
    desk.settle()
    assert ("child", TWO, "resolved") in desk.links(ONE)
    assert "换线" in tickets.load([ONE])[ONE].entries[-1].event().reason
    desk.closed(TWO)
    desk.does("li.wei", THREE, "withdraw", reason="误报")
    # What the parent's own link tells may lag behind; the children themselves are looked at.
    assert desk.does("wang.fang", ONE, "close").phase == "closed"
