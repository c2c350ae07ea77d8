"""Keeping the rows of search up with the tickets: a little later, a little at a time, by one worker at once (B22).

Openings are noted batch by batch as they are written; changes are found by when they happened. So neither costs an
index more, and a flood of openings is not slowed down by its own search rows: they come when it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch.search.filters import Found, found_by

A_TICK = 100
"""Rows written in one tick: a tenth of what the embedded server can, so that people do not wait for rows."""
IN_A_FLOOD = 20
FLOOD = 200
"""Openings of one tick beyond which tickets come first and rows wait."""
LATE = timedelta(seconds=5)
VERY_LATE = timedelta(seconds=120)
"""Changes are written with the clocks of other processes, so the last ones are looked at again: a few seconds with
every tick, more every half minute."""
OFTEN = 30
AT_ONCE = 40
"""Stretches of a pause looked at in one tick."""
IN_VAIN = 60
"""Ticks after which the tickets of a note are not waited for any longer: their opening failed, and comes again."""
WIDEST = timedelta(days=400)
MOST_REMEMBERED = 100_000


class Rows(Protocol):
    """Rows of search, and what is to be brought into them."""

    def lead(self, now: datetime) -> bool:
        """Whether this process is the one that writes rows now."""

    def waiting(self) -> int:
        """Openings noted and not yet in the rows."""

    def noted(self, most: int) -> Sequence[tuple[str, Sequence[str]]]:
        """The oldest notes of openings, with the numbers, until there are `most` numbers."""

    def forget(self, notes: Sequence[str]) -> None:
        """These notes are done."""

    def looked_until(self) -> datetime | None:
        """The last change that was brought in."""

    def look_on_from(self, instant: datetime) -> None:
        """Everything changed before it is in the rows."""

    def changed(self, since: datetime, until: datetime) -> Mapping[str, tuple[int, datetime]]:
        """Version and instant of the last change of tickets whose last change lies between, both included."""

    def versions(self, numbers: Sequence[str]) -> Mapping[str, int]:
        """Versions of the rows that exist among these."""

    def latest(self, numbers: Sequence[str]) -> Mapping[str, ticket_pb2.Ticket]:
        """Tickets as they stand."""

    def write(self, rows: Iterable[Found], known: Mapping[str, int]) -> None:
        """Rows, new or in the place of the `known` version; an older one never replaces a newer one."""


class Indexer:
    """One tick a second. What it writes follows from the tickets alone, so doing it twice does no harm."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._left = 0
        self._ticks = 0
        self._stride = LATE
        """How far to look on at once: wide over quiet times, narrow where much has changed."""
        self._missed: dict[str, int] = {}
        """Notes whose tickets were not there yet, and how often they were looked for."""
        self._begun: dict[str, int] = {}
        """Notes of which so many tickets have their rows."""
        self._written: dict[str, int] = {}
        """Versions written lately: the last seconds of changes are looked at with every tick."""

    def tick(self, now: datetime) -> None:
        """Brings in what is new, within bounds."""
        if not self._rows.lead(now):
            self._written.clear()
            self._missed.clear()
            self._begun.clear()
            return
        waiting = self._rows.waiting()
        most = IN_A_FLOOD if waiting - self._left > FLOOD else A_TICK
        done = self._openings(most) if waiting else 0
        self._left = max(0, waiting - done)
        if most == A_TICK:
            self._changes(now)

    def _openings(self, most: int) -> int:
        """Rows of so many noted openings; gives back how many of them need not be looked at again."""
        parts: list[tuple[str, Sequence[str], Sequence[str]]] = []
        for note, numbers in self._rows.noted(most):
            begun = self._begun.get(note, 0)
            part = numbers[begun : begun + most]
            parts.append((note, numbers, part))
            most -= len(part)
            if most <= 0:
                break
        # All at once: a quiet desk has a note for every ticket or two, and each access makes people wait.
        there = self._bring([number for _, _, part in parts for number in part])
        done, over = 0, []
        for note, numbers, part in parts:
            if there.issuperset(part):
                self._missed.pop(note, None)
            elif self._missed.get(note, 0) + 1 < IN_VAIN:
                # A note is written before its tickets: they are waited for as long as a write can take.
                self._missed[note] = self._missed.get(note, 0) + 1
                continue
            self._begun[note] = self._begun.get(note, 0) + len(part)
            if self._begun[note] >= len(numbers):
                over.append(note)
                self._missed.pop(note, None)
                self._begun.pop(note)
                done += len(numbers)
        if over:
            self._rows.forget(over)
        return done

    def _changes(self, now: datetime) -> None:
        looked = self._rows.looked_until()
        if looked is None:
            # The first one ever: all tickets there are were noted before.
            self._rows.look_on_from(now)
            looked = now
        if looked > now + VERY_LATE:
            # The clock was set back: what changes until it is there again would not be looked at.
            self._rows.look_on_from(now)
            looked = now
        self._ticks += 1
        late = VERY_LATE if self._ticks % OFTEN == 1 else LATE
        brought, reached = 0, looked
        for _ in range(AT_ONCE):
            since, reached, few = reached, *self._look(reached, late, now, A_TICK - brought)
            brought, late = brought + few, LATE
            if brought >= A_TICK or reached >= now or reached == since:
                break
        if reached > looked + LATE or (brought and reached > looked):
            self._rows.look_on_from(reached)
        if len(self._written) > MOST_REMEMBERED:
            self._written.clear()

    def _look(self, looked: datetime, late: timedelta, now: datetime, most: int) -> tuple[datetime, int]:
        """Brings in one stretch of changes: until when, and how many."""
        until = max(now, looked) + LATE if now - looked < self._stride else looked + self._stride
        changed = self._rows.changed(looked - late, until).items()
        fresh = sorted((at, number) for number, (version, at) in changed if self._written.get(number, 0) < version)
        part = fresh[:most]
        self._bring([number for _, number in part])
        if len(part) < len(fresh):
            self._stride = max(self._stride / 2, LATE)
            return max(looked, part[-1][0]), len(part)
        self._stride = min(self._stride * 2, WIDEST)
        return max(looked, min(until, now)), len(part)

    def _bring(self, numbers: Sequence[str]) -> frozenset[str]:
        """Rows of these tickets; gives back those that exist."""
        if not numbers:
            return frozenset()
        rows = [found_by(ticket) for ticket in self._rows.latest(numbers).values()]
        known = self._rows.versions([row.number for row in rows])
        self._rows.write([row for row in rows if known.get(row.number, 0) < row.version], known)
        self._written.update((row.number, row.version) for row in rows)
        return frozenset(row.number for row in rows)
