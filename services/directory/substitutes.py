"""Who could stand in for somebody who cannot come: severe weather, no transport, sudden illness (H19, M17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.directory.duty_board import roster_at
from services.directory.rosters import Books
from services.kernel.errors import Missing, Refused
from services.profile.duty import Roster
from services.profile.load import LoadedProfile, Profiles
from services.profile.schema import Person

LONGEST = timedelta(days=31)
_STEP = timedelta(minutes=15)
"""Shifts begin and end at quarters of an hour."""
_REST = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody of the same role who is free all the time the absent is needed."""

    person: Person
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    """Those of the absent that are the candidate's too."""
    skills: tuple[str, ...]
    """Those of the absent that the candidate has at the same level or above."""
    rested: bool
    """Not on duty in the eight hours before and after."""


class Substitutes:
    """Answers from duty as it is followed: the filed roster where there is one, else the profile's pattern."""

    def __init__(self, profiles: Profiles, books: Books) -> None:
        self._profiles = profiles
        self._books = books

    def of(self, profile: str, person: str, start: datetime, end: datetime, now: datetime) -> Sequence[Candidate]:
        """Candidates, the most alike first. Without duty in that time the absent counts as needed all of it.

        Missing for somebody who is not of the desk, Refused for a time that is none or longer than 31 days.
        """
        loaded = self._profiles.get(profile)
        absent = loaded.lookups.people.get(person)
        if absent is None:
            raise Missing(f'There is nobody "{person[:80]}" at {loaded.name}; list its people.')
        if not start < end <= start + LONGEST:
            raise Refused("Say from when to when, in the right order and for at most 31 days.", field="end")
        return candidates(loaded, roster_at(loaded, self._books, start, now), absent, start, end)


def candidates(
    loaded: LoadedProfile, roster: Roster, absent: Person, start: datetime, end: datetime
) -> Sequence[Candidate]:
    """Pure: the same duty gives the same list."""
    moments = list(_moments(start, end))
    needed = [at for at in moments if any(each.id == absent.id for each in roster.on_duty(at))] or moments
    busy = {each.id for at in needed for each in roster.on_duty(at)}
    around = [*_moments(needed[0] - _REST, needed[0]), *_moments(needed[-1] + _STEP, needed[-1] + _STEP + _REST)]
    tired = {each.id for at in around for each in roster.on_duty(at)}
    found = []
    for person in loaded.profile.organisation.people:
        roles = tuple(role for role in absent.roles if role in person.roles)
        if person.id == absent.id or not roles or person.id in busy:
            continue
        if any(roster.is_absent(person.id, at) for at in needed):
            continue
        teams = tuple(team for team in absent.teams if team in person.teams)
        skills = tuple(name for name, level in absent.skills.items() if person.skills.get(name, 0) >= level)
        found.append(Candidate(person, roles, teams, skills, person.id not in tired))
    return sorted(found, key=lambda each: (-len(each.roles), not each.rested, -len(each.teams), -len(each.skills)))


def _moments(start: datetime, end: datetime) -> Iterable[datetime]:
    at = start
    while at < end:
        yield at
        at += _STEP
