"""From what the stream says to the piece of facts it adds. Pure; knows the contracts, not the bus."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1.callbacks_pb2 import CallbackEvent
from services.contracts.deskstream.v1.common_pb2 import NeutralType
from services.contracts.deskstream.v1.intake_pb2 import ContactRecorded
from services.contracts.deskstream.v1.sla_pb2 import EscalationEvent, SlaEvent
from services.contracts.deskstream.v1.ticket_pb2 import Phase, TicketEvent
from services.kernel.errors import Refused
from services.reporting.model import (
    Callback,
    ClockOutcome,
    Contact,
    Dispatch,
    Facts,
    Snapshot,
    clock_outcome,
    nothing_known,
)

M = TypeVar("M", bound=Message)

PROMISE = "commitment"
"""Name of the clock of each promise (D8)."""

# Any of these after a dispatch shows that its target took it on.
_TAKEN_ON = ("accepted", "assigned", "started", "resolved", "completed")


def micros(instant: Timestamp) -> int:
    """Microseconds since 1970; 0 when unset."""
    return int(instant.seconds) * 1_000_000 + int(instant.nanos) // 1_000


def piece_of(key: str, decode: Callable[[type[Message]], Message]) -> Facts | Contact | None:
    """What the message with this routing key adds; None when it changes no figure. Raises Refused when malformed."""
    kind = key.partition(".")[0]
    if kind == "contact":
        return contact_of(_as(ContactRecorded, decode))
    if kind == "ticket":
        return ticket_facts(_as(TicketEvent, decode))
    if key in ("sla.asked", "sla.alarm"):
        # What dispatch is asked to do shows on the ticket; the platform's own trouble is in no figure.
        return None
    if kind == "sla":
        return sla_facts(_as(SlaEvent, decode), warned=key == "sla.warned")
    if key == "escalation.raised":
        return escalation_facts(_as(EscalationEvent, decode))
    if kind in ("callback", "survey"):
        return callback_facts(_as(CallbackEvent, decode))
    return None


def ticket_facts(event: TicketEvent) -> Facts:
    """The ticket as it stands after the event, and its newest dispatch."""
    ticket = event.ticket
    if not ticket.number or ticket.version < 1:
        raise Refused("A ticket event carries the whole ticket, with number and version.", field="ticket")
    marks = {name: micros(at) for name, at in ticket.milestones.items()}
    received = marks.get("received") or marks.get("opened") or micros(ticket.updated_at) or micros(event.at)
    if not received:
        raise Refused("The ticket has no milestone received.", field="ticket.milestones")
    snapshot = Snapshot(
        ticket.version,
        ticket.profile,
        ticket.channel,
        ticket.type,
        ticket.grade,
        ticket.state,
        ticket.phase,
        ticket.team,
        ticket.assignee,
        ticket.path,
        received,
        marks.get("resolved", 0),
        marks.get("closed", 0),
        ticket.cycle,
        ticket.hand_backs,
        ticket.repeat_contacts,
        ticket.dispatches,
        ticket.callback,
        ticket.title,
        ticket.entry,
        _neutral(ticket.neutral_type),
        json.dumps(dict(ticket.fields), ensure_ascii=False, sort_keys=True) if ticket.fields else "",
    )
    return nothing_known(ticket.number)._replace(
        snapshot=snapshot, dispatches=_dispatches(event, marks), undertakers=_undertakers(event)
    )


def _undertakers(event: TicketEvent) -> tuple[str, ...]:
    """The team whose member holds it, once it was accepted or begun (C26)."""
    ticket = event.ticket
    begun = event.event == "claimed" or "accepted" in ticket.milestones or "started" in ticket.milestones
    held = ticket.phase == Phase.PHASE_OPEN and ticket.assignee and ticket.team
    return (ticket.team,) if begun and held else ()


def _neutral(number: int) -> str:
    return (
        NeutralType.Name(NeutralType.ValueType(number)).removeprefix("NEUTRAL_TYPE_").lower()
        if (number and number in NeutralType.values())
        else ""
    )


def sla_facts(event: SlaEvent, *, warned: bool) -> Facts | None:
    """Every clock that ended, and the one warned of. A first arming changes no figure: None."""
    outcomes: dict[str, ClockOutcome] = {}
    for clock in (*event.clocks, event.clock) if event.HasField("clock") else event.clocks:
        if clock.clock == PROMISE and not clock.commitment.owner:
            # Whose it is stands in the events about it, not where it is only listed.
            continue
        outcome = clock_outcome(
            event.ticket_version,
            clock.status,
            clock.limit_seconds,
            clock.used_seconds,
            micros(clock.due_at),
            micros(clock.stopped_at),
            clock.grade,
            clock.commitment.owner,
            clock.commitment.measure,
        )
        if outcome is not None:
            key = f"{clock.clock}/{clock.cycle}/{clock.generation}"
            outcomes[key] = max(outcomes[key], outcome) if key in outcomes else outcome
    # A measure owed after the work is done puts its ticket at no risk (H17).
    at_risk = warned and not event.clock.commitment.measure
    marks = (f"{event.clock.clock}/{event.clock.cycle}/{event.clock.generation}",) if at_risk else ()
    if not outcomes and not marks:
        return None
    return nothing_known(_number(event.ticket.number))._replace(outcomes=outcomes, warned=marks)


def escalation_facts(event: EscalationEvent) -> Facts | None:
    """That a chain was begun because of a limit; an alarm is no breach."""
    if event.alarm:
        return None
    return nothing_known(_number(event.ticket.number))._replace(escalations=(event.escalation_id,))


def callback_facts(event: CallbackEvent) -> Facts:
    """The task as it stands: part of its ticket's facts, or facts of its own for a missed call."""
    task = event.task
    if not task.task_id:
        raise Refused("A callback event carries its task, with task_id.", field="task.task_id")
    satisfied = int(task.satisfied) if task.HasField("satisfied") else -1
    callback = Callback(
        task.version,
        task.ticket.profile,
        task.status,
        micros(task.opened_at),
        micros(task.completed_at),
        task.scale,
        task.satisfaction,
        satisfied,
    )
    return nothing_known(task.ticket.number or task.task_id)._replace(callbacks={task.task_id: callback})


def contact_of(event: ContactRecorded) -> Contact:
    """The contact as it stands (A16)."""
    if not event.contact_id or not event.HasField("started_at"):
        raise Refused("A contact has contact_id and started_at.", field="started_at")
    return Contact(
        event.version,
        event.contact_id,
        event.profile,
        event.channel,
        micros(event.started_at),
        micros(event.answered_at),
        micros(event.ended_at),
        event.abandoned,
        event.to_human,
        event.missed,
        event.agent,
        event.disposition,
        event.ticket,
    )


def _dispatches(event: TicketEvent, marks: Mapping[str, int]) -> dict[str, Dispatch]:
    ticket = event.ticket
    # A rejection takes the milestone back, and is the last event that tells of this dispatch.
    at = marks.get("dispatched", 0) or _taken_back(event, "dispatched")
    # A reopened ticket has lost the milestones of its last dispatch: then it tells nothing new about it.
    if not ticket.dispatches or not at:
        return {}
    taken_on = any(marks.get(name, 0) >= at for name in _TAKEN_ON)
    return {str(ticket.dispatches): Dispatch(ticket.version, at, ticket.failed_dispatches, int(taken_on))}


def _taken_back(event: TicketEvent, milestone: str) -> int:
    told = next((change.old for change in event.changes if change.field == f"milestones.{milestone}"), "")
    try:
        return round(datetime.fromisoformat(told).timestamp() * 1_000_000) if told else 0
    except ValueError as error:
        raise Refused(f'"{told}" is no instant; write it as ISO 8601.', field="changes") from error


def _number(number: str) -> str:
    if not number:
        raise Refused("The event names no ticket.", field="ticket.number")
    return number


def _as(cls: type[M], decode: Callable[[type[Message]], Message]) -> M:
    message = decode(cls)
    assert isinstance(message, cls)  # noqa: S101 - decode gives what it was asked for
    return message
