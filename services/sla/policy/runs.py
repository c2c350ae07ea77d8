"""Between which instants a clock ran: once, and anew each time its start or its stop was taken back or came again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from services.profile.clocks import ClockRule, Occasion
from services.sla.model import Cycle, Facts
from services.sla.policy.occasions import Instant, Stretch, instants


class Run(NamedTuple):
    """One run: a solution that is refused ends the first and begins the second, from the same start."""

    start: datetime
    stop: datetime | None
    since: datetime | None = None
    """When it was known to run again; None for the first from this start."""
    until: datetime | None = None
    """When its start was taken back while nobody had stopped it."""
    version: int = 0
    """The version whose event started it; 0 for a milestone. Part of its generation, so that a message heard late
    shifts nothing that was said."""
    cancelled: datetime | None = None
    """When an occasion ended it for good."""
    resets: tuple[Instant, ...] = ()
    """What began its time anew, until it ended."""

    @property
    def end(self) -> datetime | None:
        """When it stopped for whatever reason; None while it goes on."""
        return min((each for each in (self.stop, self.cancelled, self.until) if each is not None), default=None)


def runs(rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterable[Run]:
    """The runs of a rule's clock in a cycle, oldest first; none when it never started."""
    begins, ends = rule.start.milestone, rule.stop.milestone
    if begins is None:
        return _from_events(rule, facts, cycle)
    found: Iterable[Run]
    if ends is None:
        found = _from_milestone(rule, facts, cycle)
    elif facts.taken_back:
        found = _between_milestones(begins, ends, facts, cycle)
    else:
        start = cycle.milestones.get(begins)
        found = (Run(start, cycle.milestones.get(ends)),) if start is not None else ()
    return _cut(found, rule, facts, cycle) if rule.cancel or rule.reset else found


def _cut(found: Iterable[Run], rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterator[Run]:
    cancels, resets = _all(rule.cancel, facts, cycle), _all(rule.reset, facts, cycle)
    for run in found:
        ended = _cancelled(run, cancels)
        yield _with_resets(ended, resets)
        if ended.cancelled is not None:
            return


def _between_milestones(begins: str, ends: str, facts: Facts, cycle: Cycle) -> Iterator[Run]:
    since: datetime | None = None
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


def _from_milestone(rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterator[Run]:
    """Started by a milestone, stopped by an event: once, and anew when the milestone was taken back and came again."""
    stops = instants(rule.stop, facts, cycle)
    for since, until in _held(rule.start.milestone or "", facts, cycle):
        # What marked the milestone is not what stops the clock.
        stop = next((at for _, at in stops if at > since), None)
        if stop is not None and until is not None and until < stop:
            stop = None
        yield Run(since, stop, until=until if stop is None else None)


def _from_events(rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterator[Run]:
    """Started by an event, whenever it does not run; the same event may stop it and start it anew."""
    starts = instants(rule.start, facts, cycle)
    if not starts:
        return
    free: tuple[datetime, int] | None = None
    # Once for all runs: a ticket of thousands of versions may have hundreds.
    stops = [] if rule.stop.milestone else instants(rule.stop, facts, cycle)
    cancels, resets = _all(rule.cancel, facts, cycle), _all(rule.reset, facts, cycle)
    for version, at in starts:
        if free is not None and (at, version) < free:
            continue
        begun = Run(at, None, version=version)
        found = list(
            _to_milestone(begun, rule, facts, cycle)
            if rule.stop.milestone
            else [begun._replace(stop=_next(stops, version, at))]
        )
        for run in found:
            ended = _cancelled(run, cancels)
            yield _with_resets(ended, resets)
            if ended.end is None:
                return
            free = (ended.end, 0)
            if ended.cancelled is not None:
                break


def _next(stops: Iterable[Instant], version: int, start: datetime) -> datetime | None:
    return next((at for stop, at in stops if (at, stop) > (start, version)), None)


def _to_milestone(begun: Run, rule: ClockRule, facts: Facts, cycle: Cycle) -> Iterator[Run]:
    """None when the milestone stood already: what the clock asks for was done. It goes on when that is taken back."""
    held = _held(rule.stop.milestone or "", facts, cycle)
    if any(reached <= begun.start and (lost is None or lost > begun.start) for reached, lost in held):
        return
    since: datetime | None = None
    for reached, lost in held:
        if reached > begun.start:
            yield begun._replace(stop=reached, since=since)
            if lost is None:
                return
            since = lost
    yield begun._replace(since=since)


def _held(milestone: str, facts: Facts, cycle: Cycle) -> list[Stretch]:
    """From when until when it stood, oldest first."""
    held: dict[datetime, datetime | None] = {}
    for each in facts.of(cycle, (milestone,)):
        held.setdefault(each.was, each.at)
    if (standing := cycle.milestones.get(milestone)) is not None:
        held[standing] = None
    return sorted(held.items(), key=lambda each: each[0])


def _all(occasions: Iterable[Occasion], facts: Facts, cycle: Cycle) -> list[Instant]:
    """When one of them happened; of those at one instant the oldest version last."""
    return [each for occasion in occasions for each in sorted(instants(occasion, facts, cycle), reverse=True)]


def _cancelled(run: Run, cancels: Sequence[Instant]) -> Run:
    end = run.end
    found = [at for version, at in cancels if _after(run, version, at) and (end is None or at < end)]
    return run._replace(cancelled=min(found), stop=None, until=None) if found else run


def _with_resets(run: Run, resets: Sequence[Instant]) -> Run:
    if not resets:
        return run
    end = run.end
    found = {at: version for version, at in resets if at > run.start and (end is None or at < end)}
    return run._replace(resets=tuple((version, at) for at, version in sorted(found.items())))


def _after(run: Run, version: int, at: datetime) -> bool:
    return at > run.start or (at == run.start and run.version > 0 and version > run.version)
