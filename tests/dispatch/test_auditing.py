"""`deskstream audit` against the real database and the real log of the stream."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson.binary import Binary
from pymongo import MongoClient

from services.dispatch import wire
from services.dispatch.commands import Commands
from services.dispatch.entries import entries_of
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.dispatch.policy import step
from services.runtime import topology
from services.runtime.bus_line import connect
from services.runtime.publisher import Publisher
from tests.dispatch.conftest import mongo_tickets
from tests.dispatch.test_stream import call, numbers
from tests.dispatch.world import MORNING, POLICY, desk, desks, person, received

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


class Office:
    """Six tickets worked on and told on the stream, a database one can meddle with, and the auditor."""

    def __init__(self, amqp_uri: str, mongo: Any) -> None:
        self._environment = {
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongo.uri,
            "DESKSTREAM_DATABASE_PREFIX": mongo.prefix,
            "DESKSTREAM_POLICY_DIR": str(POLICY),
        }
        connection = connect(amqp_uri, "audit test")
        topology.declare(connection, ["desk"])
        connection.close()
        self.tickets = mongo_tickets(mongo.uri, mongo.prefix)
        self._publisher = Publisher(amqp_uri)
        commands = Commands(desks(), self.tickets, self._publisher.publish)
        self._publisher.publish(Stream(desks(), self.tickets).requests([received(n) for n in numbers(6)], MORNING))
        for number in numbers(6):
            commands.act(number, Command("try_online"), call("li.wei", f"try-{number}"))
            commands.act(
                number, Command("solve_online", values={"solution": "重启"}), call("li.wei", f"solve-{number}")
            )
        self._client = MongoClient[dict[str, Any]](mongo.uri)
        self.rows = self._client[f"{mongo.prefix}_dispatch"]["tickets"]

    def close(self) -> None:
        self._publisher.close()
        self._client.close()

    def audit(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As an operator runs it."""
        return subprocess.run(
            [sys.executable, "-c", "from services.cli import command; command()", "audit", *words],
            env=os.environ | self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def meddle(self, number: str, alter: Callable[[list[dict[str, Any]]], None], **more: Any) -> None:
        """Changes the stored events behind the back of dispatch."""
        row = self.rows.find_one({"_id": number})
        assert row is not None
        alter(row["events"])
        self.rows.update_one({"_id": number}, {"$set": {"events": row["events"]} | more})


@pytest.fixture
def office(amqp_uri, mongodb_uri):
    """Closed whatever happens."""
    built = Office(amqp_uri, mongodb_uri)
    yield built
    built.close()


def change_reason(events: list[dict[str, Any]]) -> None:
    events[1]["body"] = Binary(bytes(events[1]["body"]).replace("李".encode(), "王".encode()) + b"\x22\x01x")


def test_an_operator_reads_a_history_in_words_and_hears_that_it_holds(office: Office):
    """B9, B10: requesters masked, people of the desk by name."""
    told = office.audit(numbers(1)[0])
    assert told.returncode == 0, told.stderr
    assert "李伟（服务台专员）尝试在线解决" in told.stdout
    assert "1 ticket(s), 3 events checked: 0 altered." in told.stdout
    english = office.audit(numbers(1)[0], "--language", "en", "--no-log")
    assert "李伟 (Service desk specialist) tried to solve it online" in english.stdout
    assert "log of the stream was not asked" in english.stdout
    unknown = office.audit("DS20250610-999999")
    assert unknown.returncode == 1
    assert "no ticket DS20250610-999999" in unknown.stderr


def test_every_altered_ticket_is_found_and_no_other(office: Office):
    """B10: changed, removed, cut off with a head that fits, deleted as a whole; over a range of numbers."""
    assert "6 ticket(s), 18 events checked: 0 altered." in office.audit("--all").stdout
    changed, removed, cut, deleted, whole, last = numbers(6)
    office.meddle(changed, change_reason)
    office.meddle(removed, lambda events: events.__delitem__(1))
    record = office.tickets.load([cut])[cut]
    before = wire.ticket_from(record.entries[1].event().ticket)
    beside = {name: getattr(before, name) for name in ("state", "phase", "team", "assignee", "place", "stage")}
    office.meddle(cut, lambda events: events.__delitem__(-1), head=record.entries[1].digest, v=2, **beside)
    office.rows.delete_one({"_id": deleted})
    told = office.audit("--all", "--from", changed, "--to", whole)
    assert told.returncode == 1
    assert "4 ticket(s), 10 events checked: 4 altered." in told.stdout
    found = {line.partition(":")[0]: line for line in told.stderr.splitlines()}
    assert set(found) == {changed, removed, cut, deleted}
    assert "does not have any more" in found[cut]
    assert "not there any more" in found[deleted]
    # Without the log a chain cut off and closed again looks whole; the auditor says what was not looked at.
    alone = office.audit(cut, "--no-log")
    assert alone.returncode == 0
    assert "not seen" in alone.stdout
    assert office.audit(last).returncode == 0


def test_an_event_added_behind_the_back_of_the_stream_is_found(office: Office):
    """B10: its digests fit, and nobody ever told of it."""
    number = numbers(1)[0]
    record = office.tickets.load([number])[number]
    event = step(desk(), record.ticket(), Command("note", "x"), person("li.wei"), MORNING)
    assert event is not None
    entries, _ = entries_of((event,), "forged", "", record.entries[-1])
    assert office.tickets.append(event.ticket, entries)
    told = office.audit(number)
    assert told.returncode == 1
    assert "Version 4 was never told on the stream" in told.stderr


def test_a_ticket_moved_out_of_its_queue_behind_our_back_is_found(office: Office):
    """B10, C24: its history is untouched, and nobody would see it any more."""
    first, second = numbers(2)
    office.rows.update_one({"_id": first}, {"$unset": {"place": "", "stage": ""}})
    office.rows.update_one({"_id": second}, {"$set": {"assignee": "nobody", "state": "closed"}})
    told = office.audit("--all", "--no-log")
    assert told.returncode == 1
    assert f"{first}: Beside the history stands something else than its last event says: place, stage." in told.stderr
    assert (
        f"{second}: Beside the history stands something else than its last event says: state, assignee." in told.stderr
    )
    assert "6 ticket(s), 18 events checked: 2 altered." in told.stdout
