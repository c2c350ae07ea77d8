"""`deskstream audit`: a ticket's history in words and whether it is still what was said; or many tickets at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import pika
import typer
from google.protobuf.message import DecodeError
from pika.exceptions import AMQPError

from services.dispatch.audit import Break, canonical, unsealed, untold, verify
from services.dispatch.compose import desks_of, store
from services.dispatch.entries import Record
from services.dispatch.history import history_of
from services.kernel.errors import Missing, Refused, Unavailable
from services.runtime.clock import clock_from
from services.runtime.publisher import parameters
from services.runtime.settings import Settings
from services.runtime.tail import read_log
from services.runtime.topology import LOG

if TYPE_CHECKING:
    from services.dispatch.storage import MongoTickets

_SILENCE = 10.0
_UNDER_WAY = timedelta(minutes=1)
"""Events as young as this may be written and not yet said."""
_FIRST, _LAST = "", "~"

Told = Mapping[str, Mapping[str, bytes]]
"""By ticket number: digest of each event the log holds, by id."""


def audit(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="Number of the ticket.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every ticket instead of one.")] = False,
    first: Annotated[str, typer.Option("--from", help="With --all: the first number.", show_default=False)] = _FIRST,
    last: Annotated[str, typer.Option("--to", help="With --all: the last number.", show_default=False)] = _LAST,
    log: Annotated[bool, typer.Option(help="Compare with the replayable log of the stream.")] = True,
    language: Annotated[str, typer.Option(help="zh-CN or en; empty: the desk's.")] = "",
) -> None:
    """Prints what happened to a ticket and whether its history was altered; ends with 1 when it was."""
    if every == bool(number):
        raise Refused("Name one ticket, or say --all.", field="number")
    settings = Settings()
    tickets = store(settings)
    begun = clock_from(settings).now() - _UNDER_WAY
    heard = told(settings.amqp_uri, number or first, number or last) if log else {}
    if number:
        record = tickets.load([number]).get(number)
        if record is not None:
            _print_history(settings, record, language)
        elif number not in heard:
            raise Missing(f"There is no ticket {number}; check the number.")
    whole, broken = check(tickets, heard, number or first, number or last, begun)
    for found, breaks in broken.items():
        for each in breaks:
            typer.echo(f"{found}: {each.what}", err=True)
    old = f", {whole['unsealed']} of them older than the seal in whole or part" if whole["unsealed"] else ""
    typer.echo(f"{whole['tickets']} ticket(s), {whole['events']} events checked{old}: {len(broken)} altered.")
    if not log:
        typer.echo("The log of the stream was not asked: a history rewritten or removed as a whole is not seen.")
    if broken:
        raise typer.Exit(1)


def check(
    tickets: MongoTickets, heard: Told, first: str, last: str, until: datetime
) -> tuple[Counter[str], dict[str, list[Break]]]:
    """Counts of what was looked at, and what is broken by ticket number; `until` as in audit.untold."""
    counts: Counter[str] = Counter()
    broken: dict[str, list[Break]] = {}
    seen: set[str] = set()
    for record, owed in tickets.walk(first, last):
        seen.add(record.number)
        counts["tickets"] += 1
        counts["events"] += len(record.entries)
        counts["unsealed"] += unsealed(record) > 0
        breaks = [*verify(record), *untold(record, heard.get(record.number, {}), until=until, owed=owed)]
        if breaks:
            broken[record.number] = breaks
    for number in sorted(heard.keys() - seen):
        count = len(heard[number])
        broken[number] = [Break(1, f"The stream told {count} event(s) of this ticket, and it is not there any more.")]
    return counts, broken


def told(uri: str, first: str, last: str) -> Told:
    """What the log of the stream says of the tickets in the range, up to this moment. Raises Unavailable."""
    events: dict[str, dict[str, bytes]] = defaultdict(dict)
    for number, identity, body in _log(uri):
        if not first <= number <= last:
            continue
        try:
            # The first telling counts: whoever repeats an id with other words proves nothing.
            events[number].setdefault(identity, canonical(body))
        except DecodeError:
            continue
    return events


def _log(uri: str) -> Iterator[tuple[str, str, bytes]]:
    mark = f"deskstream-audit/{uuid4().hex}"
    try:
        connection = pika.BlockingConnection(parameters(uri))
        try:
            voice = connection.channel()
            voice.confirm_delivery()
            # By the default exchange: only the log gets it, no service hears it.
            voice.basic_publish("", LOG, b"", pika.BasicProperties(message_id=mark), mandatory=True)
        finally:
            connection.close()
    except (AMQPError, OSError) as error:
        raise Unavailable(
            f"The log of the stream cannot be read ({type(error).__name__}): check AMQP_URI and that a worker ran "
            "once, or leave it out with --no-log."
        ) from error
    for heard in read_log(uri, "first", _SILENCE):
        if heard.id == mark:
            return
        if heard.key.startswith("ticket."):
            yield heard.subject, heard.id, heard.body
    raise Unavailable("The log of the stream fell silent before its end: run it again, or leave it out with --no-log.")


def _print_history(settings: Settings, record: Record, language: str) -> None:
    """What identifies the requester stays masked on an operator's screen (P1)."""
    desk = desks_of(settings).get(_profile(record))
    for entry in history_of(desk, record, language, lambda ticket: True).entries:
        typer.echo(f"{entry.version:>3}  {entry.digest.hex()[:12]}  {entry.text}")


def _profile(record: Record) -> str:
    """Of the first event that can be read."""
    for entry in record.entries:
        with suppress(DecodeError):
            return entry.event().ticket.profile
    return ""
