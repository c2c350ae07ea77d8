"""Does the organisation hang together: teams, people, projects, duty, absences (Q-group, M21)?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from services.profile.faults import Finding, Path
from services.profile.schema import Absence, Person, Profile

_ORGANISATION: Path = ("organisation",)


def check_organisation(profile: Profile) -> Iterator[Finding]:
    """Every cross fault of people, teams, customers, projects and duty."""
    yield from _unique(profile)
    yield from _people(profile)
    yield from _projects(profile)
    yield from _duty(profile)
    yield from _absences(profile)


def _no_person(path: Path, name: str) -> Finding:
    return path, f'there is no person "{name}"; add them to organisation.people or correct the id'


def _unique(profile: Profile) -> Iterator[Finding]:
    organisation = profile.organisation
    for kind, listed in (
        ("teams", [team.id for team in organisation.teams]),
        ("people", [person.id for person in organisation.people]),
        ("customers", [customer.id for customer in organisation.customers]),
        ("projects", [project.id for project in organisation.projects]),
    ):
        seen: set[str] = set()
        for index, name in enumerate(listed):
            if name in seen:
                yield (*_ORGANISATION, kind, index, "id"), f'the id "{name}" appears twice; give each its own'
            seen.add(name)


def _people(profile: Profile) -> Iterator[Finding]:
    teams = {team.id for team in profile.organisation.teams}
    people = {person.id for person in profile.organisation.people}
    for index, team in enumerate(profile.organisation.teams):
        if team.lead is not None and team.lead not in people:
            yield _no_person((*_ORGANISATION, "teams", index, "lead"), team.lead)
    for index, person in enumerate(profile.organisation.people):
        here: Path = (*_ORGANISATION, "people", index)
        if not person.roles:
            yield (*here, "roles"), f"{person.id} has no role; give at least one"
        for position, role in enumerate(person.roles):
            if role not in profile.roles:
                yield (*here, "roles", position), f'there is no role "{role}"; add it to roles or correct the name'
        for position, name in enumerate(person.teams):
            if name not in teams:
                yield (
                    (*here, "teams", position),
                    f'there is no team "{name}"; add it to teams or correct it',
                )


def _projects(profile: Profile) -> Iterator[Finding]:
    people = {person.id: person for person in profile.organisation.people}
    teams = {team.id for team in profile.organisation.teams}
    for index, project in enumerate(profile.organisation.projects):
        here: Path = (*_ORGANISATION, "projects", index)
        if project.team not in teams:
            yield (*here, "team"), f'there is no team "{project.team}"; add it to teams or correct it'
        yield from _holds(people, project.manager, "project_manager", (*here, "manager"))
        for position, engineer in enumerate(project.engineers):
            yield from _holds(people, engineer, "engineer", (*here, "engineers", position))


def _holds(people: dict[str, Person], name: str, role: str, path: Path) -> Iterator[Finding]:
    if name not in people:
        yield _no_person(path, name)
    elif role not in people[name].roles:
        yield path, f"{name} is no {role}; give the role to them or name somebody who has it"


def _duty(profile: Profile) -> Iterator[Finding]:
    people = {person.id for person in profile.organisation.people}
    for index, duty in enumerate(profile.organisation.duty):
        here: Path = (*_ORGANISATION, "duty", index)
        if duty.calendar not in profile.calendars:
            known = ", ".join(profile.calendars)
            yield (*here, "calendar"), f'there is no calendar "{duty.calendar}"; add it or name one of: {known}'
        for position, person in enumerate(duty.people):
            if person not in people:
                yield _no_person((*here, "people", position), person)


def _absences(profile: Profile) -> Iterator[Finding]:
    people = {person.id for person in profile.organisation.people}
    absences = profile.organisation.absences
    for index, absence in enumerate(absences):
        here: Path = (*_ORGANISATION, "absences", index)
        for field, name in (("person", absence.person), ("substitute", absence.substitute)):
            if name not in people:
                yield _no_person((*here, field), name)
        if absence.last < absence.first:
            yield (*here, "last"), "the absence ends before it begins; exchange first and last"
        if any(other.person == absence.person and _overlap(other, absence) for other in absences[:index]):
            yield (*here, "first"), f"{absence.person} is already absent then; merge the two absences"
        chain = _circle(absence, absences)
        if chain:
            yield (
                (*here, "substitute"),
                f"substitutes go in a circle ({' -> '.join(chain)}); name another",
            )


def _overlap(one: Absence, other: Absence) -> bool:
    return one.first <= other.last and other.first <= one.last


def _circle(absence: Absence, absences: tuple[Absence, ...]) -> list[str]:
    """The chain of people if, on some day of this absence, following substitutes leads back to one passed before."""
    for day in _days_of_change(absence, absences):
        chain = [absence.person]
        substitutes = {each.person: each.substitute for each in absences if each.first <= day <= each.last}
        while chain[-1] in substitutes:
            following = substitutes[chain[-1]]
            if following in chain:
                return [*chain, following]
            chain.append(following)
    return []


def _days_of_change(absence: Absence, absences: tuple[Absence, ...]) -> list[date]:
    """Days on which who is absent can change: enough to look at, whatever the length of the absence."""
    return [absence.first, *(each.first for each in absences if absence.first <= each.first <= absence.last)]
