"""The envelope: CloudEvents 1.0 in AMQP properties and headers, binary mode, plus trace, cause and actor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from services.runtime.message import MAX_BODY_BYTES, PROTOBUF, Heard, Said

# Ours, on retried and parked messages; everything else an adapter sent stays as it is.
ATTEMPT = "deskstream_attempt"
KEY = "deskstream_key"
PARKED_QUEUE = "parked_queue"
PARKED_REASON = "parked_reason"
PARKED_ERROR = "parked_error"
PARKED_AT = "parked_at"


_LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Packet:
    """A message as it goes over the wire, independent of the client library."""

    exchange: str
    key: str
    body: bytes
    headers: Mapping[str, object]
    message_id: str
    content_type: str = PROTOBUF


def pack(said: Said, exchange: str, source: str, now: datetime, traceparent: str = "") -> Packet:
    """Envelope of a message; `traceparent` is used when it has none of its own.

    Raises ValueError when the body is larger than the stream carries (a bug of its sayer).
    """
    body = said.body.SerializeToString(deterministic=True)
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"{said.key} {said.id} has {len(body)} bytes; at most {MAX_BODY_BYTES} travel on the stream")
    headers: dict[str, object] = {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": said.id,
        "cloudEvents_type": said.key,
        "cloudEvents_source": source,
        "cloudEvents_time": rfc3339(said.time or now),
    }
    if said.subject:
        headers["cloudEvents_subject"] = said.subject
    if traced := said.traceparent or traceparent:
        headers["traceparent"] = traced
    if said.cause:
        headers["cause"] = said.cause
    if said.actor:
        headers["actor"] = said.actor
    if said.also:
        headers["CC"] = list(said.also)
    return Packet(exchange, said.key, body, headers, said.id)


def open_envelope(
    routing_key: str, body: bytes, headers: Mapping[str, object], message_id: str, content_type: str
) -> Heard:
    """The message of a delivery. Never raises: whatever cannot be read is left empty for the handler to judge."""
    told = _text(headers.get("cloudEvents_id")) or message_id
    if len(told.encode()) > _LONGEST_ID:
        # It could not be parked under this id: AMQP's own field for it is shorter.
        told = str(uuid5(NAMESPACE_URL, told))
    # An adapter that names no id: the same bytes are the same message, so a redelivery meets itself.
    known = told or str(uuid5(NAMESPACE_URL, routing_key + "\n" + hashlib.sha256(body).hexdigest()))
    attempt = headers.get(ATTEMPT, 1)
    return Heard(
        id=known,
        key=_text(headers.get(KEY)) or routing_key,
        body=body,
        subject=_text(headers.get("cloudEvents_subject")),
        time=_instant(headers.get("cloudEvents_time")),
        cause=_text(headers.get("cause")),
        actor=_text(headers.get("actor")),
        source=_text(headers.get("cloudEvents_source")),
        traceparent=_text(headers.get("traceparent")) or _new_trace(known),
        content_type=content_type,
        attempt=attempt if isinstance(attempt, int) and attempt > 0 else 1,
        headers=headers,
    )


def again(heard: Heard, exchange: str, key: str, more: Mapping[str, object]) -> Packet:
    """The same message for another exchange (delay, parking, replay), its original key kept in a header."""
    headers: dict[str, object] = {
        # x-death would look like a cycle to the broker, and CC would route the copy to everybody once more.
        name: value
        for name, value in heard.headers.items()
        if not name.startswith("x-") and name not in ("CC", "BCC")
    }
    headers[KEY] = heard.key
    headers.update(more)
    return Packet(exchange, key, heard.body, headers, heard.id, heard.content_type)


def rfc3339(at: datetime) -> str:
    """`at` in UTC as CloudEvents writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        at = datetime.fromisoformat(_text(value))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def _new_trace(known: str) -> str:
    # Derived, so that a redelivery belongs to the same trace.
    digest = hashlib.blake2b(known.encode(), digest_size=24).hexdigest()
    return f"00-{digest[:32]}-{digest[32:]}-01"
