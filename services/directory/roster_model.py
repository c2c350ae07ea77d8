"""Nouns of rosters: the book of one profile and month, requests for leave and swaps, handovers, logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.profile.shifts import Work

LIVE = frozenset({"requested", "checked", "approved"})
"""States of a request that takes its time or will."""


@dataclass(frozen=True, slots=True)
class Step:
    """Who did what, when and why."""

    at: datetime
    by: str
    role: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Leave (请假) or a swap (换班). `start` and `end` are epoch seconds; `other` the substitute or the partner.

    `steps` are the roles that must still agree, in order. Deductions are recorded only (M7, M9).
    """

    id: str
    kind: Literal["leave", "swap"]
    person: str
    other: str
    start: int
    end: int
    state: Literal["requested", "checked", "approved", "refused", "withdrawn"]
    steps: tuple[str, ...]
    reason: str = ""
    evidence: str = ""
    shift: str = ""
    other_shift: str = ""
    flags: tuple[str, ...] = ()
    deduction_yuan: int = 0
    days: int = 0
    history: tuple[Step, ...] = ()

    @property
    def lives(self) -> bool:
        return self.state in LIVE

    def overlaps(self, start: int, end: int) -> bool:
        """Whether its time and this one touch."""
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class Book:
    """The roster of one profile and month ("2025-03") with its requests. Changed by compare-and-set of `version`."""

    profile: str
    month: str
    version: int = 0
    state: Literal["none", "draft", "filed"] = "none"
    work: tuple[Work, ...] = ()
    filed_at: datetime | None = None
    filed_by: str = ""
    filed_version: int = 0
    requests: tuple[Request, ...] = ()
    history: tuple[Step, ...] = ()
    told: tuple[str, ...] = ()
    """What the stream has heard about its filing: roster_due, roster_overdue (M1)."""

    @property
    def year(self) -> int:
        return int(self.month[:4])

    @property
    def number(self) -> int:
        """Of the month, 1 to 12."""
        return int(self.month[5:])

    def shift(self, key: str, person: str) -> Work | None:
        """A person's part of a shift."""
        return next((each for each in self.work if each.key == key and each.person == person), None)


@dataclass(frozen=True, slots=True)
class Handover:
    """What one shift hands to the next (交接班, M16); taken once the taker has signed too."""

    id: str
    profile: str
    shift: str
    giver: str
    taker: str
    open_tickets: str
    commitments: str
    emergencies: str
    given_at: datetime
    taken_at: datetime | None = None
    late: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the duty log (值班记录, M22, M31); never changed."""

    id: str
    profile: str
    shift: str
    person: str
    at: datetime
    text: str
    abnormal: bool = False
    reported: bool = False


@dataclass(frozen=True, slots=True)
class ToldDuty:
    """The duty of a profile as last computed: `told` is the version that the stream has heard."""

    profile: str
    version: int
    told: int
    digest: str
    table: bytes
