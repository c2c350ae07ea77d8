"""Tools at the team's queue, search at two replicas, a watch that is cut: real broker and database (U3, C22)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pika
import pytest

from services.contracts.deskstream.v1 import dispatch_pb2, queues_pb2
from services.contracts.deskstream.v1.queues_pb2_grpc import QueueServiceStub
from services.dispatch.work.answers import ACCEPT, DECLINE, DONE, REFUSED
from services.kernel.errors import Refused
from services.runtime import topology
from services.runtime.identity import Principal
from tests.dispatch.test_processes import CAUGHT_UP, LEFT, PRESENT, Stage, Watching, numbers
from tests.dispatch.test_work_answers import dispatched
from tests.dispatch.world import MORNING, KeptTickets, desk, desks, person, received
from tests.waiting import wait_for

NUMBER = "DS20250610-000001"


def token_of(stage: Stage, who: str) -> str:
    person_ = desk().people[who]
    return stage._signer.sign(Principal(person_.id, person_.name, frozenset(person_.roles), frozenset(person_.teams)))


@pytest.fixture
def stage(amqp_uri, mongodb_uri, tmp_path) -> Iterator[Stage]:
    built = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield built
    built.close()


class Tool:
    """An engineer's tool: it knows the broker, one queue and a token, and nothing else."""

    def __init__(self, uri: str, team: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(uri))
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        self._queue = f"work.{team}"

    def answers(self, key: str, token: str, number: str = NUMBER, **more: Any) -> None:
        """Publishes an answer as JSON, as any language can."""
        properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
        body = json.dumps({"number": number, "token": token} | more)
        self._channel.basic_publish(topology.ANSWERS, key, body, properties, mandatory=True)

    def next(self, *keys: str) -> Any:
        """The next message of the team's queue with one of these keys; others are taken and passed over."""

        def found() -> Any:
            method, _, body = self._channel.basic_get(self._queue, auto_ack=True)
            return (method.routing_key, body) if method is not None and method.routing_key in keys else None

        return wait_for(found, timeout=15, what=f"{' or '.join(keys)} in {self._queue}")

    def told(self) -> tuple[str, queues_pb2.WorkAnswered]:
        """The answer to the last answer."""
        key, body = self.next(DONE, REFUSED)
        return key, queues_pb2.WorkAnswered.FromString(body)

    def parked(self, queue: str) -> int:
        return int(self._channel.queue_declare(topology.parked_queue(queue), passive=True).method.message_count)

    def close(self) -> None:
        self._connection.close()


@pytest.mark.real
def test_a_tool_accepts_and_declines_work_by_message_as_the_person_whose_token_it_has(stage: Stage, amqp_uri: str):
    """U3, C4: the acknowledgement is the acceptance; a refusal comes back as a sentence, a forged token is parked."""
    stage.worker()
    stage.submit(NUMBER)
    tool = Tool(amqp_uri, "desk")
    try:
        assert tool.next("ticket.opened")
        li = token_of(stage, "li.wei")
        tool.answers(ACCEPT, li, answer_id="a1", expectedVersion=1)
        key, told = tool.told()
        assert (key, told.done, told.person, told.answer_id, told.ticket.assignee) == (
            DONE,
            True,
            "li.wei",
            "a1",
            "li.wei",
        )
        tool.answers(ACCEPT, li, answer_id="a1", expectedVersion=1)
        assert tool.told()[1].ticket.version == told.ticket.version, "the same answer acts once"
        tool.answers(ACCEPT, token_of(stage, "zhou.min"))
        key, refused = tool.told()
        assert (key, refused.done, refused.code) == (REFUSED, False, "conflict")
        assert "li.wei" in refused.reason
        tool.answers(DECLINE, token_of(stage, "zhou.min"), reason="不是我们的")
        assert "not yours" in tool.told()[1].reason
        tool.answers(ACCEPT, li, "DS20250610-999999")
        assert tool.told()[1].code == "missing"
        tool.answers(ACCEPT, li[:-4] + "AAAA")
        wait_for(lambda: tool.parked("dispatch.answers") == 1, what="the forged answer parked")
        assert len(stage.tickets.load([NUMBER])[NUMBER].entries) == 2
    finally:
        tool.close()


@pytest.mark.real
def test_search_views_counts_and_onlookers_are_the_same_at_every_replica(stage: Stage):
    """B22, C22: what one replica wrote the other one tells."""
    stage.worker()
    here, there = stage.server(), stage.server()
    stage.submit(*numbers(3))
    one, other = queue_stub(stage, here.port, "li.wei"), queue_stub(stage, there.port, "zhou.min")
    printers = queues_pb2.TicketFilter(text="打印机", departments=["财务部"])

    def found() -> list[str]:
        page = one.SearchTickets(queues_pb2.SearchTicketsRequest(filter=printers, page_size=2))
        return [ticket.number for ticket in page.tickets] if page.next_page_token else []

    assert wait_for(found, what="the rows of search") == numbers(3)[:0:-1]
    view = queues_pb2.TicketView(name="打印机", team="desk", filter=printers, columns=["number", "requester.name"])
    saved = one.SaveView(queues_pb2.SaveViewRequest(view=view)).view
    assert [each.view_id for each in other.ListViews(queues_pb2.ListViewsRequest()).views] == [saved.view_id]
    narrowed = queues_pb2.SearchTicketsRequest(view=saved.view_id, filter=queues_pb2.TicketFilter(number="000002"))
    assert [ticket.number for ticket in other.SearchTickets(narrowed).tickets] == [numbers(3)[1]]
    counts = {count.queue: count for count in other.CountQueues(queues_pb2.CountQueuesRequest()).queues}
    assert (counts["team:desk"].tickets, counts["team:desk"].first_number) == (3, numbers(3)[0])
    assert counts["person:zhou.min"].tickets == 0
    editing = queues_pb2.ReportPresenceRequest(number=NUMBER, mode=queues_pb2.PRESENCE_MODE_EDITING)
    assert not one.ReportPresence(editing).others
    seen = other.ReportPresence(queues_pb2.ReportPresenceRequest(number=NUMBER, mode=queues_pb2.PRESENCE_MODE_VIEWING))
    assert [(each.person, each.mode) for each in seen.others] == [("li.wei", queues_pb2.PRESENCE_MODE_EDITING)]
    reader = queue_stub(stage, here.port, "he.jie-is-nobody", roles=frozenset({"reporter"}))
    with pytest.raises(grpc.RpcError) as refused:
        reader.SearchTickets(queues_pb2.SearchTicketsRequest(filter=queues_pb2.TicketFilter(phone="8001")))
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    masked = reader.SearchTickets(queues_pb2.SearchTicketsRequest(filter=queues_pb2.TicketFilter(number=NUMBER)))
    assert masked.tickets[0].requester.phone == "1***"
    requester = queue_stub(stage, here.port, "c.he.jie", roles=frozenset({"requester"}))
    with pytest.raises(grpc.RpcError) as denied:
        requester.SearchTickets(queues_pb2.SearchTicketsRequest())
    assert denied.value.code() == grpc.StatusCode.PERMISSION_DENIED


def queue_stub(stage: Stage, port: int, who: str, roles: frozenset[str] = frozenset()) -> QueueServiceStub:
    from services.runtime.calls import channel

    known = desk().people.get(who)
    principal = (
        Principal(known.id, known.name, frozenset(known.roles), frozenset(known.teams))
        if known
        else Principal(who, who, roles)
    )
    opened = channel(f"127.0.0.1:{port}", stage._signer.sign(principal))
    stage._ends.append(opened.close)
    return QueueServiceStub(opened)


@pytest.mark.real
def test_a_watch_that_is_cut_again_and_again_while_tickets_come_and_go_misses_nothing(stage: Stage):
    """C22: whatever the moment of the cut, resuming leads to the queue as it is; changes come within a second."""
    stage.worker()
    server = stage.server()
    desk_ = stage.stub(server, "li.wei")
    known: dict[str, int] = {}
    token = ""
    every = numbers(24)
    for turn in range(0, 24, 4):
        stage.submit(*every[turn : turn + 4])
        wait_for(lambda last=every[turn + 3]: stage.tickets.load([last]), what="the tickets opened")  # type: ignore[misc]
        watching = Watching(desk_, "team:desk", token)
        # Cut after very few words: in the middle of the telling.
        wait_for(lambda seen=watching, few=turn // 8: len(seen.told) > few, what="something told")  # type: ignore[misc]
        desk_.Claim(dispatch_pb2.ClaimRequest(number=every[turn]))
        token = watching.stop()
        _learn(known, watching)
        desk_.Claim(dispatch_pb2.ClaimRequest(number=every[turn + 1]))
    last = Watching(desk_, "team:desk", token)
    wait_for(lambda: last.has(CAUGHT_UP), what="the queue told")
    desk_.Claim(dispatch_pb2.ClaimRequest(number=every[2]))
    wait_for(lambda: last.has(LEFT, every[2]), timeout=2, what="the change")
    last.stop()
    _learn(known, last)
    waits = dispatch_pb2.ListQueueRequest(queue="team:desk", page_size=100)
    assert set(known) == {ticket.number for ticket in desk_.ListQueue(waits).tickets}
    assert len(known) == 11


def _learn(known: dict[str, int], watching: Watching) -> None:
    """A client's picture of the queue, kept through all cuts."""
    for told in watching.told:
        if told.kind == PRESENT:
            known[told.ticket.number] = told.ticket.version
        elif told.kind == LEFT:
            known.pop(told.ticket.number, None)


def test_a_watch_cut_before_the_queue_was_told_resumes_with_all_of_it():
    """C22: a token given in the middle of the first telling does not stand for what was not told yet."""
    from datetime import timedelta

    from services.dispatch.handlers import Stream
    from services.dispatch.queues.queue import queue_named
    from services.dispatch.queues.watching import Hub, watch_queue

    tickets = KeptTickets()
    Stream(desks(), tickets).requests([received(number) for number in numbers(5)], MORNING)
    queue, later = queue_named("team:desk", desks()), MORNING + timedelta(hours=3)
    first = watch_queue(tickets, Hub(), queue, "", later, lambda: True)
    token = [next(first).token for _ in range(2)][-1]
    first.close()
    resumed = watch_queue(tickets, Hub(), queue, token, later, lambda: True)
    told = [next(resumed) for _ in range(6)]
    assert [each.kind for each in told] == ["present"] * 5 + ["caught_up"]
    resumed.close()
    again = watch_queue(tickets, Hub(), queue, told[-1].token, later, lambda: True)
    assert next(again).kind == "caught_up", "who has been told everything is told only what changed"


def test_state_and_holder_are_told_by_number_to_the_desk_and_to_the_requester_and_to_nobody_else():
    """B17: 处理状态; the next due time stands with the ticket's clocks (SlaService.GetClocks)."""
    from services.dispatch.model import Caller
    from services.dispatch.queries import Queries
    from services.kernel.errors import Missing

    tickets = KeptTickets()
    dispatched(tickets)
    asked = Queries(desks(), tickets)
    requester = frozenset({"requester"})
    for caller in (person("li.wei"), Caller("c.he.jie", requester)):
        ticket = asked.ticket(NUMBER, caller, MORNING).ticket
        assert (ticket.state, ticket.assignee) == ("dispatched", "zhang.qiang")
    with pytest.raises(Missing):
        asked.ticket(NUMBER, Caller("c.somebody.else", requester), MORNING)


def test_who_acts_on_an_old_version_is_told_who_changed_what_meanwhile():
    """B9: "changed by huang.lei: assigned, 12 s ago"."""
    from datetime import timedelta

    from services.dispatch.commands import Commands
    from services.dispatch.handlers import Stream
    from services.dispatch.model import Command
    from tests.dispatch.test_stream import LATER, Ears, call

    tickets = KeptTickets()
    Stream(desks(), tickets).requests([received(NUMBER)], MORNING)
    commands = Commands(desks(), tickets, Ears())
    commands.act(NUMBER, Command("try_online"), call("zhou.min", "1"))
    with pytest.raises(Refused, match=r"online_tried by zhou\.min 12 s ago") as stale:
        commands.act(NUMBER, Command("note", "x"), call("li.wei", "2", LATER + timedelta(seconds=12)), 1)
    assert stale.value.code == "stale"
