"""Messages by SMTP: one connection for a load, an identity per message that receivers can drop repeats by."""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr

from services.notifications.model import Delivery, Result

_LINE = 76
# A mailbox we are willing to write to; it also keeps line breaks and lists of recipients out of the envelope.
_ADDRESS = re.compile(r"^[^\s<>,;:@\"\\]{1,64}@[^\s<>,;:@\"\\]{1,253}$")


@dataclass(frozen=True)
class Relay:
    """Mail server of the installation; `security`: "none", "starttls" or "tls"."""

    host: str
    port: int
    security: str = "none"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10.0
    domain: str = ""
    """Right side of message identities; the sender's domain when empty."""


class Mail:
    """lanes.Carrier by SMTP."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def carry(self, deliveries: Sequence[Delivery]) -> Iterator[Result]:
        try:
            server = self._connect()
        except (smtplib.SMTPException, OSError) as error:
            yield from (Result(delivery, f"connect: {_told(error)}", down=True) for delivery in deliveries)
            return
        away = ""
        for delivery in deliveries:
            if away:
                yield Result(delivery, away, down=True)
                continue
            result = self._send(server, delivery)
            away = result.error if result.down else ""
            yield result
        _quiet(server.quit)

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        if relay.security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(relay.host, relay.port, timeout=relay.timeout, context=context)
        else:
            server = smtplib.SMTP(relay.host, relay.port, timeout=relay.timeout)
            if relay.security == "starttls":
                server.starttls(context=ssl.create_default_context())
        if relay.user:
            server.login(relay.user, relay.password)
        return server

    def _send(self, server: smtplib.SMTP, delivery: Delivery) -> Result:
        if not _ADDRESS.match(delivery.address) or not delivery.address.isascii():
            return Result(delivery, "the address is no mailbox; correct it in the directory", final=True)
        try:
            message = composed(delivery, self._relay.domain)
            server.sendmail(parseaddr(delivery.sender)[1], [delivery.address], message)
        except smtplib.SMTPRecipientsRefused as error:
            code = next((code for code, _ in error.recipients.values()), 0)
            return self._refused(server, delivery, code)
        except smtplib.SMTPResponseException as error:
            return self._refused(server, delivery, error.smtp_code)
        except (smtplib.SMTPException, OSError) as error:
            return Result(delivery, _told(error), down=True)
        except ValueError as error:
            return Result(delivery, f"the message cannot be composed ({type(error).__name__})", final=True)
        return Result(delivery)

    def _refused(self, server: smtplib.SMTP, delivery: Delivery, code: int) -> Result:
        # The server's own words may repeat the address; the code says enough.
        _quiet(server.rset)
        return Result(delivery, f"the mail server answered {code}", final=code >= 500, down=code == 421)


def composed(delivery: Delivery, domain: str = "") -> bytes:
    """The message. Its Message-ID is the delivery's, on every try: a receiver that got it twice can drop one, and a
    reply refers to an identity that names the ticket. ValueError for a line break where none may be.

    Written out by hand: the standard library's EmailMessage takes a millisecond for it, and folds a long Message-ID
    onto a line of its own, which some receivers then take for a part of it.
    """
    subject = " ".join(delivery.subject.split())
    if delivery.number and delivery.number not in subject:
        subject = f"[{delivery.number}] {subject}"
    name, sender = parseaddr(delivery.sender)
    headers = {
        "From": formataddr((name, sender), "utf-8"),
        "To": delivery.address,
        "Date": format_datetime(delivery.created_at),
        "Message-ID": message_id(delivery, domain),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Deskstream-Ticket": delivery.number,
        "Content-Language": delivery.language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "base64",
    }
    if any("\r" in value or "\n" in value for value in headers.values()):
        raise ValueError("a header has a line break")
    lines = [f"{header}: {value}" for header, value in headers.items() if value]
    lines.append("Subject: " + Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n"))
    body = b64encode("\r\n".join(delivery.text.splitlines()).encode() + b"\r\n").decode()
    lines += ["", *(body[start : start + _LINE] for start in range(0, len(body), _LINE)), ""]
    return "\r\n".join(lines).encode("ascii")


def message_id(delivery: Delivery, domain: str = "") -> str:
    """`<DS20261121-000001-<delivery>@domain>`: the ticket number can be found in the References of any reply."""
    right = domain or parseaddr(delivery.sender)[1].rpartition("@")[2] or "deskstream.invalid"
    left = f"{delivery.number}-{delivery.id}" if delivery.number else delivery.id
    return f"<{left}@{right}>"


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__


def _quiet(farewell: Callable[[], object]) -> None:
    """A server that is gone already cannot be taken leave of."""
    try:
        farewell()
    except (smtplib.SMTPException, OSError):
        return
