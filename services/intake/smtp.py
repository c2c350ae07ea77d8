"""The mail door (SMTP): 250 only when the receipt is durable, 451 when it could not be made, 5xx with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.attachments import Attachments
from services.intake.channels.email import MOST_BYTES, Mail, draft_from
from services.intake.channels.mail_reader import MailReader
from services.intake.desk import Desk
from services.intake.drafts import receipt_id
from services.kernel.errors import Missing, Refused, Unavailable
from services.runtime import telemetry

_log = telemetry.get_log("intake")
_mails = telemetry.counter("deskstream_intake_mails", "Mails by outcome")
_AT_ONCE = 16
_LATER = "451 4.3.0 The desk cannot take mails just now; send it again later."


class MailDoor:
    """aiosmtpd's handler. addresses: the desk's own mail addresses (lower case) and the profile of each."""

    def __init__(self, desk: Desk, reader: MailReader, files: Attachments, addresses: Mapping[str, str]) -> None:
        self._desk = desk
        self._reader = reader
        self._files = files
        self._addresses = addresses
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mail")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Only the desk's own addresses: no relay."""
        if address.lower() not in self._addresses:
            return "550 5.1.1 No desk has this address; check it."
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Answers once the mail is dealt with."""
        profile = self._addresses[envelope.rcpt_tos[0].lower()]
        raw, sender = envelope.content, (envelope.mail_from or "").strip("<>")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.take, raw, sender, profile)

    async def handle_exception(self, error: Exception) -> str:
        """A bug of ours is no reason to turn a mail away for good, nor to tell its sender about our insides."""
        _log.error("mail_failed", exc_info=error)
        _mails.add(1, {"outcome": "failed"})
        return _LATER

    def take(self, raw: bytes, sender: str, profile: str) -> str:
        """The SMTP reply for a mail to this profile's desk."""
        reply, outcome = self._take(raw, sender, profile)
        _mails.add(1, {"outcome": outcome})
        return reply

    def _take(self, raw: bytes, sender: str, profile: str) -> tuple[str, str]:
        draft = RequestDraft(channel=Channel.CHANNEL_EMAIL, profile=profile)
        try:
            mail = self._reader.read(raw)
            sign = mail.automatic or ("" if sender else "MAIL FROM:<>")
            if sign:
                _log.info("mail_automatic", sign=sign, message_id=mail.message_id)
                return "250 2.0.0 Taken note of; automatic mails open no ticket.", "automatic"
            attached = [self._files.put(file.name, file.media_type, file.content) for file in mail.files]
            draft = draft_from(mail, profile, attached, self._desk.clock.now())
            draft.in_reply_to = draft.in_reply_to or self._thread_of(mail)
            taken = self._desk.submit(draft)
        except Refused as refused:
            self._desk.tell_refused(draft, refused, f"email/{draft.source_id or sha256(raw).hexdigest()}")
            _log.info("mail_refused", message_id=draft.source_id, fields=[fault.field for fault in refused.faults])
            return f"554 5.6.0 {_ascii(refused.message)}", "refused"
        except Missing as missing:
            return f"554 5.6.0 {_ascii(missing.message)}", "refused"
        except Unavailable as away:
            _log.warning("mail_put_off", why=away.message)
            return _LATER, "put_off"
        return f"250 2.0.0 Taken as {taken.receipt.number}", "repeated" if taken.repeated else "taken"

    def _thread_of(self, mail: Mail) -> str:
        """The ticket that an earlier mail of the same thread opened (A20)."""
        ids = [receipt_id(Channel.CHANNEL_EMAIL, one) for one in mail.references]
        earlier = self._desk.receipts.find(ids) if ids else {}
        return next((earlier[one].number for one in ids if one in earlier), "")

    def close(self) -> None:
        """Lets mails in hand finish, ends the child."""
        self._threads.shutdown(wait=True)
        self._reader.close()


class _Door(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, data_size_limit=MOST_BYTES, enable_SMTPUTF8=True, ident="Deskstream", timeout=60)


def open_door(door: MailDoor, bind: str) -> Controller:
    """Starts listening on "host:port" in a thread; SystemExit with the remedy when the port is taken."""
    host, _, port = bind.rpartition(":")
    controller = _Door(door, hostname=host or "127.0.0.1", port=int(port))
    try:
        controller.start()
    except OSError:
        raise SystemExit(f"The address {bind} is taken: end what uses it, or set DESKSTREAM_SMTP_BIND.") from None
    return controller


def _ascii(sentence: str) -> str:
    """SMTP replies are one line of ASCII."""
    return " ".join(sentence.encode("ascii", "replace").decode().split())[:400]
