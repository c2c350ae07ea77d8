"""A draft made clean: one form of every text, bounds, what the channel cannot say filled in (A7, A10, P4)."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.credentials import redact
from services.intake.requesters import complete
from services.profile.catalogue import Catalogue
from services.profile.forms import FormField
from services.profile.grading import PROPOSED
from services.profile.lookups import Lookups
from services.profile.schema import Label, Profile

Time = Literal["occurred_at", "received_at"]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2028\u2029\ufeff]")
_LINE = re.compile(r"[*·\-]?\s*([^\s:：][^:：]{0,40}?)\s*[:：]\s*(\S.*)")
FREE_TEXT = frozenset({Channel.CHANNEL_EMAIL, Channel.CHANNEL_IM})
"""Channels whose users see no form: lines such as "影响范围：全楼" are read as form fields there."""

REQUESTER = ("name", "department", "unit", "phone", "email", "im")
"""Form field names that lie in the requester."""
DIRECT = ("type", "entry", "project", "title", "description", "impact_scope", "grade", "accused")
"""Form field names that are texts of the draft itself."""


def channel_name(channel: int) -> str:
    """ "email" for CHANNEL_EMAIL; "unknown" for what this version does not know."""
    try:
        return Channel.Name(channel).removeprefix("CHANNEL_").lower()  # type: ignore[arg-type]
    except ValueError:
        return "unknown"


def receipt_id(channel: int, source_id: str) -> str:
    """Key of the receipt of a source message."""
    return f"{channel_name(channel)}/{source_id}"


def stamp(at: datetime) -> Timestamp:
    """A protobuf time."""
    made = Timestamp()
    made.FromDatetime(at)
    return made


def moment(of: RequestDraft, name: Time) -> datetime | None:
    """A time of the draft, aware UTC; None when it is not given."""
    return getattr(of, name).ToDatetime(tzinfo=UTC) if of.HasField(name) else None


def clean(text: str) -> str:
    """Unicode NFC, no control characters, one kind of line end, no blank edges."""
    if text.isprintable():
        # Most texts: nothing to remove but blanks at the edges.
        return unicodedata.normalize("NFC", text).strip()
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub("", text).strip()


def get_field(draft: RequestDraft, name: str) -> str:
    """The value of a form field, wherever it lies; times as RFC 3339."""
    name = name.removeprefix("requester.").removeprefix("requester_")
    if name in REQUESTER:
        return str(getattr(draft.requester, name))
    if name == "contact":
        return draft.requester.phone or draft.requester.email or draft.requester.im
    if name in DIRECT:
        return str(getattr(draft, name))
    if name == "occurred_at":
        return draft.occurred_at.ToJsonString() if draft.HasField("occurred_at") else ""
    return draft.fields.get(name, "")


def set_field(draft: RequestDraft, name: str, value: str) -> None:
    """Puts a form field where it lies; times are set by the caller."""
    bare = name.removeprefix("requester.").removeprefix("requester_")
    if bare in REQUESTER:
        setattr(draft.requester, bare, value)
    elif bare == "contact":
        setattr(draft.requester, "email" if "@" in value else "phone", value)
    elif bare in DIRECT:
        setattr(draft, bare, value)
    elif bare != "occurred_at":
        draft.fields[name] = value


def from_outside(draft: RequestDraft, profile: Profile) -> None:
    """Takes out what only the desk may say: flags, whose request it came of, that it was answered, another time, and a
    type that no form offers, such as an emergency, which would call people out."""
    _offered_only(draft, profile)
    own = {"major", "entered_at", PROPOSED, *(flag.key for flag in profile.flags)}
    own.update(field.name for field in profile.catalogue.fields if field.for_desk)
    # Names are compared as they will be once clean: " major" is "major" then.
    for name in [name for name in draft.fields if clean(name) in own]:
        del draft.fields[name]
    for name in ("contact_id", "recorder", "backfilled", "received_at", "origin"):
        draft.ClearField(name)  # type: ignore[arg-type]


def _offered_only(draft: RequestDraft, profile: Profile) -> None:
    field, text = profile.catalogue.by_name.get("type"), clean(draft.type)
    key = profile.catalogue.key_of(field, text) if field and text else text
    if any(kind.key == key and not kind.offered for kind in profile.types):
        draft.ClearField("type")


def normalised(given: RequestDraft, lookups: Lookups, said_at: datetime) -> RequestDraft:
    """A clean copy. said_at is when the message was said, and the time of receipt when the draft names none (D12)."""
    profile = lookups.profile
    draft = RequestDraft()
    draft.CopyFrom(given)
    _clean_texts(draft)
    draft.profile = profile.profile.name
    if not draft.HasField("received_at"):
        draft.received_at.CopyFrom(stamp(said_at))
    # The database keeps milliseconds; what is said again must be the same words.
    draft.received_at.nanos = draft.received_at.nanos // 1_000_000 * 1_000_000
    complete(draft.requester, lookups)
    if draft.channel in FREE_TEXT:
        _read_lines(draft, profile)
        _offered_only(draft, profile)
    catalogue = profile.catalogue
    _to_keys(draft, catalogue)
    asked = "type" in catalogue.by_name and catalogue.by_name["type"].required
    if not asked or draft.channel in FREE_TEXT:
        draft.type = draft.type or _type_for(draft.entry, profile)
    _defaults(draft, catalogue)
    _drop_unfit(draft, catalogue)
    draft.title = draft.title or draft.description.split("\n", 1)[0][:80].strip()
    if draft.channel in FREE_TEXT and not draft.HasField("occurred_at"):
        draft.occurred_at.CopyFrom(draft.received_at)
    return draft


def _clean_texts(draft: RequestDraft) -> None:
    for name in (*DIRECT, "source_id", "recorder", "in_reply_to", "contact_id"):
        if value := getattr(draft, name):
            setattr(draft, name, clean(value))
    for name in (*REQUESTER, "id", "language"):
        if value := getattr(draft.requester, name):
            setattr(draft.requester, name, clean(value))
    for name in ("title", "description", "impact_scope"):
        if value := getattr(draft, name):
            setattr(draft, name, redact(value))
    draft.title = " ".join(draft.title.split())
    extra = {clean(name): redact(clean(value)) for name, value in draft.fields.items()}
    draft.fields.clear()
    for name, value in extra.items():
        if name and value:
            draft.fields[name] = value


def _read_lines(draft: RequestDraft, profile: Profile) -> None:
    """Form fields written as lines of free text; a value the draft already has stays."""
    labels = {text.casefold(): f for f in profile.catalogue.fields for text in (f.label.zh, f.label.en)}
    # Line by line: an expression over all of it would take the square of its length over blank lines.
    for line in draft.description.split("\n"):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            continue
        field = labels.get(found[1].casefold())
        if field is None or field.kind == "time" or field.name == "description" or get_field(draft, field.name):
            continue
        value = profile.catalogue.key_of(field, found[2])
        # Nobody who writes a mail sees a form: an extra field that does not fit stays in the description.
        if not field.is_extra or profile.catalogue.fault_of(field, value) is None:
            set_field(draft, field.name, value)


def _type_for(entry: str, profile: Profile) -> str:
    """The profile's default type, or the first that the entry takes."""
    types = profile.catalogue.types_of(entry)
    return profile.default_type if not types or profile.default_type in types else types[0]


def _to_keys(draft: RequestDraft, catalogue: Catalogue) -> None:
    """A label in either language becomes its key; anything else stays for the judgement to refuse."""
    for field in (*catalogue.listing, *(field for field in _LISTS if field.name in catalogue.lists)):
        value = get_field(draft, field.name)
        if value and (key := catalogue.key_of(field, value)) != value:
            set_field(draft, field.name, key)


_LISTED = ("type", "entry", "project", "grade", "impact", "urgency")
_LISTS = tuple(FormField(name=name, label=Label(zh=name, en=name), kind="choice") for name in _LISTED)


def _drop_unfit(draft: RequestDraft, catalogue: Catalogue) -> None:
    """Takes out what nobody asked for and has not even the form of an answer; what was asked is judged instead."""
    if not draft.fields:
        return
    asked = {field.name for field in catalogue.asked(draft.type, draft.entry)}
    for name in [name for name in draft.fields if name in catalogue.extra and name not in asked]:
        if catalogue.fault_of(catalogue.extra[name], draft.fields[name]):
            del draft.fields[name]


def _defaults(draft: RequestDraft, catalogue: Catalogue) -> None:
    """What the form says of a field that is asked and was left out (B19)."""
    for field in catalogue.asked(draft.type, draft.entry):
        if field.default is not None and not get_field(draft, field.name):
            set_field(draft, field.name, field.default)
