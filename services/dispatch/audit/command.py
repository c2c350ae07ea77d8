"""`deskstream audit`: a ticket's history in words and whether it is still what was said; or many tickets at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer
from google.protobuf.message import DecodeError

from services.dispatch.audit.chain import Break, canonical, unsealed, untold, verify
from services.dispatch.audit.history import history_of
from services.dispatch.compose import desks_of, store
from services.dispatch.entries import Record
from services.kernel.errors import Missing, Unavailable
from services.runtime.clock import clock_from
from services.runtime.settings import Settings
from services.runtime.tail import read_whole_log

if TYPE_CHECKING:
    from services.dispatch.storage import MongoTickets

_UNDER_WAY = timedelta(minutes=1)
"""Events as young as this may be written and not yet said."""

Told = Mapping[str, Mapping[str, bytes]]
"""By ticket number: digest of each event the log holds, by id."""


def audit(settings: Settings, first: str, last: str, *, is_one: bool, log: bool, language: str) -> bool:
    """Prints and judges the tickets from one number to another; whether none was altered.

    `is_one`: both are the same, and its history is printed too. `log`: compare with the log of the stream. Raises
    Missing when the one is nowhere, Unavailable when database or broker do not answer.
    """
    tickets = store(settings)
    begun = clock_from(settings).now() - _UNDER_WAY
    heard = told(settings.amqp_uri, first, last) if log else {}
    if is_one:
        record = tickets.load([first]).get(first)
        if record is not None:
            _print_history(settings, record, language)
        elif first not in heard:
            raise Missing(f"There is no ticket {first}; check the number.")
    counts, broken = check(tickets, heard, first, last, begun)
    for found, breaks in broken.items():
        for each in breaks:
            typer.echo(f"{found}: {each.what}", err=True)
    old = f", {counts['unsealed']} of them older than the seal in whole or part" if counts["unsealed"] else ""
    typer.echo(f"{counts['tickets']} ticket(s), {counts['events']} events checked{old}: {len(broken)} altered.")
    if not log:
        typer.echo("The log of the stream was not asked: a history rewritten or removed as a whole is not seen.")
    return not broken


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
    try:
        for heard in read_whole_log(uri):
            if heard.key.startswith("ticket."):
                yield heard.subject, heard.id, heard.body
    except Unavailable as why:
        raise Unavailable(f"{why.message} Or leave the log out with --no-log.") from why


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
