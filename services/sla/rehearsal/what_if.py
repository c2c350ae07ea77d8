"""What other rules would have made of tickets that were (假如): every ticket judged twice, in memory. Pure.

Each clock is reckoned from the ticket's history alone, once by the policy that judged it and once by the other one
from the very beginning, both at the same instant. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.sla.model import Clock, Facts, Rules, Status, Timeline
from services.sla.policy.commitments import NAME as COMMITMENT
from services.sla.policy.limits import derive
from services.sla.policy.pauses import remaining

MOST_EXAMPLES = 10
_OVERDUE = (Status.BREACHED, Status.MET_LATE)


@dataclass(slots=True)
class Figures:
    """Of one clock, over all tickets of the period. Margins in seconds of the clock's own calendar."""

    tickets_before: int = 0
    tickets_after: int = 0
    breaches_before: int = 0
    breaches_after: int = 0
    newly_broken: int = 0
    newly_kept: int = 0
    broken: list[str] = field(default_factory=list)
    """First tickets that would have broken it, and did not."""
    kept: list[str] = field(default_factory=list)
    """First tickets that broke it, and would not have."""
    both: int = 0
    """Tickets on which it has stopped under either policy: of one that runs no margin is known yet."""
    margin_before: int = 0
    margin_after: int = 0
    """Sums over those."""

    @property
    def margins(self) -> tuple[float, float] | None:
        """Mean margin before and after; None when it has stopped on no ticket under both."""
        return (self.margin_before / self.both, self.margin_after / self.both) if self.both else None


@dataclass(slots=True)
class WhatIf:
    """What came of it."""

    version: str
    tickets: int = 0
    other: int = 0
    """Tickets with another result: some clock broken or kept that was not."""
    unknown: int = 0
    """Tickets whose own policy version is not kept any more: their clocks as they stand were taken."""
    skipped: int = 0
    """Tickets that could not be judged by the other rules."""
    clocks: dict[str, Figures] = field(default_factory=dict)


def what_if(
    timelines: Iterable[Timeline],
    rules_for: Callable[[str, str], Rules],
    candidate: Rules,
    now: datetime,
    progress: Callable[[int], object] = lambda judged: None,
) -> WhatIf:
    """Judges all tickets under the policy that judged them and under the candidate, and counts per clock."""
    found = WhatIf(candidate.version, clocks={rule.name: Figures() for rule in candidate.clocks})
    for timeline in timelines:
        rules = rules_for(timeline.facts.newest.profile, timeline.facts.policy)
        found.tickets += 1
        before: Collection[Clock]
        if rules.version == timeline.facts.policy:
            before = derive(timeline.facts, rules, {}, now)
        else:
            before, found.unknown = timeline.clocks, found.unknown + 1
        try:
            after = derive(_under(timeline.facts, candidate), candidate, {}, now)
        except (ValueError, LookupError, ArithmeticError):
            found.skipped += 1
            continue
        if _count(found, timeline.number, before, rules, after, candidate, now):
            found.other += 1
        progress(found.tickets)
    return found


def _under(facts: Facts, candidate: Rules) -> Facts:
    """The same history, as if the candidate had been in force from the beginning."""
    return replace(facts, newest=replace(facts.newest, profile_version=candidate.version), recalculations=())


def _count(
    found: WhatIf,
    number: str,
    before: Collection[Clock],
    old: Rules,
    after: Collection[Clock],
    new: Rules,
    now: datetime,
) -> bool:
    was, would = _by_name(before), _by_name(after)
    other = False
    for name in dict.fromkeys((*was, *would)):
        figures = found.clocks.setdefault(name, Figures())
        mine, theirs = was.get(name, []), would.get(name, [])
        broke, breaks = _breaches(mine, now), _breaches(theirs, now)
        figures.tickets_before += bool(mine)
        figures.tickets_after += bool(theirs)
        figures.breaches_before += broke
        figures.breaches_after += breaks
        if breaks and not broke:
            figures.newly_broken += 1
            _note(figures.broken, number)
        elif broke and not breaks:
            figures.newly_kept += 1
            _note(figures.kept, number)
        other = other or breaks != broke
        if mine and theirs and not mine[-1].live and not theirs[-1].live:
            figures.both += 1
            figures.margin_before += remaining(mine[-1], old, now)
            figures.margin_after += remaining(theirs[-1], new, now)
    return other


def _by_name(clocks: Collection[Clock]) -> dict[str, list[Clock]]:
    """Clocks of the profile by name, oldest generation first; promises are nobody's rules."""
    found: dict[str, list[Clock]] = {}
    for clock in sorted(clocks, key=lambda each: (each.cycle, each.generation)):
        if clock.name != COMMITMENT and clock.note != "not_applicable":
            found.setdefault(clock.name, []).append(clock)
    return found


def _breaches(clocks: Collection[Clock], now: datetime) -> bool:
    """Whether one of a ticket's clocks of that name was broken."""
    return any(each.status in _OVERDUE or (each.status is Status.RUNNING and each.due_at <= now) for each in clocks)


def _note(numbers: list[str], number: str) -> None:
    if len(numbers) < MOST_EXAMPLES:
        numbers.append(number)
