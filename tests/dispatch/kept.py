"""Rows of search in memory, for the same suite as the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import wire
from services.dispatch.search.filters import Found
from tests.dispatch.world import KeptTickets


class KeptFinds:
    """services.dispatch.search.search.Finds and services.dispatch.search.indexing.Rows over tickets in memory."""

    def __init__(self, tickets: KeptTickets) -> None:
        self._tickets = tickets
        self.rows: dict[str, Found] = {}
        self._looked: datetime | None = None
        self._done: set[str] = set()

    def matching(self, term: str, most: int) -> Sequence[Found]:
        return [row for row in self.rows.values() if term in row.terms][:most]

    def days(self) -> Sequence[str]:
        return sorted({term[3:] for row in self.rows.values() for term in row.terms if term.startswith("on:")})

    def latest(self, numbers: Sequence[str]) -> Mapping[str, ticket_pb2.Ticket]:
        return {number: record.latest for number, record in self._tickets.load(numbers).items()}

    def lead(self, now: datetime) -> bool:
        return True

    def _new(self) -> list[str]:
        return [number for number in self._tickets._rows if number not in self._done]

    def waiting(self) -> int:
        return len(self._new())

    def noted(self, most: int) -> Sequence[tuple[str, Sequence[str]]]:
        return [(number, [number]) for number in self._new()[:most]]

    def forget(self, notes: Sequence[str]) -> None:
        self._done.update(notes)

    def looked_until(self) -> datetime | None:
        return self._looked

    def look_on_from(self, instant: datetime) -> None:
        self._looked = instant

    def changed(self, since: datetime, until: datetime) -> Mapping[str, tuple[int, datetime]]:
        found = {}
        for ticket in self._tickets.changed_since(since):
            if (at := wire.instant(ticket.updated_at)) <= until:
                found[ticket.number] = (ticket.version, at)
        return found

    def versions(self, numbers: Sequence[str]) -> Mapping[str, int]:
        return {number: self.rows[number].version for number in numbers if number in self.rows}

    def write(self, rows: Iterable[Found], known: Mapping[str, int]) -> None:
        for row in rows:
            if row.number not in self.rows or self.rows[row.number].version == known.get(row.number):
                self.rows[row.number] = row
