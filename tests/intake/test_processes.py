"""Intake's worker, server and mail door as processes, against the real broker and the real database."""

from __future__ import annotations

import contextlib
import json
import smtplib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
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


@pytest.fixture
def site(tmp_path: Path, amqp_uri: str, mongodb_uri) -> Iterator[Site]:
    made = Site(tmp_path, amqp_uri, mongodb_uri.uri, mongodb_uri.prefix)
    yield made
    made.end()


@pytest.fixture
def ear(amqp_uri: str) -> Iterator[Ear]:
    made = Ear(amqp_uri, "request.received.#", "request.joined.#", "request.refused.#", "contact.recorded")
    yield made
    made.close()


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


def gbk_mail(message_id: str, subject: str = "打印机故障", body: str = "打印机无法打印", **headers: str) -> bytes:
    lines = ["From: 何洁 <he.jie@corp.example>", "To: desk@itss.example", f"Subject: {subject}"]
    lines += [f"Message-ID: {message_id}", "MIME-Version: 1.0", "Content-Type: text/plain; charset=gb2312"]
    lines += ["Content-Transfer-Encoding: 8bit", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", body, ""]).encode("gb18030")


def send(port: int, raw: bytes, sender: str = "he.jie@corp.example", to: str = "desk@itss.example") -> tuple[int, str]:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.ehlo()
        smtp.mail(sender)
        code, answer = smtp.rcpt(to)
        if code == 250:
            code, answer = smtp.data(raw)
        return code, answer.decode()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_mails_become_tickets_replies_join_them_and_machines_are_only_noted(site: Site, ear: Ear) -> None:
    """A1, A10, A11, A20, RFC 3834."""
    port = free_port()
    site.start("smtp", DESKSTREAM_SMTP_BIND=f"127.0.0.1:{port}").ready()
    code, answer = send(port, gbk_mail("<first@corp.example>"))
    number = answer.split()[-1]
    assert code == 250
    assert number.startswith("DS")
    assert send(port, gbk_mail("<first@corp.example>"))[1].endswith(number), "the same mail again: the same number"
    quoted = "还是不行\r\n\r\n------------------ 原始邮件 ------------------\r\n发件人: 服务台\r\n已受理"
    assert send(port, gbk_mail("<2@x>", f"回复：[{number}] 打印机", quoted))[1].endswith(number)
    by_our_id = {"In_Reply_To": f"<{number}.ack@itss.example>"}
    assert send(port, gbk_mail("<3@x>", "回复", "好了", **by_our_id))[1].endswith(number)
    assert send(port, gbk_mail("<4@x>", "回复", "补充", References="<first@corp.example>"))[1].endswith(number)
    assert send(port, gbk_mail("<5@x>", "自动回复", Auto_Submitted="auto-replied"))[0] == 250
    assert send(port, gbk_mail("<6@x>"), sender="")[0] == 250
    assert send(port, gbk_mail("<7@x>"), to="someone@else.example")[0] == 550
    assert send(port, b"Subject: no sender\r\n\r\nx")[0] == 554
    attached = EmailMessage()
    attached["From"], attached["To"], attached["Subject"] = "he.jie@corp.example", "desk@itss.example", "截图"
    attached["Message-ID"] = "<8@x>"
    attached.set_content("见附件")
    attached.add_attachment(b"PNG" * 1000, maintype="image", subtype="png", filename="截图.png")
    assert send(port, attached.as_bytes(policy=SMTP))[0] == 250
    # An event may be said twice with one id: a slow confirm leaves it to the relay as well.
    wait_for(lambda: len({one.id for one in ear.listen()}) >= 6, 20, "six events")
    told = {one.id: (one.key, one.decode(pb.RequestReceived).draft.source_id) for one in ear.heard}
    assert sorted(told.values()) == [
        *(("request.joined.email", name) for name in ("<2@x>", "<3@x>", "<4@x>")),
        *(("request.received.email", name) for name in ("<8@x>", "<first@corp.example>")),
        ("request.refused.email", ""),
    ]
    first = next(one for one in ear.heard if one.key == "request.received.email").decode(pb.RequestReceived)
    assert (first.draft.title, first.draft.description, first.draft.requester.id) == (
        "打印机故障",
        "打印机无法打印",
        "c.he.jie",
    )
    joined = next(one for one in ear.heard if one.key == "request.joined.email").decode(pb.RequestJoined)
    assert (joined.number, joined.draft.description) == (number, "还是不行")
    with_file = next(one for one in ear.heard if b"attachment:" in one.body).decode(pb.RequestReceived)
    (file,) = with_file.draft.attachments
    stored = site.folder / "attachments" / file.sha256[:2] / file.sha256
    assert (file.name, file.size_bytes, stored.read_bytes()) == ("截图.png", 3000, b"PNG" * 1000)
    assert not any(name in str(site.receipts()) for name in ("<5@x>", "<6@x>", "<7@x>"))


@pytest.mark.faults
def test_a_mail_while_the_database_is_away_is_put_off_and_taken_later(tmp_path: Path, amqp_uri: str) -> None:
    """451, not lost and not refused."""
    from deploy.local.database import Database

    database = Database(tmp_path / "d")
    database.start()
    try:
        database.wait_ready()
        site = Site(tmp_path, amqp_uri, database.uri, "away")
        port = free_port()
        site.start("smtp", DESKSTREAM_SMTP_BIND=f"127.0.0.1:{port}").ready()
        assert send(port, gbk_mail("<a@x>"))[0] == 250
        database.stop()
        assert send(port, gbk_mail("<b@x>"))[0] == 451
        database.start()
        database.wait_ready()
        wait_for(lambda: send(port, gbk_mail("<b@x>"))[0] == 250, 60, "the mail to be taken")
        assert set(site.receipts()) == {"email/<a@x>", "email/<b@x>"}
        site.end()
    finally:
        database.stop()


def test_a_huge_mail_is_refused_by_its_size_and_the_door_stays_open(site: Site) -> None:
    port = free_port()
    site.start("smtp", DESKSTREAM_SMTP_BIND=f"127.0.0.1:{port}").ready()
    huge = gbk_mail("<huge@x>") + (b"x" * 998 + b"\r\n") * 11_000
    # Some clients see the refusal, others only that the door is shut in their face.
    with contextlib.suppress(smtplib.SMTPServerDisconnected, OSError):
        assert send(port, huge)[0] == 552
    assert send(port, gbk_mail("<small@x>"))[0] == 250
    assert set(site.receipts()) == {"email/<small@x>"}
