"""Nouns of the directory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failed sign-ins of one person since `first_at`; version rises with every change."""

    person: str
    failures: int = 0
    first_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class AppliedProfile:
    """One version of a profile that was in force at some time (S4, D18). `facets` is its merged YAML as JSON."""

    name: str
    version: str
    effective_from: date
    applied_at: datetime
    facets: str


@dataclass(frozen=True, slots=True)
class InForce:
    """Which version of a profile is in force. `turn` rises with every change; `told` is what the stream has heard."""

    name: str
    version: str
    turn: int
    told: int
    since: datetime
