"""Instant messages: a DingTalk callback to a draft, forged and repeated ones refused."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.channels.dingtalk import Sealed
from services.intake.drafts import stamp
from services.kernel.errors import Refused
from services.kernel.ticket import find_ticket_number

WINDOW = timedelta(minutes=5)
_MOST_BYTES = 256 * 1024


class Nonces:
    """Callbacks taken in the last minutes; one that comes again is a replay. Bounded, one per process.

    Another process may take a replay once more: its receipt then gives the same number, so nothing happens twice.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._seen: OrderedDict[str, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, nonce: str, wall: datetime) -> None:
        """Refused (unauthenticated) when this was taken within the window."""
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < wall - 2 * WINDOW:
                self._seen.popitem(last=False)
            if nonce in self._seen:
                raise Refused("This callback was taken before.", code="unauthenticated")

    def taken(self, nonce: str, wall: datetime) -> None:
        """Remembers a callback; only once it was dealt with, so that the provider may repeat what we failed to do."""
        with self._lock:
            self._seen[nonce] = wall
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)


def sealed_from(query: Mapping[str, str], body: bytes) -> Sealed:
    """The sealed message of a callback; Refused (unauthenticated) when there is none."""
    try:
        if len(body) > _MOST_BYTES:
            raise ValueError
        encrypt = json.loads(body)["encrypt"]
    except (ValueError, KeyError, TypeError, RecursionError):
        encrypt = None
    signature = query.get("msg_signature") or query.get("signature", "")
    timestamp = query.get("timestamp") or query.get("timeStamp", "")
    nonce = query.get("nonce", "")
    if not (
        isinstance(encrypt, str) and encrypt and signature and nonce and timestamp.isascii() and timestamp.isdigit()
    ):
        raise Refused("A callback has signature, timestamp, nonce and a body with encrypt.", code="unauthenticated")
    return Sealed(signature, timestamp, nonce, encrypt)


def check_age(timestamp: str, wall: datetime) -> None:
    """Refused (unauthenticated) when the callback (Unix milliseconds, or seconds) is more than five minutes off."""
    seconds = int(timestamp[:16]) / (1000 if len(timestamp) > 11 else 1)
    if abs(wall.timestamp() - seconds) > WINDOW.total_seconds():
        raise Refused("The callback is too old; check both clocks.", code="unauthenticated")


@dataclass(frozen=True, slots=True)
class ImMessage:
    """What a callback told: a draft, or (None) something that needs no ticket, named in kind."""

    kind: str
    draft: RequestDraft | None = None


def message_from(opened: bytes, profile: str) -> ImMessage:
    """The message inside an opened callback; Refused when it is no JSON object."""
    try:
        told: Any = json.loads(opened)
        # Half characters (\ud800) pass for JSON and can be stored nowhere.
        json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Refused("The callback holds no JSON object.", field="body")
    if "EventType" in told:
        return ImMessage(str(told["EventType"])[:60])
    content = told.get("text")
    if told.get("msgtype") != "text" or not isinstance(content, dict):
        return ImMessage(f"message.{str(told.get('msgtype'))[:40]}")
    text = str(content.get("content", "")).strip()
    sender = str(told.get("senderStaffId") or told.get("senderId") or "")
    if not text or not told.get("msgId"):
        return ImMessage("message.empty")
    draft = RequestDraft(
        channel=Channel.CHANNEL_IM,
        source_id=f"dingtalk:{told['msgId']}",
        profile=profile,
        description=text,
        in_reply_to=find_ticket_number(text),
    )
    draft.requester.name = str(told.get("senderNick", ""))
    draft.requester.im = f"dingtalk:{sender}" if sender else ""
    created = told.get("createAt")
    if isinstance(created, int) and 0 < created < 10**14:
        draft.received_at.CopyFrom(stamp(datetime.fromtimestamp(created / 1000, UTC)))
    return ImMessage("message.text", draft)
