"""Which policy version judged a ticket when, and what a recalculation leaves of its clocks (重新计算, D18). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.sla.model import Clock, Facts, Rules

RECALCULATED = "recalculated"


@dataclass(frozen=True, slots=True)
class Era:
    """A time in which one policy version judged the ticket."""

    place: int
    rules: Rules
    known: bool
    """Whether `rules` are those of that version."""
    since: datetime | None = None
    until: datetime | None = None
    """When another version was laid under the ticket's clocks."""


def eras_of(facts: Facts, rules: Rules) -> tuple[Era, ...]:
    """The eras of a ticket, the first since ever, the last under `rules`."""
    if not facts.recalculations:
        return (Era(0, rules, rules.version == facts.newest.profile_version),)
    laid = facts.recalculations
    versions = (laid[0].old or facts.newest.profile_version, *(each.new for each in laid))
    instants = [each.at for each in laid]
    found: list[Era] = []
    for place, version in enumerate(versions):
        those = rules if rules.version == version else rules.other(version) or rules
        since = instants[place - 1] if place else None
        until = instants[place] if place < len(instants) else None
        found.append(Era(place, those, those.version == version, since, until))
    return tuple(found)


def laid_anew(
    kept: Sequence[Clock], fresh: Sequence[Clock], old: Era, new: Era, before: Mapping[tuple[str, int, int], Clock]
) -> list[Clock]:
    """The clocks once another version was laid under them: what stopped before stays as it was judged, what ran is kept
    with its result and runs on in a generation of its own, what comes out alike runs on as if nothing had happened."""
    at = new.since
    assert at is not None  # noqa: S101 - only the first era has no beginning
    running = [clock for clock in fresh if clock.stopped_at is None or clock.stopped_at > at]
    found: list[Clock] = []
    for clock in kept:
        same = next((each for each in running if _alike(clock, each, old, new)), None)
        if clock.note != RECALCULATED or clock.stopped_at != at or same is None:
            found.append(clock)
            continue
        running.remove(same)
        earlier = before.get(clock.key)
        found.append(
            replace(
                same,
                generation=clock.generation,
                known_at=clock.known_at,
                taken=earlier.taken if earlier else (),
                breach_told=earlier.breach_told if earlier else False,
                told=earlier.told if earlier else None,
            )
        )
    for clock in running:
        late = clock.live and clock.due_at <= at and not clock.note
        found.append(replace(clock, known_at=max(clock.known_at, at), note=RECALCULATED if late else clock.note))
    return found


def _alike(clock: Clock, other: Clock, old: Era, new: Era) -> bool:
    """Whether the new version judges a clock as the old one did."""
    mine, its = old.rules.by_name.get(clock.name), new.rules.by_name.get(clock.name)
    return (
        (clock.name, clock.cycle, clock.started_at) == (other.name, other.cycle, other.started_at)
        and (clock.limit_seconds, clock.calendar, clock.grade) == (other.limit_seconds, other.calendar, other.grade)
        and mine is not None
        and its is not None
        and (mine.warn, mine.steps, mine.escalate) == (its.warn, its.steps, its.escalate)
    )
