"""The assignment facet prepared for judging: conditions compiled, times tied to calendars (C13, M28)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.kernel.calendar import BusinessCalendar
from services.profile.assignment import TeamWork
from services.profile.calendars import calendars_of
from services.profile.condition_tree import All, Holds, compiled, equality, flag
from services.profile.conditions import Condition
from services.profile.facet import Span
from services.profile.schema import Person, Profile

Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """How one team gets its work."""

    team: str
    facet: TeamWork
    calendar: BusinessCalendar
    members: Mapping[str, Person]
    skills: tuple[tuple[Holds, str, int], ...]
    weights: tuple[tuple[Holds, int], ...]

    @property
    def pushes(self) -> bool:
        """Whether dispatch gives the tickets out by itself."""
        return self.facet.mode == "push"

    def wanted(self, facts: Facts) -> Mapping[str, int]:
        """Skills that a ticket needs, with the highest level any rule asks for."""
        wanted: dict[str, int] = {}
        for holds, skill, level in self.skills:
            if holds(facts):
                wanted[skill] = max(level, wanted.get(skill, 0))
        return wanted

    def weight(self, facts: Facts) -> int:
        """What a ticket counts in its holder's load: by the first rule that matches."""
        return next((weight for holds, weight in self.weights if holds(facts)), 1)

    def capacity(self, person: str) -> int:
        """The most a person holds at once."""
        return self.facet.capacity.people.get(person, self.facet.capacity.default)

    def after(self, since: datetime, span: Span) -> datetime:
        """When the span of the team's calendar is over."""
        return self.calendar.add(since, span.seconds)


def works_of(profile: Profile) -> Mapping[str, Work]:
    """By team; teams without the facet are absent."""
    if not profile.assignment:
        return {}
    calendars = calendars_of(profile)
    people = profile.organisation.people
    return {
        team: Work(
            team=team,
            facet=facet,
            calendar=calendars[facet.calendar],
            members={person.id: person for person in people if team in person.teams},
            skills=tuple((_holds(each.when), each.skill, each.level) for each in facet.skills),
            weights=tuple((_holds(each.when), each.weight) for each in facet.weights),
        )
        for team, facet in profile.assignment.items()
    }


def _holds(when: Condition) -> Holds:
    said = {name: getattr(when, name) for name in Condition.model_fields}
    tests = [equality(name, value) for name, value in said.items() if isinstance(value, tuple) and value]
    return compiled(All((*tests, *(flag(name, value) for name, value in said.items() if isinstance(value, bool)))))


def pools_of(profile: Profile) -> Mapping[str, tuple[str, ...]]:
    """Teams with the facet, grouped so that nobody is in two groups: what one person has room for is judged once.

    A group is named by the profile and its first team.
    """
    groups: list[tuple[set[str], set[str]]] = []
    for team in sorted(profile.assignment):
        people = {person.id for person in profile.organisation.people if team in person.teams}
        teams = {team}
        apart = []
        for group in groups:
            if group[1].isdisjoint(people):
                apart.append(group)
            else:
                teams, people = teams | group[0], people | group[1]
        groups = [*apart, (teams, people)]
    return {f"{profile.profile.name}/{min(teams)}": tuple(sorted(teams)) for teams, _ in groups}
