"""The web form and its JSON twin: named values to a draft (A1, A7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.drafts import from_outside, set_field, stamp
from services.kernel.errors import Fault, Refused
from services.profile.schema import Profile

_MOST_BYTES, _MOST_FIELDS = 256 * 1024, 100
_OWN = {"source_id", "profile", "in_reply_to", "contact_id", "language"}


def values_from(body: bytes, media_type: str) -> dict[str, str]:
    """The named values of a form post (urlencoded) or a flat JSON object. Refused when it is neither."""
    if len(body) > _MOST_BYTES:
        raise Refused(f"The form is larger than {_MOST_BYTES} bytes; send files as references.", field="body")
    try:
        if media_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS))
        told = json.loads(body)
        # Half characters (\ud800) pass for JSON and can be stored nowhere.
        json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused("The form is neither JSON nor urlencoded text in UTF-8.", field="body") from None
    if not isinstance(told, dict) or len(told) > _MOST_FIELDS:
        raise Refused(f"Send one JSON object of at most {_MOST_FIELDS} values.", field="body")
    wrong = [name for name, value in told.items() if not isinstance(value, str | int | float | None)]
    if wrong:
        raise Refused(f"{wrong[0]} must be a text.", field=wrong[0])
    return {name: "" if value is None else str(value) for name, value in told.items()}


def draft_from(values: Mapping[str, str], profile: Profile, source_id: str) -> RequestDraft:
    """The draft of a filled form; `source_id` serves when the form brings none. Refused when a time is no time."""
    draft = RequestDraft(channel=Channel.CHANNEL_WEB, source_id=source_id, profile=profile.profile.name)
    extra = profile.catalogue.extra
    for name, value in values.items():
        if name == "language":
            draft.requester.language = value
        elif name in _OWN:
            setattr(draft, name, value or getattr(draft, name))
        elif name == "occurred_at":
            if value.strip():
                draft.occurred_at.CopyFrom(stamp(_time(name, value, profile)))
        elif value.strip() and name in extra and extra[name].kind == "time":
            draft.fields[name] = _time(name, value, profile).isoformat()
        elif value:
            set_field(draft, name, value)
    # Anybody may fill in the form.
    from_outside(draft, profile)
    return draft


def _time(name: str, value: Any, profile: Profile) -> datetime:
    """ISO 8601; without a zone it is the desk's own (a browser's datetime-local has none)."""
    try:
        at = datetime.fromisoformat(value.strip())
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(profile.profile.timezone))).astimezone(UTC)
    except (ValueError, OverflowError):
        fault = Fault(name, "时间格式应为2026-11-21T10:00。", "Write the time as 2026-11-21T10:00.")
        raise Refused(fault.en, field=name, faults=(fault,)) from None
