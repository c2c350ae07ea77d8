"""The service in its own processes, on the real broker and database."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pika
import pytest

from deploy.local.children import kill, spawn
from services.contracts.deskstream.v1 import watch_pb2 as pb
from services.contracts.deskstream.v1 import watch_pb2_grpc
from services.runtime import topology
from services.runtime.identity import Principal, Signer, make_keys
from services.runtime.rpc import channel
from tests.waiting import wait_for
from tests.watch.world import POLICY, PROFILE, called, record

pytestmark = [pytest.mark.real, pytest.mark.faults]


class Stage:
    """Workers and a server of watch, and a queue that hears what they say."""

    def __init__(self, amqp_uri, place, folder):
        self.uri, self.folder = amqp_uri, folder
        make_keys(folder)
        self.env = {
            **os.environ,
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": place.uri,
            "DESKSTREAM_DATABASE_PREFIX": place.prefix,
            "DESKSTREAM_POLICY_DIR": str(POLICY),
            "DESKSTREAM_PROFILES": PROFILE,
            "DESKSTREAM_GRPC_BIND": "127.0.0.1:0",
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(folder / "token.pub.jwk"),
            "DESKSTREAM_CLOCK_FILE": str(folder / "clock"),
        }
        self.signer = Signer.from_file(folder / "token.jwk")
        self.children = []
        self._heard = []
        with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
            topology.declare(connection)
            broker = connection.channel()
            broker.queue_declare("ear", durable=True)
            broker.queue_bind("ear", topology.TICKETS, "watch.*")

    def start(self, role):
        log = self.folder / f"{role}-{len(self.children)}.log"
        child = spawn([sys.executable, "-m", "services.watch", role], log=log, env=self.env)
        self.children.append(child)
        return child, wait_for(
            lambda: next((x for x in log.read_text().splitlines() if x.startswith("ready watch")), ""),
            60,
            f"the {role} to be ready",
        )

    def ids(self, key):
        """Ids of everything said so far with this routing key."""
        with pika.BlockingConnection(pika.URLParameters(self.uri)) as connection:
            broker = connection.channel()
            while True:
                method, properties, body = broker.basic_get("ear", auto_ack=True)
                if method is None:
                    break
                self._heard.append((method.routing_key, properties.message_id, pb.WatchEvent.FromString(body)))
        return {identity: event for said, identity, event in self._heard if said == key}

    def move(self, forward):
        (self.folder / "clock").write_text(json.dumps({"offset_seconds": forward.total_seconds()}))

    def say(self, *messages):
        for heard in messages:
            also = ["request.backfilled"] if heard.key.startswith("request.") else []
            with pika.BlockingConnection(pika.URLParameters(self.uri)) as connection:
                properties = pika.BasicProperties(
                    message_id=heard.id, content_type="application/protobuf", headers={"CC": also}
                )
                connection.channel().basic_publish(topology.TICKETS, heard.key, heard.body, properties)

    @contextmanager
    def stub(self, port, *roles) -> Iterator[watch_pb2_grpc.WatchServiceStub]:
        token = self.signer.sign(Principal("lu.xia", roles=frozenset(roles))) if roles else ""
        with channel(f"127.0.0.1:{port}", token) as line:
            yield watch_pb2_grpc.WatchServiceStub(line)


@pytest.fixture
def stage(amqp_uri, mongodb_uri, tmp_path):
    made = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield made
    for child in made.children:
        if child.poll() is None:
            kill(child)


def test_an_outage_runs_from_the_switch_to_its_end_over_grpc_and_the_stream(stage):
    """H8, H9, H10: with a worker killed in the middle."""
    stage.start("worker")
    port = stage.start("server")[1].split()[-1]
    with stage.stub(port, "supervisor") as supervisor, stage.stub(port, "specialist") as specialist:
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            specialist.SwitchOutage(pb.SwitchOutageRequest(profile=PROFILE, on=True, what="x"))
        on = supervisor.SwitchOutage(pb.SwitchOutageRequest(profile=PROFILE, on=True, what="电话线路故障")).outage
        state = specialist.GetDeskState(pb.GetDeskStateRequest(profile=PROFILE, language="en"))
        assert state.mode == pb.DESK_MODE_OUTAGE
        assert "call you first" in state.outage_prompt
        assert len(state.offline_form) == 9
        stage.say(*(record(on.outage_id, f"paper-{number}") for number in range(5)))
        listed = pb.ListContactsRequest(outage_id=on.outage_id)
        wait_for(lambda: len(specialist.ListContacts(listed).contacts) == 5, 30, "five records")
        kill(stage.children[0])
        off = supervisor.SwitchOutage(pb.SwitchOutageRequest(profile=PROFILE, on=False))
        assert (len(off.contacts), off.outage.waiting) == (5, 5)
        stage.start("worker")
        wait_for(lambda: len(stage.ids("watch.contact_owed")) == 5, 30, "five calls to be owed")
        owed = stage.ids("watch.contact_owed")
        stage.say(*(called(event.contact.contact_id) for event in owed.values()))
        supervisor.SetPaperCount(pb.SetPaperCountRequest(outage_id=on.outage_id, count=5))
        wait_for(lambda: stage.ids("watch.outage_ended"), 30, "the end of the outage")
        assert specialist.GetDeskState(pb.GetDeskStateRequest(profile=PROFILE)).mode == pb.DESK_MODE_NORMAL
    assert len(stage.ids("watch.outage_started")) == len(stage.ids("watch.outage_ended")) == 1


def test_three_workers_say_a_missed_turn_and_the_end_of_a_notice_once(stage):
    """H5, H12: however many replicas look, and however far the clock has moved."""
    for _ in range(3):
        stage.start("worker")
    port = stage.start("server")[1].split()[-1]
    with stage.stub(port, "shift_leader") as leader, stage.stub(port) as public:
        wanted = pb.PublishNoticeRequest(
            profile=PROFILE, area="盘龙区", text_zh="停电", text_en="Power cut", idempotency_key="1"
        )
        wanted.ends_at.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
        leader.PublishNotice(wanted)
        assert leader.PublishNotice(wanted).notice.state == "published"
        shown = pb.ListPublicNoticesRequest(profile=PROFILE, channel="ivr", language="en")
        assert [each.text for each in public.ListPublicNotices(shown).notices] == ["Power cut"]
        with pytest.raises(Exception, match="UNAUTHENTICATED"):
            public.GetDeskState(pb.GetDeskStateRequest(profile=PROFILE))
        stage.move(timedelta(days=2))
        wait_for(lambda: stage.ids("watch.notice_ended"), 30, "the end of the notice")
        assert not public.ListPublicNotices(shown).notices

        def missed():
            return [event.inspection.inspection_id for event in stage.ids("watch.missed").values()]

        # In two days the patrol and the daily backup open twice each; at least three of the four are over.
        wait_for(lambda: len(missed()) >= 3, 30, "the missed turns")
        assert len(set(missed())) == len(missed())
        first, last = (datetime.now(UTC) - timedelta(days=3)).date(), (datetime.now(UTC) + timedelta(days=3)).date()
        asked = pb.ExportWatchLogRequest(profile=PROFILE, first=str(first), last=str(last), what="inspections")
        log = b"".join(piece.chunk for piece in leader.ExportWatchLog(asked)).decode("utf-8-sig")
        assert log.startswith("编号,类别")
        assert all(turn in log for turn in missed())
