"""Answers of tools to their queue, without a broker: whose they are, what they do, how often (U3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1 import queues_pb2
from services.dispatch.work.answers import ACCEPT, DECLINE, DONE, REFUSED, Answers
from services.kernel.errors import Refused
from services.runtime.message import Heard
from tests.dispatch.world import MORNING, KeptTickets, desk, desks, person, received

NUMBER = "DS20250610-000001"


def answer(key: str, body: queues_pb2.WorkAnswer, cause: str = "m1") -> Heard:
    return Heard(id=cause, key=key, body=body.SerializeToString())


def _words(said: Any) -> queues_pb2.WorkAnswered:
    body: queues_pb2.WorkAnswered = said.body
    return body


def answers(tickets: KeptTickets) -> Answers:
    def verify(token: str) -> Any:
        if token == "forged":
            raise Refused("The token is refused.", code="unauthenticated")
        return person(token)

    return Answers(desks(), tickets, verify)


def dispatched(tickets: KeptTickets) -> None:
    """A ticket at its project manager."""
    from services.dispatch.commands import Commands
    from services.dispatch.handlers import Stream
    from services.dispatch.model import Command
    from tests.dispatch.test_stream import Ears, call

    Stream(desks(), tickets).requests([received(NUMBER)], MORNING)
    commands = Commands(desks(), tickets, Ears())
    commands.act(NUMBER, Command("try_online"), call("li.wei", "1"))
    commands.act(NUMBER, Command("dispatch", values={"project": "erp"}), call("li.wei", "2"))


def test_a_project_manager_declines_what_was_wrongly_sent_with_a_reason():
    """C12: the lifecycle's own rejection, by message."""
    tickets = KeptTickets()
    dispatched(tickets)
    hears = answers(tickets)
    bare = answer(DECLINE, queues_pb2.WorkAnswer(number=NUMBER, token="zhang.qiang"))
    (refused,) = hears.hear([bare], MORNING)
    assert refused.key == REFUSED
    assert "reason" in _words(refused).reason
    said = hears.hear(
        [answer(DECLINE, queues_pb2.WorkAnswer(number=NUMBER, token="zhang.qiang", reason="不是ERP"), "m2")], MORNING
    )
    assert [each.key for each in said] == ["ticket.rejected", DONE]
    assert set(said[1].also) <= {f"work.{team}" for team in desk().teams}
    again = hears.hear(
        [answer(DECLINE, queues_pb2.WorkAnswer(number=NUMBER, token="zhang.qiang", reason="不是ERP"), "m2")], MORNING
    )
    assert [each.id for each in again] == [each.id for each in said]
    assert tickets.load([NUMBER])[NUMBER].latest.failed_dispatches == 1


def test_what_an_answer_brought_about_is_said_though_its_worker_died_and_its_token_expired():
    """Decision 6: heard again the token is refused, so the event waits in the ticket for the relay."""
    tickets = KeptTickets()
    dispatched(tickets)
    body = queues_pb2.WorkAnswer(number=NUMBER, token="zhang.qiang", answer_id="1")
    taken = answers(tickets).hear([answer(ACCEPT, body)], MORNING)[0]
    (owed,) = tickets.unsaid(MORNING + timedelta(minutes=1), 10)
    assert (owed[0], [message.id for message in owed[1]]) == (NUMBER, [taken.id])


def test_one_persons_answer_id_is_not_taken_for_anothers():
    tickets = KeptTickets()
    dispatched(tickets)
    hears = answers(tickets)
    first = hears.hear(
        [answer(ACCEPT, queues_pb2.WorkAnswer(number=NUMBER, token="zhang.qiang", answer_id="1"))], MORNING
    )
    assert first[-1].key == DONE
    second = hears.hear(
        [answer(ACCEPT, queues_pb2.WorkAnswer(number=NUMBER, token="li.wei", answer_id="1"), "x")], MORNING
    )
    assert [each.key for each in second] == [REFUSED]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("number", queues_pb2.WorkAnswer(token="li.wei")),
        ("number", queues_pb2.WorkAnswer(token="li.wei", number="x" * 41)),
        ("reason", queues_pb2.WorkAnswer(token="li.wei", number=NUMBER, reason="x" * 501)),
        ("answer_id", queues_pb2.WorkAnswer(token="li.wei", number=NUMBER, answer_id="x" * 101)),
        ("expected_version", queues_pb2.WorkAnswer(token="li.wei", number=NUMBER, expected_version=-1)),
    ],
)
def test_an_answer_beyond_its_bounds_is_refused_with_the_remedy(field: str, body: queues_pb2.WorkAnswer):
    (told,) = answers(KeptTickets()).hear([answer(ACCEPT, body)], MORNING)
    assert told.key == REFUSED
    assert _words(told).reason


def test_a_forged_answer_is_parked_and_nobody_is_told():
    message = answer(ACCEPT, queues_pb2.WorkAnswer(token="forged", number=NUMBER))
    assert answers(KeptTickets()).hear([message], MORNING) == []
    assert message.refused is not None
