"""`deskstream sla what-if` and `replay`: read database and log, judge in memory, tell. They write nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.contracts.deskstream.v1 import sla_pb2, ticket_pb2
from services.kernel.clock import to_milliseconds
from services.kernel.errors import Missing, Refused
from services.profile.applying import load_beside
from services.profile.load import load_all
from services.runtime.clock import clock_from
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from services.runtime.tail import read_whole_log
from services.sla.acts.listing import Listing, MongoListing
from services.sla.model import Timeline
from services.sla.rehearsal.asking import length
from services.sla.rehearsal.history import Told, compared
from services.sla.rehearsal.what_if import WhatIf, what_if
from services.sla.rulebook import Rulebook, rules_of
from services.sla.rulebooks import MongoBooks
from services.sla.storage import MongoClocks

MOST_DAYS = 400
_BITE = 500


def supposed(settings: Settings, folder: Path, first: str, last: str, profile: str, *, as_json: bool) -> WhatIf:
    """Judges the tickets received from one day to another by the profile in the folder, and prints what is different.

    Raises ProfileFaults for a folder with faults, Refused for days that are none, Unavailable without a database.
    """
    span = days(first, last)
    candidate = load_beside(folder, settings.policy_dir)
    database = connect("sla", settings)
    # Without keep(): supposing leaves no trace.
    book = Rulebook(
        load_all(settings.policy_dir, settings.profile_names, settings.default_profile), MongoBooks(database)
    )
    wanted, rules = profile or candidate.name, rules_of(candidate)
    unkept = rules.choices - book(wanted).choices
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Judging tickets", total=None)
        found = what_if(
            _of(MongoListing(database), span, wanted),
            book,
            rules,
            _now(settings),
            lambda judged: bar.update(task, completed=judged),
        )
    if as_json:
        typer.echo(json.dumps({"profile": wanted, "from": first, "to": last, **asdict(found)}, ensure_ascii=False))
    else:
        tell(found, wanted, first, last, Console(soft_wrap=True))
    if unkept:
        fields = ", ".join(sorted(unkept))
        typer.echo(
            f"Of these tickets no answers were kept to: {fields}; what clocks ask of them counts as not given.",
            err=True,
        )
    return found


def tell(found: WhatIf, profile: str, first: str, last: str, console: Console) -> None:
    """What came of it as people read it."""
    console.print(
        f"{found.tickets} ticket(s) of {profile} from {first} to {last}, judged by {found.version}: "
        f"{found.other} would have come out otherwise.",
        highlight=False,
        markup=False,
    )
    if found.unknown:
        console.print(f"{found.unknown} of them by a policy that is not kept any more: as they stand.", highlight=False)
    if found.skipped:
        console.print(f"{found.skipped} of them could not be judged by these rules.", highlight=False)
    table = Table("Clock", "Tickets", "Breaches", "Newly broken", "Newly kept", "Mean margin", title="Before and after")
    table.title_justify = "left"
    for name, each in found.clocks.items():
        if each.tickets_before or each.tickets_after:
            margins = each.margins
            table.add_row(
                name,
                _change(each.tickets_before, each.tickets_after),
                _change(each.breaches_before, each.breaches_after),
                str(each.newly_broken),
                str(each.newly_kept),
                f"{length(margins[0])} -> {length(margins[1])}" if margins else "",
            )
    if table.row_count:
        console.print(table)
    for name, each in found.clocks.items():
        for word, numbers, count in (
            ("newly broken", each.broken, each.newly_broken),
            ("newly kept", each.kept, each.newly_kept),
        ):
            if numbers:
                more = f" and {count - len(numbers)} more" if count > len(numbers) else ""
                console.print(f"{name} {word}: {', '.join(numbers)}{more}", highlight=False, markup=False)


def replayed(settings: Settings, number: str, since: str) -> bool:
    """Reckons the clocks of a ticket, or of all since a day, from the log of the stream and prints what differs.

    Whether nothing does. Raises Missing for a ticket that the log does not have, Unavailable without broker or
    database.
    """
    first = f"DS{_day(since, 'since'):%Y%m%d}-" if since else ""
    database = connect("sla", settings)
    book = Rulebook(
        load_all(settings.policy_dir, settings.profile_names, settings.default_profile), MongoBooks(database)
    )
    histories = gather(settings.amqp_uri, number, first)
    if number and number not in histories:
        raise Missing(f"The log of the stream has nothing of ticket {number}; check the number.")
    now, store = _now(settings), MongoClocks(database)
    counts = {"alike": 0, "differ": 0, "skipped": 0}
    numbers = sorted(histories)
    for start in range(0, len(numbers), _BITE):
        bite = numbers[start : start + _BITE]
        kept = store.read(bite)
        for each in bite:
            counts[_verdict(each, histories[each], kept.get(each), book, now)] += 1
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    typer.echo(f"{counts['alike'] + counts['differ']} ticket(s) replayed: {counts['differ']} differ{skipped}.")
    return counts["differ"] == 0


def gather(uri: str, number: str, first: str) -> dict[str, Told]:
    """What the log holds of one ticket, or with "" of all from a number on. Raises Unavailable."""
    found: dict[str, Told] = {}
    for heard in read_whole_log(uri):
        about = heard.key.startswith("ticket."), heard.key.startswith("sla.") and heard.key not in _NO_CLOCKS
        if not any(about) or (heard.subject != number if number else heard.subject < first):
            continue
        told = found.setdefault(heard.subject, Told())
        try:
            if about[0]:
                told.ticket(heard.decode(ticket_pb2.TicketEvent))
            else:
                told.clocks(heard.decode(sla_pb2.SlaEvent))
        except Refused as refused:
            typer.echo(f"{heard.subject}: message {heard.id} cannot be read: {refused.message}", err=True)
    return {each: told for each, told in found.items() if told.versions}


_NO_CLOCKS = frozenset({"sla.asked", "sla.alarm"})


def _verdict(number: str, told: Told, kept: Timeline | None, book: Rulebook, now: datetime) -> str:
    newest = told.versions[max(told.versions)].ticket
    rules = book(newest.profile, newest.profile_version)
    facts = told.facts(rules.choices)
    if facts is None:
        typer.echo(f"{number}: skipped, the log no longer holds all its versions.", err=True)
        return "skipped"
    if kept is None:
        typer.echo(f"{number}: the log has it, and no clocks are kept.", err=True)
        return "differ"
    rules = book(newest.profile, facts.policy)
    if rules.version != facts.policy:
        typer.echo(f"{number}: skipped, its policy version {facts.policy} is not kept.", err=True)
        return "skipped"
    found = compared(facts, kept, rules, now)
    for each in found:
        typer.echo(f"{number}: {each}", err=True)
    return "differ" if found else "alike"


def days(first: str, last: str) -> tuple[date, date]:
    """Both included. Refused when they are none, in the wrong order or too far apart."""
    begin, end = _day(first, "from"), _day(last, "to")
    if end < begin:
        raise Refused(f"{last} is before {first}; name the earlier day first.", field="to")
    if (end - begin).days >= MOST_DAYS:
        raise Refused(f"These are more than {MOST_DAYS} days; ask for fewer at once.", field="to")
    return begin, end


def _of(listing: Listing, span: tuple[date, date], profile: str) -> Iterator[Timeline]:
    day, end = span
    while day <= end:
        prefix = f"DS{day:%Y%m%d}-"
        for timeline in listing.between(prefix, f"{prefix}~"):
            if timeline.facts.newest.profile == profile:
                yield timeline
        day += timedelta(days=1)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f'"{text[:20]}" is no day; write it as 2026-11-30.', field=field) from None


def _now(settings: Settings) -> datetime:
    return to_milliseconds(clock_from(settings).now())


def _change(before: int, after: int) -> str:
    return str(before) if before == after else f"{before} -> {after}"
