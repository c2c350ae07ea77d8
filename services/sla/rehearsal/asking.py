"""The servers of clocks as the command line asks them, and their answers as an operator reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from services.contracts.deskstream.v1 import clocks_pb2, sla_pb2
from services.contracts.deskstream.v1.clocks_pb2_grpc import ClockServiceStub
from services.contracts.deskstream.v1.sla_pb2_grpc import SlaServiceStub
from services.kernel.errors import Refused
from services.runtime.calls import channel, own_token
from services.runtime.settings import Settings

_PAGE = 500


def asked(token: str, question: Callable[[Desk], None]) -> None:
    """Asks and prints; what the servers refuse is one sentence and ends with 1."""
    settings = Settings()
    with channel(settings.target("sla"), token or own_token(settings)) as line:
        try:
            question(Desk(line, Console(soft_wrap=True)))
        except grpc.RpcError as error:
            typer.echo(_sentence(error, settings), err=True)
            raise typer.Exit(1) from None


class Desk:
    """What can be asked."""

    def __init__(self, line: grpc.Channel, console: Console) -> None:
        self._sla: Any = SlaServiceStub(line)
        self._clocks: Any = ClockServiceStub(line)
        self._console = console

    def clocks(self, number: str) -> None:
        """The clocks of a ticket."""
        told = self._sla.GetClocks(sla_pb2.GetClocksRequest(number=number))
        self._table("Clocks", told.clocks)
        for pause in told.pauses:
            until = _at(pause.until) if pause.HasField("until") else "now"
            self._say(f"held: {pause.clock or 'every clock'} {_at(pause.since)} to {until}, {pause.reason} {pause.by}")
        for promised in told.commitments:
            self._say(f"promised: {promised.kind} {promised.text} by {_at(promised.due_at)}: {promised.status}")
        for each in told.escalations:
            state = "ended" if each.ended else "acknowledged" if each.acknowledged else "open"
            self._say(f"escalation {each.escalation_id}: rung {each.rung}, {each.role}, {state}")
        for laid in told.recalculations:
            self._say(
                f"recalculated {_at(laid.at)} by {laid.by}: {laid.old_version} -> {laid.new_version}, {laid.reason}"
            )
        self._say(f"policy {told.policy_version}")

    def at_risk(self, minutes: int, team: str, families: Sequence[str], names: Sequence[str]) -> None:
        """Clocks overdue or soon due."""
        request = sla_pb2.ListAtRiskRequest(
            within_seconds=minutes * 60, team=team, page_size=_PAGE, families=families, clocks=names
        )
        table = Table("Ticket", "Grade", "Team", "Assignee", "Clock", "Due", "Left")
        for each in self._sla.ListAtRisk(request).items:
            brief = each.ticket
            left = length(each.remaining_seconds)
            table.add_row(
                brief.number, brief.grade, brief.team, brief.assignee, each.clock.clock, _at(each.clock.due_at), left
            )
        self._print(table)

    def open(self, team: str, assignee: str) -> None:
        """Every open ticket."""
        table = Table("Ticket", "Age", "Grade", "Team", "Assignee", "Next", "Due", "Standing", "Breaches")
        for each in self._open(team, assignee):
            brief, named = each.ticket, each.HasField("next")
            table.add_row(
                brief.number,
                length(each.age_seconds),
                brief.grade,
                brief.team,
                brief.assignee,
                each.next.clock if named else "",
                _at(each.next.due_at) if named else "",
                each.standing,
                str(each.breaches),
            )
        self._print(table)

    def preview(self, profile: str, clock: str, grade: str, start: str, facts: Sequence[str]) -> None:
        """When a clock would be due."""
        pairs = [each.partition("=") for each in facts]
        request = sla_pb2.PreviewDeadlineRequest(
            profile=profile, clock=clock, grade=grade, facts={name: value for name, _, value in pairs}
        )
        if start:
            request.start.CopyFrom(_instant(start))
        told = self._sla.PreviewDeadline(request)
        self._say(f"due {_at(told.due_at)}: {length(told.limit_seconds)} of calendar {told.calendar}")
        for step in told.steps:
            self._say(f"  {step.step} {_at(step.at)}")
        if told.warning:
            self._say(told.warning)

    def acknowledge(self, escalation: str, reason: str) -> None:
        """Takes an escalation up."""
        told = self._sla.Acknowledge(sla_pb2.AcknowledgeRequest(escalation_id=escalation, reason=reason)).escalation
        self._say(f"{told.escalation_id} is acknowledged by {told.acknowledged_by.id}.")

    def pause(self, number: str, clock: str, reason: str) -> None:
        """Holds a clock."""
        request = clocks_pb2.PauseClockRequest(number=number, clock=clock, reason=reason, idempotency_key=uuid4().hex)
        told = self._clocks.PauseClock(request)
        until = f" until {_at(told.pause.until)} at the longest" if told.pause.HasField("until") else ""
        self._say(f"{told.pause.clock or 'Every clock that may be held'} is held{until}.")
        self._table("Clocks", told.clocks)

    def resume(self, number: str, clock: str) -> None:
        """Lets what is held go on."""
        request = clocks_pb2.ResumeClockRequest(number=number, clock=clock, idempotency_key=uuid4().hex)
        self._table("Clocks", self._clocks.ResumeClock(request).clocks)

    def recalculate(self, numbers: Sequence[str], profile: str, reason: str, *, dry_run: bool) -> None:
        """Lays the policy in force under tickets, or shows what that would change."""
        found = numbers or [each.ticket.number for each in self._open("", "") if each.ticket.profile == profile]
        changed = 0
        table = Table("Ticket", "Clock", "Due before", "Due after", "Before", "After")
        for number in found:
            request = clocks_pb2.RecalculateRequest(
                number=number, reason=reason, dry_run=dry_run, idempotency_key=uuid4().hex
            )
            told = self._clocks.Recalculate(request)
            changed += told.changed
            for each in told.recalculation.changes:
                was, now = each.HasField("before"), each.HasField("after")
                table.add_row(
                    number,
                    (each.after if now else each.before).clock,
                    _at(each.before.due_at) if was else "none",
                    _at(each.after.due_at) if now else "none",
                    _status(each.before) if was else "",
                    _status(each.after) if now else "",
                )
        if table.row_count:
            self._print(table)
        done = "would be recalculated" if dry_run else "recalculated"
        self._say(f"{changed} of {len(found)} ticket(s) {done}; the others are judged by the policy in force already.")

    def differences(self, profile: str, old: str, new: str) -> None:
        """What two versions of a policy differ in."""
        request = clocks_pb2.DiffPolicyRequest(profile=profile, old_version=old, new_version=new)
        told = self._clocks.DiffPolicy(request)
        self._say(f"{profile}: {told.old_version} -> {told.new_version}, {len(told.differences)} difference(s)")
        for each in told.differences:
            self._say(f"{each.field}: {each.old or 'none'} -> {each.new or 'none'}")

    def _open(self, team: str, assignee: str) -> Iterator[clocks_pb2.OpenTicket]:
        place = ""
        while True:
            request = clocks_pb2.ListOpenRequest(team=team, assignee=assignee, page_size=_PAGE, page_token=place)
            told = self._clocks.ListOpen(request)
            yield from told.tickets
            place = told.next_page_token
            if not place:
                return

    def _table(self, title: str, clocks: Sequence[sla_pb2.ClockState]) -> None:
        table = Table("Clock", "Cycle", "Status", "Due", "Used", "Limit", "Left", "Note", title=title)
        table.title_justify = "left"
        for each in clocks:
            figures = (length(each.used_seconds), length(each.limit_seconds), length(each.remaining_seconds))
            table.add_row(each.clock, str(each.cycle), _status(each), _at(each.due_at), *figures, each.note)
        self._print(table)

    def _print(self, table: Table) -> None:
        self._console.print(table)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)


def length(seconds: float) -> str:
    """Seconds as people read them: "2d 3h", "-12m", "40s"."""
    whole, sign = abs(int(seconds)), "-" if seconds <= -1 else ""
    days, rest = divmod(whole, 86_400)
    parts = ((days, "d"), (rest // 3600, "h"), (rest % 3600 // 60, "m"), (rest % 60, "s"))
    told = [f"{count}{unit}" for count, unit in parts if count]
    return sign + (" ".join(told[:2]) or "0s")


def _status(clock: sla_pb2.ClockState) -> str:
    return sla_pb2.ClockStatus.Name(clock.status).removeprefix("CLOCK_STATUS_").lower()


def _at(at: Timestamp) -> str:
    return f"{at.ToDatetime(tzinfo=UTC):%Y-%m-%d %H:%M:%S} UTC"


def _instant(text: str) -> Timestamp:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f'"{text[:30]}" is no instant; write it as 2026-11-20T16:00:00+08:00.', field="start") from None
    if at.tzinfo is None:
        raise Refused("The start needs its zone, as 2026-11-20T16:00:00+08:00.", field="start")
    told = Timestamp()
    told.FromDatetime(at)
    return told


def _sentence(error: grpc.RpcError, settings: Settings) -> str:
    """What the server said; its own words are sentences with a remedy, gRPC's are not."""
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return f"The clocks do not answer at {settings.target('sla')}; start the server or set DESKSTREAM_GRPC_TARGET."
    return str(error.details())
