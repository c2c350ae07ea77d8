"""Mails as they really come: charsets, quotes, machines, bombs."""

from __future__ import annotations

import os
import time
from email.message import EmailMessage

import pytest

from services.intake.channels.email import MOST_BYTES, Mail, draft_from, read
from services.intake.channels.mail_reader import MailReader
from services.intake.channels.quotes import reply_of
from services.kernel.errors import Refused, Unavailable
from tests.intake.channels.corpus import ANSWER_BELOW, NEW, REPLIES
from tests.intake.world import NOW
from tests.waiting import wait_for


def mail(body: str = "打印机无法打印", subject: str = "报修", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "何洁 <he.jie@corp.example>", "desk@itss.example", subject
    made["Message-ID"] = "<m1@corp.example>"
    for name, value in headers.items():
        del made[name.replace("_", "-")]
        made[name.replace("_", "-")] = value
    made.set_content(body)
    return made


def raw(subject: bytes, body: bytes, charset: str, sender: bytes = b"he.jie@corp.example") -> bytes:
    return (
        b"From: " + sender + b"\r\nTo: desk@itss.example\r\nSubject: " + subject + b"\r\nMessage-ID: <r@x>\r\n"
        b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain"
        + (f"; charset={charset}".encode() if charset else b"")
        + b"\r\n\r\n"
        + body
    )


def test_a_mail_becomes_a_draft_named_by_its_message_id() -> None:
    draft = draft_from(read(mail().as_bytes()), "itss_desk", [], NOW)
    assert (draft.source_id, draft.title, draft.description) == ("<m1@corp.example>", "报修", "打印机无法打印")
    assert (draft.requester.name, draft.requester.email) == ("何洁", "he.jie@corp.example")


@pytest.mark.parametrize("charset", ["gb2312", "gbk", "gb18030", "GB2312", "", "utf-8", "us-ascii", "no-such-charset"])
def test_gbk_text_is_read_whatever_charset_the_mail_claims(charset: str) -> None:
    """㛃 and 镕 are not in GB2312, which such mails claim."""
    words = "朱镕基路办公室，陶喆，网络不通"
    found = read(
        raw("故障：镕".encode("gbk"), words.encode("gb18030"), charset, "陶喆".encode("gbk") + b" <t@x.example>")
    )
    assert found.text == words
    assert (found.subject, found.from_name) == ("故障：镕", "陶喆")


def test_an_encoded_word_that_splits_a_character_is_joined_before_it_is_read() -> None:
    import base64

    half = "网络故障".encode("gb18030")
    first, second = (base64.b64encode(part).decode() for part in (half[:3], half[3:]))
    subject = f"=?gb2312?B?{first}?=\r\n =?gb2312?B?{second}?=".encode()
    assert read(raw(subject, b"x", "")).subject == "网络故障"


@pytest.mark.parametrize("form", REPLIES)
def test_a_reply_says_only_what_is_new(form: str) -> None:
    assert reply_of(REPLIES[form]) == NEW


@pytest.mark.parametrize("form", ["qq", "gmail zh", "outlook zh"])
def test_windows_line_ends_change_nothing(form: str) -> None:
    assert reply_of(REPLIES[form].replace("\n", "\r\n")) == NEW


def test_an_answer_below_the_quote_is_kept() -> None:
    assert reply_of(ANSWER_BELOW + "\n" + NEW) == NEW
    assert reply_of(ANSWER_BELOW).startswith(">"), "nothing new: better the whole than nothing"


def test_a_first_mail_is_not_cut_although_it_looks_like_a_quote() -> None:
    forwarded = "请处理：\n\n------------------ 原始邮件 ------------------\n发件人: 用户\n系统打不开"
    assert "系统打不开" in read(mail(forwarded, "转发：系统").as_bytes()).text


@pytest.mark.parametrize(
    ("headers", "subject"),
    [
        ({"In_Reply_To": "<DS20261120-000007.ack@itss.example>"}, "报修"),
        ({"References": "<other@x> <DS20261120-000007.n2@itss.example>"}, "报修"),
        ({}, "Re: [DS20261120-000007] 报修"),
        ({}, "回复：工单DS20261120-000007 已受理"),
    ],
)
def test_a_reply_names_its_ticket(headers: dict[str, str], subject: str) -> None:
    """A20."""
    found = read(mail(subject=subject, **headers).as_bytes())
    assert draft_from(found, "", [], NOW).in_reply_to == "DS20261120-000007"


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; x=y"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"List_Id": "<news.example>"},
        {"Subject": "自动回复：外出"},
        {"Subject": "Out of Office: trip"},
        {"Return_Path": "<>"},
    ],
)
def test_mails_of_machines_are_known_by_their_signs(headers: dict[str, str]) -> None:
    """RFC 3834."""
    assert read(mail(**headers).as_bytes()).automatic


def test_a_mail_of_a_person_has_no_sign_of_a_machine() -> None:
    assert read(mail(Auto_Submitted="no", X_Auto_Response_Suppress="DR, OOF").as_bytes()).automatic == ""


def test_html_is_read_as_text_and_the_plain_twin_is_preferred() -> None:
    made = mail("纯文本")
    made.add_alternative("<p>网页</p>", subtype="html")
    assert read(made.as_bytes()).text == "纯文本"
    only = EmailMessage()
    only["From"] = "a@b.example"
    only.set_content("<html><body><p>网络<b>不通</b></p><script>alert(1)</script></body></html>", subtype="html")
    assert "不通" in read(only.as_bytes()).text
    assert "alert" not in read(only.as_bytes()).text


def test_files_are_taken_with_names_that_cannot_leave_their_folder() -> None:
    made = mail()
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="../../截图.png")
    (file,) = read(made.as_bytes()).files
    assert (file.name, file.content) == (".._.._截图.png", b"\x89PNG")


def test_a_long_mail_is_shortened_and_its_whole_text_attached() -> None:
    found = read(mail("很长的描述。" * 2000).as_bytes())
    assert len(found.text) <= 4000
    assert [file.name for file in found.files] == ["full-text.txt"]


def test_a_mail_without_message_id_has_the_same_name_by_whatever_way_it_comes() -> None:
    made = mail()
    del made["Message-ID"]
    again = b"Received: from elsewhere\r\n" + made.as_bytes()
    assert read(made.as_bytes()).message_id == read(again).message_id != ""


@pytest.mark.parametrize("wrong", [b"", b"\x00" * 1000, b"Subject: x\r\n\r\nno sender", b"From: nobody\r\n\r\n"])
def test_what_is_no_mail_is_refused_with_a_sentence(wrong: bytes) -> None:
    with pytest.raises(Refused, match="sender"):
        read(wrong)


def test_a_mail_over_ten_mebibytes_or_of_endless_parts_is_refused() -> None:
    with pytest.raises(Refused, match="10 MiB"):
        read(b"x" * (MOST_BYTES + 1))
    part = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    deep = b"From: a@b.example\r\n" + b"".join(part % (n, n) for n in range(100))
    with pytest.raises(Refused, match="too many parts"):
        read(deep)


@pytest.fixture
def reader():
    made = MailReader()
    yield made
    made.close()


def test_the_child_reads_a_mail_with_its_files_as_it_was(reader: MailReader) -> None:
    made = mail(REPLIES["qq"], "回复：报修")
    content = os.urandom(300_000)
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename="日志.bin")
    found = reader.read(made.as_bytes())
    assert isinstance(found, Mail)
    assert (found.text, found.files[0].name, found.files[0].content) == (NEW, "日志.bin", content)
    assert reader.read(mail("第二封").as_bytes()).text == "第二封"


def test_a_child_that_dies_takes_one_mail_with_it_and_is_replaced(reader: MailReader) -> None:
    reader.read(mail().as_bytes())
    first = reader.pid
    os.kill(first, 9)
    wait_for(lambda: reader.pid == 0, 10, "the child's end")
    assert reader.read(mail("还在").as_bytes()).text == "还在"
    assert reader.pid not in (0, first)


def test_a_mail_that_takes_too_long_is_refused_its_reader_killed_and_the_next_one_read() -> None:
    reader = MailReader(time_limit=0.5, module="tests.intake.channels.slow_child")
    try:
        assert reader.read(mail("快").as_bytes()).text == "快"
        slow = reader.pid
        with pytest.raises(Refused, match="limits of time and memory"):
            reader.read(mail("慢", "hang").as_bytes())
        with pytest.raises(ProcessLookupError):
            os.kill(slow, 0)
        with pytest.raises(Refused, match="limits of time and memory"):
            reader.read(mail("大", "eat memory").as_bytes())
        assert reader.read(mail("又快").as_bytes()).text == "又快"
    finally:
        reader.close()


def test_raw_bytes_in_headers_reach_nobody_who_cannot_store_them() -> None:
    """A sender of bytes that are no text is read as far as it goes; the mail is not lost for it."""
    reader = MailReader()
    try:
        found = reader.read(b"From: \xff\xfe@corp.example\r\nMessage-ID: <\xff@x>\r\nSubject: x\r\n\r\nhelp")
    finally:
        reader.close()
    one = draft_from(found, "itss_desk", [], NOW)
    assert one.requester.email.endswith("@corp.example")
    assert one.source_id.encode()


def test_a_reader_that_does_not_start_puts_the_mail_off_instead_of_turning_it_away() -> None:
    reader = MailReader(module="services.intake.no_such_module")
    with pytest.raises(Unavailable):
        reader.read(mail().as_bytes())


@pytest.mark.parametrize("text", ["a" + "\n" * 190_000 + "b", "a" + " \n" * 90_000 + "b", "From:\n" * 30_000])
def test_no_reply_takes_the_square_of_its_length_to_read(text: str) -> None:
    begun = time.process_time()
    reply_of(text)
    assert time.process_time() - begun < 5
