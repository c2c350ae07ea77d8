"""Between which instants a clock ran: once, and anew each time its start or its stop was taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.profile.schema import ClockRule
from services.sla.model import Cycle, Facts


@dataclass(frozen=True, slots=True)
class Run:
    """One run: a solution that is refused ends the first and begins the second, from the same start."""

    start: datetime
    stop: datetime | None
    since: datetime | None = None
    """When it was known to run again; None for the first."""
    until: datetime | None = None
    """When its start was taken back while nobody had stopped it."""


def runs(rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterator[Run]:
    """The runs of a rule's clock in a cycle, oldest first; none when it never started."""
    since: datetime | None = None
    begins, ends = rule.start.milestone or "", rule.stop.milestone or ""
    taken_back = facts.of(cycle, (begins, ends))
    for version in dict.fromkeys(each.version for each in taken_back):
        at = next(each.at for each in taken_back if each.version == version)
        start = _before(facts, cycle, begins, version, at)
        if start is not None:
            stop = _before(facts, cycle, ends, version, at)
            yield Run(start, stop, since, at if stop is None else None)
        since = at
    start = cycle.milestones.get(begins)
    if start is not None:
        yield Run(start, cycle.milestones.get(ends), since)


def _before(facts: Facts, cycle: Cycle, milestone: str, version: int, at: datetime) -> datetime | None:
    """What the milestone was just before this version: a later one tells, as a milestone keeps its first instant."""
    later = (each.was for each in facts.of(cycle, (milestone,)) if each.version >= version)
    value = next(later, None) or cycle.milestones.get(milestone)
    return value if value is not None and value <= at else None
