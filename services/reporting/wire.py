"""Answers in the words of the contracts."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import reporting_pb2 as pb
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.ticket_pb2 import Phase
from services.reporting.figures import Figure
from services.reporting.model import Contact, Facts
from services.reporting.queries import Line, Report, at
from services.reporting.wallboard import Board


def channel_name(number: int) -> str:
    """The channel as profiles write it: "phone", "im"; "unspecified" for none."""
    if number not in Channel.values():
        return f"channel_{number}"
    return Channel.Name(Channel.ValueType(number)).removeprefix("CHANNEL_").lower()


def report_answer(report: Report) -> pb.GetReportResponse:
    """A report as it is sent."""
    period = report.period
    answer = pb.GetReportResponse(
        profile=report.profile,
        period=pb.Period(
            kind=period.kind,
            first=period.first.isoformat(),
            last=period.last.isoformat(),
            label=period.label,
            part=report.part,
        ),
        kpis=[_kpi(figure) for figure in report.figures],
        shares=[pb.CategoryShare(by=s.by, key=s.key, count=s.count, percent=s.percent) for s in report.shares],
        tickets=report.tickets,
        contacts=report.contacts,
    )
    answer.computed_at.FromDatetime(report.computed_at)
    return answer


def line_answer(line: Line) -> pb.TicketLine:
    """A record behind a figure: a ticket, or a contact under its own id."""
    return ticket_line(line.of) if isinstance(line.of, Facts) else _contact_line(line.of)


def ticket_line(facts: Facts) -> pb.TicketLine:
    """A ticket as reports show it."""
    ticket = facts.snapshot
    if ticket is None:
        return pb.TicketLine(number=facts.number)
    return pb.TicketLine(
        number=facts.number,
        channel=Channel.ValueType(ticket.channel),
        type=ticket.type,
        grade=ticket.grade,
        state=ticket.state,
        phase=Phase.ValueType(ticket.phase),
        team=ticket.team,
        assignee=ticket.assignee,
        received_at=_stamp(ticket.received),
        resolved_at=_stamp(ticket.resolved),
        closed_at=_stamp(ticket.closed),
        breaches=sum(outcome.missed for outcome in facts.outcomes.values()),
        warnings=len(facts.warned),
        escalations=len(facts.escalations),
        callback=ticket.callback,
        satisfaction=satisfaction(facts),
        title=ticket.title,
        hand_backs=ticket.hand_backs,
        cycle=ticket.cycle,
    )


def satisfaction(facts: Facts) -> str:
    """The grade given last, empty when nobody rated."""
    rated = [task for task in facts.callbacks.values() if task.satisfaction]
    return max(rated, key=lambda task: (task.completed, task)).satisfaction if rated else ""


def board_answer(board: Board, answer: pb.Wallboard) -> pb.Wallboard:
    """Fills a wallboard."""
    answer.open = board.open
    answer.unassigned = board.unassigned
    answer.at_risk = board.at_risk
    answer.breached = board.breached
    answer.resolved_today = board.resolved_today
    answer.received_today = board.received_today
    answer.callbacks_due = board.callbacks_due
    answer.by_channel.update(board.by_channel)
    answer.by_team.update(board.by_team)
    answer.latest.extend(ticket_line(facts) for facts in board.latest)
    return answer


def _contact_line(contact: Contact) -> pb.TicketLine:
    return pb.TicketLine(
        number=contact.id,
        channel=Channel.ValueType(contact.channel),
        type=contact.disposition,
        state="abandoned" if contact.abandoned else "answered" if contact.answered else "",
        assignee=contact.agent,
        received_at=_stamp(contact.started),
        closed_at=_stamp(contact.ended),
        title=contact.ticket,
    )


def _kpi(figure: Figure) -> pb.Kpi:
    return pb.Kpi(
        key=figure.key,
        name=figure.name,
        formula=figure.formula,
        numerator=float(figure.numerator),
        denominator=float(figure.denominator),
        value=figure.value,
        unit=figure.unit,
        target=figure.target,
        verdict=figure.verdict,
        definition_version=figure.definition_version,
        trend=figure.trend,
    )


def _stamp(instant: int) -> Timestamp | None:
    if not instant:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at(instant))
    return stamp
