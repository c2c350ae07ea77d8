"""Who is on duty at an instant, with dated substitutes in the place of the absent (M21, C23, Q6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from services.kernel.calendar import BusinessCalendar
from services.profile.calendars import calendars_of
from services.profile.schema import Person, Profile


class Roster:
    """Duty of one profile. Never changes; shared by all threads. `at` is always aware."""

    def __init__(self, profile: Profile, calendars: Mapping[str, BusinessCalendar] | None = None) -> None:
        self._profile = profile
        self._calendars = calendars if calendars is not None else calendars_of(profile)
        self._zone = ZoneInfo(profile.profile.timezone)
        self._people = {person.id: person for person in profile.organisation.people}
        self._duty = [(self._calendars[duty.calendar], duty.people) for duty in profile.organisation.duty]
        self._absences = profile.organisation.absences
        self._service_hours = self._calendars[profile.service_hours]

    def on_duty(self, at: datetime, role: str | None = None, team: str | None = None) -> tuple[Person, ...]:
        """People on duty, in the order of the profile, each once. A substitute stands in for the role and the teams of
        the absent, whatever their own."""
        day = self._day(at)
        present: dict[str, Person] = {}
        for calendar, listed in self._duty:
            if not calendar.is_open(at):
                continue
            for name in listed:
                person = self._people[name]
                if (role and role not in person.roles) or (team and team not in person.teams):
                    continue
                standing = self._people[self._stand_in(name, day)] if self._absences else person
                present.setdefault(standing.id, standing)
        return tuple(present.values())

    def stand_in(self, person: str, at: datetime) -> str:
        """The person, or while absent the substitute (or the substitute's own)."""
        return self._stand_in(person, self._day(at)) if self._absences else person

    def is_absent(self, person: str, at: datetime) -> bool:
        """Whether an absence of that local day names the person."""
        return self.stand_in(person, at) != person

    def in_hours(self, at: datetime) -> bool:
        """Whether the desk's service hours cover the instant (A5)."""
        return self._service_hours.is_open(at)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    def _stand_in(self, person: str, day: date) -> str:
        # Loading refuses circles; the bound keeps a kept, older profile from looping.
        for _ in range(len(self._absences) + 1):
            absent = next(
                (each for each in self._absences if each.person == person and each.first <= day <= each.last), None
            )
            if absent is None:
                return person
            person = absent.substitute
        return person


_MOST_ROSTERS = 32
_rosters: dict[int, tuple[Profile, Roster]] = {}


def on_duty(profile: Profile, at: datetime, role: str | None = None, team: str | None = None) -> tuple[Person, ...]:
    """People on duty at an instant, see `Roster.on_duty`. Who has a LoadedProfile at hand asks its `roster`."""
    return roster_of(profile).on_duty(at.astimezone(UTC), role, team)


def roster_of(profile: Profile) -> Roster:
    """The roster of a profile, built once per profile object."""
    # By identity: a profile holds dicts and cannot be hashed; the entry keeps it alive, so no other gets its id.
    known = _rosters.get(id(profile))
    if known is None:
        if len(_rosters) >= _MOST_ROSTERS:
            _rosters.clear()
        known = _rosters[id(profile)] = (profile, Roster(profile))
    return known[1]
