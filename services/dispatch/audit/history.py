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
    desk: Desk, record: Record, language: str, is_hidden: Callable[[ticket_pb2.Ticket], bool]
) -> dispatch_pb2.GetHistoryResponse:
    """Every event in order: who, when, why, from where to where, old and new values.

    `language`: "zh-CN" or "en" for the texts; empty: the profile's. `is_hidden`: whether this reader sees the ticket
    as it stood masked (P1).
    """
    telling = Telling(desk, language)
    breaks = verify(record)
    return dispatch_pb2.GetHistoryResponse(
        entries=[_told(telling, entry, is_hidden) for entry in record.entries],
        verified=not breaks,
        breaks=[found.what for found in breaks],
        unsealed=unsealed(record),
    )


def _told(telling: Telling, entry: Entry, is_hidden: Callable[[ticket_pb2.Ticket], bool]) -> dispatch_pb2.HistoryEntry:
    try:
        event = entry.event()
    except DecodeError:
        return dispatch_pb2.HistoryEntry(event_id=entry.id, cause=entry.cause, digest=entry.digest, text=_UNREADABLE)
    hidden = is_hidden(event.ticket)
    changes = [
        ticket_pb2.Change(
            field=change.field,
            old=wire.told_masked(change.field, change.old) if hidden else change.old,
            new=wire.told_masked(change.field, change.new) if hidden else change.new,
        )
        for change in event.changes
    ]
    reason = "***" if hidden and event.action == "join" else event.reason
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
