"""What really goes over the wire, to a real SMTP server and a real HTTP server."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from services.kernel.ticket import find_ticket_number
from services.notifications.mail import Mail, Relay, message_id
from services.notifications.webhook import Webhook, signature
from tests.notifications.world import NUMBER, HookSink, MailSink, delivery, free_port


def mail(port: int) -> Mail:
    return Mail(Relay("127.0.0.1", port, timeout=5))


def test_a_mail_can_be_answered_into_its_ticket_and_recognised_as_a_repeat():
    """O9, O10: number in subject and Message-ID; the same identity on every try; no auto-reply loops."""
    with MailSink().running() as sink:
        for _ in range(2):
            [result] = mail(sink.port).carry([delivery(subject="已关闭")])
            assert result.ok
    first, again = sink.mails
    assert first["Message-ID"] == again["Message-ID"] == message_id(delivery())
    assert re.fullmatch(rf"<{NUMBER}-[0-9a-f-]{{36}}@itss\.example>", first["Message-ID"])
    assert find_ticket_number(first["Subject"]) == find_ticket_number(first["Message-ID"]) == NUMBER
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["From"].addresses[0].display_name == "IT 服务台"
    assert first.get_content().replace("\r\n", "\n") == "您好，工单已关闭。\n"
    assert sink.envelopes[0] == ("desk@itss.example", ["zhang@a.example"])


def test_a_long_chinese_subject_and_text_arrive_whole():
    subject, text = "打印机、扫描仪和会议室投影" * 12, "第一行：处理完毕。\n.\n" * 40
    with MailSink().running() as sink:
        [result] = mail(sink.port).carry([delivery(subject=subject, text=text)])
        assert result.ok
    [got] = sink.mails
    assert got["Subject"] == f"[{NUMBER}] {subject}"
    assert got.get_content().replace("\r\n", "\n") == text
    assert got.defects == []


@pytest.mark.parametrize("changes", [{"number": f"{NUMBER}\r\nBcc: x@a.example"}, {"language": "en\nX: y"}])
def test_a_line_break_never_becomes_a_header(changes):
    with MailSink().running() as sink:
        [result] = mail(sink.port).carry([replace(delivery(), **changes)])
    assert result.final
    assert sink.mails == []


def test_many_mails_share_one_connection():
    with MailSink().running() as sink:
        results = list(mail(sink.port).carry([delivery(number) for number in range(30)]))
        assert all(result.ok for result in results)
        assert len(sink.mails) == 30


@pytest.mark.parametrize(
    ("answer", "final", "down"),
    [("550 no such user", True, False), ("451 try later", False, False), ("421 going down", False, True)],
)
def test_what_the_mail_server_answers_decides_whether_to_try_again(answer, final, down):
    """O9; its own words, which may repeat the address, are not kept."""
    with MailSink().running() as sink:
        sink.answer = answer
        [result] = mail(sink.port).carry([delivery()])
    assert (result.final, result.down) == (final, down)
    assert result.error == f"the mail server answered {answer[:3]}"


def test_a_mail_server_that_is_away_is_told_from_a_refusal():
    results = list(mail(free_port()).carry([delivery(1), delivery(2)]))
    assert [(result.down, result.final) for result in results] == [(True, False)] * 2
    assert "zhang" not in results[0].error


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nRCPT TO:<c@d.example>", "a@b.example, c@d.example", "nobody", "<a@b>"]
)
def test_an_address_that_is_none_is_never_written_to(address):
    with MailSink().running() as sink:
        [result] = mail(sink.port).carry([delivery(address=address)])
    assert result.final
    assert sink.mails == []


def test_a_webhook_is_signed_and_carries_its_key():
    """O10: the receiver drops repeats by the key."""
    with HookSink().running() as sink:
        one = delivery(way="webhook", address=sink.url)
        assert all(result.ok for result in Webhook("s3cret").carry([one, one]))
    (headers, body), (other, _) = sink.got
    assert headers["idempotency-key"] == other["idempotency-key"] == one.id
    told = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["x-deskstream-signature"])
    assert told
    assert told[2] == signature(b"s3cret", int(told[1]), body)
    assert json.loads(body)["number"] == NUMBER
    assert "address" not in json.loads(body)


def test_without_a_secret_no_webhook_is_sent():
    """A signature by an empty key could be anybody's; the delivery log says what to do."""
    with HookSink().running() as sink:
        [result] = Webhook("").carry([delivery(way="webhook", address=sink.url)])
    assert (result.ok, result.final) == (False, True)
    assert "set DESKSTREAM_WEBHOOK_SECRET" in result.error
    assert sink.got == []


@pytest.mark.parametrize(
    ("status", "final", "down"),
    [(404, True, False), (301, True, False), (429, False, False), (500, False, False), (503, False, True)],
)
def test_what_the_receiver_answers_decides_whether_to_try_again(status, final, down):
    """O9."""
    with HookSink().running() as sink:
        sink.status = status
        [result] = Webhook("s").carry([delivery(way="webhook", address=sink.url)])
    assert (result.ok, result.final, result.down) == (False, final, down)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://", "nonsense"])
def test_only_http_is_spoken(address):
    [result] = Webhook("s").carry([delivery(way="webhook", address=address)])
    assert not result.ok


def test_a_receiver_that_is_away_ends_the_load():
    away = f"http://127.0.0.1:{free_port()}/x"
    results = list(Webhook("s", 2).carry([delivery(n, way="webhook", address=away) for n in (1, 2)]))
    assert [result.down for result in results] == [True, True]
