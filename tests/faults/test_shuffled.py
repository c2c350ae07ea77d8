"""Every message delivered up to five times and in any order: the same report, clocks, callbacks and messages (T3)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from deploy.local.parts import ROOT
from deploy.local.play.day import Day
from deploy.local.play.stage import Stage
from deploy.local.supervise import Part, PartServer
from services.runtime import topology
from services.runtime.envelope import Packet
from services.runtime.message import Heard
from services.runtime.publisher import Publisher
from services.runtime.tail import matches
from tests.faults.conftest import end
from tests.faults.load import request
from tests.faults.truth import Truth, exactly_once, settled
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
HEARERS = {
    "sla": "sla.tickets",
    "callbacks": "callbacks.events",
    "notifications": "notifications.events",
    "reporting": "reporting.events",
}


class Played(NamedTuple):
    """A day that went in order, and every word of it."""

    stage: Stage
    truth: Truth
    log: Sequence[Heard]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """A whole day, all workers in one process: four channels, breaches, a reopening, callbacks, missed calls."""
    folder = Path(tempfile.mkdtemp(prefix="deskstream-faults-"))
    try:
        with Stage(folder) as stage, Truth(stage.broker.uri, stage.database.uri, "deskstream") as truth:
            day = Day(stage)
            day.begin()
            acts = (day.morning, day.other_calls, day.triage, day.solve_online, day.solve_dispatched, day.neglect)
            for act in (*acts, day.rescue, day.hand_back, day.afternoon, day.settled):
                act()
            day.close()
            log = wait_for(partial(_quiet, truth, [0]), 100, "the day to be over")
            yield Played(stage, truth, log)
            end(stage)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quiet(truth: Truth, before: list[int]) -> list[Heard]:
    """The log, once nothing was added to it since the last look."""
    log = truth.log()
    before.append(len(log))
    return log if before[-1] == before[-2] else []


class Elsewhere:
    """Services on the same broker and database that know nothing yet: a virtual host and databases of their own."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.prefix = name.replace("-", "_")
        self.uri = stage.broker.add_vhost(name)
        self._stage = stage
        self._hearers: list[PartServer] = []
        self._env = {**stage.env, "AMQP_URI": self.uri, "DESKSTREAM_DATABASE_PREFIX": self.prefix}
        self._publisher = Publisher(self.uri, source="relay", clock=stage.clock)
        self.truth = Truth(self.uri, stage.database.uri, self.prefix)

    def hearer(self, service: str) -> None:
        """One more worker process; nobody waits for it here, as what is said waits for it in its queue."""
        argv = [sys.executable, "-m", f"services.{service}", "worker"]
        part = Part(f"{service} of {self.prefix}", argv, self._env, cwd=ROOT)
        self._hearers.append(self._stage.bring_up(part))

    def say(self, packets: Sequence[Packet]) -> None:
        self._publisher.send(packets, timeout=60)

    def close(self) -> None:
        for hearer in self._hearers:
            hearer.kill()
        self._publisher.close()
        self.truth.__exit__(None, None, None)


def packet(heard: Heard) -> Packet:
    """The message as it was said the first time."""
    headers = {name: value for name, value in heard.headers.items() if not name.startswith("x-")}
    return Packet(topology.TICKETS, heard.key, heard.body, headers, heard.id, heard.content_type)


def shuffled(packets: Sequence[Packet], chance: Random) -> list[Packet]:
    """Each one to five times, in any order."""
    told = [each for each in packets for _ in range(chance.randint(1, 5))]
    chance.shuffle(told)
    return told


def heard_by(service: str, log: Sequence[Heard]) -> list[Packet]:
    """What of the log reaches the service's queue; each word once."""
    keys = next(queue.keys for queue in topology.QUEUES if queue.name == HEARERS[service])
    mine = {each.id: each for each in log if any(matches(key, each.key) for key in keys)}
    return [packet(each) for each in mine.values()]


@pytest.mark.parametrize("service", HEARERS)
def test_a_service_that_hears_the_day_shuffled_and_repeated_knows_what_the_others_know(
    played: Played, chance: Random, service: str
) -> None:
    """Decisions 4 and 6: no order, no number of times."""
    elsewhere = Elsewhere(played.stage, f"shuffled-{service}")
    try:
        said = shuffled(heard_by(service, played.log), chance)
        elsewhere.say(said)
        elsewhere.hearer(service)
        known = partial(KNOWN[service], played.truth)
        expected = known()
        assert expected, "the day had something for this service"

        def same() -> bool:
            found = KNOWN[service](elsewhere.truth)
            assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
            different = {key: (expected[key], found[key]) for key in expected if found[key] != expected[key]}
            assert not different, list(different.items())[:2]
            return True

        wait_for(same, 100, f"{service} to know the same")
        assert elsewhere.truth.parked() == []
    finally:
        elsewhere.close()


def _clocks(truth: Truth) -> dict[str, Any]:
    facts = ("status", "started_at", "due_at", "stopped_at", "limit_seconds", "used_seconds", "grade")
    return {
        f"{number}/{clock['name']}/{clock.get('cycle', 0)}/{clock.get('generation', 0)}": [
            clock.get(fact) for fact in facts
        ]
        for number, row in truth.rows("sla", "timelines").items()
        for clock in row["clocks"]
    }


def _tasks(truth: Truth) -> dict[str, Any]:
    """What callbacks are owed. What people did with them came by gRPC, not by the stream."""
    facts = ("kind", "number", "profile", "opened_at", "due_at", "roles", "scale")
    return {key: [row[fact] for fact in facts] for key, row in truth.rows("callbacks", "tasks").items()}


def _messages(truth: Truth) -> dict[str, Any]:
    """Who is told of what. Of several words that tell the same, the first one heard lends its text."""
    facts = ("number", "template", "language", "way", "recipient")
    return {key: [row[fact] for fact in facts] for key, row in truth.rows("notifications", "deliveries").items()}


def _report(truth: Truth) -> dict[str, Any]:
    return {**truth.facts(), **truth.facts("contacts")}


KNOWN = {"sla": _clocks, "callbacks": _tasks, "notifications": _messages, "reporting": _report}


def test_requests_shuffled_and_repeated_open_one_ticket_each(played: Played, chance: Random) -> None:
    """B1, A24: the whole line of services, from request to report, hears every request up to five times."""
    elsewhere = Elsewhere(played.stage, "repeated")
    try:
        for service in ("intake", "dispatch", *HEARERS):
            elsewhere.hearer(service)
        count = 120
        requests = [asked(index, played.stage) for index in range(count)]
        elsewhere.say(shuffled(requests, chance))
        sources = {f"again-{index}": "" for index in range(count)}
        receipts = settled(elsewhere.truth, "again", sources)
        assert len(receipts) == count
        exactly_once(elsewhere.truth, "again", receipts, sources)
        # And what intake says of them, by a relay that repeats: dispatch meets its own tickets.
        received = [packet(each) for each in elsewhere.truth.log() if each.key.startswith("request.received")]
        elsewhere.say(shuffled(received, chance))
        # Queues keep their order: once a later request has come through, all of that was heard everywhere.
        elsewhere.say([asked(count, played.stage)])
        sources[f"again-{count}"] = ""
        receipts = settled(elsewhere.truth, "again", sources)
        exactly_once(elsewhere.truth, "again", receipts, sources)
    finally:
        elsewhere.close()


def asked(index: int, stage: Stage) -> Packet:
    """A request as an adapter says it."""
    said = request("again", index, stage.now())
    headers = {"cloudEvents_id": said.id, "cloudEvents_type": said.key, "cloudEvents_source": "portal"}
    return Packet(topology.TICKETS, said.key, said.body.SerializeToString(), headers, said.id)
