"""An RFC 5322 message to a draft (A1). Reading is pure but of strangers' bytes: it runs in `mail_reader`'s child."""

from __future__ import annotations

import email
import hashlib
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses, parseaddr

from services.contracts.deskstream.v1.common_pb2 import Attachment, Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.channels.charsets import header_text, text_of
from services.intake.channels.quotes import is_reply_subject, reply_of
from services.intake.drafts import stamp
from services.kernel.errors import Refused
from services.kernel.ticket import find_ticket_number

MOST_BYTES = 10 * 1024 * 1024
_MOST_PARTS, _MOST_DEPTH, _MOST_FILES = 200, 20, 20
_LONGEST_HTML = 512 * 1024
_LONGEST_TEXT = 4000
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,400}>")
OWN_MESSAGE_ID = re.compile(r"<(DS\d{8}-\d{6,12})[.@+][^<>\s]*>")
"""Mails of the desk carry their ticket's number in front of their Message-ID: `<DS20261121-000001.x@host>`."""


@dataclass(frozen=True, slots=True)
class File:
    """One attached file."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """What matters of a mail."""

    message_id: str
    from_name: str
    from_address: str
    to: tuple[str, ...]
    subject: str
    text: str
    references: tuple[str, ...] = ()
    automatic: str = ""
    """Why this was sent by a machine (RFC 3834); such mails never open a ticket."""
    files: tuple[File, ...] = field(default=())

    def head(self) -> dict[str, object]:
        """Everything but the files, for the way out of the child."""
        return {name: value for name, value in asdict(self).items() if name != "files"}


def read(raw: bytes) -> Mail:
    """The mail in these bytes; Refused with the remedy when there is none, or too much of it."""
    if len(raw) > MOST_BYTES:
        raise Refused("The mail is larger than 10 MiB; send large files another way and name them.", field="body")
    message = email.message_from_bytes(raw, policy=compat32)
    name, address = parseaddr(_raw(message, "From"))
    if "@" not in address:
        raise Refused("The mail has no sender (From); send it with your address.", field="from")
    texts, files = _parts(message)
    subject = header_text(message["Subject"])
    references = tuple(dict.fromkeys(_MESSAGE_ID.findall(_raw(message, "In-Reply-To") + _raw(message, "References"))))
    text = "\n\n".join(texts).strip()
    if references or is_reply_subject(subject):
        text = reply_of(text)
    if len(text) > _LONGEST_TEXT:
        files.append(File("full-text.txt", "text/plain; charset=utf-8", text.encode()))
        text = text[: _LONGEST_TEXT - 20].rstrip() + "…（全文见附件）"
    found = _MESSAGE_ID.search(_raw(message, "Message-ID"))
    return Mail(
        message_id=found[0] if found else _digest(message, text),
        from_name=header_text(name) or address.partition("@")[0],
        from_address=address.lower(),
        to=tuple(a.lower() for _, a in getaddresses([_raw(message, "To"), _raw(message, "Cc")]) if "@" in a)[:50],
        subject=subject,
        text=text,
        references=references[:50],
        automatic=_automatic(message),
        files=tuple(files[:_MOST_FILES]),
    )


def draft_from(mail: Mail, profile: str, attachments: list[Attachment], received_at: datetime) -> RequestDraft:
    """The draft; the ticket it answers is the number in the subject or in our own Message-IDs (A20)."""
    numbers = [found[1] for one in mail.references if (found := OWN_MESSAGE_ID.match(one))]
    draft = RequestDraft(
        channel=Channel.CHANNEL_EMAIL,
        source_id=mail.message_id,
        profile=profile,
        title=mail.subject[:200],
        description=mail.text or mail.subject,
        in_reply_to=find_ticket_number(mail.subject) or (numbers[0] if numbers else ""),
        attachments=attachments,
        received_at=stamp(received_at),
    )
    draft.requester.name = mail.from_name[:200]
    draft.requester.email = mail.from_address
    return draft


def _raw(message: Message, name: str) -> str:
    """A header unfolded; raw 8-bit bytes stay as surrogates for header_text."""
    values = [value for key, value in message.raw_items() if key.lower() == name.lower()]
    return " ".join(" ".join(str(value).split()) for value in values) + (" " if values else "")


def _digest(message: Message, text: str) -> str:
    """A name for a mail without a Message-ID: the same mail by another way gets the same."""
    told = "\n".join((*(_raw(message, name) for name in ("From", "Date", "Subject")), text))
    return "sha256:" + hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


def _automatic(message: Message) -> str:
    """The sign of an automatic mail: RFC 3834, bounces, lists, and the older habits (自动回复)."""
    submitted = _raw(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return f"Auto-Submitted: {submitted[:60]}"
    if message.get_content_type() in ("multipart/report", "message/delivery-status"):
        return message.get_content_type()
    if parseaddr(_raw(message, "Return-Path"))[1] == "" and "<>" in _raw(message, "Return-Path"):
        return "Return-Path: <>"
    if _raw(message, "Precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply"):
        return "Precedence"
    for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "List-Id"):
        # Exchange puts X-Auto-Response-Suppress on ordinary mails too; only "All" comes from machines.
        value = _raw(message, name).strip()
        if value and (name != "X-Auto-Response-Suppress" or value.lower() == "all"):
            return name
    if re.match(
        r"\s*(?:自动回复|自动答复|Automatic reply|Out of office)\s*[:：]", header_text(message["Subject"]), re.I
    ):
        return "Subject"
    return ""


def _parts(message: Message) -> tuple[list[str], list[File]]:
    """Texts to read (plain where there is a choice) and files."""
    texts: list[str] = []
    files: list[File] = []
    budget = [_MOST_PARTS]

    def walk(part: Message, depth: int) -> None:
        budget[0] -= 1
        if budget[0] < 0 or depth > _MOST_DEPTH:
            raise Refused("The mail has too many parts; send it as plain text with few files.", field="body")
        kind = part.get_content_type()
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            children = [one for one in part.get_payload() if isinstance(one, Message)]
            if kind == "multipart/alternative":
                plain = [one for one in children if one.get_content_type() == "text/plain"]
                children = plain[:1] or children[-1:]
            for child in children:
                walk(child, depth + 1)
            return
        name = header_text(part.get_filename()) if part.get_filename() else ""
        if kind == "message/rfc822" and part.is_multipart():
            inner = part.get_payload(0)
            files.append(File(name or "mail.eml", kind, inner.as_bytes() if isinstance(inner, Message) else b""))
            return
        raw = part.get_payload(decode=True)
        content = raw if isinstance(raw, bytes) else b""
        if kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            text = text_of(content[:_LONGEST_HTML], part.get_content_charset())
            texts.append(_from_html(text) if kind == "text/html" else text)
        elif content:
            files.append(File((name or "file").replace("/", "_").replace("\\", "_")[:150], kind, content))

    walk(message, 0)
    return texts, files


def _from_html(html: str) -> str:
    # Only where HTML comes, as it loads lxml; it ships no types.
    from inscriptis import get_text  # type: ignore[import-untyped]

    return str(get_text(html)) if html.strip() else ""
