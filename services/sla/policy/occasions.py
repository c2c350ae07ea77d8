"""When what a rule names happened on a ticket, and while what it names held: read from the trail of its versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.profile.clocks import Occasion, Standing
from services.sla.model import Cycle, Facts, Moment

Instant = tuple[int, datetime]
"""The version that brought it, 0 for a milestone, and when."""
Stretch = tuple[datetime, datetime | None]
"""From when until when something held; None: it still does."""


def instants(occasion: Occasion, facts: Facts, cycle: Cycle) -> list[Instant]:
    """Every time it happened in the cycle, oldest first. A milestone taken back did happen when it was reached."""
    if occasion.milestone:
        reached = {each.was for each in facts.of(cycle, (occasion.milestone,))}
        if (standing := cycle.milestones.get(occasion.milestone)) is not None:
            reached.add(standing)
        return [(0, at) for at in sorted(reached)]
    # Every clock with such an occasion looks through the whole trail at every message.
    number, events, by, records = cycle.number, occasion.event, occasion.by, occasion.record
    states, teams, flags = occasion.state, occasion.team, occasion.flag
    changes = bool(states or teams or flags)
    found: list[Instant] = []
    earlier: Moment | None = None
    for moment in facts.trail:
        if (
            moment.cycle == number
            and (not events or moment.event in events)
            and (not by or moment.by in by)
            and (not records or moment.record in records)
            and (not states or moment.state in states)
            and (not teams or moment.team in teams)
            and (not flags or moment.flags)
            and (not changes or _begins(occasion, moment, earlier, facts.first_version))
        ):
            found.append((moment.version, moment.at))
        earlier = moment
    return found


def stretches(standings: Sequence[Standing], facts: Facts, cycle: Cycle) -> list[Stretch]:
    """While one of them held in the cycle, oldest first, none touching the next."""
    found: list[Stretch] = []
    since: datetime | None = None
    for moment in facts.trail:
        if moment.cycle != cycle.number:
            continue
        holds = any(_holds(each, moment) for each in standings)
        if holds and since is None:
            since = moment.at
        elif not holds and since is not None:
            found.append((since, moment.at))
            since = None
    if since is not None:
        found.append((since, None))
    return found


def _begins(occasion: Occasion, moment: Moment, earlier: Moment | None, first: int) -> bool:
    """Whether state and team of this version, and a flag it names, are new; `earlier` is the newest known before it."""
    if earlier is None and moment.version > first:
        # Kept since a release without trails: what stood before it is not known, so nothing began with it.
        return False
    if occasion.state and earlier is not None and earlier.state == moment.state:
        return False
    if occasion.team and earlier is not None and earlier.team == moment.team:
        return False
    before = earlier.flags if earlier else ()
    return not occasion.flag or any(flag in moment.flags and flag not in before for flag in occasion.flag)


def _holds(standing: Standing, moment: Moment) -> bool:
    return (
        (not standing.state or moment.state in standing.state)
        and (not standing.team or moment.team in standing.team)
        and (not standing.flag or not set(standing.flag).isdisjoint(moment.flags))
    )
