"""A desk with rosters: its store in memory, its people, its months."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from services.contracts.deskstream.v1 import roster_pb2
from services.directory.duty_board import DutyBoard
from services.directory.duty_records import DutyRecords
from services.directory.roster_limits import Wish
from services.directory.roster_model import Book, Handover, LogEntry, Request, ToldDuty
from services.directory.roster_months import Change
from services.directory.rosters import Rosters
from services.profile.duty import Roster
from services.profile.load import Profiles, load
from services.runtime.duty_feed import table_from
from tests.profile.folders import POLICY

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


NOW = at("2025-03-03T09:00")


class FakeRosters:
    """What MongoRosters promises, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._books: dict[tuple[str, str], Book] = {}
        self._duty: dict[str, ToldDuty] = {}
        self._handovers: dict[str, Handover] = {}
        self._log: dict[str, LogEntry] = {}
        self._generations: dict[str, int] = {}

    def book(self, profile: str, month: str) -> Book:
        return self._books.get((profile, month), Book(profile, month))

    def swap(self, seen: Book, new: Book) -> bool:
        with self._lock:
            if self.book(new.profile, new.month).version != seen.version:
                return False
            self._books[new.profile, new.month] = new
            return True

    def requests(self, profile: str, months: Sequence[str]) -> Sequence[Request]:
        return [each for month in sorted(months) for each in self.book(profile, month).requests]

    def duty(self, profile: str) -> ToldDuty | None:
        return self._duty.get(profile)

    def swap_duty(self, seen: ToldDuty | None, new: ToldDuty) -> bool:
        with self._lock:
            if self._duty.get(new.profile) != seen:
                return False
            self._duty[new.profile] = new
            return True

    def handover(self, key: str) -> Handover | None:
        return self._handovers.get(key)

    def add_handover(self, handover: Handover) -> bool:
        return self._handovers.setdefault(handover.id, handover) is handover

    def swap_handover(self, seen: Handover, new: Handover) -> bool:
        if self._handovers[seen.id].version != seen.version:
            return False
        self._handovers[seen.id] = replace(new, version=seen.version + 1)
        return True

    def handovers(self, profile: str, day: str) -> Sequence[Handover]:
        return [each for each in self._handovers.values() if (each.profile, each.shift[:10]) == (profile, day)]

    def add_entry(self, entry: LogEntry) -> bool:
        return self._log.setdefault(entry.id, entry) is entry

    def entries(self, profile: str, day: str) -> Sequence[LogEntry]:
        found = [each for each in self._log.values() if (each.profile, each.shift[:10]) == (profile, day)]
        return sorted(found, key=lambda each: (each.at, each.id))

    def generation(self, person: str) -> int:
        return self._generations.get(person, 0)

    def end_generation(self, person: str, seen: int) -> bool:
        if self.generation(person) != seen:
            return False
        self._generations[person] = seen + 1
        return True


@dataclass
class World:
    """One desk (itss_desk) on a store; `now` moves when a test says so."""

    store: FakeRosters
    now: datetime = NOW
    profiles: Profiles = field(default_factory=lambda: Profiles([load(POLICY / "itss_desk")]))
    _asked: int = 0

    def __post_init__(self) -> None:
        self.loaded = self.profiles.default
        self.board = DutyBoard(self.profiles, self.store, self.store)
        self.rosters = Rosters(self.profiles, self.store, self._followed)
        self.records = DutyRecords(self.rosters, self.store, self.store)

    @property
    def duty(self) -> Roster:
        return self.loaded.roster

    def _followed(self, now: datetime) -> None:
        self.board.write(now)
        told = self.store.duty("itss_desk")
        if told is not None:
            self.duty.adopt(table_from(roster_pb2.DutyTable.FromString(told.table)))

    def make(self, month: str = "2025-03", *changes: Change, keep: bool = False, who: str = "wang.fang") -> Book:
        return self.rosters.make("itss_desk", month, changes, keep, 0, "as asked", who, self.now)[1]

    def file(self, month: str = "2025-03", consent: str = "", who: str = "wang.fang") -> Book:
        return self.rosters.file("itss_desk", month, 0, consent, who, self.now)[1]

    def filed(self, *months: str) -> World:
        for month in months or ("2025-03",):
            self.make(month)
            self.file(month)
        return self

    def wish(
        self, person: str, month: str = "2025-03", acute: bool = False, insist: bool = False, evidence: str = ""
    ) -> Wish:
        self._asked += 1
        return Wish(f"itss_desk/{month}/r{self._asked}", person, self.now, "family", evidence, acute, insist)

    def leave(
        self, person: str, first: str, last: str, other: str, extended: str = "", acute: bool = False,
        insist: bool = False, evidence: str = "",
    ) -> Request:  # fmt: skip
        wish = self.wish(person, first[:7], acute, insist, evidence)
        return self.rosters.leave("itss_desk", wish, at(first), at(last), other, extended)

    def swap(
        self, person: str, shift: str, partner: str, theirs: str = "", acute: bool = False, insist: bool = False
    ) -> Request:
        wish = self.wish(person, shift[:7], acute, insist)
        return self.rosters.swap("itss_desk", wish, shift, partner, theirs)

    def decide(self, request: Request, who: str, agree: bool = True, why: str = "") -> Request:
        return self.rosters.decide(request.id, who, agree, why, self.now)

    def on_shift_of(self, person: str) -> list[str]:
        """Keys of the person's shifts in March, made if need be."""
        if not self.store.book("itss_desk", "2025-03").work:
            self.make()
        return self.on_shift(person)

    def on_shift(self, person: str, month: str = "2025-03") -> list[str]:
        return [each.key for each in self.store.book("itss_desk", month).work if each.person == person]

    def present(self, when: str, team: str = "") -> set[str]:
        return {person.id for person in self.duty.on_duty(at(when), team=team or None)}
