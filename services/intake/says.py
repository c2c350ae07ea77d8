"""What intake says besides the event of a receipt."""

from __future__ import annotations

from datetime import datetime

from services.contracts.deskstream.v1.intake_pb2 import (
    CallEvent,
    ContactRecorded,
    FieldFault,
    RequestDraft,
    RequestRefused,
)
from services.intake.channels.phone import key_of
from services.intake.drafts import channel_name
from services.kernel.errors import Fault, Refused
from services.runtime.message import Said, event_id


def refusal(faults: tuple[Fault, ...]) -> Refused:
    """One sentence about all faults, with the faults."""
    return Refused(" ".join(fault.en for fault in faults), field=faults[0].field if faults else "", faults=faults)


def faults_of(refused: Refused) -> tuple[Fault, ...]:
    """The named faults, or the sentence as one."""
    return refused.faults or (Fault(refused.field or "body", refused.message, refused.message),)


def request_refused(channel: str, draft: RequestDraft, faults: tuple[Fault, ...], cause: str, at: datetime) -> Said:
    """Tells that a draft was turned away, and why."""
    # A refused draft may be anything: what is said of it stays small.
    told = [FieldFault(field=f.field[:100], message_zh=f.zh[:500], message_en=f.en[:500]) for f in faults]
    body = RequestRefused(channel=draft.channel, source_id=draft.source_id[:500], faults=told)
    key = f"request.refused.{channel or channel_name(draft.channel)}"
    return Said(key=key, body=body, id=event_id(cause, key, draft.source_id), time=at, cause=cause)


def contact_recorded(body: ContactRecorded, at: datetime, cause: str = "") -> Said:
    """Tells how a call stands; one id for each version of it."""
    key = "contact.recorded"
    made = event_id(f"phone/{body.contact_id}", key, "", body.version)
    return Said(key=key, body=body, id=made, subject=body.ticket, time=at, cause=cause)


def call_said(event: CallEvent, at: datetime) -> Said:
    """Puts an exchange's event on the stream; the same event again has the same id."""
    key = key_of(event)
    told = event.SerializeToString(deterministic=True).hex()
    return Said(key=key, body=event, id=event_id(f"pbx/{event.call_id}", key, told), time=at)
