"""From the bodies of events to the facts rules and templates look at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, sla_pb2, ticket_pb2, watch_pb2
from services.notifications.model import Facts


class Message(Protocol):
    """A delivered message (runtime.message.Heard)."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    def decode(self, cls: type[Any]) -> Any: ...


def facts_of(message: Message, now: datetime) -> Facts | None:
    """The facts of an event; None for one that is nobody's news. Raises Refused when it cannot be read."""
    kind = message.key.partition(".")[0]
    if kind == "ticket":
        return _of_ticket(message.key, message.decode(ticket_pb2.TicketEvent), now)
    if message.key == "sla.asked":
        # Dispatch hears it, and says what it made of it.
        return None
    if message.key == "sla.alarm":
        return _of_alarm(message.key, message.decode(sla_pb2.SlaAlarm), now)
    if kind == "sla":
        return _of_clock(message.key, message.decode(sla_pb2.SlaEvent), now)
    if kind == "escalation":
        return _of_escalation(message.key, message.decode(sla_pb2.EscalationEvent), now)
    if kind in ("callback", "survey"):
        return _of_callback(message.key, message.decode(callbacks_pb2.CallbackEvent), now)
    if kind == "watch":
        return _of_watch(message.key, message.decode(watch_pb2.WatchEvent), now)
    return None


def _of_ticket(key: str, event: ticket_pb2.TicketEvent, now: datetime) -> Facts:
    ticket = event.ticket
    changed = {change.field: change.new for change in event.changes if change.new}
    bulletin = changed.get("bulletin") or (f"{ticket.number}/{ticket.version}" if "tells_children" in changed else "")
    return Facts(
        **_common(key, ticket, _at(event.at) or now),
        entry=ticket.entry,
        path=ticket.path,
        engineer=ticket.engineer,
        reason=event.reason,
        solution=ticket.solution,
        record=_written(event),
        urges=ticket.urges,
        # Whoever waits for several tickets that one bulletin is about hears it once (H14).
        once=f"bulletin/{bulletin}" if bulletin and ticket.requester.id else "",
        alerts=tuple(change.new for change in event.changes if change.field == "alert"),
        anonymous=ticket.neutral_type == common_pb2.NEUTRAL_TYPE_WHISTLE_BLOWING,
    )


def _written(event: ticket_pb2.TicketEvent) -> dict[str, str]:
    """What the event's action recorded; nothing when it recorded nothing."""
    kinds = {change.new for change in event.changes if change.field == "record" and change.new}
    return {name: text for each in event.ticket.records if each.kind in kinds for name, text in each.values.items()}


def _of_clock(key: str, event: sla_pb2.SlaEvent, now: datetime) -> Facts:
    common = _common(key, event.ticket, _at(event.at) or now)
    roles = tuple(event.notify)
    promise = event.clock.commitment
    if key != "sla.armed":
        return Facts(
            **common,
            roles=roles,
            clock=event.clock.clock,
            family=event.clock.family,
            page=event.page,
            step=event.step,
            # Whoever promised it themselves need not be told that it is theirs.
            owner="" if key == "sla.promised" and promise.owner == promise.made_by else promise.owner,
            promise=promise.id,
            promised=promise.text,
            due_at=_at(event.clock.due_at),
            reason=event.pause.reason or event.recalculation.reason,
        )
    # Clocks are armed again when the grade changes or the ticket reopens; the requester is acknowledged once (A24).
    clock, due = _next_due(event.clocks)
    return Facts(**common, roles=roles, clock=clock, due_at=due, once=f"sla.armed/{event.ticket.number}")


def _of_escalation(key: str, event: sla_pb2.EscalationEvent, now: datetime) -> Facts:
    return Facts(
        **_common(key, event.ticket, _at(event.at) or now),
        roles=(event.role,) if event.role else (),
        clock=event.clock,
        alarm=event.alarm,
        page=event.page,
        repeats=event.repeats,
        due_at=_at(event.due_at),
        reason=event.reason,
    )


def _of_alarm(key: str, event: sla_pb2.SlaAlarm, now: datetime) -> Facts:
    """The platform's own trouble, told to the default desk: steps of clocks that were not taken (D23)."""
    return Facts(key, "", "", now, reason=event.text)


def _of_callback(key: str, event: callbacks_pb2.CallbackEvent, now: datetime) -> Facts:
    task = event.task
    return Facts(
        **_common(key, task.ticket, _at(event.at) or now),
        path=task.ticket.path,
        roles=tuple(task.roles),
        due_at=_at(task.due_at),
        satisfaction=task.satisfaction,
        task_id=task.task_id,
        # A callback that comes up again asks the desk again; the requester has the link already.
        once=f"{key}/{task.task_id}" if key == "callback.due" else "",
    )


def _of_watch(key: str, event: watch_pb2.WatchEvent, now: datetime) -> Facts:
    """The desk's own state has no ticket: what there is to tell stands in `record`, in both languages."""
    notice, turn = event.notice, event.inspection
    return Facts(
        key=key,
        number="",
        profile=event.profile,
        at=_at(event.at) or now,
        title=event.title_zh,
        roles=tuple(event.roles),
        due_at=_at(turn.due_at) or _at(notice.ends_at),
        record={
            "title_zh": event.title_zh,
            "title_en": event.title_en,
            "text_zh": notice.text_zh,
            "text_en": notice.text_en,
            "persons": " ".join(turn.persons),
            "by": event.actor.id,
        },
    )


def _common(key: str, brief: ticket_pb2.Ticket | sla_pb2.TicketBrief, at: datetime) -> dict[str, Any]:
    requester = brief.requester
    return {
        "key": key,
        "number": brief.number,
        "profile": brief.profile,
        "at": at,
        "title": brief.title,
        "type": brief.type,
        "grade": brief.grade,
        "priority": brief.priority,
        "channel": common_pb2.Channel.Name(brief.channel).removeprefix("CHANNEL_").lower(),
        "project": brief.project,
        "unit": requester.unit,
        "state": brief.state,
        "team": brief.team,
        "assignee": brief.assignee,
        "accused": brief.accused,
        "project_manager": brief.project_manager,
        "requester_id": requester.id,
        "requester_name": requester.name,
        "requester_email": requester.email,
        "requester_language": requester.language,
    }


def _next_due(clocks: Iterable[sla_pb2.ClockState]) -> tuple[str, datetime | None]:
    running = [clock for clock in clocks if clock.status == sla_pb2.CLOCK_STATUS_RUNNING and clock.HasField("due_at")]
    if not running:
        return "", None
    first = min(running, key=lambda clock: (clock.due_at.seconds, clock.due_at.nanos, clock.clock))
    return first.clock, _at(first.due_at)


def _at(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds or stamp.nanos else None
