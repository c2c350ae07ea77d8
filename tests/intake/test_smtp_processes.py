"""The mail door as a process, against the real broker and the real database."""

from __future__ import annotations

import contextlib
import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from services.contracts.deskstream.v1 import intake_pb2 as pb
from tests.intake.processes import Ear, Site
from tests.waiting import wait_for

pytestmark = pytest.mark.real


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
