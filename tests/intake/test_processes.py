"""Intake's worker, server and mail door as processes, against the real broker and the real database."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from services.contracts.deskstream.v1 import intake_pb2 as pb
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2_grpc import IntakeServiceStub
from services.runtime.failures import faults_of
from services.runtime.rpc import channel
from tests.intake.processes import Ear, Process, Site
from tests.intake.world import draft
from tests.waiting import wait_for

pytestmark = pytest.mark.real


def stub(site: Site, port: int, token: str | None = None) -> IntakeServiceStub:
    return IntakeServiceStub(channel(f"127.0.0.1:{port}", site.service_token if token is None else token))


def now_draft(source_id: str, kind: int = Channel.CHANNEL_WEB, **values: str) -> pb.RequestDraft:
    made = draft(source_id, kind, **values)
    made.ClearField("occurred_at")
    return made


def test_the_worker_hears_protobuf_and_json_and_parks_nonsense_once(site: Site, ear: Ear) -> None:
    """A1, A7: one stream, whatever the adapter speaks; the malformed do not stop it."""
    worker = site.start("worker")
    worker.ready()
    ear.say("request.submitted.web", now_draft("p-1").SerializeToString())
    as_json = json_format.MessageToJson(now_draft("j-1", Channel.CHANNEL_IM), preserving_proto_field_name=True)
    ear.say("request.submitted.im", b"{nonsense", "application/json")
    ear.say("request.submitted.im", as_json.encode(), "application/json")
    ear.say("request.submitted.web", now_draft("f-1", type="nonsense").SerializeToString())
    ear.say("request.submitted.web", now_draft("e-1", Channel.CHANNEL_EMAIL).SerializeToString())
    call = pb.CallEvent(call_id="c-1", phase=pb.CALL_PHASE_RINGING, caller="13800138001")
    call.at.GetCurrentTime()
    ear.say("call.ringing", call.SerializeToString())
    ear.say("call.ended", call.SerializeToString())
    wait_for(lambda: len(ear.listen()) >= 6, 30, "six words of intake")
    keys = sorted(one.key for one in ear.heard)
    assert keys == [
        *("contact.recorded", "request.received.im", "request.received.web"),
        *("request.refused.im", "request.refused.web", "request.refused.web"),
    ]
    refused = [one.decode(pb.RequestRefused) for one in ear.heard if one.key.startswith("request.refused")]
    assert {fault.field for one in refused for fault in one.faults} == {"body", "type", "channel"}
    parked: list[Any] = []
    wait_for(lambda: parked.__iadd__(ear.parked())[3:], 10, "four parked messages")
    assert len(parked) == 4
    assert all(headers["parked_reason"] for _, headers in parked)


def test_the_same_source_message_by_grpc_and_by_the_stream_at_once_gives_one_number(site: Site, ear: Ear) -> None:
    """B1, A24: two ways, four callers, one number each."""
    worker, server = site.start("worker"), site.start("server")
    worker.ready()
    desk = stub(site, server.ready())
    told: dict[str, set[str]] = {f"both-{n}": set() for n in range(40)}

    def submit(source: str) -> None:
        told[source].add(desk.Submit(pb.SubmitRequest(draft=now_draft(source))).number)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(submit, source) for _ in range(2) for source in told]
        for source in (*told, *told):
            ear.say("request.submitted.web", now_draft(source).SerializeToString())
        for one in asked:
            one.result()
    ear.say("request.submitted.web", now_draft("last").SerializeToString())
    wait_for(lambda: any(b"last" in one.body for one in ear.listen()), 30, "the last one")
    assert all(len(numbers) == 1 for numbers in told.values())
    heard = {one.id: one.decode(pb.RequestReceived) for one in ear.heard}
    assert len(heard) == 41, "however often it is said, it is the same event"
    assert {one.draft.source_id: one.number for one in heard.values() if one.draft.source_id != "last"} == {
        source: next(iter(numbers)) for source, numbers in told.items()
    }


def test_two_thousand_requests_at_once_get_two_thousand_numbers(site: Site) -> None:
    """B1."""
    server = site.start("server")
    desk = stub(site, server.ready())
    with ThreadPoolExecutor(64) as pool:
        begun = time.monotonic()
        answers = list(
            pool.map(lambda n: desk.Submit(pb.SubmitRequest(draft=now_draft(f"n-{n}")), timeout=60).number, range(2000))
        )
        print(f"2000 submits by gRPC: {2000 / (time.monotonic() - begun):.0f}/s")
    assert len(set(answers)) == 2000
    assert len(site.receipts()) == 2000


def test_a_server_killed_between_receipt_and_publish_loses_nothing(site: Site, ear: Ear) -> None:
    """Decision 5: requests are submitted while the server is killed again and again; every number given is said."""
    given: dict[str, str] = {}
    stop = threading.Event()
    port = [0]

    def submit(lane: int) -> None:
        count = 0
        while not stop.is_set():
            source = f"k-{lane}-{count}"
            try:
                given[source] = stub(site, port[0]).Submit(pb.SubmitRequest(draft=now_draft(source)), timeout=5).number
                count += 1
            except grpc.RpcError:
                stop.wait(0.05)

    server = site.start("server")
    port[0] = server.ready()
    lanes = [threading.Thread(target=submit, args=(lane,)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    try:
        for _ in range(3):
            before = len(given)
            wait_for(lambda before=before: len(given) > before + 20, 60, "twenty more requests")  # type: ignore[misc]
            server.kill()
            server = site.start("server")
            port[0] = server.ready()
    finally:
        stop.set()
        for lane in lanes:
            lane.join(30)
    said: dict[str, str] = {}

    def all_said() -> bool:
        for one in ear.listen():
            told = one.decode(pb.RequestReceived)
            said[told.draft.source_id] = told.number
        return set(site.receipts().values()) == set(said.values())

    wait_for(all_said, 60, "every receipt to be said")
    assert {source: said[source] for source in given} == given
    with site.database() as database:
        wait_for(lambda: database["receipts"].count_documents({"unsaid": {"$exists": True}}) == 0, 30, "no debts")


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(site: Site, ear: Ear) -> None:
    """Decision 6."""
    workers: list[Process] = [site.start("worker")]
    workers[0].ready()
    for n in range(3000):
        ear.say("request.submitted.web", now_draft(f"w-{n}").SerializeToString())
    for _ in range(2):
        before = len(site.receipts())
        wait_for(lambda before=before: len(site.receipts()) > before, 30, "some receipts")  # type: ignore[misc]
        workers[-1].kill()
        workers.append(site.start("worker"))
    wait_for(lambda: len({one.id for one in ear.listen()}) == 3000, 90, "3000 events")
    assert {one.decode(pb.RequestReceived).number for one in ear.heard} == set(site.receipts().values())


def test_every_error_of_submit_has_its_code(site: Site) -> None:
    """Decision 14, A7."""
    server = site.start("server")
    port = server.ready()
    request = pb.SubmitRequest(draft=now_draft("x", type="nonsense"))
    for token, code in (
        (site.service_token, grpc.StatusCode.INVALID_ARGUMENT),
        ("forged", grpc.StatusCode.UNAUTHENTICATED),
        (site.token("r", "reporter"), grpc.StatusCode.PERMISSION_DENIED),
    ):
        with pytest.raises(grpc.RpcError) as failed:
            stub(site, port, token).Submit(request)
        assert failed.value.code() == code
        assert [fault.field for fault in faults_of(failed.value)] == (["type"] if token == site.service_token else [])
    with pytest.raises(grpc.RpcError) as failed:
        stub(site, port).GetReceipt(pb.GetReceiptRequest(channel=Channel.CHANNEL_WEB, source_id="never"))
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND
    number = stub(site, port).Submit(pb.SubmitRequest(draft=now_draft("y"))).number
    found = stub(site, port).GetReceipt(pb.GetReceiptRequest(channel=Channel.CHANNEL_WEB, source_id="y"))
    assert (found.number, found.joined) == (number, False)
    form = stub(site, port, "").GetForm(pb.GetFormRequest(profile="generic_desk", language="en"))
    assert {"Name", "Scope of impact"} <= {field.label for field in form.fields}
    assert [choice.value for field in form.fields if field.name == "type" for choice in field.choices]
    answer = stub(site, port).ReceiveHook(pb.ReceiveHookRequest(channel=Channel.CHANNEL_IM, provider="dingtalk"))
    assert answer.status == 401
    filled = json.dumps({"name": "何洁", "description": "网络不通", "phone": "13800138001"}).encode()
    answer = stub(site, port).ReceiveHook(
        pb.ReceiveHookRequest(channel=Channel.CHANNEL_WEB, provider="form", body=filled)
    )
    assert (answer.status, json.loads(answer.body)["repeated"]) == (201, False)


def test_a_requester_speaks_for_nobody_else(site: Site, ear: Ear) -> None:
    server = site.start("server")
    desk = stub(site, server.ready(), site.token("c.lin.tao", "requester"))
    faked = now_draft("z", backfilled=True)  # type: ignore[arg-type]
    faked.requester.id = "c.he.jie"
    faked.received_at.FromSeconds(1_700_000_000)
    desk.Submit(pb.SubmitRequest(draft=faked))
    wait_for(ear.listen, 20, "the event")
    told = ear.heard[0].decode(pb.RequestReceived)
    assert (told.draft.requester.id, told.draft.backfilled) == ("c.lin.tao", False)
    assert abs(told.received_at.seconds - time.time()) < 60
