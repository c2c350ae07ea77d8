"""The service in its own processes, on the real broker and database."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pika
import pytest

from deploy.local.children import kill, spawn
from services.contracts.deskstream.v1 import callbacks_pb2 as pb
from services.contracts.deskstream.v1 import callbacks_pb2_grpc
from services.kernel.errors import Refused
from services.runtime import topology
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.publisher import Publisher
from services.runtime.rpc import channel
from tests.callbacks.world import POLICY, said, ticket
from tests.waiting import wait_for

pytestmark = [pytest.mark.real, pytest.mark.faults]


class Stage:
    """Worker and server of callbacks, and a queue that hears what they say."""

    def __init__(self, amqp_uri, place, folder):
        self.uri, self.folder = amqp_uri, folder
        make_keys(folder)
        self.env = {
            **os.environ,
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": place.uri,
            "DESKSTREAM_DATABASE_PREFIX": place.prefix,
            "DESKSTREAM_POLICY_DIR": str(POLICY),
            "DESKSTREAM_PROFILES": "itss_desk",
            "DESKSTREAM_GRPC_BIND": "127.0.0.1:0",
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(folder / "token.pub.jwk"),
            "DESKSTREAM_CLOCK_FILE": str(folder / "clock"),
        }
        self.signer = Signer.from_file(folder / "token.jwk")
        self.publisher = Publisher(amqp_uri, source="deskstream/dispatch")
        self.children = []
        self._heard = []
        with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
            topology.declare(connection)
            broker = connection.channel()
            broker.queue_declare("ear", durable=True)
            for key in ("callback.*", "survey.*"):
                broker.queue_bind("ear", topology.TICKETS, key)

    def start(self, role):
        log = self.folder / f"{role}-{len(self.children)}.log"
        child = spawn([sys.executable, "-m", "services.callbacks", role], log=log, env=self.env)
        self.children.append(child)
        line = wait_for(
            lambda: next((x for x in log.read_text().splitlines() if x.startswith("ready callbacks")), ""),
            60,
            f"the {role} to be ready",
        )
        return child, line

    def heard(self):
        """Everything said so far, as (routing key, id, body)."""
        with pika.BlockingConnection(pika.URLParameters(self.uri)) as connection:
            broker = connection.channel()
            while True:
                method, properties, body = broker.basic_get("ear", auto_ack=True)
                if method is None:
                    return self._heard
                self._heard.append((method.routing_key, properties.message_id, pb.CallbackEvent.FromString(body)))

    def move(self, forward):
        (self.folder / "clock").write_text(json.dumps({"offset_seconds": forward.total_seconds()}))

    @contextmanager
    def stub(self, port, *roles):
        token = self.signer.sign(Principal("wang", roles=frozenset(roles))) if roles else ""
        with channel(f"127.0.0.1:{port}", token) as line:
            yield callbacks_pb2_grpc.CallbackServiceStub(line)


@pytest.fixture
def stage(amqp_uri, mongodb_uri, tmp_path):
    made = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield made
    made.publisher.close()
    for child in made.children:
        if child.poll() is None:
            kill(child)


def confirmed(number):
    return said("confirmed", ticket(number=f"DS20261118-{number:06d}"), datetime.now(UTC))


def test_a_worker_killed_again_and_again_loses_and_doubles_no_callback(stage):
    """F1: kill -9 in the middle of the stream, every event said twice."""
    stage.start("worker")
    events = [confirmed(number) for number in range(1, 401)]
    for begin in (0, 100, 200, 300):
        stage.publisher.publish(events[begin : begin + 100] * 2, timeout=30)
        kill(stage.children[-1])
        stage.start("worker")
    wait_for(lambda: len({body.task.task_id for key, _, body in stage.heard()}) == 400, 60, "400 tasks")
    found = stage.heard()
    assert {key for key, _, _ in found} == {"callback.due"}
    # A redelivery may say again, but only with the same id: 400 ids for 400 tasks.
    assert len({identity for _, identity, _ in found}) == 400


def test_a_callback_is_made_over_grpc_and_the_requester_answers_by_the_link(stage):
    """F3, F9, F13, F24, end to end."""
    stage.start("worker")
    _, ready = stage.start("server")
    port = ready.split()[-1]
    stage.publisher.publish([confirmed(1), confirmed(2)])
    with stage.stub(port, "specialist") as specialist, stage.stub(port, "desk_manager") as manager:
        wait_for(lambda: len(manager.ListTasks(pb.ListTasksRequest(callable_now=True)).tasks) == 2, 30, "two tasks")
        assert not specialist.ListTasks(pb.ListTasksRequest()).tasks
        task = manager.GetTask(pb.GetTaskRequest(task_id="DS20261118-000001/0")).task
        booked = pb.RecordAttemptRequest(task_id=task.task_id, expected_version=1, outcome="inconvenient")
        booked.call_again_at.FromDatetime(datetime.now(UTC) + timedelta(hours=3))
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            specialist.RecordAttempt(booked)
        assert manager.RecordAttempt(booked).task.status == pb.CALLBACK_STATUS_RESCHEDULED
        stage.move(timedelta(hours=3, minutes=1))
        listed = pb.ListTasksRequest(callable_now=True)
        wait_for(lambda: len(manager.ListTasks(listed).tasks) == 2, 30, "the task to be due again")
        with pytest.raises(Exception, match="satisfaction"):
            manager.Complete(pb.CompleteRequest(task_id=task.task_id, expected_version=3))
        done = manager.Complete(
            pb.CompleteRequest(
                task_id=task.task_id,
                expected_version=3,
                answers=[
                    pb.Answer(question="solved", value="no"),
                    pb.Answer(question="satisfaction", value="dissatisfied"),
                ],
            )
        )
        assert done.task.status == pb.CALLBACK_STATUS_COMPLETED
    token = stage.signer.sign_claims("survey", {"task": "DS20261118-000002/0"}, timedelta(days=1))
    answers = [pb.Answer(question="solved", value="yes"), pb.Answer(question="satisfaction", value="satisfied")]
    with stage.stub(port) as page:
        asked = page.GetSurvey(pb.GetSurveyRequest(token=token, language="en"))
        assert (asked.number, asked.answered, asked.questions[0].label) == (
            "DS20261118-000002",
            False,
            "Has the problem been solved?",
        )
        assert not page.AnswerSurvey(pb.AnswerSurveyRequest(token=token, answers=answers)).repeated
        assert page.AnswerSurvey(pb.AnswerSurveyRequest(token=token, answers=answers)).repeated
        with pytest.raises(Exception, match="UNAUTHENTICATED"):
            page.AnswerSurvey(pb.AnswerSurveyRequest(token=token[:-4] + "AAAA", answers=answers))
    expected = {
        "callback.due": 3,
        "callback.rescheduled": 1,
        "callback.unsolved": 1,
        "survey.answered": 1,
        "callback.completed": 1,
    }

    def counted():
        ids = {(key, identity) for key, identity, _ in stage.heard()}
        return {key: sum(1 for other, _ in ids if other == key) for key, _ in ids}

    wait_for(lambda: counted() == expected, 30, "all words")


def test_a_link_made_for_something_else_opens_no_survey(tmp_path):
    make_keys(tmp_path)
    token = Signer.from_file(tmp_path / "token.jwk").sign(Principal("wang"))
    with pytest.raises(Refused):
        Verifier.from_file(tmp_path / "token.pub.jwk").claims(token, "survey")
