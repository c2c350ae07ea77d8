"""The assignment facet: how work of a team reaches its people, and when it moves on or comes back (C13, C22, M28)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from services.profile.conditions import Condition
from services.profile.facet import Duration, Facet, Name, PersonId

Level = Annotated[int, Field(ge=1, le=9)]
Units = Annotated[int, Field(ge=0, le=100_000)]
Channel = Literal["phone", "email", "web", "im", "on_site", "monitoring"]


class SkillWanted(Facet):
    """Who takes such a ticket needs the skill at this level or above (C13)."""

    when: Condition = Condition()
    skill: Name
    level: Level = 1


class Weight(Facet):
    """What such a ticket counts in its holder's load; the first that matches, else 1."""

    when: Condition = Condition()
    weight: Annotated[int, Field(ge=1, le=1000)]


class Capacity(Facet):
    """How much a person holds at once: the sum of the weights of open tickets. 0: nothing is given to them."""

    default: Units = 10
    people: dict[PersonId, Units] = Field(default_factory=dict)
    channels: dict[Channel, Units] = Field(default_factory=dict)
    """How many tickets of a channel a person holds at once, such as one call."""


class Overflow(Facet):
    """A second team for what waits too long (溢出)."""

    after: Duration
    to: Name


class TakeBack(Facet):
    """A silent holder loses the ticket to the queue (超时收回)."""

    after: Duration
    states: tuple[Name, ...] = ()
    """States in which nothing was done with it yet; empty: those from which it can be accepted, or where the lifecycle
    knows no accepting, those from which work can begin."""


class TeamWork(Facet):
    """How one team gets its work."""

    mode: Literal["pull", "push"] = "pull"
    """pull: people take from the queue; push: dispatch gives each ticket to one of them."""
    choose: Literal["least_loaded", "round_robin", "longest_idle"] = "least_loaded"
    skills: tuple[SkillWanted, ...] = ()
    capacity: Capacity = Capacity()
    weights: tuple[Weight, ...] = ()
    overflow: Overflow | None = None
    take_back: TakeBack | None = None
    calendar: Name = "always"
    """On which the times of overflow and take_back count."""


Assignment = dict[Name, TeamWork]
"""By team; a team that is not listed pulls, without limits."""

MOST_RULES = 50


def circles(assignment: Mapping[str, TeamWork]) -> Iterator[str]:
    """Teams whose overflow leads back to themselves."""
    for start in assignment:
        seen, team = {start}, start
        while (work := assignment.get(team)) is not None and work.overflow is not None:
            team = work.overflow.to
            if team == start:
                yield start
            if team in seen:
                break
            seen.add(team)
