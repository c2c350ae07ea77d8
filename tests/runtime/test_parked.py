"""What an operator does with parked messages, on the real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from typer.testing import CliRunner

from services.contracts.deskstream.v1.common_pb2 import Requester
from services.contracts.deskstream.v1.directory_pb2 import Person
from services.contracts.deskstream.v1.intake_pb2 import RequestReceived
from services.contracts.deskstream.v1.queues_pb2 import WorkAnswer
from services.contracts.deskstream.v1.ticket_pb2 import Ticket, TicketEvent
from services.kernel.errors import Missing, Unavailable
from services.runtime import parked
from services.runtime.envelope import Packet
from services.runtime.legible import body_of, legible, mask
from services.runtime.message import Heard, Said, event_id
from services.runtime.tail import matches, read_log, tail
from services.runtime.topology import QUEUES, TICKETS
from tests.runtime.stage import Stage, tickets
from tests.waiting import wait_for

PARKED = "sla.tickets.parked"


@pytest.fixture
def stage(amqp_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("AMQP_URI", amqp_uri)
    with Stage(amqp_uri, tmp_path) as built:
        yield built


@pytest.mark.real
def test_a_replayed_message_is_handled_under_its_own_key_and_leaves_parking(stage: Stage) -> None:
    (message,) = tickets("away", 1)
    stage.say([message])
    worker = stage.worker("1")
    wait_for(lambda: stage.depth(PARKED) == 1, what="the parked message")
    ((found,),) = [parked.find(stage.uri)]
    assert (found.queue, found.reason, found.heard.id) == ("sla.tickets", "exhausted", message.id)
    assert found.heard.key == "ticket.opened"
    assert found.error == "The database is away."
    (stage.folder / "back").touch()
    assert [one.heard.id for one in parked.replay(stage.uri, message=message.id)] == [message.id]
    wait_for(lambda: stage.handled()[message.id] == 1, what="the replayed message")
    stage.stop(worker)
    assert stage.depth(PARKED) == 0
    # Counted anew: a replay gets all its attempts.
    assert [words[3] for words in stage.journal() if words[0] == "sla"] == ["1"]


@pytest.mark.real
def test_looking_changes_nothing_and_dropping_removes_only_the_named_one(stage: Stage) -> None:
    stage.say([*tickets("refused", 1), *tickets("broken", 1)])
    worker = stage.worker()
    wait_for(lambda: stage.depth(PARKED) == 2, what="two parked messages")
    stage.stop(worker)
    assert {one.heard.id for one in parked.find(stage.uri)} == {one.heard.id for one in parked.find(stage.uri)}
    first, second = parked.find(stage.uri)
    parked.drop(stage.uri, message=first.heard.id)
    assert [one.heard.id for one in parked.find(stage.uri, "sla.tickets")] == [second.heard.id]
    with pytest.raises(Missing, match="dead list"):
        parked.drop(stage.uri, message=first.heard.id)
    with pytest.raises(Missing, match=r"no\.such"):
        parked.find(stage.uri, "no.such")


@pytest.mark.real
def test_what_the_broker_parks_by_itself_is_listed_with_its_own_reason(stage: Stage) -> None:
    (message,) = stage.say(tickets("fine", 1))
    with pika.BlockingConnection(pika.URLParameters(stage.uri)) as connection:
        channel = connection.channel()
        for _ in range(25):
            method, _, _ = channel.basic_get("sla.tickets")
            if method is not None:
                channel.basic_nack(method.delivery_tag, requeue=True)
    wait_for(lambda: stage.depth(PARKED) == 1, what="the message parked by the delivery limit")
    (found,) = parked.find(stage.uri)
    assert (found.reason, found.heard.id, found.heard.key) == ("delivery_limit", message, "ticket.opened")


@pytest.mark.real
def test_the_command_lists_shows_replays_and_masks(stage: Stage) -> None:
    ticket = Ticket(number="DS20260105-000007", title="Printer", requester=Requester(name="王芳", phone="13800000000"))
    message = Said(
        "ticket.opened", TicketEvent(event="refused", ticket=ticket), event_id("c", "ticket.opened"), ticket.number
    )
    stage.say([message])
    worker = stage.worker()
    wait_for(lambda: stage.depth(PARKED) == 1, what="the parked message")
    stage.stop(worker)
    run = CliRunner()
    listed = run.invoke(parked.dead, ["list"]).output
    assert message.id in listed
    assert "This ticket has no number: send one." in listed
    shown = run.invoke(parked.dead, ["show", message.id]).output
    assert "DS20260105-000007" in shown
    assert "***" in shown
    assert "王芳" not in shown
    assert "13800000000" not in shown
    assert run.invoke(parked.dead, ["replay"]).exit_code != 0
    assert "1 back in their queue." in run.invoke(parked.dead, ["replay", "--all"]).output
    assert stage.depth("sla.tickets") == 1
    assert "0 parked." in run.invoke(parked.dead, ["list", "--queue", "sla.tickets"]).output


@pytest.mark.real
def test_the_log_keeps_everything_and_can_be_read_from_its_beginning(stage: Stage) -> None:
    ids = stage.say(tickets("fine", 20))
    stage.publisher.send([Packet(TICKETS, "unheard.of", b"?", {}, "m-1")])
    assert [heard.id for heard in read_log(stage.uri, "first", quiet_after=3)] == [*ids, "m-1"]
    told = CliRunner().invoke(tail, ["--first", "--key", "ticket.*", "--count", "20", "--quiet-after", "3"]).output
    assert told.count("ticket.opened") == 20
    assert "unheard.of" not in told


def test_a_broker_that_is_away_is_one_sentence() -> None:
    with pytest.raises(Unavailable, match="AMQP_URI"):
        parked.find("amqp://127.0.0.1:9/")


def test_personal_values_are_masked_at_any_depth() -> None:
    person = Person(id="li.wei", name="李伟", addresses={"smtp": "li.wei@example.org"})
    mask(person)
    assert person == Person(id="li.wei", name="***")
    body = '{"requester":{"name":"王芳"}}'.encode()
    heard = Heard(id="1", key="request.submitted.web", content_type="application/json", body=body)
    assert "王芳" not in legible(heard)
    assert "***" in legible(heard)


def test_unreadable_bytes_are_not_shown() -> None:
    assert "secret" not in legible(Heard(id="1", key="ticket.opened", body=b"secret"))
    assert "secret" not in legible(Heard(id="1", key="what.ever", body=b"secret"))


@pytest.mark.parametrize(
    ("pattern", "key", "heard"),
    [
        ("#", "ticket.opened", True),
        ("ticket.*", "ticket.opened", True),
        ("ticket.*", "ticket", False),
        ("request.#", "request", True),
        ("request.#", "request.submitted.web", True),
        ("*.submitted", "request.submitted.web", False),
        ("#.web", "request.submitted.web", True),
    ],
)
def test_patterns_hear_what_the_broker_would_let_them_hear(pattern: str, key: str, heard: bool) -> None:
    assert matches(pattern, key) is heard


def test_every_key_that_a_queue_hears_has_a_known_body() -> None:
    for queue in QUEUES:
        for key in queue.keys:
            assert key == "#" or body_of(key.replace("*", "x").replace("#", "x")), key


def test_what_people_wrote_of_people_is_masked_too() -> None:
    """P14, C28: whom a complaint is about, why, notes of links, and the token of whoever answers for a queue."""
    event = TicketEvent(event="updated", action="join", reason="王芳又来电：打印机")
    event.ticket.accused = "王芳"
    event.ticket.links.add(kind="related", target="DS1", note="王芳的另一张单")
    draft = RequestReceived()
    draft.draft.accused = "王芳"
    draft.draft.origin.note = "王芳转来"
    answer = WorkAnswer(number="DS1", token="signed-by-王芳", reason="王芳不在")
    for key, body in (("ticket.updated", event), ("request.received.web", draft), ("work.decline", answer)):
        told = legible(Heard(id="1", key=key, body=body.SerializeToString()))
        assert "王芳" not in told
        assert "***" in told
