"""What of a ticket is told to its requester, to whom it complains about, and to those without need (C2, C28, P1)."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from services.contracts.deskstream.v1 import queues_pb2, ticket_pb2
from services.dispatch import wire
from services.dispatch.bulk import LONGEST_KEY, Bulk
from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.model import Caller, Command, Link
from services.dispatch.queries import Queries, shown
from services.dispatch.queues.queue import queue_named
from services.dispatch.queues.views import MOST_BYTES, Views
from services.dispatch.queues.watching import Hub, watch_queue
from services.dispatch.search import search as searching
from services.dispatch.search.filters import wanted
from services.dispatch.search.search import search
from services.dispatch.work.answers import ACCEPT, REFUSED
from services.kernel.errors import Missing, Refused
from tests.dispatch.kept import KeptFinds
from tests.dispatch.linked import ONE, TWO, Between
from tests.dispatch.test_search import OPEN, Shelf
from tests.dispatch.test_stream import Ears, call
from tests.dispatch.test_views import KeptViews
from tests.dispatch.test_work_answers import _words, answer, answers
from tests.dispatch.world import MORNING, KeptTickets, Tale, desks, person, received

NUMBER = "DS20250610-000001"
REQUESTER = Caller("c.he.jie", frozenset({"requester"}))
READER, AGENT, ACCUSED = person("zheng.yan"), person("zhou.min"), person("li.wei")


def queries(tickets, **said) -> Queries:
    Stream(desks(), tickets).requests([received(NUMBER, **said)], MORNING)
    return Queries(desks(), tickets)


def test_requesters_see_their_ticket_without_the_inside_of_the_desk(tickets):
    """C2, P1: neither rules for other customers nor why whom was chosen, in the ticket and in its history."""
    asks = queries(tickets)
    decision = asks.ticket(NUMBER, REQUESTER, MORNING).ticket.routing
    assert (decision.rule, decision.team) == ("desk_first", "desk")
    assert (list(decision.tried), decision.tried_count, decision.reason, decision.person_reason) == ([], 0, "", "")
    assert asks.ticket(NUMBER, AGENT, MORNING).ticket.routing.tried
    why = asks.ticket(NUMBER, AGENT, MORNING).ticket.routing.reason
    assert why
    told = asks.history(NUMBER, REQUESTER)
    assert [entry.reason for entry in told.entries] == [""]
    assert all(why not in entry.text for entry in told.entries)
    assert any(why in entry.reason for entry in asks.history(NUMBER, AGENT).entries)


def test_requesters_are_told_of_a_link_but_not_what_it_says_of_the_other_ticket(tickets):
    """B18, P1"""
    desk = Between(tickets, ONE, TWO)
    desk.does("li.wei", ONE, "link", target=TWO, kind="related", note="何洁的另一张单")
    asks = Queries(desks(), tickets)
    (link,) = asks.ticket(ONE, REQUESTER, MORNING).ticket.links
    assert (link.target, link.note) == (TWO, "")
    told = asks.history(ONE, REQUESTER).entries[-1]
    assert [change.new for change in told.changes if change.field == "links"] == [f"related {TWO}"]
    assert "另一张单" not in told.text
    hidden = asks.history(ONE, READER).entries[-1]
    assert "另一张单" not in hidden.text + "".join(change.new for change in hidden.changes)


def test_the_person_complained_about_and_notes_of_links_are_masked_for_those_without_need():
    """C28, P1"""
    ticket = replace(Tale(accused="李伟").ticket, links=(Link("change", "chg-1", "李伟改的", MORNING),))
    seen = shown(wire.ticket_to(ticket), READER, desks())
    assert (seen.accused, seen.links[0].note) == ("***", "***")
    assert shown(wire.ticket_to(ticket), AGENT, desks()).accused == "李伟"
    assert not wire.masked(ticket_pb2.Ticket()).accused


@pytest.mark.parametrize("named", ["li.wei", "李伟"])
def test_whom_a_complaint_is_about_is_not_told_who_complains(tickets, named: str):
    """C28: no retaliation; neither by the ticket, nor its history, nor the facts it was routed by."""
    asks = queries(tickets, type="complaint", accused=named)
    seen = asks.ticket(NUMBER, ACCUSED, MORNING).ticket
    assert (seen.requester.id, seen.requester.name, seen.requester.phone, seen.description) == ("***", "", "", "***")
    explained = asks.explanation(NUMBER, "en", ACCUSED)
    for told in (str(seen), str(explained), str(asks.history(NUMBER, ACCUSED))):
        assert "c.he.jie" not in told
        assert "财务部" not in told
    assert asks.ticket(NUMBER, person("wang.fang"), MORNING).ticket.requester.name == "何洁"


def test_a_token_without_the_desk_learns_nothing_of_a_ticket_by_answering_for_it():
    """U3: who changed it meanwhile is no matter of requesters, nor whether there is such a ticket."""
    tickets = KeptTickets()
    queries(tickets)
    Commands(desks(), tickets, Ears()).act(NUMBER, Command("try_online"), call("li.wei", "1"))
    hears = answers(tickets)
    hears._verify = lambda token: REQUESTER
    told = []
    for number in (NUMBER, "DS20250610-000099"):
        body = queues_pb2.WorkAnswer(number=number, token="t", expected_version=1)
        (said,) = hears.hear([answer(ACCEPT, body, f"m-{number}")], MORNING)
        told.append((said.key, _words(said).code, _words(said).reason.replace(number, "")))
    assert told[0] == told[1]
    assert told[0][:2] == (REFUSED, "missing")
    assert "li.wei" not in told[0][2]


@pytest.mark.parametrize(
    ("field", "command"),
    [
        ("action", Command("x" * 101)),
        ("values", Command("update", values={f"f{n}": "x" for n in range(101)})),
        ("values", Command("update", values={"f" * 101: "x"})),
        ("kind", Command("link", target=TWO, values={"kind": "x" * 4001})),
        ("target", Command("merge", "x", "x" * 201)),
    ],
)
def test_what_an_action_brings_is_bounded_before_any_ticket_is_looked_at(tickets, field: str, command: Command):
    commands = Commands(desks(), tickets, Ears())
    with pytest.raises(Refused) as refused:
        commands.act("no ticket at all", command, call("li.wei", "1"))
    assert refused.value.field == field
    with pytest.raises(Refused) as refused:
        Bulk(desks(), tickets, Ears()).act([ONE], command, call("li.wei", ""), "k", lambda: True)
    assert refused.value.field == field
    assert len(str(refused.value)) < 500


def test_a_number_of_bulk_is_no_longer_than_a_number():
    with pytest.raises(Refused) as refused:
        Bulk(desks(), KeptTickets(), Ears()).act(
            ["x" * 61], Command("note", "x"), call("li.wei", ""), "k", lambda: True
        )
    assert refused.value.field == "numbers"
    assert LONGEST_KEY == 200


def test_a_view_is_no_store_for_anything():
    """Whatever bytes come with it, also such that no field is known for."""
    view = queues_pb2.TicketView(name="v", filter=queues_pb2.TicketFilter(phone="1380" + " " * MOST_BYTES))
    with pytest.raises(Refused) as refused:
        Views(KeptViews(), desks()).save(view, AGENT, MORNING)
    assert refused.value.field == "filter"
    with pytest.raises(Missing):
        Views(KeptViews(), desks()).get("none", AGENT)


@pytest.fixture
def crowd() -> Shelf:
    """Eight tickets of He Jie, told apart by their titles."""
    tickets = KeptTickets()
    shelf = Shelf(tickets, KeptFinds(tickets))
    shelf.open(*({"title": ("断网", "打印机卡纸")[n % 2]} for n in range(8)))
    return shelf


def test_no_page_token_tells_what_stands_behind_the_mask(crowd: Shelf):
    """P1: a token made of rows would say that, and where, a name is met that the caller may not read."""
    hidden = wanted(queues_pb2.TicketFilter(text="何洁"), need=False, open_states=OPEN)
    page = search(crowd.finds, hidden, "received", 1, "", wire.masked)
    assert (list(page.tickets), page.token) == ([], "")
    everybody, token = [], ""
    titled = wanted(queues_pb2.TicketFilter(text="断网"), need=False, open_states=OPEN)
    for _ in range(30):
        page = search(crowd.finds, titled, "received", 1, token, wire.masked)
        everybody += [ticket.number for ticket in page.tickets]
        token = page.token
        if not token:
            break
    assert everybody == [
        ticket.number for ticket in search(crowd.finds, titled, "received", 200, "", wire.masked).tickets
    ]


def test_who_sees_nearly_nothing_is_asked_for_another_filter(crowd: Shelf, monkeypatch):
    monkeypatch.setattr(searching, "MOST_JUDGED", 4)
    what = wanted(queues_pb2.TicketFilter(text="何洁"), need=False, open_states=OPEN)
    with pytest.raises(Refused, match="filter"):
        search(crowd.finds, what, "received", 1, "", wire.masked)


@pytest.mark.parametrize("text", ["1 -62135596800", "1 0.5", "0 1"])
def test_a_made_up_resume_token_does_not_make_the_desk_read_all_that_ever_changed(text: str):
    tickets = KeptTickets()
    token = base64.urlsafe_b64encode(text.encode()).decode()
    with pytest.raises(Refused) as refused:
        next(watch_queue(tickets, Hub(), queue_named("all", desks()), token, MORNING, lambda: False))
    assert refused.value.field == "resume_token"


@pytest.mark.parametrize("asked", [{"phone": "1380" + " " * 80}, {"number": "DS20250610-000001" + " " * 80 + "x"}])
def test_a_long_text_is_not_looked_through_for_a_number(asked: dict[str, Any]):
    with pytest.raises(Refused) as refused:
        wanted(queues_pb2.TicketFilter(**asked), need=True, open_states=OPEN)
    assert refused.value.field in asked


def test_a_view_that_a_leader_takes_out_of_the_team_is_its_makers_again():
    """Else it would be in the leader's list, and nobody's to change."""
    views = Views(KeptViews(), desks())
    shared = views.save(queues_pb2.TicketView(name="全组", team="desk"), AGENT, MORNING)
    own = queues_pb2.TicketView(view_id=shared.view_id, version=1, name="全组")
    views.save(own, person("wang.fang"), MORNING)
    assert [view.view_id for view in views.seen_by(AGENT)] == [shared.view_id]
    assert not views.seen_by(person("wang.fang"))
