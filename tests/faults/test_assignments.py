"""Giving out across crashes: every ticket once, none forgotten, whoever holds the lease (C22, M28)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.local.database import Database
from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.dispatch import wire
from services.kernel.clock import SystemClock
from services.runtime.message import Said
from services.runtime.publisher import Publisher
from services.runtime.tail import read_log
from tests.conftest import MongoPlace
from tests.dispatch.world import POLICY, request
from tests.waiting import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.real]
ROOT = Path(__file__).parents[2]
TICKETS = int(os.environ.get("DESKSTREAM_FAULTS_ASSIGNMENTS", "5000"))
"""How many; on a machine shared by many, fewer make the run shorter."""
SILENCE = timedelta(seconds=10)
PUSHED = f"""
assignment:
  network:
    mode: push
    choose: round_robin
    capacity: {{default: {TICKETS}}}
"""


class Desk:
    """Replicas of the dispatch worker on a virtual host and databases of their own; the network team is pushed."""

    def __init__(self, amqp_uri: str, mongo: MongoPlace, folder: Path) -> None:
        shutil.copytree(POLICY, folder / "policy")
        (folder / "policy" / "generic_desk" / "assignment.yaml").write_text(PUSHED)
        self._folder = folder
        self._environment = {
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongo.uri,
            "DESKSTREAM_DATABASE_PREFIX": mongo.prefix,
            "DESKSTREAM_POLICY_DIR": str(folder / "policy"),
        }
        self.amqp_uri = amqp_uri
        self.replicas: list[subprocess.Popen[str]] = []
        self._client: MongoClient[dict[str, Any]] = MongoClient(mongo.uri, tz_aware=True)
        self.rows = self._client[f"{mongo.prefix}_dispatch"]["tickets"]
        self._turns = self._client[f"{mongo.prefix}_dispatch"]["turns"]

    def replica(self) -> subprocess.Popen[str]:
        """One more worker process."""
        with (self._folder / f"replica{len(self.replicas)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.dispatch", "worker"],
                env=os.environ | self._environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.replicas.append(process)
        return process

    def ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready dispatch worker\n"

    def opens(self, numbers: list[str]) -> None:
        """Intake says the requests received."""
        now = SystemClock().now()
        words = {"profile": "generic_desk", "type": "fault", "grade": "general", "entry": "network"}
        publisher = Publisher(self.amqp_uri)
        try:
            publisher.publish(
                [
                    Said(
                        "request.received.web", request(number, received_at=now, **words), f"received-{number}", number
                    )
                    for number in numbers
                ],
                timeout=60,
            )
        finally:
            publisher.close()

    def given(self) -> int:
        """How many were given out, as the lease has it: one small document, for counting tickets is work."""
        row = self._turns.find_one({"_id": "generic_desk/network"}) or {}
        return int(row.get("count", 0))

    def lying(self) -> bool:
        """Whether any waits in the team's queue."""
        return self.rows.find_one({"place": {"$gt": "team:network|", "$lt": "team:network}"}}, {"_id": 1}) is not None

    def close(self) -> None:
        for process in self.replicas:
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
        self._client.close()


@pytest.fixture
def pushed(amqp_uri: str, tmp_path: Path, stack_folder: Path) -> Iterator[Desk]:
    # A database server of its own, killed in the end: dropping so many tickets one by one takes longer than the test.
    server = Database(stack_folder / "assignments")
    server.start()
    try:
        server.wait_ready()
        built = Desk(amqp_uri, MongoPlace(server.uri, "deskstream"), tmp_path)
        try:
            yield built
        finally:
            built.close()
    finally:
        server.kill()


def test_replicas_killed_while_giving_out_assign_every_ticket_once_and_leave_none_lying(
    pushed: Desk, chance: Random
) -> None:
    """Both die once, so the one with the lease does; each comes back while the other goes on."""
    numbers = [f"DS20250610-{n:06d}" for n in range(1, TICKETS + 1)]
    one, other = pushed.replica(), pushed.replica()
    pushed.ready(one)
    pushed.ready(other)
    pushed.opens(numbers)
    for victim, share in ((one, 0.1), (other, 0.4)):
        enough = int(TICKETS * (share + chance.random() * 0.2))
        wait_for(lambda enough=enough: pushed.given() >= enough, 120, f"{enough} tickets to be given out")  # type: ignore[misc]
        victim.kill()
        pushed.replica()
    wait_for(lambda: pushed.given() >= TICKETS and not pushed.lying(), 120, "every ticket to be given out")

    instants: set[datetime] = set()
    held: Counter[str] = Counter()
    for row in pushed.rows.find({}):
        events = [TicketEvent.FromString(bytes(event["body"])) for event in row["events"]]
        assert [event.event for event in events] == ["opened", "dispatched", "assigned"], row["_id"]
        assert (events[-1].actor.id, row["v"]) == ("service:dispatch", 3)
        instants.add(wire.instant(events[-1].at))
        held[row["assignee"]] += 1
    assert held.total() == TICKETS
    assert max(held.values()) - min(held.values()) <= 0.1 * TICKETS, f"turns outlive the process: {held}"
    order = sorted(instants)
    pauses = [later - earlier for earlier, later in pairwise(order)]
    assert max(pauses) < SILENCE, f"nobody gave out anything for {max(pauses)}"
    assert wait_for(lambda: said(pushed, TICKETS), 60, "all of it to be said") == dict.fromkeys(numbers, 1)


def said(pushed: Desk, count: int) -> dict[str, int]:
    """How many different words the log has about each ticket's holder, once it knows of as many tickets."""
    words: defaultdict[str, set[tuple[str, bytes]]] = defaultdict(set)
    for heard in read_log(pushed.amqp_uri, "first", quiet_after=1.0):
        if heard.key == "ticket.assigned":
            words[heard.subject].add((heard.id, heard.body))
    assert len(words) == count, f"{count - len(words)} tickets have a holder that nobody was told of"
    return {number: len(different) for number, different in words.items()}
