"""Telephone exchanges: the HTTP contract any PBX can send, and call events to words and back (I-group, A16, A17, A22).

The contract: POST one JSON object, or a list of at most 100, each a `CallEvent` in protobuf JSON::

    {"call_id": "c-1", "phase": "CALL_PHASE_RINGING", "at": "2026-11-21T02:00:00Z", "caller": "13800138000",
     "called": "4008001234", "rings": 1, "to_human": true}

"ringing", "answered", "ended" and "abandoned" are understood for the phase too. Events may come late, out of order and
repeatedly. Two headers prove the sender (times in Unix seconds, at most five minutes off)::

    X-Deskstream-Timestamp: 1795226400
    X-Deskstream-Signature: sha256=<hex HMAC-SHA256 of "<timestamp>.<body>" with the shared secret>

Answers: 202 taken, 401 wrong proof, 422 with the faulty fields, 503 send it again later.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import CallEvent, CallPhase, ContactRecorded
from services.intake.drafts import clean, stamp
from services.intake.model import CallWords, Contact, Phase
from services.intake.policy import EARLIEST, SKEW, judge_call
from services.kernel.clock import to_milliseconds
from services.kernel.errors import Fault, Refused
from services.profile.schema import Callback
from services.runtime.jsonform import read_mapping
from services.runtime.message import check_times

TEXTS = ("caller", "called", "agent", "released_by", "profile", "disposition", "ticket", "recording", "summary")
PROOF_LIFETIME = timedelta(minutes=5)
_MOST_EVENTS, _MOST_BYTES = 100, 256 * 1024
_PHASES = ("ringing", "answered", "ended", "abandoned")
_LONGEST = {"summary": 2000, "recording": 500}


def sign(body: bytes, at: int, secret: str) -> str:
    """Value of X-Deskstream-Signature for a body sent at Unix second `at`."""
    return "sha256=" + hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def verify(headers: Mapping[str, str], body: bytes, secret: str, wall: datetime) -> None:
    """Refused (unauthenticated) unless the body was signed with the secret in the last five minutes of wall time."""
    plain = {name.lower(): value for name, value in headers.items()}
    given = plain.get("x-deskstream-timestamp", "")
    if not secret:
        raise Refused(
            "No exchange may send here: set DESKSTREAM_PBX_SECRET, and the same in the exchange.",
            code="unauthenticated",
        )
    if not given.isascii() or not given.isdigit() or len(given) > 12:
        raise Refused("Send X-Deskstream-Timestamp in Unix seconds.", code="unauthenticated")
    signature = plain.get("x-deskstream-signature", "")
    if not hmac.compare_digest(signature.encode(), sign(body, int(given), secret).encode()):
        raise Refused("The signature does not fit the body and the shared secret.", code="unauthenticated")
    if abs(wall.timestamp() - int(given)) > PROOF_LIFETIME.total_seconds():
        raise Refused("The signature is too old; check the exchange's clock and sign anew.", code="unauthenticated")


def events_from(body: bytes) -> list[CallEvent]:
    """The events of a hook's body; Refused when it is malformed."""
    if len(body) > _MOST_BYTES:
        raise Refused(f"The body is larger than {_MOST_BYTES} bytes; send fewer events at once.", field="body")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("The body is no JSON; send one call event or a list of them.", field="body") from None
    many = told if isinstance(told, list) else [told]
    if not 0 < len(many) <= _MOST_EVENTS:
        raise Refused(f"Send 1 to {_MOST_EVENTS} events at once.", field="body")
    return [_event(one, index) for index, one in enumerate(many)]


def _event(one: Any, index: int) -> CallEvent:
    if not isinstance(one, dict):
        raise Refused(f"Event {index} is no object; send call_id, phase and at.", field=f"[{index}]")
    if one.get("phase") in _PHASES:
        one = {**one, "phase": f"CALL_PHASE_{one['phase'].upper()}"}
    try:
        return read_mapping(one, CallEvent())
    except ValueError as error:
        why = str(error)[:200]
        raise Refused(f"Event {index} is no call event: {why}", field=f"[{index}]") from None


def phase_of(event: CallEvent) -> str:
    """ "ringing", "answered", "ended" or "abandoned"; empty when unspecified or newer than this version."""
    return {number: word for word, number in zip(_PHASES, (1, 2, 3, 4), strict=True)}.get(event.phase, "")


def words_from(event: CallEvent, now: datetime) -> CallWords:
    """The event as intake keeps it, times in milliseconds; Refused with all faults when it says too little."""
    check_times(event)
    at = event.at.ToDatetime(tzinfo=UTC) if event.HasField("at") else None
    texts = {name: clean(getattr(event, name)) for name in TEXTS}
    faults = []
    if not event.call_id or len(event.call_id) > 200:
        faults.append(
            Fault("call_id", "请给每通电话一个200字以内的编号。", "Give every call a call_id of 1 to 200 characters.")
        )
    if not phase_of(event):
        phases = ", ".join(_PHASES)
        faults.append(Fault("phase", f"阶段须为：{phases}。", f"The phase is one of: {phases}."))
    if at is None or not EARLIEST < at <= now + SKEW:
        faults.append(Fault("at", "请填写不晚于现在的时间。", "Say when it happened (at), not in the future."))
    for name, text in texts.items():
        if len(text) > _LONGEST.get(name, 200):
            faults.append(Fault(name, f"{name}太长，请缩短。", f"{name} is too long; shorten it."))
    if event.rings < 0:
        faults.append(Fault("rings", "铃响次数不能为负。", "rings cannot be negative."))
    if faults or at is None:
        said = " ".join(fault.en for fault in faults)
        raise Refused(said, field=faults[0].field, faults=tuple(faults))
    at = to_milliseconds(at)
    kept = {name: text for name, text in texts.items() if text}
    return CallWords(event.call_id, cast(Phase, phase_of(event)), at, kept, event.rings, event.to_human)


def recorded(contact: Contact, profile: str, callback: Callback | None) -> ContactRecorded:
    """The record of a call as it stands, judged by its profile (missed: I3, F11)."""
    verdict = judge_call(contact, callback)
    body = ContactRecorded(
        contact_id=contact.id,
        version=contact.version,
        channel=Channel.CHANNEL_PHONE,
        profile=profile,
        started_at=stamp(verdict.started_at),
        abandoned=verdict.abandoned,
        rings=verdict.rings,
        to_human=contact.to_human,
        missed=verdict.missed,
    )
    for name in ("agent", "disposition", "ticket", "released_by", "caller", "summary"):
        setattr(body, name, contact.text(name))
    if verdict.answered_at is not None:
        body.answered_at.CopyFrom(stamp(verdict.answered_at))
    if verdict.ended_at is not None:
        body.ended_at.CopyFrom(stamp(verdict.ended_at))
    return body


def key_of(event: CallEvent) -> str:
    """Routing key of the event on the stream."""
    return f"call.{phase_of(event) or CallPhase.Name(CallPhase.CALL_PHASE_UNSPECIFIED).lower()}"
