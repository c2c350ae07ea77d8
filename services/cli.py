"""The deskstream command: what an operator does by hand. Services are imported only by the command that needs them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.kernel.errors import DeskstreamError
from services.runtime.settings import Settings

app = typer.Typer(
    name="deskstream", no_args_is_help=True, pretty_exceptions_show_locals=False, help="Operate a Deskstream desk."
)
policy = typer.Typer(no_args_is_help=True, help="Policy profiles (deploy/policy).")
app.add_typer(policy, name="policy")
person = typer.Typer(no_args_is_help=True, help="People of the directory.")
app.add_typer(person, name="person")


@policy.command("check")
def check_policy(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Of one profile, or of all.")] = Path(
        "deploy/policy"
    ),
) -> None:
    """Reads profiles and tells every fault with file, line, field and remedy; warns of calendars that end soon."""
    from services.profile.coverage import coverage, shortages
    from services.profile.load import check, load
    from services.runtime.clock import clock_from

    folders = [folder] if any(folder.glob("*.yaml")) else sorted(folder.glob("[!.]*/"))
    faults = [fault for one in folders for fault in check(one)]
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    now = clock_from(Settings()).now()
    loaded = [load(one) for one in folders]
    for short in shortages(each for one in loaded for each in coverage(one.name, one.calendars, now)):
        typer.echo(f"Warning: {short}", err=True)
    typer.echo(f"{len(folders)} profile(s) without faults: {', '.join(path.name for path in folders)}")


@policy.command("dry-run")
def rehearse_policy(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Of the changed profile.")],
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, as 2026-11-30.")],
    token: Annotated[str, typer.Option(envvar="DESKSTREAM_TOKEN", help="Empty: the installation's own.")] = "",
) -> None:
    """Tells what changed rules would have done to the tickets of these days; changes nothing (C2)."""
    from rich.console import Console

    from services.dispatch.rehearsal.command import dry_run

    dry_run(Settings(), folder, first, last, token, Console())


@policy.command("apply")
def apply_policy(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Of the changed profile.")],
) -> None:
    """Puts a changed profile in force; with faults it changes nothing and ends with 1 (S4, S5)."""
    from services.profile.applying import apply
    from services.profile.faults import ProfileFaults

    settings = Settings()
    try:
        done = apply(folder, settings.policy_dir)
    except ProfileFaults as refused:
        typer.echo("\n".join(str(fault) for fault in refused.found))
        typer.echo(f"Nothing was changed: {folder.resolve().name} stays as it is.", err=True)
        raise typer.Exit(1) from None
    for line in done.changes:
        typer.echo(line)
    if not done.changes:
        typer.echo(f"{done.name} {done.after} is in force already; nothing was changed.")
        return
    typer.echo(f"{done.name}: {done.before or 'nothing'} -> {done.after}.")
    typer.echo("Processes read a policy when they start: restart workers, servers and the gateway to judge by it.")
    if done.name not in settings.profile_names:
        typer.echo(f"DESKSTREAM_PROFILES does not name {done.name}; add it there, or nobody will serve it.", err=True)


@app.command("explain")
def explain(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="Number of the ticket.")],
    language: Annotated[str, typer.Option(help="zh-CN or en; empty: the desk's.")] = "",
    token: Annotated[str, typer.Option(envvar="DESKSTREAM_TOKEN", help="Empty: the installation's own.")] = "",
) -> None:
    """Tells why a ticket went where it is: the facts, the rule, the person, the rules tried (C2)."""
    from services.dispatch.rehearsal.command import explanation

    typer.echo(explanation(Settings(), number, language, token))


@person.command("set-password")
def set_password(
    person_id: Annotated[str, typer.Argument(metavar="PERSON", help="Id of the person, such as li.wei.")],
    password: Annotated[
        str,
        typer.Option(
            envvar="DESKSTREAM_NEW_PASSWORD",
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            help="Asked for when not given by environment; 8 to 256 characters.",
        ),
    ],
) -> None:
    """Gives a person a password; only its hash is stored, and failed sign-ins are forgotten."""
    from services.directory.compose import set_password as store

    store(Settings(), person_id, password)
    typer.echo(f"{person_id} has a new password.")


@app.command("keys")
def keys(
    folder: Annotated[Path, typer.Argument(help="Where token.jwk, token.pub.jwk and service.token go.")],
    owner: Annotated[int, typer.Option(help="User id that shall own them; needs root.")] = -1,
) -> None:
    """Makes the installation's signing keys, unless they are there."""
    from services.runtime.identity import make_keys

    make_keys(folder)
    if owner >= 0:
        for file in folder.iterdir():
            os.chown(file, owner, owner)


@app.command("clock")
def clock(
    forward: Annotated[float, typer.Argument(min=0, help="Minutes to move the clock of a journey forward.")],
) -> None:
    """Moves the movable clock of a demo or journey; refused where the platform runs on real time."""
    from services.runtime.clock import JourneyClock, move

    settings = Settings()
    if not settings.clock_file:
        raise typer.BadParameter("this installation runs on real time; set DESKSTREAM_CLOCK_FILE to play a journey")
    move(Path(settings.clock_file), timedelta(minutes=forward))
    typer.echo(f"It is now {JourneyClock(Path(settings.clock_file)).now():%Y-%m-%d %H:%M:%S} UTC.")


@app.command("audit")
def audit(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="Number of the ticket.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every ticket instead of one.")] = False,
    first: Annotated[str, typer.Option("--from", help="With --all: the first number.", show_default=False)] = "",
    last: Annotated[str, typer.Option("--to", help="With --all: the last number.", show_default=False)] = "~",
    log: Annotated[bool, typer.Option(help="Compare with the replayable log of the stream.")] = True,
    language: Annotated[str, typer.Option(help="zh-CN or en; empty: the desk's.")] = "",
) -> None:
    """Prints what happened to a ticket and whether its history was altered; ends with 1 when one was (B10)."""
    from services.dispatch.audit.command import audit as look

    if every == bool(number):
        raise typer.BadParameter("name one ticket, or say --all")
    if not look(Settings(), number or first, number or last, is_one=bool(number), log=log, language=language):
        raise typer.Exit(1)


def command() -> None:
    """Runs the command; a failure of ours is one sentence, not a traceback."""
    from services.directory.command import app as roster
    from services.reporting.command import app as reporting
    from services.runtime.parked import dead
    from services.runtime.tail import tail
    from services.sla.rehearsal.command import app as sla

    app.add_typer(dead, name="dead")
    app.add_typer(tail, name="tail")
    app.add_typer(reporting, name="reporting")
    app.add_typer(roster, name="roster")
    app.add_typer(sla, name="sla")
    try:
        app()
    except DeskstreamError as error:
        raise SystemExit(error.message) from None
