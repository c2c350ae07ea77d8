"""Who else is looking at a ticket: told every few seconds, forgotten after a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

GONE_AFTER = timedelta(seconds=60)
AGAIN_IN = 20
"""Seconds between two reports of one client: two may be lost."""
MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Somebody who has a ticket open. `editing` since `since`; heard of last at `seen`."""

    number: str
    person: str
    name: str
    editing: bool
    since: datetime
    seen: datetime


class KeepsOnlookers(Protocol):
    """Where all replicas see them: one document per ticket and person."""

    def at(self, number: str) -> Sequence[Onlooker]:
        """Everybody last heard of at the ticket, also those who are gone by now."""

    def put(self, onlooker: Onlooker) -> None:
        """In the place of what was known of this person at this ticket."""

    def take(self, number: str, person: str) -> None:
        """The person has closed the ticket."""

    def sweep(self, before: datetime) -> None:
        """Forgets who was not heard of since."""


class Presence:
    """Reports and answers. Two windows of one person are one onlooker: the last report counts."""

    def __init__(self, kept: KeepsOnlookers) -> None:
        self._kept = kept
        self._swept: datetime | None = None

    def report(self, number: str, person: str, name: str, mode: str, now: datetime) -> list[Onlooker]:
        """The others who have the ticket open, those who edit it first. `mode`: viewing, editing or gone."""
        known = [each for each in self._kept.at(number) if now - each.seen < GONE_AFTER]
        if mode == "gone":
            self._kept.take(number, person)
        else:
            editing = mode == "editing"
            before = next((each for each in known if each.person == person and each.editing == editing), None)
            since = before.since if before is not None else now
            self._kept.put(Onlooker(number, person, name, editing, since, now))
        self._sweep(now)
        others = [each for each in known if each.person != person]
        return sorted(others, key=lambda each: (not each.editing, each.since, each.person))[:MOST_TOLD]

    def _sweep(self, now: datetime) -> None:
        if self._swept is None or now - self._swept > GONE_AFTER * 5:
            self._swept = now
            self._kept.sweep(now - GONE_AFTER * 5)
