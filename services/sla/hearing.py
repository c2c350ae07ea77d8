"""From a ticket.* message to what it tells about time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import common_pb2, sla_pb2, ticket_pb2
from services.kernel.clock import to_milliseconds
from services.kernel.errors import Missing, Refused
from services.runtime.message import Heard
from services.sla.handlers import RulesFor
from services.sla.model import Moment, News, Regrade, TakenBack

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED = (ticket_pb2.PHASE_CLOSED, ticket_pb2.PHASE_CANCELLED)
_CHANNELS = {number: name.removeprefix("CHANNEL_").lower() for name, number in common_pb2.Channel.items() if number}
_TYPES = {
    number: name.removeprefix("NEUTRAL_TYPE_").lower() for name, number in common_pb2.NeutralType.items() if number
}
_MILESTONE = "milestones."
FIELD = "fields."
"""Before the name of an extra field among the traits."""
CONTACT_JOINED = "contact_joined"
"""What the trail calls a further contact of the requester, which the stream says as an update by the platform."""

Causes = Mapping[tuple[str, str], str]
"""Ticket number and cause of an effect -> id of the message that was the cause."""


def hear_all(batch: Iterable[Heard], rules_for: RulesFor) -> tuple[list[News], Causes]:
    """The news of a batch and who told them; a message that tells none is refused alone."""
    found: list[News] = []
    causes: dict[tuple[str, str], str] = {}
    for heard in batch:
        try:
            event = heard.decode(ticket_pb2.TicketEvent)
            rules = rules_for(event.ticket.profile, event.ticket.profile_version)
            news = news_of(event, rules.choices)
        except Refused as refused:
            heard.refuse(refused)
        except Missing as missing:
            heard.refuse(Refused(missing.message, field="ticket.profile"))
        else:
            found.append(news)
            causes[news.number, f"v{news.version}"] = heard.id
    return found, causes


def news_of(event: ticket_pb2.TicketEvent, choices: Collection[str] = ()) -> News:
    """What a ticket event tells about time. Instants are cut to milliseconds, as MongoDB keeps them.

    `choices`: extra fields with a list of choices; conditions may ask for them, and no other field is kept.
    """
    ticket = event.ticket
    if not ticket.number or ticket.version < 1:
        raise Refused("A ticket event needs the ticket's number and a version from 1 up.", field="ticket.number")
    updated = instant(ticket.updated_at) if ticket.HasField("updated_at") else instant(event.at)
    traits = {
        "type": ticket.type,
        "neutral_type": _TYPES.get(ticket.neutral_type, ""),
        "entry": ticket.entry,
        "channel": _CHANNELS.get(ticket.channel, ""),
        "project": ticket.project,
        "unit": ticket.requester.unit,
        "customer": ticket.requester.id,
        "path": ticket.path,
        "flow": ticket.flow,
        "backfilled": "true" if ticket.backfilled else "",
        "major": ticket.fields.get("major", ""),
    }
    for name in choices:
        traits[FIELD + name] = ticket.fields.get(name, "")
    regrade = next((each for each in event.changes if each.field == "grade" and each.old != each.new), None)
    return News(
        number=ticket.number,
        version=ticket.version,
        profile=ticket.profile,
        profile_version=ticket.profile_version,
        grade=ticket.grade,
        ended=ticket.phase in _ENDED,
        cycle=ticket.cycle,
        milestones={name: instant(at) for name, at in ticket.milestones.items()},
        updated_at=updated,
        traits={name: value for name, value in traits.items() if value},
        regrade=Regrade(ticket.version, regrade.old, regrade.new, instant(event.at)) if regrade else None,
        taken_back=tuple(_taken_back(event)),
        team=ticket.team,
        promised_at=instant(ticket.promised_at) if ticket.HasField("promised_at") else None,
        moment=_moment(event, updated),
        brief=_brief(ticket).SerializeToString(deterministic=True),
    )


def _moment(event: ticket_pb2.TicketEvent, updated: datetime) -> Moment:
    """The version as the trail keeps it."""
    ticket = event.ticket
    joined = event.action == "join"
    return Moment(
        version=ticket.version,
        at=instant(event.at) if event.HasField("at") else updated,
        cycle=ticket.cycle,
        event=CONTACT_JOINED if joined else event.event,
        state=ticket.state,
        team=ticket.team,
        by="customer" if joined else _by(event.actor),
        record=next((each.new for each in event.changes if each.field == "record" and each.new), ""),
        flags=tuple(sorted(name for name, value in ticket.fields.items() if value == "true")),
        promised_at=instant(ticket.promised_at) if ticket.HasField("promised_at") else None,
    )


def _by(actor: common_pb2.Actor) -> str:
    """Customer, staff or system. What nobody signed was done by the platform."""
    if actor.role == "requester":
        return "customer"
    if actor.role in ("", "system") or actor.id.startswith("service:"):
        return "system"
    return "staff"


def _taken_back(event: ticket_pb2.TicketEvent) -> Iterator[TakenBack]:
    for change in event.changes:
        if change.field.startswith(_MILESTONE) and change.old and not change.new:
            try:
                was = datetime.fromisoformat(change.old).astimezone(UTC)
            except ValueError as error:
                raise Refused(f'"{change.old}" is no instant; write it as ISO 8601.', field="changes") from error
            name = change.field.removeprefix(_MILESTONE)
            yield TakenBack(event.ticket.version, event.ticket.cycle, name, to_milliseconds(was), instant(event.at))


def _brief(ticket: ticket_pb2.Ticket) -> sla_pb2.TicketBrief:
    who = ticket.requester
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
        # Whom a notice to the requester reaches; how to call them is nobody's business on these events (O11, P14).
        requester=common_pb2.Requester(
            id=who.id, name=who.name, unit=who.unit, email=who.email, language=who.language, external=who.external
        ),
        state=ticket.state,
        type=ticket.type,
        path=ticket.path,
        accused=ticket.accused,
    )


def instant(at: Timestamp) -> datetime:
    """In UTC, to the millisecond, as instants come back from the database."""
    return _EPOCH + timedelta(0, at.seconds, at.nanos // 1_000_000 * 1000)
