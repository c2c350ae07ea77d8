"""Between the nouns of this service and the messages of the contracts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.callbacks.model import Task, Who, Word
from services.callbacks.policy import TicketFacts
from services.contracts.deskstream.v1 import callbacks_pb2 as pb
from services.contracts.deskstream.v1 import common_pb2, intake_pb2, sla_pb2, ticket_pb2, watch_pb2
from services.profile.schema import Question

Named = Callable[[str, str, str, int], str]
"""Id of a message from its cause, routing key, subject and ordinal (runtime.message.event_id)."""

_PHASES = {
    ticket_pb2.PHASE_OPEN: "open",
    ticket_pb2.PHASE_RESOLVED: "resolved",
    ticket_pb2.PHASE_CLOSED: "closed",
    ticket_pb2.PHASE_CANCELLED: "cancelled",
}
_STATUS = {
    "due": pb.CALLBACK_STATUS_DUE,
    "calling": pb.CALLBACK_STATUS_CALLING,
    "rescheduled": pb.CALLBACK_STATUS_RESCHEDULED,
    "completed": pb.CALLBACK_STATUS_COMPLETED,
    "unreachable": pb.CALLBACK_STATUS_UNREACHABLE,
    "cancelled": pb.CALLBACK_STATUS_CANCELLED,
}


def facts_of(ticket: ticket_pb2.Ticket) -> TicketFacts:
    """What the policy reads of a ticket."""
    return TicketFacts(
        number=ticket.number,
        cycle=ticket.cycle,
        path=ticket.path,
        phase=_PHASES.get(ticket.phase, "new"),  # type: ignore[arg-type]  # the table holds only phases
        complaint=ticket.neutral_type == common_pb2.NEUTRAL_TYPE_COMPLAINT,
        milestones=frozenset(ticket.milestones),
    )


def brief_of(ticket: ticket_pb2.Ticket) -> bytes:
    """The ticket in short, as every callback message carries it."""
    return sla_pb2.TicketBrief(
        number=ticket.number,
        profile=ticket.profile,
        title=ticket.title,
        grade=ticket.grade,
        priority=ticket.priority,
        team=ticket.team,
        assignee=ticket.assignee,
        project_manager=ticket.project_manager,
        project=ticket.project,
        channel=ticket.channel,
        requester=ticket.requester,
        state=ticket.state,
        type=ticket.type,
        path=ticket.path,
        accused=ticket.accused,
    ).SerializeToString()


def accused_of(task: Task) -> str:
    """Whom the requester complains about, by id or by name; empty for most."""
    return sla_pb2.TicketBrief.FromString(task.brief).accused


def owed_by(event: ticket_pb2.TicketEvent) -> tuple[bool, datetime | None]:
    """Whether the event's record owes the requester a call, and until when if it says so (E20, C20)."""
    kind = {"call_owed": "call_owed", "call_transferred": "transfer"}.get(event.event, "")
    for record in event.ticket.records:
        if record.kind != kind:
            continue
        if kind == "transfer":
            return record.values.get("result") == "failed", None
        try:
            return True, datetime.fromisoformat(record.values.get("until", ""))
        except ValueError:
            return True, None
    return False, None


def brief_of_owed(ticket: ticket_pb2.Ticket) -> bytes:
    """Whom to call about which ticket. Not under the ticket's number: this call confirms no solution (F5, N3)."""
    who = ticket.requester
    return sla_pb2.TicketBrief(
        profile=ticket.profile,
        title=f"{ticket.number} {ticket.title}".strip(),
        channel=ticket.channel,
        priority=ticket.priority,
        accused=ticket.accused,
        requester=common_pb2.Requester(name=who.name, phone=who.phone, im=who.im, language=who.language),
    ).SerializeToString()


def brief_of_call(contact: intake_pb2.ContactRecorded, profile: str) -> bytes:
    """A missed call has no ticket: whom to call is all there is (5.7)."""
    return sla_pb2.TicketBrief(
        profile=profile, channel=contact.channel, requester=common_pb2.Requester(phone=contact.caller)
    ).SerializeToString()


def brief_of_contact(contact: watch_pb2.OwedContact) -> bytes:
    """Whom to call after an outage. Not under a ticket's number: this call confirms no solution (F5, N3)."""
    return sla_pb2.TicketBrief(
        profile=contact.profile,
        title=contact.title,
        channel=contact.channel,
        accused=contact.accused,
        requester=contact.requester,
    ).SerializeToString()


def message_of(task: Task, *, private: bool) -> pb.CallbackTask:
    """The task as a message; notes of attempts and how to call only where a person asked for the task (P14)."""
    brief = sla_pb2.TicketBrief.FromString(task.brief)
    if not private:
        for field in ("phone", "im", "department"):
            brief.requester.ClearField(field)
    told = pb.CallbackTask(
        task_id=task.id,
        version=task.version,
        kind=task.kind,
        ticket=brief,
        status=_STATUS[task.status],
        opened_at=stamp(task.opened_at),
        due_at=stamp(task.due_at),
        not_before=stamp(task.not_before),
        attempts=[
            pb.Attempt(at=stamp(one.at), outcome=one.outcome, by=_actor(one.by), note=one.note if private else "")
            for one in task.attempts
        ],
        roles=task.roles,
        completed_at=stamp(task.completed_at),
        completed_by=_actor(task.completed_by) if task.completed_by else None,
        scale=task.scale,
    )
    if task.verdict is not None:
        told.answers.extend(pb.Answer(question=one.question, value=one.value) for one in task.verdict.answers)
        told.satisfaction = task.verdict.satisfaction
        if task.verdict.solved is not None:
            told.solved = task.verdict.solved
        if task.verdict.satisfied is not None:
            told.satisfied = task.verdict.satisfied
    return told


def word_about(
    task: Task, key: str, by: Who, at: datetime, named: Named, *, cause: str = "", traceparent: str = ""
) -> Word:
    """The message `key` about the task as it stands. Its id comes from the task and its version alone, so that whoever
    brings the step about, and however often, says the same message."""
    event = pb.CallbackEvent(
        event=key.partition(".")[2], task=message_of(task, private=False), actor=_actor(by), at=stamp(at)
    )
    return Word(
        id=named(task.id, key, task.number, task.version),
        key=key,
        body=event.SerializeToString(deterministic=True),
        at=at,
        cause=cause,
        actor=by.id,
        traceparent=traceparent,
    )


def question_of(question: Question, language: str) -> pb.Question:
    """A question as a page or a desk shows it."""
    return pb.Question(
        key=question.key,
        label=question.label.in_language(language),
        kind=question.kind,
        options=[option.key for option in question.options],
        option_labels=[option.label.in_language(language) for option in question.options],
        required=question.required,
        min=question.min,
        max=question.max,
    )


def stamp(at: datetime | None) -> Timestamp | None:
    """A protobuf timestamp; None stays unset."""
    if at is None:
        return None
    told = Timestamp()
    told.FromDatetime(at)
    return told


def _actor(who: Who) -> common_pb2.Actor:
    return common_pb2.Actor(id=who.id, role=who.role)
