"""Dispatch as it runs: a worker process, two server replicas, the real broker and the real database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pika
import pytest

from services.contracts.deskstream.v1 import dispatch_pb2 as pb
from services.contracts.deskstream.v1 import ticket_pb2
from services.contracts.deskstream.v1.dispatch_pb2_grpc import DispatchServiceStub
from services.dispatch import compose
from services.dispatch.commands import Call, Commands
from services.dispatch.model import Command
from services.kernel.errors import Unavailable
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.message import Said
from services.runtime.publisher import Publisher
from services.runtime.rpc import RunningServer, serve
from services.runtime.settings import Settings
from tests.dispatch.conftest import mongo_tickets
from tests.dispatch.world import MORNING, POLICY, desk, desks, person, request
from tests.waiting import wait_for

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


class Stage:
    """One installation of dispatch: keys, settings, processes, people."""

    def __init__(self, amqp_uri: str, mongo: Any, folder: Path) -> None:
        make_keys(folder)
        self._signer = Signer.from_file(folder / "token.jwk")
        self._environment = {
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongo.uri,
            "DESKSTREAM_DATABASE_PREFIX": mongo.prefix,
            "DESKSTREAM_POLICY_DIR": str(POLICY),
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(folder / "token.pub.jwk"),
        }
        self.tickets = mongo_tickets(mongo.uri, mongo.prefix)
        self.settings = Settings.model_validate(
            {
                "AMQP_URI": amqp_uri,
                "MONGODB_URI": mongo.uri,
                "database_prefix": mongo.prefix,
                "policy_dir": POLICY,
                "token_public_key": folder / "token.pub.jwk",
            }
        )
        self._folder = folder
        self._ends: list[Any] = []
        self.workers: list[subprocess.Popen[str]] = []
        self.publisher = Publisher(amqp_uri)
        self._ends.append(self.publisher.close)

    def worker(self) -> subprocess.Popen[str]:
        """A worker process that hears."""
        written = self._folder / f"worker{len(self.workers)}.log"
        with written.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.dispatch", "worker"],
                env=os.environ | self._environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.workers.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready dispatch worker\n", written.read_text()[-2000:]
        return process

    def server(self) -> RunningServer:
        """A server replica in this process."""
        service = compose.server(self.settings)
        running = serve(
            [service], self.settings, Verifier.from_file(self.settings.token_public_key), bind="127.0.0.1:0"
        )
        self._ends.append(lambda: running.stop(0.2))
        return running

    def stub(self, running: RunningServer, who: str, profile: str = "itss_desk") -> DispatchServiceStub:
        """The service as somebody of the profile sees it."""
        person = desk(profile).people[who]
        principal = Principal(person.id, person.name, frozenset(person.roles), frozenset(person.teams))
        opened = channel(f"127.0.0.1:{running.port}", self._signer.sign(principal))
        self._ends.append(opened.close)
        return DispatchServiceStub(opened)

    def submit(self, *numbers: str, **said: Any) -> None:
        """Intake says the requests received."""
        self.publisher.publish(
            [Said("request.received.web", request(number, **said), f"received-{number}", number) for number in numbers]
        )

    def close(self) -> None:
        """Ends everything."""
        for end in reversed(self._ends):
            end()
        for process in self.workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.workers:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def stage(amqp_uri, mongodb_uri, tmp_path) -> Iterator[Stage]:
    built = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield built
    built.close()


def numbers(count: int) -> list[str]:
    return [f"DS20250610-{n:06d}" for n in range(1, count + 1)]


class Watching:
    """A watcher in a thread that keeps what it was told."""

    def __init__(self, stub: DispatchServiceStub, queue: str, token: str = "") -> None:
        self.told: list[pb.WatchQueueResponse] = []
        self._stream: Any = stub.WatchQueue(pb.WatchQueueRequest(queue=queue, resume_token=token))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for told in self._stream:
                self.told.append(told)
        except grpc.RpcError:
            return

    def has(self, kind: pb.WatchQueueResponse.Kind.ValueType, number: str = "") -> bool:
        return any(told.kind == kind and told.ticket.number == number for told in self.told)

    def stop(self) -> str:
        """Goes away; the token to resume with."""
        self._stream.cancel()
        self._thread.join(5)
        return self.told[-1].resume_token


PRESENT, LEFT = pb.WatchQueueResponse.KIND_PRESENT, pb.WatchQueueResponse.KIND_LEFT
CAUGHT_UP = pb.WatchQueueResponse.KIND_CAUGHT_UP


def test_from_the_stream_to_the_desk_and_to_an_engineer_over_grpc(stage: Stage, amqp_uri: str):
    """5.1, U3, C22: opened by the worker, worked over gRPC, told on the team's queue."""
    stage.worker()
    here, there = stage.server(), stage.server()
    specialist, manager = stage.stub(here, "li.wei"), stage.stub(there, "zhang.qiang")
    stage.submit(*numbers(3))
    queue = pb.ListQueueRequest(queue="team:desk")
    wait_for(lambda: len(specialist.ListQueue(queue).tickets) == 3, what="three tickets")
    number = specialist.ListQueue(queue).tickets[0].number
    assert specialist.Claim(pb.ClaimRequest(team="desk")).ticket.number == number
    sent = specialist.Act(pb.ActRequest(number=number, action="dispatch", expected_version=2, idempotency_key="k"))
    assert sent.ticket.assignee == "zhang.qiang"
    assert specialist.Act(pb.ActRequest(number=number, action="dispatch", idempotency_key="k")).ticket.version == 3
    manager.Act(pb.ActRequest(number=number, action="accept"))
    with pytest.raises(grpc.RpcError) as refused:
        specialist.Act(pb.ActRequest(number=number, action="close"))
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.RpcError) as stale:
        manager.Act(pb.ActRequest(number=number, action="note", reason="x", expected_version=1))
    assert stale.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    history = manager.GetHistory(pb.GetHistoryRequest(number=number)).entries
    assert [entry.event for entry in history] == ["opened", "online_tried", "dispatched", "accepted"]
    assert "desk_first" in manager.Explain(pb.ExplainRequest(number=number, language="en")).text
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        taken = connection.channel()

        def first(queue: str) -> bytes:
            return wait_for(lambda: taken.basic_get(queue, auto_ack=True)[2], what=f"a message in {queue}") or b""

        assert ticket_pb2.TicketEvent.FromString(first("work.desk")).event == "opened"
        assert ticket_pb2.TicketEvent.FromString(first("work.erp_ops")).ticket.number == number


def test_a_watched_queue_tells_changes_of_any_replica_and_resumes_without_gaps(stage: Stage):
    """C22: PRESENT, LEFT, CAUGHT_UP; the second replica resumes what the first began."""
    stage.worker()
    here, there = stage.server(), stage.server()
    one, other = stage.stub(here, "li.wei"), stage.stub(there, "zhou.min")
    stage.submit(*numbers(2))
    wait_for(lambda: len(one.ListQueue(pb.ListQueueRequest(queue="team:desk")).tickets) == 2, what="two tickets")
    watching = Watching(one, "team:desk")
    wait_for(lambda: watching.has(CAUGHT_UP), what="the queue told")
    assert [told.kind for told in watching.told] == [PRESENT, PRESENT, CAUGHT_UP]
    first, second = numbers(2)
    other.Claim(pb.ClaimRequest(number=first))
    wait_for(lambda: watching.has(LEFT, first), timeout=5, what="the claimed ticket to leave")
    stage.submit("DS20250610-000009")
    wait_for(lambda: watching.has(PRESENT, "DS20250610-000009"), timeout=5, what="the new ticket")
    token = watching.stop()
    one.Claim(pb.ClaimRequest(number=second))
    stage.submit("DS20250610-000010")
    wait_for(lambda: stage.tickets.load(["DS20250610-000010"]), what="the ticket opened meanwhile")
    resumed = Watching(other, "team:desk", token)
    wait_for(lambda: resumed.has(CAUGHT_UP), what="the resumed queue told")
    assert resumed.has(LEFT, second)
    assert resumed.has(PRESENT, "DS20250610-000010")
    resumed.stop()


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(stage: Stage, amqp_uri: str):
    """Decision 6: killed between write and publish, everything is said again with the same ids."""
    doomed = stage.worker()
    wanted = numbers(600)
    for start in range(0, len(wanted), 100):
        stage.submit(*wanted[start : start + 100])
    wait_for(lambda: stage.tickets.load(wanted[:1]), what="the first ticket")
    doomed.kill()
    doomed.wait(10)
    stage.worker()
    heard: dict[str, set[str]] = {}
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        reporting = connection.channel()

        def drained() -> bool:
            while (got := reporting.basic_get("reporting.events", auto_ack=True))[0] is not None:
                event = ticket_pb2.TicketEvent.FromString(got[2] or b"")
                heard.setdefault(event.ticket.number, set()).add(str(got[1].message_id))
            return len(heard) == len(wanted)

        wait_for(drained, timeout=60, what="every ticket told")
    assert all(len(ids) == 1 for ids in heard.values()), "the same words have the same id"
    assert all(len(record.entries) == 1 for record in stage.tickets.load(wanted).values())


def test_a_command_outlives_an_absent_broker_and_is_said_by_the_relay(stage: Stage, amqp_uri: str):
    """Decision 6: the ticket changes at once; the stream hears of it when it can."""
    stage.worker()
    stage.submit(*numbers(1))
    wait_for(lambda: stage.tickets.load(numbers(1)), what="the ticket")

    def deaf(said: object) -> None:
        raise Unavailable("The broker is away.")

    Commands(desks(), stage.tickets, deaf).act(
        numbers(1)[0], Command("try_online"), Call(person("li.wei"), MORNING, "c")
    )
    with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
        reporting = connection.channel()

        def told() -> bool:
            body = reporting.basic_get("reporting.events", auto_ack=True)[2]
            return body is not None and ticket_pb2.TicketEvent.FromString(body).event == "online_tried"

        wait_for(told, what="ticket.online_tried")
    wait_for(lambda: not stage.tickets.unsaid(MORNING.replace(year=2040), 10), what="the outbox to be empty")
