"""The service in its own processes, on the real broker and database, to real sinks."""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import UTC, datetime

import pika
import pytest

from deploy.local.children import kill, spawn
from services.contracts.deskstream.v1 import common_pb2, ticket_pb2
from services.contracts.deskstream.v1 import notifications_pb2 as pb
from services.contracts.deskstream.v1.notifications_pb2_grpc import NotificationServiceStub
from services.runtime import topology
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.message import Said, event_id
from services.runtime.publisher import Publisher
from services.runtime.rpc import channel
from tests.notifications.world import POLICY, MailSink, free_port, ticket
from tests.waiting import wait_for

pytestmark = [pytest.mark.real, pytest.mark.faults]


def closed(number: int) -> Said:
    """A closed ticket, of which its requester is told."""
    name = f"DS20261118-{number:06d}"
    requester = common_pb2.Requester(id=f"user.{number}", name="用户", email=f"user.{number}@a.example")
    body = ticket_pb2.TicketEvent(event="closed", ticket=ticket(number=name, state="closed", requester=requester))
    body.at.FromDatetime(datetime.now(UTC))
    return Said("ticket.closed", body, event_id(name, "ticket.closed", name), subject=name)


class Stage:
    """Worker and server of notifications, and a queue that hears what they say."""

    def __init__(self, amqp_uri, place, folder):
        self.uri, self.folder, self.port = amqp_uri, folder, free_port()
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
            "DESKSTREAM_TOKEN_PRIVATE_KEY": str(folder / "token.jwk"),
            "DESKSTREAM_PUBLIC_URL": "https://desk.example",
            "DESKSTREAM_MAIL_PORT": str(self.port),
            "DESKSTREAM_CLOCK_FILE": str(folder / "clock"),
        }
        self.signer = Signer.from_file(folder / "token.jwk")
        self.publisher = Publisher(amqp_uri, source="deskstream/dispatch")
        self.children, self._heard = [], []
        with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
            topology.declare(connection)
            broker = connection.channel()
            broker.queue_declare("ear", durable=True)
            broker.queue_bind("ear", topology.TICKETS, "notification.*")

    def start(self, role):
        log = self.folder / f"{role}-{len(self.children)}.log"
        self.children.append(spawn([sys.executable, "-m", "services.notifications", role], log=log, env=self.env))
        return wait_for(
            lambda: next((x for x in log.read_text().splitlines() if x.startswith("ready notifications")), ""),
            60,
            f"the {role} to be ready",
        )

    def let_claims_end(self):
        """Claims of a dead worker end after a minute and a half; the stage's clock is moved there."""
        (self.folder / "clock").write_text('{"offset_seconds": 100}')

    def heard(self):
        """Everything said so far: routing key and id, each once."""
        with pika.BlockingConnection(pika.URLParameters(self.uri)) as connection:
            broker = connection.channel()
            while True:
                method, properties, _ = broker.basic_get("ear", auto_ack=True)
                if method is None:
                    return Counter(key for key, _ in set(self._heard))
                self._heard.append((method.routing_key, properties.message_id))

    def deliveries(self, port, role, **request):
        token = self.signer.sign(Principal("chen.jing", roles=frozenset({role})))
        with channel(f"127.0.0.1:{port}", token) as line:
            return NotificationServiceStub(line).ListDeliveries(pb.ListDeliveriesRequest(**request)).deliveries


@pytest.fixture
def stage(amqp_uri, mongodb_uri, tmp_path):
    made = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield made
    made.publisher.close()
    for child in made.children:
        if child.poll() is None:
            kill(child)


def test_everybody_is_told_though_the_mail_server_was_down_and_the_worker_killed(stage):
    """O9, O10: the sink is down, then up; kill -9 of the worker in between; every event said twice."""
    stage.start("worker")
    ready = stage.start("server")
    port = ready.split()[-1]
    events = [closed(number) for number in range(1, 61)]
    stage.publisher.publish(events * 2, timeout=30)
    waiting = wait_for(
        lambda: stage.deliveries(port, "supervisor", status=pb.DELIVERY_STATUS_RETRYING), 60, "failed first tries"
    )
    assert "zhang" not in waiting[0].last_error
    kill(stage.children[0])
    stage.let_claims_end()
    with MailSink().running(stage.port) as sink:
        stage.start("worker")
        wait_for(lambda: len({mail["Message-ID"] for mail in sink.mails}) == 60, 120, "60 mails")
        wait_for(lambda: stage.heard()["notification.sent"] == 60, 30, "60 words")
    assert len(sink.mails) == 60
    assert stage.heard()["notification.failed"] == 0
    told = stage.deliveries(port, "supervisor", number="DS20261118-000001")
    assert [(one.address, one.attempts >= 2, "已关闭" in one.text) for one in told] == [
        ("user.1@a.example", True, True)
    ]
    masked = stage.deliveries(port, "specialist", number="DS20261118-000001")
    assert [(one.address, one.text) for one in masked] == [("u***@a.example", "")]
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        stage.deliveries(port, "engineer", number="DS20261118-000001")
    logs = "".join(path.read_text() for path in stage.folder.glob("*.log"))
    assert "@a.example" not in logs


def test_a_worker_killed_while_it_sends_sends_at_most_its_last_load_again_with_the_same_identity(stage):
    """O10 as far as SMTP allows: what is sent twice has the same Message-ID."""
    with MailSink().running(stage.port) as sink:
        stage.start("worker")
        stage.publisher.publish([closed(number) for number in range(1, 301)], timeout=30)
        wait_for(lambda: len(sink.mails) >= 20, 60, "the first mails")
        kill(stage.children[0])
        stage.let_claims_end()
        stage.start("worker")
        wait_for(lambda: len({mail["Message-ID"] for mail in sink.mails}) == 300, 120, "300 mails")
        wait_for(lambda: stage.heard()["notification.sent"] == 300, 60, "300 words")
        assert len(sink.mails) <= 300 + 100


def test_a_survey_link_in_a_mail_opens_the_survey_of_its_task(tmp_path):
    """F24: notifications signs the link, callbacks checks it."""
    from services.notifications.compose import survey_links
    from services.notifications.settings import NotificationSettings

    make_keys(tmp_path)
    own = NotificationSettings(token_private_key=tmp_path / "token.jwk", public_url="https://desk.example/")
    link = survey_links(own, own)("DS20261118-000001/0")
    assert link.startswith("https://desk.example/s/")
    claims = Verifier.from_file(tmp_path / "token.pub.jwk").claims(link.rpartition("/")[2], "survey")
    assert claims["task"] == "DS20261118-000001/0"
