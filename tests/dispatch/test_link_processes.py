"""Links as they run: a worker killed between the two ends, and many tickets acted on over gRPC."""

from __future__ import annotations

from collections.abc import Iterator

import pika
import pytest

from services.contracts.deskstream.v1 import bulk_pb2, ticket_pb2
from services.contracts.deskstream.v1 import dispatch_pb2 as pb
from services.contracts.deskstream.v1.bulk_pb2_grpc import BulkServiceStub
from services.runtime.calls import channel
from services.runtime.identity import Principal
from tests.dispatch.test_processes import Stage, numbers
from tests.dispatch.world import desk
from tests.waiting import wait_for

pytestmark = pytest.mark.real


@pytest.fixture
def played(amqp_uri, mongodb_uri, tmp_path) -> Iterator[Stage]:
    built = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield built
    built.close()


def test_a_worker_killed_between_the_two_ends_leaves_no_link_with_one_end_and_none_twice(played: Stage, amqp_uri: str):
    """B18, B21: one message with fifty other ends; redelivered, it finishes what was begun."""
    doomed = played.worker()
    problem, *members = numbers(51)
    played.submit(problem, *members)
    wait_for(lambda: len(played.tickets.load(numbers(51))) == 51, what="all tickets")
    manager = played.stub(played.server(), "li.wei")
    act = pb.ActRequest(number=problem, action="make_problem", values={"members": ",".join(members)})
    assert len(manager.Act(act).ticket.links) == 50
    wait_for(lambda: len(played.tickets.load(members[:1])[members[0]].entries) == 2, what="the first other end")
    doomed.kill()
    doomed.wait(10)
    played.worker()

    def ends() -> int:
        records = played.tickets.load(members).values()
        return sum(any(link.target == problem for link in record.latest.links) for record in records)

    wait_for(lambda: ends() == 50, timeout=60, what="all other ends")
    assert {len(record.entries) for record in played.tickets.load(members).values()} == {2}
    heard: dict[str, set[str]] = {}
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        reporting = connection.channel()

        def told() -> bool:
            while (got := reporting.basic_get("reporting.events", auto_ack=True))[0] is not None:
                event = ticket_pb2.TicketEvent.FromString(got[2] or b"")
                if event.action == "link_back":
                    heard.setdefault(event.ticket.number, set()).add(str(got[1].message_id))
            return len(heard) == 50

        wait_for(told, timeout=30, what="every other end told")
    assert all(len(ids) == 1 for ids in heard.values())


def test_many_tickets_are_acted_on_over_grpc_and_a_resolved_problem_reaches_its_members(played: Stage):
    """Issue 3, bulk actions; B21"""
    played.worker()
    problem, first, second = numbers(3)
    played.submit(problem, first, second)
    wait_for(lambda: len(played.tickets.load(numbers(3))) == 3, what="all tickets")
    running = played.server()
    person = desk().people["li.wei"]
    principal = Principal(person.id, person.name, frozenset(person.roles), frozenset(person.teams))
    opened = channel(f"127.0.0.1:{running.port}", played._signer.sign(principal))
    played._ends.append(opened.close)
    bulk, single = BulkServiceStub(opened), played.stub(running, "li.wei")
    asked = bulk_pb2.BulkActRequest(
        numbers=[first, second, "DS20250610-000099"], action="join_problem", target=problem, idempotency_key="b-1"
    )
    told = bulk.BulkAct(asked)
    assert (told.done, told.refused, told.left) == (2, 1, 0)
    again = bulk.BulkAct(asked)
    assert [each.version for each in again.outcomes] == [2, 2, 0]
    wait_for(lambda: len(single.GetTicket(pb.GetTicketRequest(number=problem)).ticket.links) == 2, what="both members")
    single.Act(pb.ActRequest(number=problem, action="try_online"))
    single.Act(pb.ActRequest(number=problem, action="solve_online", values={"solution": "更换交换机"}))

    def offered() -> bool:
        links = [played.tickets.load([number])[number].latest.links for number in (first, second)]
        return all("更换交换机" in each[0].note for each in links)

    wait_for(offered, what="the solution at both members")
