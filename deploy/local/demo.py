"""`make demo`: one working day of a desk on the real platform, then every ticket and the KPI report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local.play.day import CHINA, MANAGER, Day
from deploy.local.play.stage import Stage
from deploy.local.run_folder import RUN, held
from services.contracts.deskstream.v1 import reporting_pb2 as reporting
from services.contracts.deskstream.v1.common_pb2 import Channel

DESKS = ("itss_desk", "generic_desk")
HEADS = (
    *("number", "channel", "grade", "state", "received → resolved → closed"),
    *("warned", "broken", "escalated", "back", "cycle", "callback", "rating"),
)
WIDTH = 150
"""Columns that the widest table needs; a narrower terminal wraps lines rather than cutting words."""


def main(arguments: list[str]) -> int:
    """Plays the day in `.run/demo`, which is begun anew each time; 0 when every act came to its end."""
    console = Console(highlight=False, width=max(WIDTH, shutil.get_terminal_size().columns))
    began = time.monotonic()
    folder = RUN / "demo"
    with held(RUN, "demo"):
        shutil.rmtree(folder, ignore_errors=True)
        console.rule("[bold]Deskstream: a working day of a service desk")
        with Stage(folder, say=console.print) as stage:
            day = Day(stage, lambda line: console.print(f"  [dim]{day.local():%H:%M}[/dim] {line}"))
            try:
                _play(day, console)
                _show(day, console)
            finally:
                day.close()
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"The demo took {time.monotonic() - began:.0f} s; nothing is left running.")
    return 0


def _play(day: Day, console: Console) -> None:
    acts: list[tuple[str, Callable[[], object]]] = [
        ("the clock moves to the next working morning", day.begin),
        ("phone, e-mail, web and IM bring requests", day.morning),
        ("calls without a ticket", day.other_calls),
        ("an answer by mail joins its ticket", day.a_mail_answered),
        ("the desk grades and tries", day.triage),
        ("the desk solves one online", day.solve_online),
        ("an engineer solves one", day.solve_dispatched),
        ("one is forgotten: warning, breach, escalation", day.neglect),
        ("the forgotten one is rescued", day.rescue),
        ("one is handed back, reopened, solved again", day.hand_back),
        ("a portal publishes to the stream", day.afternoon),
        ("the reports catch up", day.settled),
        ("an alarm is given to the emergency seat", day.alarm),
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("the day", total=len(acts))
        for title, act in acts:
            progress.update(task, description=title)
            act()
            progress.advance(task)


def _show(day: Day, console: Console) -> None:
    period = f"{day.local():%Y-%m}"
    for desk in DESKS:
        _show_tickets(day, console, desk, period)
    for desk in DESKS:
        _show_report(day, console, desk, period)
    _show_targets(day, console, "itss_desk")
    sent = day.until("the messages", lambda: len(day.stage.mail.messages))
    console.print(f"{sent} mails were sent to requesters and staff.\n")
    _show_supposed(day, console)
    number = day.numbers["monitoring"]
    console.print(f"Why ticket {number} went where it is:")
    console.print(f"  {day.explanation(number)}\n")
    number = day.numbers["phone"]
    console.print(f"The history of ticket {number}, which was handed back and reopened; {day.verdict(number)}:")
    for line in day.history(number):
        console.print(f"  {line}")


def _show_supposed(day: Day, console: Console) -> None:
    supposing, today = day.suppose(), f"{day.local():%Y-%m-%d}"
    changes = "two hours to respond instead of 30 minutes, and 20 minutes to decide instead of two hours"
    console.print(f"What if the desk had had {changes}?")
    for line in supposing.what_if_told(today, today):
        console.print(f"  {line}", markup=False)
    console.print(f"Clocks from the log of the stream alone: {supposing.replayed()}\n")


def _show_tickets(day: Day, console: Console, desk: str, period: str) -> None:
    asked = reporting.ListRecordsRequest(profile=desk, period=period, kpi="volume", page_size=100)
    table = Table(title=f"What happened to every ticket of {desk}")
    for head in HEADS:
        table.add_column(head, no_wrap=head in ("number", "received → resolved → closed", "rating"))
    lines = day.staff(MANAGER).reporting.ListRecords(asked).lines
    for line in sorted(lines, key=lambda line: line.received_at.ToNanoseconds()):
        table.add_row(
            line.number,
            Channel.Name(line.channel).removeprefix("CHANNEL_").lower(),
            line.grade,
            line.state,
            _times(line),
            *(str(count) if count else "" for count in (line.warnings, line.breaches, line.escalations)),
            str(line.hand_backs or ""),
            str(line.cycle + 1),
            line.callback,
            line.satisfaction,
        )
    console.print(table)


def _times(line: reporting.TicketLine) -> str:
    ends = (line.resolved_at, line.closed_at)
    told = [_clock(line.received_at.ToDatetime(tzinfo=UTC))]
    told += [_clock(end.ToDatetime(tzinfo=UTC)) for end in ends if end.seconds]
    return " → ".join(told)


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(CHINA):%H:%M}"


def _show_report(day: Day, console: Console, desk: str, period: str) -> None:
    asked = reporting.GetReportRequest(profile=desk, period=period, language="en")
    told = day.staff(MANAGER).reporting.GetReport(asked)
    table = Table(
        title=f"KPI report of {desk}, {told.period.label}{' (part of the period)' if told.period.part else ''}"
    )
    for head in ("figure", "value", "numerator", "denominator", "formula"):
        table.add_column(head, justify="left" if head in ("figure", "formula") else "right")
    for kpi in told.kpis:
        value = f"{kpi.value} {kpi.unit}" if kpi.value else "no data"
        table.add_row(kpi.name, value, f"{kpi.numerator:g}", f"{kpi.denominator:g}", kpi.formula)
    console.print(table)
    shares = ", ".join(f"{share.key} {share.count} ({share.percent})" for share in told.shares if share.by == "channel")
    console.print(f"{told.tickets} tickets and {told.contacts} contacts; by channel: {shares}\n")


def _show_targets(day: Day, console: Console, desk: str) -> None:
    """The figures that the rule book sets a target for, each over the periods it is judged in (N2, N3)."""
    local = day.local()
    labels = (f"{local:%Y}-Q{(local.month + 2) // 3}", f"{local:%Y}-H{1 if local.month < 7 else 2}", f"{local:%Y}")
    table = Table(title=f"Targets of {desk}")
    for head in ("period", "figure", "value", "target", "verdict"):
        table.add_column(head)
    for label in labels:
        asked = reporting.GetReportRequest(profile=desk, period=label, language="en")
        for kpi in day.staff(MANAGER).reporting.GetReport(asked).kpis:
            if kpi.target:
                table.add_row(label, kpi.name, f"{kpi.value} {kpi.unit}", kpi.target, kpi.verdict)
    console.print(table)
