"""Adding up records by calendar month, so that every longer period is the sum of its months (N1). Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from services.reporting.model import Contact, Facts
from services.reporting.periods import Period
from services.reporting.policy import Record, contact_records, promise_results, team_results, ticket_records

ShareKey = tuple[str, str]
"""By what ("channel", "type", "neutral_type", "entry", "team_accepted", "team_on_time", "team_overdue", "channel_type",
"contact_channel"; "promise_" or "measure_" with "kept", "late", "broken", by owner), and the key within it."""


@dataclass
class Tally:
    """Numerators and denominators by figure, and counts by share."""

    figures: dict[str, list[int]] = field(default_factory=dict)
    shares: Counter[ShareKey] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        """Count one record in."""
        sums = self.figures.get(record.figure)
        if sums is None:
            sums = self.figures[record.figure] = [0, 0]
        sums[0] += record.numerator
        sums[1] += record.denominator

    def of(self, figure: str) -> tuple[int, int]:
        """Numerator and denominator; 0 and 0 when nothing was counted."""
        numerator, denominator = self.figures.get(figure, (0, 0))
        return numerator, denominator


def total(parts: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    whole = Tally()
    for part in parts:
        for figure, (numerator, denominator) in part.figures.items():
            sums = whole.figures.setdefault(figure, [0, 0])
            sums[0] += numerator
            sums[1] += denominator
        whole.shares.update(part.shares)
    return whole


class Months:
    """One tally for each month (or cut month) of some consecutive periods."""

    def __init__(self, periods: Sequence[Period], zone: tzinfo, answer_seconds: int) -> None:
        self._parts = [month for period in periods for month in period.months()]
        self._starts = [month.bounds(zone)[0] for month in self._parts]
        self._end = self._parts[-1].bounds(zone)[1]
        self._answer_seconds = answer_seconds
        self.tallies = [Tally() for _ in self._parts]

    @property
    def bounds(self) -> tuple[int, int]:
        """First instant, and first instant after, in microseconds."""
        return self._starts[0], self._end

    def add_ticket(self, facts: Facts, channel: str) -> None:
        """Count a ticket in, wherever its parts fall."""
        for record in ticket_records(facts):
            tally = self._tally_at(record.at)
            if tally is None:
                continue
            tally.add(record)
            if record.figure == "volume" and facts.snapshot is not None:
                kind = facts.snapshot.type
                tally.shares[("channel", channel)] += 1
                tally.shares[("type", kind)] += 1
                tally.shares[("channel_type", f"{channel}/{kind}")] += 1
                # Words that every profile shares, so that reports over several can be added up (B3).
                if facts.snapshot.neutral:
                    tally.shares[("neutral_type", facts.snapshot.neutral)] += 1
                if facts.snapshot.entry:
                    tally.shares[("entry", facts.snapshot.entry)] += 1
                for team in facts.undertakers:
                    for what in team_results(facts):
                        tally.shares[(what, team)] += 1

        for due, what, owner in promise_results(facts):
            if (promised := self._tally_at(due)) is not None:
                promised.shares[(what, owner)] += 1

    def add_contact(self, contact: Contact, channel: str) -> None:
        """Count a contact in (A16)."""
        tally = self._tally_at(contact.started)
        if tally is None:
            return
        for record in contact_records(contact, self._answer_seconds):
            tally.add(record)
        tally.shares[("contact_channel", channel)] += 1

    def within(self, period: Period) -> list[Tally]:
        """The tallies of the months of one of the periods."""
        return [
            tally
            for part, tally in zip(self._parts, self.tallies, strict=True)
            if period.first <= part.first and part.last <= period.last
        ]

    def _tally_at(self, instant: int) -> Tally | None:
        if not self._starts[0] <= instant < self._end:
            return None
        return self.tallies[bisect_right(self._starts, instant) - 1]
