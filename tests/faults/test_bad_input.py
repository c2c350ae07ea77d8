"""What is wrong is parked or refused, with words a person understands, and nothing else suffers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from random import Random

import grpc
import httpx
import pytest

from deploy.local import probes
from deploy.local.parts import ROOT
from deploy.local.play.channels import Channels
from deploy.local.play.staff import Colleague, Staff
from deploy.local.play.stage import Stage
from deploy.local.ports import LOOPBACK
from deploy.local.supervise import Part
from services.contracts.deskstream.v1 import dispatch_pb2
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft, SubmitRequest
from services.contracts.deskstream.v1.intake_pb2_grpc import IntakeServiceStub
from services.contracts.deskstream.v1.sla_pb2 import SlaEvent
from services.runtime import parked, topology
from services.runtime.calls import channel
from services.runtime.envelope import Packet
from services.runtime.message import JSON, MAX_BODY_BYTES, PROTOBUF
from services.runtime.publisher import Publisher
from tests.faults.load import draft
from tests.faults.truth import Truth, exactly_once, settled
from tests.waiting import wait_for

pytestmark = pytest.mark.faults


@pytest.fixture
def say(stage: Stage) -> Iterator[Callable[..., None]]:
    """Says bytes on the stream, whatever they are."""
    publisher = Publisher(stage.broker.uri, source="stranger", clock=stage.clock)

    def told(message_id: str, key: str, body: bytes, content_type: str = PROTOBUF) -> None:
        publisher.send([Packet(topology.TICKETS, key, body, {}, message_id, content_type)])

    yield told
    publisher.close()


def test_nonsense_is_parked_once_with_a_reason_and_the_stream_goes_on(
    stage: Stage, truth: Truth, say: Callable[..., None], chance: Random
) -> None:
    """A7, decision 8."""
    run = f"bad{chance.randrange(10**6)}"
    sound = draft(run, 0, stage.now())
    broken = draft(run, 1, stage.now())
    broken.type = "nonsense"
    another_type = SlaEvent(ticket_version=-1, fraction=0.8, notify=["x"])
    another_type.ticket.number = "\u00e9" * 40
    cases = {
        "garbage": ("request.submitted.web", b"\xff\xfe\x00garbage", PROTOBUF),
        "json": ("request.submitted.web", b'{"title": ', JSON),
        "field": ("request.submitted.web", b'{"colour": "red"}', JSON),
        "large": ("request.submitted.web", b"\n" * (MAX_BODY_BYTES + 1), PROTOBUF),
        "kind": ("request.submitted.web", sound.SerializeToString(), "text/plain"),
        "other": ("request.submitted.web", another_type.SerializeToString(), PROTOBUF),
        "broken": ("request.submitted.web", broken.SerializeToString(), PROTOBUF),
        "channel": ("request.submitted.pigeon", sound.SerializeToString(), PROTOBUF),
        "event": ("ticket.closed", b"\xff\xfe\x00garbage", PROTOBUF),
    }
    # Callbacks may pass over events that tell it nothing, undecoded.
    hearers = {"event": {"sla.tickets", "notifications.events", "reporting.events"}}
    wanted = {(f"{run}-{name}", queue) for name in cases for queue in hearers.get(name, {"intake.requests"})}
    try:
        say(f"{run}-unheard", "weather.changed.suddenly", b"sunny", "text/plain")
        for name, (key, body, kind) in cases.items():
            say(f"{run}-{name}", key, body, kind)
        say(f"{run}-sound", "request.submitted.web", sound.SerializeToString())
        receipts = settled(truth, run, {f"{run}-0"})
        assert set(receipts) == {f"{run}-0"}, "what is sound is taken, what is not opens nothing"

        def found() -> dict[tuple[str, str], parked.Parked]:
            mine = [one for one in parked.find(stage.broker.uri) if one.heard.id.startswith(run)]
            told = {(one.heard.id, one.queue): one for one in mine}
            assert len(told) == len(mine), "parked once"
            assert wanted <= told.keys(), f"still to come: {sorted(wanted - told.keys())}"
            return told

        told = wait_for(found, 30, "everything bad to be parked")
        assert told.keys() - wanted <= {(f"{run}-event", "callbacks.events")}
        assert {one.reason for one in told.values()} == {"refused"}
        assert all(len(one.error) > 15 and "Traceback" not in one.error for one in told.values())
        assert "type" in told[f"{run}-broken", "intake.requests"].error

        parked.replay(stage.broker.uri, "intake.requests", f"{run}-broken")
        again = wait_for(found, 30, "it to be parked again")
        assert again[f"{run}-broken", "intake.requests"].heard.body == broken.SerializeToString()
        parked.drop(stage.broker.uri, "intake.requests", f"{run}-broken")
        broken.type = "fault"
        say(f"{run}-broken", "request.submitted.web", broken.SerializeToString())
        receipts = settled(truth, run, {f"{run}-0", f"{run}-1"})
    finally:
        for one in parked.find(stage.broker.uri):
            if one.heard.id.startswith(run):
                parked.drop(stage.broker.uri, one.queue, one.heard.id)
    exactly_once(truth, run, receipts, {f"{run}-0": "", f"{run}-1": ""})


def refusal(call: Callable[[], object]) -> grpc.StatusCode:
    """The code a call is refused with."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert refused.value.details(), "with a sentence"
    code: grpc.StatusCode = refused.value.code()
    return code


def test_illegal_stale_and_forbidden_commands_are_refused_and_change_nothing(stage: Stage, chance: Random) -> None:
    """Decision 14, E-group."""
    staff = Staff(stage)
    engineer, other, desk = staff("g.net.one"), staff("g.net.two"), staff("g.ren.yu")
    run = f"refused{chance.randrange(10**6)}"
    with channel(stage.env["DESKSTREAM_GRPC_TARGET"], (stage.keys / "service.token").read_text().strip()) as opened:
        asked = SubmitRequest(draft=draft(run, 0, stage.now()))
        number = IntakeServiceStub(opened).Submit(asked).number
    wait_for(lambda: _arrived(engineer, number), 30, "the ticket in its team's queue")
    seen = engineer.act(number, "accept")

    def act(who: Colleague, action: str, version: int = 0, **more: str) -> grpc.StatusCode:
        asked = dispatch_pb2.ActRequest(number=number, action=action, expected_version=version, **more)  # type: ignore[arg-type]
        return refusal(lambda: who.dispatch.Act(asked))

    illegal = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT)
    assert act(engineer, "resolve") in illegal
    assert act(engineer, "accept") in illegal
    assert act(engineer, "fly") in illegal
    assert act(engineer, "begin", seen.version - 1) == grpc.StatusCode.FAILED_PRECONDITION
    assert act(engineer, "begin", seen.version + 1) == grpc.StatusCode.FAILED_PRECONDITION
    assert act(desk, "begin") == grpc.StatusCode.PERMISSION_DENIED
    assert act(other, "begin") == grpc.StatusCode.PERMISSION_DENIED
    nobody = Colleague(stage.env["DESKSTREAM_GRPC_TARGET"], "")
    forger = Colleague(stage.env["DESKSTREAM_GRPC_TARGET"], f"{engineer.token[:-6]}AAAAAA")
    assert act(nobody, "begin") == grpc.StatusCode.UNAUTHENTICATED
    assert act(forger, "begin") == grpc.StatusCode.UNAUTHENTICATED
    missing = dispatch_pb2.ActRequest(number="DS20010101-999999", action="begin")
    assert refusal(lambda: engineer.dispatch.Act(missing)) == grpc.StatusCode.NOT_FOUND
    assert engineer.ticket(number) == seen
    for one in (nobody, forger):
        one.close()
    staff.close()


def _arrived(colleague: Colleague, number: str) -> bool:
    try:
        return bool(colleague.ticket(number).version >= 2)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        return False


def test_a_forged_signature_and_a_wrong_token_are_refused_and_counted(
    stage: Stage, truth: Truth, chance: Random
) -> None:
    """Decision 15: 401 at the edge, counted where the operator looks."""
    run = f"forged{chance.randrange(10**6)}"
    metrics = stage.ports.get(f"metrics_{run}")
    grpc_port, gateway_port = stage.ports.get(f"grpc_{run}"), stage.ports.get(f"gateway_{run}")
    env = {
        **stage.env,
        "DESKSTREAM_GRPC_BIND": f"{LOOPBACK}:{grpc_port}",
        "DESKSTREAM_GRPC_TARGET": f"{LOOPBACK}:{grpc_port}",
        "DESKSTREAM_GATEWAY_BIND": f"{LOOPBACK}:{gateway_port}",
        "DESKSTREAM_PUBLIC_URL": f"http://{LOOPBACK}:{gateway_port}",
    }
    counted = {**env, "DESKSTREAM_METRICS_PORT": str(metrics)}
    healthy = probes.grpc_health(env["DESKSTREAM_GRPC_TARGET"])
    server = stage.bring_up(Part(f"server {run}", _argv("services", "all", "server"), counted, healthy, cwd=ROOT))
    listens = probes.tcp(gateway_port)
    gateway = stage.bring_up(Part(f"gateway {run}", _argv("services.gateway", "server"), env, listens, cwd=ROOT))

    def told() -> str:
        return httpx.get(f"http://{LOOPBACK}:{metrics}/metrics", timeout=10).text

    def count(name: str, *labels: str) -> float:
        lines = [line for line in told().splitlines() if line.startswith(name) and all(each in line for each in labels)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    channels = Channels(stage)
    channels.http = httpx.Client(base_url=env["DESKSTREAM_PUBLIC_URL"], timeout=20)
    try:
        hooks = ("deskstream_intake_hooks", 'provider="dingtalk"', 'outcome="401"')
        calls = ("deskstream_rpc_calls", "UNAUTHENTICATED")
        assert channels.im("guoping03", "郭平", run, message_id=run, forged=True).status_code == 401
        assert channels.im("guoping03", "郭平", run, message_id=run, forged=True).status_code == 401
        assert count(*hooks) == 2
        proof = {"X-Deskstream-Timestamp": "1", "X-Deskstream-Signature": "0" * 64}
        assert channels.http.post("/hooks/phone/pbx", content=b"[]", headers=proof).status_code == 401
        assert count("deskstream_intake_hooks", 'provider="pbx"', 'outcome="401"') == 1
        with channel(env["DESKSTREAM_GRPC_TARGET"], "forged") as opened:
            asked = SubmitRequest(draft=RequestDraft(channel=Channel.CHANNEL_WEB, source_id=run))
            stub = IntakeServiceStub(opened)
            assert refusal(lambda: stub.Submit(asked)) == grpc.StatusCode.UNAUTHENTICATED
        assert count(*calls) >= 1
        wrong = {"Authorization": "Bearer forged"}
        assert channels.http.get("/api/v1/tickets/DS20010101-000001", headers=wrong).status_code == 401
        assert channels.im("guoping03", "郭平", run, message_id=run).status_code == 200
        assert count(*hooks) == 2, "an honest message is not counted as forged"
        assert [key for key in truth.rows("intake", "receipts") if run in key], "and is taken"
    finally:
        channels.close()
        gateway.stop()
        server.stop()


def _argv(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]
