"""Rosters between our values and the contracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import roster_pb2 as pb
from services.contracts.deskstream.v1.common_pb2 import Actor
from services.directory import roster_policy as policy
from services.directory.roster_model import Book, Handover, LogEntry, Request, Step
from services.directory.roster_months import this_month
from services.profile.load import LoadedProfile
from services.profile.shifts import Work, judge, rules_of


def month_of(loaded: LoadedProfile, book: Book, now: datetime) -> pb.MonthRoster:
    """A month as it stands, with what stands against it."""
    rules, zone = rules_of(loaded.profile), ZoneInfo(loaded.profile.profile.timezone)
    verdict = judge(loaded.profile, book.year, book.number, book.work) if book.state != "none" else None
    due = policy.due_at(rules, book.month, zone)
    running = book.state == "filed" and book.month <= this_month(loaded, now)
    return pb.MonthRoster(
        profile=book.profile,
        month=book.month,
        version=book.version,
        state="in_force" if running else book.state,
        shifts=[shift_of(each) for each in book.work],
        faults=verdict.faults if verdict else (),
        warnings=verdict.warnings if verdict else (),
        filed_at=stamp(book.filed_at) if book.filed_at else None,
        filed_by=book.filed_by,
        filed_version=book.filed_version,
        due_at=stamp(due),
        overdue=book.state != "filed" and now >= due,
        history=[entry_of(each) for each in book.history],
        vacancies=vacancies(loaded),
    )


def vacancies(loaded: LoadedProfile) -> dict[str, int]:
    """Posts of the establishment that nobody fills (编制, M29)."""
    held = Counter(role for person in loaded.profile.organisation.people for role in person.roles)
    wanted = rules_of(loaded.profile).establishment
    return {role: posts - held[role] for role, posts in wanted.items() if posts is not None and posts > held[role]}


def shift_of(work: Work) -> pb.RosterShift:
    """One person's shift."""
    return pb.RosterShift(
        day=work.day.isoformat(),
        shift=work.shift,
        pattern=work.pattern,
        person=work.person,
        post=work.post,
        start=Timestamp(seconds=work.start),
        end=Timestamp(seconds=work.end),
        key=work.key,
    )


def request_of(request: Request, private: bool) -> pb.RosterRequest:
    """A request; why, with what evidence and at what price only for those it concerns (`private`)."""
    place = request.id.split("/")
    return pb.RosterRequest(
        id=request.id,
        profile=place[0],
        month=place[1],
        kind=request.kind,
        person=request.person,
        other=request.other,
        start=Timestamp(seconds=request.start),
        end=Timestamp(seconds=request.end),
        shift=request.shift,
        other_shift=request.other_shift,
        state=request.state,
        steps=request.steps,
        flags=request.flags if private else (),
        deduction_yuan=request.deduction_yuan if private else 0,
        history=[entry_of(each, private) for each in request.history],
        reason=request.reason if private else "",
        evidence=request.evidence if private else "",
    )


def entry_of(step: Step, private: bool = True) -> pb.RosterEntry:
    """One line of a history."""
    actor = Actor(id=step.by, role=step.role)
    return pb.RosterEntry(at=stamp(step.at), actor=actor, what=step.what, why=step.why if private else "")


def handover_of(form: Handover) -> pb.Handover:
    """A handover."""
    return pb.Handover(
        id=form.id,
        profile=form.profile,
        shift=form.shift,
        giver=form.giver,
        taker=form.taker,
        open_tickets=form.open_tickets,
        commitments=form.commitments,
        emergencies=form.emergencies,
        given_at=stamp(form.given_at),
        taken_at=stamp(form.taken_at) if form.taken_at else None,
        late=form.late,
        version=form.version,
    )


def entries_of(entries: Sequence[LogEntry]) -> list[pb.DutyLogEntry]:
    """Entries of the duty log."""
    return [
        pb.DutyLogEntry(
            id=each.id,
            profile=each.profile,
            shift=each.shift,
            person=each.person,
            at=stamp(each.at),
            text=each.text,
            abnormal=each.abnormal,
            reported=each.reported,
        )
        for each in entries
    ]


def stamp(at: datetime) -> Timestamp:
    """An aware instant on the wire."""
    made = Timestamp()
    made.FromDatetime(at.astimezone(UTC))
    return made
