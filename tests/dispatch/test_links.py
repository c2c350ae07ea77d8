"""Links between tickets: typed, seen from both ends, whatever the order of the stream (B18)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from services.contracts.deskstream.v1 import ticket_pb2
from services.contracts.deskstream.v1.queues_pb2 import TicketFilter
from services.dispatch.entries import entries_of
from services.dispatch.model import Actor, Event, Link
from services.dispatch.policy.ends import LABELS, MOST_LINKS, OPPOSITE, RECORDS
from services.dispatch.search.filters import found_by, wanted
from services.kernel.errors import Missing, Refused
from tests.dispatch.linked import FOUR, ONE, THREE, TWO, Between
from tests.dispatch.world import KeptTickets
from tests.dispatch.world import desk as rule_book

BY_LINK = sorted(OPPOSITE.keys() - {"duplicate", "duplicate_of"})


@pytest.mark.parametrize("kind", BY_LINK)
def test_a_link_is_typed_and_seen_from_both_ends(tickets, kind):
    """B18"""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "link", TWO, kind=kind)
    assert desk.links(TWO) == []
    desk.settle()
    assert [each[:2] for each in desk.links(ONE)] == [(kind, TWO)]
    assert [each[:2] for each in desk.links(TWO)] == [(OPPOSITE[kind], ONE)]
    changes = tickets.load([TWO])[TWO].entries[-1].event().changes
    assert changes[0].field == "links"
    assert changes[0].new.startswith(f"{OPPOSITE[kind]} {ONE}")


@pytest.mark.parametrize("end", [ONE, TWO])
def test_a_link_taken_back_at_one_end_goes_at_the_other(tickets, end):
    """B18"""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "link", TWO, kind="parent")
    desk.settle()
    other, kind = (TWO, "parent") if end == ONE else (ONE, "child")
    desk.does("li.wei", end, "unlink", other, kind=kind)
    desk.settle()
    assert desk.links(ONE) == desk.links(TWO) == []


def test_links_to_records_are_kept_with_their_note_and_concern_no_other_ticket(tickets):
    """B18, H3: change, emergency, contact, article, and a preventive entry that the desk has."""
    named = {"prevention": "app_cannot_start"}
    desk = Between(tickets, ONE)
    for kind in sorted(RECORDS):
        desk.does("li.wei", ONE, "link", named.get(kind, f"{kind}-17"), kind=kind, note="见附件")
    assert desk.waiting == []
    assert desk.links(ONE) == [(kind, named.get(kind, f"{kind}-17"), "见附件") for kind in sorted(RECORDS)]
    assert {*OPPOSITE, *RECORDS} == LABELS.keys()


def test_a_link_to_nothing_to_itself_or_of_no_kind_is_refused_with_the_remedy(tickets):
    """B18"""
    desk = Between(tickets, ONE, TWO)
    with pytest.raises(Missing, match=r"no ticket DS20250610-000099 .* check the number"):
        desk.does("li.wei", ONE, "link", "DS20250610-000099", kind="related")
    with pytest.raises(Refused, match="its own parent"):
        desk.does("li.wei", ONE, "link", ONE, kind="parent")
    with pytest.raises(Refused, match="no kind of link") as refused:
        desk.does("li.wei", ONE, "link", TWO, kind="cousin")
    assert refused.value.field == "kind"
    with pytest.raises(Refused, match="use merge"):
        desk.does("li.wei", ONE, "link", TWO, kind="duplicate_of")
    with pytest.raises(Refused, match="give a target"):
        desk.does("li.wei", ONE, "link", kind="related")
    with pytest.raises(Refused, match="at most 100"):
        desk.does("li.wei", ONE, "link", "KB-1", kind="article", note="长" * 101)
    with pytest.raises(Refused, match="has no such value"):
        desk.does("li.wei", ONE, "link", TWO, kind="related", colour="red")
    with pytest.raises(Refused, match="Only "):
        desk.does("zheng.yan", ONE, "link", TWO, kind="related")
    assert desk.entries(ONE) == 1


def test_a_circle_of_parents_is_refused_however_long(tickets):
    """B18"""
    desk = Between(tickets, ONE, TWO, THREE, FOUR)
    for child, parent in ((ONE, TWO), (TWO, THREE), (THREE, FOUR)):
        desk.does("li.wei", child, "link", parent, kind="parent")
    with pytest.raises(Refused, match="循环"):
        desk.does("li.wei", FOUR, "link", ONE, kind="parent")
    with pytest.raises(Refused, match="循环"):
        desk.does("li.wei", ONE, "link", FOUR, kind="child")
    with pytest.raises(Refused, match=f"has the parent .* {TWO} already"):
        desk.does("li.wei", ONE, "link", FOUR, kind="parent")


def test_a_ticket_with_too_many_links_takes_no_more(tickets):
    """A snapshot stays small."""
    desk = Between(tickets, ONE, TWO)
    for n in range(MOST_LINKS):
        desk.does("li.wei", ONE, "link", f"KB-{n}", kind="article")
    with pytest.raises(Refused, match="which is the most"):
        desk.does("li.wei", ONE, "link", TWO, kind="related")
    with pytest.raises(Refused, match=f"Ticket {ONE} has 100 links"):
        desk.does("li.wei", TWO, "link", ONE, kind="related")
    assert len(tickets.load([ONE])[ONE].latest.SerializeToString()) < 8000


def test_a_worker_killed_between_the_two_ends_finishes_when_the_message_comes_again(tickets):
    """B18, decision 6: the other end was written or not; the words are the same."""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "link", TWO, kind="child")
    (message,) = desk.waiting
    lost = desk.linking.hear([message], desk.now)
    again = desk.linking.hear([message], desk.now)
    assert [(each.id, each.body) for each in again] == [(each.id, each.body) for each in lost]
    assert desk.entries(TWO) == 2


def test_only_ticket_events_are_followed(tickets):
    """Whoever may say other keys cannot speak for a ticket by a second key."""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "link", TWO, kind="child")
    (message,) = desk.waiting
    forged = type(message)(id="x", key="request.submitted.web", body=message.body)
    assert desk.linking.hear([forged], desk.now) == []
    assert forged.refused is not None
    assert desk.links(TWO) == []


def test_tickets_without_links_say_nothing_to_other_ends(tickets):
    desk = Between(tickets, ONE)
    desk.solved(ONE)
    desk.closed(ONE)
    assert desk.waiting == []


@pytest.mark.parametrize("seed", range(60))
def test_both_ends_agree_in_the_end_however_the_stream_is_shuffled_and_repeated(seed):
    """B18, decision 6: people link and unlink at both ends while old news is still on its way."""
    chance = random.Random(seed)
    desk = Between(KeptTickets(), ONE, TWO, THREE)
    for _ in range(14):
        here, there = chance.sample([ONE, TWO, THREE], 2)
        kind = chance.choice(["parent", "child", "related", "problem", "member"])
        try:
            desk.does("li.wei", here, chance.choice(["link", "link", "unlink"]), there, kind=kind)
        except Refused:
            continue
        if chance.random() < 0.4 and desk.waiting:
            desk.hear(desk.waiting[chance.randrange(len(desk.waiting))])
    desk.settle(chance)
    for number in (ONE, TWO, THREE):
        for kind, target, _ in desk.links(number):
            assert (OPPOSITE[kind], number) in [each[:2] for each in desk.links(target)], (number, kind, target)


def test_a_new_fault_found_at_work_is_a_linked_ticket_and_the_person_in_charge_hears_of_it(tickets):
    """E11"""
    desk = Between(tickets, ONE)
    desk.open(TWO, origin=ticket_pb2.Link(target=ONE))
    assert [each[:2] for each in desk.links(TWO)] == [("origin", ONE)]
    desk.settle()
    assert desk.links(ONE) == [("new_fault", TWO, "")]
    told = tickets.load([ONE])[ONE].entries[-1].event()
    assert [(told.event, change.new) for change in told.changes if change.field == "alert"] == [("linked", "new_fault")]
    rules = {rule.on: rule.to for rule in rule_book("itss_desk").profile.notices.rules}
    assert rules["alert.new_fault"][0] == "project_manager"


@pytest.mark.parametrize(("kind", "back"), [("task_of", "task"), ("passed_from", "passed_up")])
def test_what_goes_between_units_stands_in_the_other_ones_queue_and_both_show_both(tickets, kind, back):
    """C27: a task handed down, a complaint passed up; each unit is a desk with a profile of its own."""
    desk = Between(tickets, ONE)
    words = {"type": "fault", "grade": "general", "project": "", "entry": "network"}
    desk.open(TWO, profile="generic_desk", origin=ticket_pb2.Link(kind=kind, target=ONE, note="市中心"), **words)
    desk.settle()
    assert desk.links(TWO) == [(kind, ONE, "市中心")]
    assert desk.links(ONE) == [(back, TWO, "generic_desk")]
    assert desk[TWO].place is not None
    assert (desk[TWO].profile, desk[TWO].team) == ("generic_desk", "network")


def test_a_change_record_finds_every_ticket_that_names_it(tickets):
    """B18: the other end of a link to a record."""
    desk = Between(tickets, ONE, TWO, THREE)
    for number in (ONE, THREE):
        desk.does("li.wei", number, "link", "CHG-2025-17", kind="change")
    asked = wanted(TicketFilter(linked=["chg-2025-17"]), need=True, open_states=frozenset())
    rows = [found_by(tickets.load([number])[number].latest) for number in (ONE, TWO, THREE)]
    assert [row.number for row in rows if asked.holds(row)] == [ONE, THREE]


def test_an_end_that_cannot_follow_keeps_no_other_end_from_it_and_what_was_written_is_said(tickets):
    """B18, decision 6: a problem named three members at once; one of them is full by the time it hears of it."""
    desk = Between(tickets, ONE, TWO, THREE, FOUR)
    desk.does("li.wei", ONE, "make_problem", members=f"{TWO},{THREE},{FOUR}")
    (message,) = desk.waiting
    for n in range(MOST_LINKS):
        desk.does("li.wei", THREE, "link", f"KB-{n}", kind="article")
    full = tickets.load([THREE])[THREE].ticket()
    extra = tuple(Link("article", f"KB-{n}") for n in range(MOST_LINKS, 2 * MOST_LINKS))
    after = replace(full, links=(*full.links, *extra), version=full.version + 1)
    event = Event("linked", "link", Actor("x", "system"), desk.now, after, full.state)
    entries, _ = entries_of((event,), "many", "", tickets.load([THREE])[THREE].entries[-1])
    assert tickets.append(after, entries)
    said = desk.hear(message)
    assert message.refused is not None
    assert [each.subject for each in said] == [TWO, FOUR]
    assert [desk.links(end) for end in (TWO, FOUR)] == [[("problem", ONE, "")]] * 2


def test_news_that_are_overtaken_while_they_are_followed_do_not_stay(tickets, monkeypatch):
    """B18: another worker has followed something newer between our look and our write."""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "link", TWO, kind="parent")
    desk.settle().solved(ONE)
    old = desk.waiting.pop()
    write = tickets.append

    def late(ticket, entries, **more):
        monkeypatch.setattr(tickets, "append", write)
        desk.called_back(ONE)
        desk.does("wang.fang", ONE, "close")
        desk.settle()
        return write(ticket, entries, **more)

    monkeypatch.setattr(tickets, "append", late)
    desk.hear(old)
    desk.settle()
    assert desk[ONE].phase == "closed"
    assert desk.links(TWO) == [("child", ONE, "closed")]
