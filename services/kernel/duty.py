"""The filed duty of one profile as plain values: what the directory tells and every roster adopts (M28)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stint:
    """One unbroken time of one person on one shift; `start` and `end` are epoch seconds, the end is off duty."""

    person: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Away:
    """An absence (休假) in epoch seconds; an empty `substitute` leaves the place empty (M21)."""

    person: str
    start: int
    end: int
    substitute: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """A filed month: between the two instants these people are on duty when their stints say so, and only then."""

    start: int
    end: int
    people: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class DutyTable:
    """Everything filed for one profile around now. A higher `version` is newer."""

    profile: str
    version: int = 0
    months: tuple[Filed, ...] = ()
    stints: tuple[Stint, ...] = ()
    absences: tuple[Away, ...] = ()
