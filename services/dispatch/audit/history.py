"""A ticket's whole history as the contract has it: every event, in words too, and whether the chain holds (B9, B10)."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError

from services.contracts.deskstream.v1 import dispatch_pb2, ticket_pb2
from services.dispatch import wire
from services.dispatch.audit.chain import unsealed, verify
from services.dispatch.audit.telling import Telling
from services.dispatch.entries import Entry, Record
from services.dispatch.policy import Desk

_UNREADABLE = "此记录无法读取，内容已被改动。This event cannot be read: its bytes were changed."


def history_of(
    desk: Desk,
    record: Record,
    language: str,
    is_hidden: Callable[[ticket_pb2.Ticket], bool],
    *,
    inside: bool = True,
) -> dispatch_pb2.GetHistoryResponse:
    """Every event in order: who, when, why, from where to where, old and new values.

    `language`: "zh-CN" or "en" for the texts; empty: the profile's. `is_hidden`: whether this reader sees the ticket
    as it stood masked (P1). `inside`: for people of the desk; requesters are not told why the platform chose whom, nor
    what links say of other tickets (C2).
    """
    telling = Telling(desk, language)
    breaks = verify(record)
    return dispatch_pb2.GetHistoryResponse(
        entries=[_told(telling, entry, is_hidden, inside) for entry in record.entries],
        verified=not breaks,
        breaks=[found.what for found in breaks],
        unsealed=unsealed(record),
    )


def _told(
    telling: Telling, entry: Entry, is_hidden: Callable[[ticket_pb2.Ticket], bool], inside: bool
) -> dispatch_pb2.HistoryEntry:
    try:
        event = entry.event()
    except DecodeError:
        return dispatch_pb2.HistoryEntry(event_id=entry.id, cause=entry.cause, digest=entry.digest, text=_UNREADABLE)
    hidden = is_hidden(event.ticket)
    changes = [
        ticket_pb2.Change(
            field=change.field,
            old=_value(change.field, change.old, hidden, inside),
            new=_value(change.field, change.new, hidden, inside),
        )
        for change in event.changes
    ]
    reason = "***" if hidden and event.action == "join" else event.reason
    if not inside and event.actor.role == "system" and event.action != "join":
        reason = ""
    return dispatch_pb2.HistoryEntry(
        version=event.ticket.version,
        event_id=entry.id,
        cause=entry.cause,
        traceparent=entry.traceparent,
        event=event.event,
        action=event.action,
        actor=event.actor,
        reason=reason,
        at=event.at,
        from_state=event.from_state,
        to_state=event.ticket.state,
        changes=changes,
        digest=entry.digest,
        previous_digest=event.previous_digest,
        text=telling.tell(entry, event, changes, reason),
    )


def _value(field: str, text: str, hidden: bool, inside: bool) -> str:
    if field == "links" and not inside:
        return text.partition(": ")[0]
    return wire.told_masked(field, text) if hidden else text
