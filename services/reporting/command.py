"""`deskstream reporting rebuild`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.kernel.errors import DeskstreamError

app = typer.Typer(help="Figures of the desk.", no_args_is_help=True)


@app.callback()
def reporting() -> None:
    """Figures of the desk."""


@app.command()
def rebuild(
    again: Annotated[
        bool, typer.Option(help="Drop what a rebuild that was broken off has left, and begin anew.")
    ] = False,
    accept_gap: Annotated[
        bool, typer.Option(help="Go on although the log no longer holds its first messages.")
    ] = False,
) -> None:
    """Make all figures anew from the stream log; workers and readers go on meanwhile (T3)."""
    from services.reporting import compose
    from services.reporting.rebuild import rebuild as run
    from services.runtime.settings import Settings

    settings = Settings()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("Reading the stream log", total=None)
            done = run(
                compose.store(settings),
                settings.amqp_uri,
                again=again,
                accept_gap=accept_gap,
                progress=lambda read, total: bar.update(task, completed=read, total=total),
            )
    except DeskstreamError as error:
        console.print(error.message, style="red", highlight=False)
        raise typer.Exit(1) from None
    parked = f"; {done.refused} malformed ones are parked and in no report" if done.refused else ""
    console.print(f"Rebuilt from {done.read} messages{parked}.", highlight=False)
