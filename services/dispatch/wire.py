"""Between the values of dispatch and the messages of the contracts; both ways, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, cast, get_args

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import common_pb2, intake_pb2, ticket_pb2
from services.dispatch import model

_CHANNELS = {name.removeprefix("CHANNEL_").lower(): number for name, number in common_pb2.Channel.items() if number}
_TYPES = {
    name.removeprefix("NEUTRAL_TYPE_").lower(): number for name, number in common_pb2.NeutralType.items() if number
}
_PHASES = {name.removeprefix("PHASE_").lower(): number for name, number in ticket_pb2.Phase.items() if number}
_CHANNEL_NAMES = {number: name for name, number in _CHANNELS.items()}
_TYPE_NAMES = {number: name for name, number in _TYPES.items()}
_PHASE_NAMES = {number: name for name, number in _PHASES.items()}

_SAME = (
    *("number", "version", "profile", "profile_version", "source_id", "type", "entry", "project", "title"),
    *("description", "impact_scope", "grade", "priority", "state", "team", "assignee", "project_manager", "engineer"),
    *("path", "cycle", "hand_backs", "dispatches", "failed_dispatches", "repeat_contacts", "solution", "steps"),
    *("remaining", "workaround", "backfilled", "callback", "accused"),
    *("flow", "lead_team", "impact", "urgency", "reassignments", "urges", "weight"),
)
"""Fields that are the same word and kind on both sides."""

_Instant = Literal["occurred_at", "updated_at", "promised_at", "attend_at", "waits_since"]
_INSTANTS: tuple[_Instant, ...] = get_args(_Instant)
"""Instants that may be absent on both sides."""

_REQUESTER = ("id", "name", "department", "unit", "phone", "email", "im", "external", "language")
_ATTACHMENT = ("name", "media_type", "size_bytes", "reference", "sha256")


def stamp(at: datetime) -> Timestamp:
    """An aware instant as protobuf has it."""
    seconds = at.timestamp()
    whole = int(seconds // 1)
    return Timestamp(seconds=whole, nanos=at.microsecond * 1000)


def instant(at: Timestamp) -> datetime:
    """A protobuf instant, aware in UTC, to the microsecond."""
    return datetime.fromtimestamp(at.seconds, UTC).replace(microsecond=at.nanos // 1000)


def ticket_to(ticket: model.Ticket) -> ticket_pb2.Ticket:
    """The ticket as the stream carries it."""
    made = ticket_pb2.Ticket(
        channel=cast("common_pb2.Channel.ValueType", _CHANNELS.get(ticket.channel, 0)),
        neutral_type=cast("common_pb2.NeutralType.ValueType", _TYPES.get(ticket.neutral_type, 0)),
        phase=cast("ticket_pb2.Phase.ValueType", _PHASES.get(ticket.phase, 0)),
        requester=common_pb2.Requester(**{name: getattr(ticket.requester, name) for name in _REQUESTER}),
        milestones={name: stamp(at) for name, at in ticket.milestones.items()},
        fields=dict(ticket.fields),
        attachments=[
            common_pb2.Attachment(**{name: getattr(attachment, name) for name in _ATTACHMENT})
            for attachment in ticket.attachments
        ],
        supporting_teams=ticket.supporting_teams,
        passed=ticket.passed,
        links=[_link_to(link) for link in ticket.links],
        records=[_record_to(record) for record in ticket.records],
        **{name: value for name in _SAME if (value := getattr(ticket, name))},
    )
    for name in _INSTANTS:
        if (at := getattr(ticket, name)) is not None:
            getattr(made, name).CopyFrom(stamp(at))
    if ticket.routing is not None:
        made.routing.CopyFrom(decision_to(ticket.routing))
    return made


def decision_to(decision: model.Decision) -> ticket_pb2.RoutingDecision:
    """The routing decision as the stream carries it."""
    return ticket_pb2.RoutingDecision(
        rule=decision.rule,
        team=decision.team,
        assignee=decision.assignee,
        reason=decision.reason,
        tried=decision.tried,
        facts=dict(decision.facts),
        at=stamp(decision.at),
        person_reason=decision.why_person,
        person_reason_en=decision.why_person_en,
        score=decision.score,
        tried_count=decision.tried_count,
        policy_version=decision.policy_version,
    )


def ticket_from(made: ticket_pb2.Ticket) -> model.Ticket:
    """The ticket as policy judges it."""
    return model.Ticket(
        channel=_CHANNEL_NAMES.get(made.channel, ""),
        neutral_type=_TYPE_NAMES.get(made.neutral_type, ""),
        phase=cast(Literal["new", "open", "resolved", "closed", "cancelled"], _PHASE_NAMES.get(made.phase, "new")),
        requester=_requester_from(made.requester),
        milestones={name: instant(at) for name, at in made.milestones.items()},
        fields=dict(made.fields),
        attachments=_attachments_from(made.attachments),
        supporting_teams=tuple(made.supporting_teams),
        passed=tuple(made.passed),
        links=tuple(_link_from(link) for link in made.links),
        records=tuple(_record_from(record) for record in made.records),
        occurred_at=_optional(made, "occurred_at"),
        updated_at=_optional(made, "updated_at"),
        promised_at=_optional(made, "promised_at"),
        attend_at=_optional(made, "attend_at"),
        waits_since=_optional(made, "waits_since"),
        routing=_decision_from(made.routing) if made.HasField("routing") else None,
        **{name: getattr(made, name) for name in _SAME},
    )


def _optional(made: ticket_pb2.Ticket, name: _Instant) -> datetime | None:
    return instant(getattr(made, name)) if made.HasField(name) else None


def _link_to(link: model.Link) -> ticket_pb2.Link:
    return ticket_pb2.Link(
        kind=link.kind, target=link.target, note=link.note, at=stamp(link.at) if link.at is not None else None
    )


def _link_from(made: ticket_pb2.Link) -> model.Link:
    return model.Link(made.kind, made.target, made.note, instant(made.at) if made.HasField("at") else None)


def _record_to(record: model.Record) -> ticket_pb2.Record:
    actor = common_pb2.Actor(id=record.by.id, role=record.by.role)
    return ticket_pb2.Record(kind=record.kind, at=stamp(record.at), actor=actor, values=record.values)


def _record_from(made: ticket_pb2.Record) -> model.Record:
    by = model.Actor(made.actor.id, made.actor.role)
    return model.Record(made.kind, instant(made.at), by, dict(made.values))


def _decision_from(made: ticket_pb2.RoutingDecision) -> model.Decision:
    return model.Decision(
        team=made.team,
        at=instant(made.at),
        rule=made.rule,
        assignee=made.assignee,
        reason=made.reason,
        tried=tuple(made.tried),
        facts=dict(made.facts),
        why_person=made.person_reason,
        why_person_en=made.person_reason_en,
        score=made.score,
        tried_count=made.tried_count,
        policy_version=made.policy_version,
    )


def _requester_from(made: common_pb2.Requester) -> model.Requester:
    return model.Requester(**{name: getattr(made, name) for name in _REQUESTER})


def _attachments_from(made: object) -> tuple[model.Attachment, ...]:
    files = cast("list[common_pb2.Attachment]", made)
    return tuple(model.Attachment(**{name: getattr(file, name) for name in _ATTACHMENT}) for file in files)


def request_from(received: intake_pb2.RequestReceived) -> model.Ticket:
    """A received request as the ticket it wants to become: version 0, not judged yet."""
    draft = received.draft
    return model.Ticket(
        number=received.number,
        profile=draft.profile,
        profile_version=received.profile_version,
        channel=_CHANNEL_NAMES.get(draft.channel, ""),
        source_id=draft.source_id,
        requester=_requester_from(draft.requester),
        type=draft.type,
        entry=draft.entry,
        project=draft.project,
        title=draft.title,
        description=draft.description,
        impact_scope=draft.impact_scope,
        occurred_at=instant(draft.occurred_at) if draft.HasField("occurred_at") else None,
        grade=draft.grade,
        attachments=_attachments_from(draft.attachments),
        fields=dict(draft.fields),
        backfilled=draft.backfilled,
        accused=draft.accused,
        links=_origin(received),
    )


def _origin(received: intake_pb2.RequestReceived) -> tuple[model.Link, ...]:
    """The ticket it came of (E11, C27)."""
    if not received.draft.HasField("origin"):
        return ()
    origin = received.draft.origin
    at = instant(received.received_at) if received.HasField("received_at") else None
    return (model.Link(origin.kind or "origin", origin.target, origin.note, at),)


def event_to(event: model.Event) -> ticket_pb2.TicketEvent:
    """Body of a ticket.* message."""
    return ticket_pb2.TicketEvent(
        event=event.name,
        action=event.action,
        actor=common_pb2.Actor(id=event.actor.id, role=event.actor.role),
        reason=event.reason,
        at=stamp(event.at),
        from_state=event.from_state,
        changes=[ticket_pb2.Change(field=change.field, old=change.old, new=change.new) for change in event.changes],
        ticket=ticket_to(event.ticket),
    )


def masked(ticket: ticket_pb2.Ticket) -> ticket_pb2.Ticket:
    """A copy without what identifies the requester, for callers who do not need it (P1)."""
    copy = ticket_pb2.Ticket()
    copy.CopyFrom(ticket)
    who = copy.requester
    for field in ("name", "phone", "email", "im"):
        text = getattr(who, field)
        if text:
            setattr(who, field, text[0] + "***")
    for name in ("description", "accused"):
        if getattr(copy, name):
            setattr(copy, name, "***")
    for link in copy.links:
        link.note = "***" if link.note else ""
    for record in copy.records:
        for field in list(record.values):
            record.values[field] = "***"
    for name in list(copy.fields):
        copy.fields[name] = told_masked(f"fields.{name}", copy.fields[name])
    return copy


_PLAIN = frozenset({"fields.major", "fields.entered_at", "fields.proposed_grade"})
_PLAIN_VALUES = frozenset({"", "true", "false", "yes", "no"})


def told_masked(field: str, text: str) -> str:
    """The value of a change as it is told to callers without need (P1); extra fields may say anything of anybody."""
    if field in ("description", "accused"):
        return "***" if text else ""
    if field == "links":
        kind, colon, _ = text.partition(": ")
        return f"{kind}: ***" if colon else text
    if not field.startswith("fields.") or field in _PLAIN or field.startswith("fields.answer."):
        return text
    return text if text in _PLAIN_VALUES else "***"
