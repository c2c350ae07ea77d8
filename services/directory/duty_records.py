"""What a shift writes down: handovers that both sign, and the duty log (M16, M22, M31)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.directory.roster_limits import short
from services.directory.roster_model import Book, Handover, LogEntry
from services.directory.rosters import Books, Rosters
from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.shifts import Work

_LONGEST_TEXT = 4_000
_MOST_ENTRIES = 200
"""Of one person on one day."""
_TRIES = 5
_LOG_GRACE = timedelta(hours=1)
"""After the shift, in which its people may still write its log."""


class Records(Protocol):
    """Where handovers and log entries lie."""

    def handover(self, key: str) -> Handover | None: ...
    def add_handover(self, handover: Handover) -> bool: ...
    def swap_handover(self, seen: Handover, new: Handover) -> bool: ...
    def handovers(self, profile: str, day: str) -> Sequence[Handover]: ...
    def add_entry(self, entry: LogEntry) -> bool: ...
    def entries(self, profile: str, day: str) -> Sequence[LogEntry]: ...


@dataclass(frozen=True, slots=True)
class Notes:
    """What a handover lists (M16)."""

    open_tickets: str = ""
    commitments: str = ""
    emergencies: str = ""


class DutyRecords:
    """Handovers and logs of filed shifts."""

    def __init__(self, rosters: Rosters, books: Books, records: Records) -> None:
        self._rosters = rosters
        self._books = books
        self._records = records

    def give(self, profile: str, shift: str, taker: str, notes: Notes, who: str, now: datetime) -> Handover:
        """The giver's side; one handover from a person for a shift, given again it is the first that stands."""
        loaded, _ = self._rosters.ruled(profile)
        for field in ("open_tickets", "commitments", "emergencies"):
            short(getattr(notes, field), field, _LONGEST_TEXT)
        self._part(loaded.name, shift, who, now)
        if taker == who or taker not in loaded.lookups.people:
            raise Refused(f'"{taker[:60]}" cannot take over; name somebody else of this desk.', field="taker")
        key = f"{loaded.name}/{shift}/{who}"
        given = Handover(
            key, loaded.name, shift, who, taker, notes.open_tickets, notes.commitments, notes.emergencies, now
        )
        self._records.add_handover(given)
        return self._kept(key)

    def take(self, key: str, who: str, now: datetime) -> Handover:
        """The taker's signature; late when it comes under the minutes before their shift that the profile asks."""
        for _ in range(_TRIES):
            seen = self._kept(key)
            if who != seen.taker:
                raise Refused(f"{seen.taker} takes this over; ask them to sign.", code="forbidden")
            if seen.taken_at is not None:
                return seen
            if self._records.swap_handover(seen, replace(seen, taken_at=now, late=self._late(seen, now))):
                return self._kept(key)
        raise Unavailable("The handover is signed by many at once; try again.")

    def log(
        self, profile: str, shift: str, text: str, abnormal: bool, reported: bool, key: str, who: str, now: datetime
    ) -> LogEntry:
        """One entry of a shift's log by somebody on it; an abnormal case is told to the team leader (M22)."""
        loaded, _ = self._rosters.ruled(profile)
        short(text, "text", _LONGEST_TEXT)
        if not text.strip():
            raise Refused("An entry says something; write it down.", field="text")
        self._part(loaded.name, shift, who, now)
        entry = LogEntry(
            f"{loaded.name}/{shift}/{who}/{key[:80]}", loaded.name, shift, who, now, text, abnormal, reported
        )
        mine = [each for each in self._records.entries(loaded.name, shift[:10]) if each.person == who]
        if len(mine) >= _MOST_ENTRIES and entry.id not in {each.id for each in mine}:
            raise Refused(f"You have written {_MOST_ENTRIES} entries that day; put the rest into a ticket.")
        if self._records.add_entry(entry):
            return entry
        return next(each for each in self._records.entries(loaded.name, shift[:10]) if each.id == entry.id)

    def day(
        self, profile: str, day: str, now: datetime
    ) -> tuple[Sequence[LogEntry], Sequence[Handover], Sequence[str]]:
        """Log and handovers of the shifts that begin on a day, and the ended shifts without an entry (M31)."""
        loaded, book = self._rosters.get(profile, day[:7], now)
        entries = self._records.entries(loaded.name, day)
        written = {each.shift for each in entries}
        moment = now.timestamp()
        ended = {each.key for each in _filed(book) if each.day.isoformat() == day and each.end <= moment}
        return entries, self._records.handovers(loaded.name, day), sorted(ended - written)

    def _part(self, profile: str, shift: str, who: str, now: datetime) -> Work:
        """The caller's part of a filed shift that has begun, or that of somebody they stand in for."""
        loaded, book = self._rosters.get(profile, shift[:7], now)
        mates = [each for each in _filed(book) if each.key == shift]
        if not mates:
            raise Missing(f'There is no filed shift "{shift[:80]}"; write it as 2025-03-12/day/desk.')
        for each in mates:
            middle = datetime.fromtimestamp((each.start + each.end) // 2, UTC)
            if who in (each.person, loaded.roster.stand_in(each.person, middle)):
                if not each.start <= now.timestamp() <= each.end + _LOG_GRACE.total_seconds():
                    raise Refused(f"Shift {shift} is not now; write for the shift you are on.", field="shift")
                return each
        raise Refused(f"You are not on shift {shift}; ask somebody who is.", code="forbidden")

    def _late(self, given: Handover, now: datetime) -> bool:
        loaded, rules = self._rosters.ruled(given.profile)
        month = given.shift[:7]
        book = self._books.book(loaded.name, month)
        ends = [each.end for each in book.work if each.key == given.shift]
        early = timedelta(minutes=rules.handover.arrive_early_minutes)
        return bool(ends) and now > datetime.fromtimestamp(max(ends), UTC) - early

    def _kept(self, key: str) -> Handover:
        found = self._records.handover(key)
        if found is None:
            raise Missing(f'There is no handover "{key[:120]}"; look at the day of the shift.')
        return found


def _filed(book: Book) -> Sequence[Work]:
    return book.work if book.state == "filed" else ()
