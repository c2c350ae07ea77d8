"""`deskstream sla`: clocks as an operator works on them; judging anew what was, without writing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.kernel.errors import Refused
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.sla.rehearsal.asking import Desk

app = typer.Typer(help="Clocks of tickets.", no_args_is_help=True)

Token = Annotated[str, typer.Option(envvar="DESKSTREAM_TOKEN", help="Empty: the installation's own, which may read.")]
TOKEN = ""

Number = Annotated[str, typer.Argument(metavar="TICKET", help="Number of the ticket.")]
OneClock = Annotated[str, typer.Argument(metavar="CLOCK", help="Name of the clock; empty: every one.")]


def _ask(token: str, question: Callable[[Desk], None]) -> None:
    """Imported when asked: other commands need no gRPC."""
    from services.sla.rehearsal.asking import asked

    asked(token, question)


@app.callback()
def sla() -> None:
    """Clocks of tickets."""


@app.command()
def clocks(number: Number, token: Token = TOKEN) -> None:
    """Shows the clocks of a ticket, what holds them, what was promised, and the policy that judges them (D9, D21)."""
    _ask(token, lambda desk: desk.clocks(number))


@app.command("at-risk")
def at_risk(
    within: Annotated[int, typer.Option(min=0, help="Minutes: clocks due so soon; overdue ones always.")] = 60,
    team: Annotated[str, typer.Option(help="Only tickets of this team.")] = "",
    family: Annotated[
        list[str] | None, typer.Option(help='Only such clocks; "progress": silent tickets (D19).')
    ] = None,
    clock: Annotated[list[str] | None, typer.Option(help="Only clocks of this name.")] = None,
    token: Token = TOKEN,
) -> None:
    """Lists clocks that are overdue or soon will be, soonest first (D19, D20)."""
    _ask(token, lambda desk: desk.at_risk(within, team, family or [], clock or []))


@app.command("open")
def list_open(
    team: Annotated[str, typer.Option(help="Only tickets of this team.")] = "",
    assignee: Annotated[str, typer.Option(help="Only tickets of this person.")] = "",
    token: Token = TOKEN,
) -> None:
    """Lists every open ticket with age, holder, next due and breach state (D20)."""
    _ask(token, lambda desk: desk.open(team, assignee))


@app.command()
def preview(
    clock: Annotated[str, typer.Argument(metavar="CLOCK", help="Name of the clock.")],
    grade: Annotated[str, typer.Option(help="Grade of the ticket.")] = "",
    profile: Annotated[str, typer.Option(help="Empty: the default one.")] = "",
    start: Annotated[str, typer.Option(help="As 2026-11-20T16:00:00+08:00; empty: now.")] = "",
    fact: Annotated[list[str] | None, typer.Option(help="Such as type=fault; may be repeated.")] = None,
    token: Token = TOKEN,
) -> None:
    """Tells when a clock that starts now or then would be due, with its warnings and steps (D4)."""
    _ask(token, lambda desk: desk.preview(profile, clock, grade, start, fact or []))


@app.command()
def acknowledge(
    escalation: Annotated[str, typer.Argument(metavar="ESCALATION", help="As DS20261120-000001/resolve/0.")],
    reason: Annotated[str, typer.Option(help="What is being done.")] = "",
    token: Token = TOKEN,
) -> None:
    """Takes an escalation on oneself: it climbs no further (D14)."""
    _ask(token, lambda desk: desk.acknowledge(escalation, reason))


@app.command()
def pause(
    number: Number,
    clock: OneClock = "",
    reason: Annotated[str, typer.Option(help="A key of the policy's reasons, or words where it lists none.")] = "",
    token: Token = TOKEN,
) -> None:
    """Holds a clock, with a reason; refused where the policy permits no pauses (D16)."""
    _ask(token, lambda desk: desk.pause(number, clock, reason))


@app.command()
def resume(number: Number, clock: OneClock = "", token: Token = TOKEN) -> None:
    """Lets what is held go on (D16)."""
    _ask(token, lambda desk: desk.resume(number, clock))


@app.command()
def recalculate(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="TICKET...", help="Numbers of tickets.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the ticket.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show before and after, change nothing.")] = False,
    profile: Annotated[str, typer.Option(help="With --open: the tickets of this profile.")] = "",
    every_open: Annotated[bool, typer.Option("--open", help="Every open ticket of --profile.")] = False,
    token: Token = TOKEN,
) -> None:
    """Lays the policy in force under the clocks of tickets, on purpose (D18)."""
    if every_open == bool(numbers) or every_open != bool(profile):
        raise typer.BadParameter("name tickets, or say --profile P --open")
    _ask(token, lambda desk: desk.recalculate(numbers or [], profile, reason, dry_run=dry_run))


@app.command()
def diff(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Name of the profile.")],
    old: Annotated[str, typer.Argument(metavar="OLD", help="A version, as tickets tell theirs.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Empty: the version in force.")] = "",
    token: Token = TOKEN,
) -> None:
    """Tells what two versions of a policy differ in, as far as clocks go (D18)."""
    _ask(token, lambda desk: desk.differences(profile, old, new))


@app.command()
def replay(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="Number of the ticket.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every ticket instead of one.")] = False,
    since: Annotated[str, typer.Option(help="With --all: tickets of this day and later, as 2026-11-01.")] = "",
) -> None:
    """Reckons clocks anew from the stream's log alone, and compares with what is kept; ends with 1 on a difference."""
    from services.sla.rehearsal.judging import replayed

    if every == bool(number):
        raise typer.BadParameter("name one ticket, or say --all")
    if not replayed(Settings(), number, since):
        raise typer.Exit(1)


@app.command("what-if")
def what_if(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Of the changed profile.")],
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, as 2026-11-30.")],
    profile: Annotated[str, typer.Option(help="Tickets of this profile; empty: the folder's own.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Figures for programs.")] = False,
) -> None:
    """Tells what changed clocks would have made of the tickets of these days; writes nothing."""
    from services.profile.faults import ProfileFaults
    from services.sla.rehearsal.judging import supposed

    try:
        supposed(Settings(), folder, first, last, profile, as_json=as_json)
    except ProfileFaults as refused:
        typer.echo("\n".join(str(fault) for fault in refused.found))
        raise typer.Exit(1) from None
    except Refused as refused:
        typer.echo(refused.message, err=True)
        raise typer.Exit(1) from None
