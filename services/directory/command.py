"""`deskstream roster make|show|file`: rosters from a terminal, over gRPC and as the person one signs in as."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import grpc
import typer
from rich.console import Console
from rich.table import Table

from services.contracts.deskstream.v1 import directory_pb2, directory_pb2_grpc, roster_pb2, roster_pb2_grpc
from services.runtime.calls import channel
from services.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Rosters: make a month, look at it, file it.")

_Profile = Annotated[str, typer.Option(help="Empty: the default profile.")]
_Month = Annotated[str, typer.Argument(help="Such as 2025-03.")]
_Token = Annotated[str, typer.Option(envvar="DESKSTREAM_TOKEN", help="A bearer token; empty: sign in.")]
_Person = Annotated[str, typer.Option(envvar="DESKSTREAM_PERSON", help="Who signs in, such as wang.fang.")]


@app.command("make")
def make(month: _Month, profile: _Profile = "", token: _Token = "", person: _Person = "", reason: str = "") -> None:
    """Makes a month from the patterns of the profile (M2)."""
    asked = roster_pb2.MakeRosterRequest(profile=profile, month=month, reason=reason)
    _show(_ask("MakeRoster", asked, token, person).roster)


@app.command("show")
def show(
    month: Annotated[str, typer.Argument(help="Empty: this month.")] = "",
    profile: _Profile = "",
    token: _Token = "",
    person: _Person = "",
) -> None:
    """Shows a month, what stands against it, and posts not filled."""
    _show(_ask("GetRoster", roster_pb2.GetRosterRequest(profile=profile, month=month), token, person).roster)


@app.command("file")
def file(
    month: _Month,
    profile: _Profile = "",
    token: _Token = "",
    person: _Person = "",
    consent: Annotated[str, typer.Option(help="Why a shorter service is consented to (M4).")] = "",
) -> None:
    """Files a month (备案, M1); it is followed from its first second."""
    asked = roster_pb2.FileRosterRequest(profile=profile, month=month, consent=consent)
    _show(_ask("FileRoster", asked, token, person).roster)


def _ask(method: str, request: Any, token: str, person: str) -> Any:
    target = Settings().target("directory")
    try:
        with channel(target, token or _signed_in(target, person)) as line:
            return getattr(roster_pb2_grpc.RosterServiceStub(line), method)(request)
    except grpc.RpcError as error:
        raise SystemExit(error.details() or "The directory is not reachable; start it, or set its target.") from None


def _signed_in(target: str, person: str) -> str:
    """A token for the person, asked for when it was not given."""
    person = person or typer.prompt("Person")
    password = typer.prompt("Password", hide_input=True)
    with channel(target) as line:
        asked = directory_pb2.IssueTokenRequest(person=person, password=password)
        return str(directory_pb2_grpc.DirectoryServiceStub(line).IssueToken(asked).token)


def _show(roster: roster_pb2.MonthRoster) -> None:
    console = Console()
    filed = f", filed by {roster.filed_by} as version {roster.filed_version}" if roster.filed_by else ""
    console.print(f"{roster.profile} {roster.month}: {roster.state}, version {roster.version}{filed}")
    table = Table("Day", "Shift", "Pattern", "From", "To", "People")
    together: dict[str, list[roster_pb2.RosterShift]] = {}
    for each in roster.shifts:
        together.setdefault(each.key, []).append(each)
    for mates in together.values():
        one = mates[0]
        people = ", ".join(f"{each.person} ({each.post})" for each in mates)
        table.add_row(one.day, one.shift, one.pattern, _wall(one.start), _wall(one.end), people)
    if together:
        console.print(table)
    for kind, lines in (("fault", roster.faults), ("warning", roster.warnings)):
        for line in lines:
            console.print(f"{kind}: {line}", highlight=False)
    for role, posts in roster.vacancies.items():
        console.print(f"vacancy: {posts} {role}")
    if roster.overdue:
        console.print("It should have been filed by now.")


def _wall(at: Any) -> str:
    # The desks of this product live in one zone; another one's people read the roster over the API.
    moment: datetime = at.ToDatetime(UTC)
    return f"{moment.astimezone(ZoneInfo('Asia/Shanghai')):%m-%d %H:%M}"
