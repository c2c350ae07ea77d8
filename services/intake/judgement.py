"""What a draft may not be: every faulty field at once, in both languages, each with its remedy (A2, A7, A14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.drafts import DIRECT, REQUESTER, channel_name, get_field, moment
from services.intake.policy import judge_times
from services.kernel.errors import Fault, Refused
from services.profile.forms import bad_phone, email_has_form, phone_has_form
from services.profile.grading import given_in, propose
from services.profile.schema import Profile
from services.runtime.message import check_times

_SHA256 = re.compile(r"(?:[0-9a-f]{64})?")
_LONGEST = {"title": 200, "description": 4000, "source_id": 500, "impact_scope": 500, "accused": 200}
MOST_BYTES = 128 * 1024
"""Of a whole draft; what is over it is refused unread, as cleaning and reading it would take time."""
_MOST_FIELDS, _LONGEST_FIELDS, _MOST_ATTACHMENTS = 50, 4000, 20


def judge_whole(draft: RequestDraft) -> tuple[Fault, ...]:
    """What makes a draft not worth a closer look: its size, and times that are none."""
    if draft.ByteSize() > MOST_BYTES:
        return (
            Fault(
                "body",
                f"请求超过{MOST_BYTES}字节，请缩短或作为附件提交。",
                f"The request has more than {MOST_BYTES} bytes; shorten it or attach what is long.",
            ),
        )
    try:
        check_times(draft)
    except Refused as refused:
        return (Fault(refused.field, "时间不在1970年至2200年之间，请核对。", refused.message),)
    return ()


def judge(draft: RequestDraft, profile: Profile, now: datetime) -> tuple[Fault, ...]:
    """All faults of a normalised draft, by the names of form fields; none: it may become a ticket."""
    faults: dict[str, Fault] = {}
    for fault in _all(draft, profile, now):
        # One sentence per field: the first is the most telling.
        faults.setdefault(fault.field, fault)
    return tuple(faults.values())


def _all(draft: RequestDraft, profile: Profile, now: datetime) -> Iterator[Fault]:
    name = channel_name(draft.channel)
    if name not in profile.channels:
        open_ones = ", ".join(profile.channels)
        yield Fault(
            "channel",
            f"渠道{name}未开通，请使用：{open_ones}。",
            f"The channel {name} is not open at this desk; use one of: {open_ones}.",
        )
    if not draft.source_id:
        yield Fault("source_id", "缺少来源编号，请给每条消息一个唯一编号。", "Give every message its own source_id.")
    yield from _bounds(draft)
    yield from profile.catalogue.faults(lambda name: get_field(draft, name))
    yield from _answers(draft, profile)
    yield from _contact(draft)
    received = moment(draft, "received_at") or now
    yield from judge_times(received, moment(draft, "occurred_at"), now, backfilled=draft.backfilled)


def _bounds(draft: RequestDraft) -> Iterator[Fault]:
    texts = [(name, getattr(draft, name)) for name in (*DIRECT, "source_id", "contact_id", "recorder", "in_reply_to")]
    texts += [(name, getattr(draft.requester, name)) for name in (*REQUESTER, "id", "language")]
    for name, text in texts:
        most = _LONGEST.get(name, 200)
        if len(text) > most:
            yield Fault(
                name,
                f"{name}超过{most}个字，请缩短或作为附件提交。",
                f"{name} is longer than {most} characters; shorten it or attach it.",
            )
    if len(draft.fields) > _MOST_FIELDS or sum(len(k) + len(v) for k, v in draft.fields.items()) > _LONGEST_FIELDS:
        yield Fault(
            "fields",
            f"附加字段超过{_MOST_FIELDS}个或{_LONGEST_FIELDS}个字，请精简。",
            f"There are more than {_MOST_FIELDS} extra fields or {_LONGEST_FIELDS} characters in them; send fewer.",
        )
    if len(draft.attachments) > _MOST_ATTACHMENTS:
        yield Fault(
            "attachments",
            f"附件超过{_MOST_ATTACHMENTS}个，请减少。",
            f"There are more than {_MOST_ATTACHMENTS} attachments; send fewer.",
        )
    for one in draft.attachments:
        too_long = len(one.reference) > 500 or len(one.name) > 200 or len(one.media_type) > 100
        if not one.reference or too_long or not _SHA256.fullmatch(one.sha256):
            yield Fault(
                "attachments",
                "附件须有引用地址（500字以内）、名称（200字以内）和SHA-256。",
                "An attachment needs a reference (500 characters), a name (200) and a SHA-256 in hexadecimal.",
            )


def _answers(draft: RequestDraft, profile: Profile) -> Iterator[Fault]:
    """Answers to the questions of the grading that came with the request (B5)."""
    try:
        propose(profile.grading, given_in(profile.grading, draft.fields))
    except Refused as refused:
        yield Fault(refused.field, "分级问题的回答无效，请核对。", refused.message)


def _contact(draft: RequestDraft) -> Iterator[Fault]:
    phone, email = draft.requester.phone, draft.requester.email
    if phone and not phone_has_form(phone):
        yield bad_phone("phone")
    if email and not email_has_form(email):
        yield Fault("email", "邮箱地址格式有误，请核对。", "The e-mail address has a wrong form; check it.")
