"""From filed rosters and approved leave to the duty that everybody follows, and the words about it (M1, M28)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from services.contracts.deskstream.v1 import roster_pb2
from services.directory import roster_policy as policy
from services.directory.roster_model import Book, Request, ToldDuty
from services.directory.roster_months import this_month
from services.directory.roster_wire import stamp
from services.directory.rosters import Books
from services.kernel.duty import Away, DutyTable, Filed, Stint
from services.profile.duty import Roster
from services.profile.load import LoadedProfile, Profiles
from services.profile.roster import RosterRules
from services.profile.shifts import ShiftTimes, bounds, rules_of, work_of
from services.runtime.duty_feed import KEY, table_to
from services.runtime.message import Said, event_id

_ACTOR = "service:directory"
_TRIES = 10


class ToldDuties(Protocol):
    """The duty of each profile as last computed, and what the stream has heard of it."""

    def duty(self, profile: str) -> ToldDuty | None: ...
    def swap_duty(self, seen: ToldDuty | None, new: ToldDuty) -> bool: ...


class DutyBoard:
    """Computes, keeps and says. Runs on every replica, as often as one likes: the same rosters give the same words."""

    def __init__(self, profiles: Profiles, books: Books, duties: ToldDuties) -> None:
        self._profiles = [loaded for loaded in profiles if loaded.profile.roster is not None]
        self._books = books
        self._duties = duties
        self._said: Sequence[ToldDuty] = ()
        self._told: Sequence[tuple[Book, str]] = ()
        self._fresh = True

    def write(self, now: datetime) -> None:
        """Keeps the duty around now where it is another than what is kept."""
        for loaded in self._profiles:
            table = self._table(loaded, now)
            digest = hashlib.sha256(table_to(table).SerializeToString(deterministic=True)).hexdigest()
            for _ in range(_TRIES):
                seen = self._duties.duty(loaded.name)
                if (seen.digest if seen else "") == digest or (seen is None and table == DutyTable(loaded.name)):
                    break
                # Milliseconds: higher than any version before, even when the database was lost.
                version = max(seen.version + 1 if seen else 1, int(now.timestamp() * 1000))
                whole = table_to(replace(table, version=version)).SerializeToString(deterministic=True)
                told = seen.told if seen else 0
                if self._duties.swap_duty(seen, ToldDuty(loaded.name, version, told, digest, whole)):
                    break

    def tick(self, now: datetime) -> list[Said]:
        """What is to be said. What one tick gave is confirmed when the next one comes, for ticks never overlap."""
        self._mark()
        self.write(now)
        duties = [self._duties.duty(loaded.name) for loaded in self._profiles]
        # A worker that has just started says everything: a service that came later has not heard it.
        said = [each for each in duties if each is not None and (self._fresh or each.told < each.version)]
        news = [found for loaded in self._profiles for found in self._news(loaded, now)]
        # Only now: a tick that raised has said nothing, and the next one must not take it for told.
        self._said, self._fresh = said, False
        self._told = [(book, key) for book, key, _ in news]
        return [*map(_duty_said, said), *(message for _, _, message in news)]

    def _mark(self) -> None:
        said, self._said = self._said, ()
        for each in said:
            seen = self._duties.duty(each.profile)
            if seen is not None and seen.told < each.version:
                self._duties.swap_duty(seen, replace(seen, told=each.version))
        news, self._told = self._told, ()
        for told, key in news:
            seen_book = self._books.book(told.profile, told.month)
            if key not in seen_book.told:
                new = replace(seen_book, version=seen_book.version + 1, told=(*seen_book.told, key))
                self._books.swap(seen_book, new)

    def _news(self, loaded: LoadedProfile, now: datetime) -> list[tuple[Book, str, Said]]:
        """What is owed about months: unfiled ones and empty posts, each with the book that remembers it was told."""
        rules, zone = rules_of(loaded.profile), ZoneInfo(loaded.profile.profile.timezone)
        month = this_month(loaded, now)
        following = self._books.book(loaded.name, policy.month_after(month))
        owed = [
            (following, key, _filing_said(rules, following, key, zone))
            for key in policy.filing_news(rules, following, now, zone)
        ]
        for step in (-1, 0):
            book = self._books.book(loaded.name, policy.month_after(month, step))
            owed += [(book, leave.id, _empty_said(rules, book, leave)) for leave in policy.uncovered(book, now)]
        return owed

    def _table(self, loaded: LoadedProfile, now: datetime) -> DutyTable:
        month = this_month(loaded, now)
        return _around(loaded, self._books, month)


def _around(loaded: LoadedProfile, books: Books, month: str) -> DutyTable:
    """The duty from a month's begin on to the end of the next. A leave lies in the book of the month it begins in."""
    beside = [books.book(loaded.name, policy.month_after(month, step)) for step in (-1, 0, 1)]
    return duty_table(loaded, beside, books.requests(loaded.name, policy.months_of_leave(month)))


def duty_table(loaded: LoadedProfile, books: Sequence[Book], earlier: Sequence[Request] = ()) -> DutyTable:
    """The duty of the filed months among books that follow one another; the first only brings over what runs on.

    `earlier`: requests of the months before, for a long leave runs on, too.
    """
    profile, times = loaded.profile, ShiftTimes(loaded.profile)
    members = {member.person for pattern in rules_of(profile).patterns for member in pattern.members}
    begin, _ = bounds(times.zone, books[1].year, books[1].number)
    months: list[Filed] = []
    stints: set[Stint] = set()
    for before, book in pairwise(books):
        if book.state != "filed":
            continue
        first, last = bounds(times.zone, book.year, book.number)
        months.append(Filed(first, last, frozenset(members | {each.person for each in book.work})))
        eve = datetime.fromtimestamp(first - 1, times.zone).date()
        # Last month's night shift ends in this one, filed or not.
        over = (
            before.work
            if before.state == "filed"
            else [work for pattern in rules_of(profile).patterns for work in work_of(times, pattern, eve)]
        )
        spans = [(work.person, *span) for work in (*over, *book.work) for span in work.spans]
        stints.update(Stint(person, max(start, first), end) for person, start, end in spans if end > first)
    away = [
        Away(each.person, each.start, each.end, each.other)
        for each in (*earlier, *(each for book in books for each in book.requests))
        if each.kind == "leave" and each.state == "approved" and each.end > begin
    ]
    ordered = sorted(stints, key=lambda each: (each.start, each.person, each.end))
    return DutyTable(loaded.name, 0, tuple(months), tuple(ordered), tuple(away))


def roster_at(loaded: LoadedProfile, books: Books, at: datetime, now: datetime) -> Roster:
    """The roster that knows an instant: the one everybody follows around now, any other month from its book."""
    month, here = this_month(loaded, at), this_month(loaded, now)
    if loaded.profile.roster is None or month in (here, policy.month_after(here)):
        return loaded.roster
    other = Roster(loaded.profile, loaded.calendars)
    other.adopt(replace(_around(loaded, books, month), version=1))
    return other


def _duty_said(told: ToldDuty) -> Said:
    cause = f"duty/{told.profile}/{told.version}"
    body = roster_pb2.DutyTable.FromString(told.table)
    return Said(KEY, body, event_id(cause, KEY, told.profile), told.profile, None, cause, _ACTOR)


def _filing_said(rules: RosterRules, book: Book, key: str, zone: ZoneInfo) -> Said:
    at = policy.due_at(rules, book.month, zone)
    happened = at if key == "roster_overdue" else at - timedelta(days=1)
    return _said(rules, book, key, f"roster/{book.profile}/{book.month}", happened, due_at=stamp(at))


def _empty_said(rules: RosterRules, book: Book, leave: Request) -> Said:
    happened = datetime.fromtimestamp(leave.start, UTC)
    return _said(rules, book, "roster_post_empty", leave.id, happened, request=leave.id, person=leave.person)


def _said(rules: RosterRules, book: Book, event: str, cause: str, happened: datetime, **more: Any) -> Said:
    body = roster_pb2.RosterEvent(
        event=event,
        profile=book.profile,
        month=book.month,
        makers=rules.filing.makers,
        receiver=rules.filing.receiver,
        **more,
    )
    key = f"directory.{event}"
    return Said(key, body, event_id(cause, key, book.profile), book.profile, happened, cause, _ACTOR)
