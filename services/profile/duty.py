"""Who is on duty at an instant: the filed roster where there is one, else the profile's pattern; dated substitutes in
the place of the absent (M21, M28, C23, Q6)."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.kernel.calendar import BusinessCalendar
from services.kernel.duty import Away, DutyTable, Filed, Stint
from services.profile.calendars import calendars_of
from services.profile.schema import Person, Profile

_PIECE = 86_400
"""Seconds of the pieces of time that are laid out at once."""
_MOST_PIECES = 1_000
_MOST_QUESTIONS = 256


class _Segment:
    """A time in which nothing changes: who is on duty, who stands in for whom."""

    __slots__ = ("answers", "away", "in_hours", "places")

    def __init__(self, places: tuple[tuple[Person, Person], ...], away: Mapping[str, str], in_hours: bool) -> None:
        self.places = places
        """Whose place it is, and who is there."""
        self.away = away
        """The absent and who stands in; empty when nobody does."""
        self.in_hours = in_hours
        self.answers: dict[tuple[str | None, str | None], tuple[Person, ...]] = {}


class _Plan:
    """What is adopted, and the pieces of time laid out from it. Replaced whole, so that readers need no lock."""

    __slots__ = ("absences", "pieces", "stints", "table")

    def __init__(self, table: DutyTable, absences: tuple[Away, ...]) -> None:
        self.table = table
        self.absences = absences
        self.pieces: dict[int, tuple[list[int], list[_Segment]]] = {}
        self.stints: dict[int, list[Stint]] = {}
        """By piece, so that laying one out looks at its own only."""
        for stint in table.stints:
            for number in range(stint.start // _PIECE, (stint.end - 1) // _PIECE + 1):
                self.stints.setdefault(number, []).append(stint)


class Roster:
    """Duty of one profile, shared by all threads. `at` is always aware. A look-up is one bisection."""

    def __init__(self, profile: Profile, calendars: Mapping[str, BusinessCalendar] | None = None) -> None:
        self._profile = profile
        calendars = calendars if calendars is not None else calendars_of(profile)
        zone = ZoneInfo(profile.profile.timezone)
        self._people = {person.id: person for person in profile.organisation.people}
        self._order = {name: position for position, name in enumerate(self._people)}
        self._duty = [(calendars[duty.calendar], duty.people) for duty in profile.organisation.duty]
        self._service_hours = calendars[profile.service_hours]
        self._own = tuple(
            Away(
                each.person, midnight(each.first, zone), midnight(each.last + timedelta(days=1), zone), each.substitute
            )
            for each in profile.organisation.absences
        )
        self._plan = _Plan(DutyTable(profile.profile.name), self._own)
        self._adopting = threading.Lock()

    def adopt(self, table: DutyTable) -> bool:
        """Follows the filed roster from now on; False when as new a one is followed already. Readers see it whole."""
        plan = _Plan(table, (*self._own, *table.absences))
        # Two threads that read two tables must not leave the older one.
        with self._adopting:
            if table.version <= self._plan.table.version:
                return False
            self._plan = plan
        return True

    @property
    def version(self) -> int:
        """Of the filed duty that is followed; 0: the profile's pattern alone."""
        return self._plan.table.version

    def on_duty(self, at: datetime, role: str | None = None, team: str | None = None) -> tuple[Person, ...]:
        """People on duty, in the order of the profile, each once. A substitute stands in for the role and the teams of
        the absent, whatever their own."""
        segment = self._segment(at)
        found = segment.answers.get((role, team))
        if found is None:
            present: dict[str, Person] = {}
            for place, standing in segment.places:
                if (not role or role in place.roles) and (not team or team in place.teams):
                    present.setdefault(standing.id, standing)
            found = tuple(present.values())
            if len(segment.answers) < _MOST_QUESTIONS:
                segment.answers[role, team] = found
        return found

    def stand_in(self, person: str, at: datetime) -> str:
        """The person, or while absent the substitute (or the substitute's own)."""
        return self._segment(at).away.get(person) or person

    def is_absent(self, person: str, at: datetime) -> bool:
        """Whether an absence of that time names the person."""
        return person in self._segment(at).away

    def acting_roles(self, person: str, at: datetime) -> tuple[frozenset[str], frozenset[str]]:
        """Roles and teams of those the person stands in for at the instant: rights that end with the span (M21, Q6)."""
        absent = [self._people[name] for name, standing in self._segment(at).away.items() if standing == person]
        roles = frozenset(role for each in absent for role in each.roles)
        return roles, frozenset(team for each in absent for team in each.teams)

    def in_hours(self, at: datetime) -> bool:
        """Whether the desk's service hours cover the instant (A5)."""
        return self._segment(at).in_hours

    def _segment(self, at: datetime) -> _Segment:
        plan = self._plan
        # Rounded down as whole seconds: a shift begins with its second, not before.
        moment = int(at.timestamp() // 1)
        piece = plan.pieces.get(moment // _PIECE)
        if piece is None:
            piece = self._lay_out(plan, moment // _PIECE)
        return piece[1][bisect_right(piece[0], moment) - 1]

    def _lay_out(self, plan: _Plan, number: int) -> tuple[list[int], list[_Segment]]:
        first, last = number * _PIECE, (number + 1) * _PIECE
        edges = {first}
        for calendar in (self._service_hours, *(calendar for calendar, _ in self._duty)):
            edges.update(calendar.changes(first, last))
        stints = plan.stints.get(number, [])
        absences = [each for each in plan.absences if each.start < last and first < each.end]
        for group in (absences, plan.table.months, stints):
            edges.update(edge for span in group for edge in (span.start, span.end) if first < edge < last)
        starts = sorted(edges)
        piece = starts, [self._at(plan.table.months, stints, absences, moment) for moment in starts]
        if len(plan.pieces) >= _MOST_PIECES:
            plan.pieces.clear()
        plan.pieces[number] = piece
        return piece

    def _at(self, months: Sequence[Filed], stints: Sequence[Stint], absences: Sequence[Away], moment: int) -> _Segment:
        at = datetime.fromtimestamp(moment, UTC)
        missing: dict[str, str] = {}
        for absence in absences:
            if absence.start <= moment < absence.end and absence.person in self._people:
                missing.setdefault(absence.person, absence.substitute)
        away = {person: self._followed(person, missing) for person in missing}
        rostered = frozenset[str]().union(*(month.people for month in months if month.start <= moment < month.end))
        names = [
            name for calendar, listed in self._duty if calendar.is_open(at) for name in listed if name not in rostered
        ]
        on_shift = {stint.person for stint in stints if stint.start <= moment < stint.end}
        names += sorted(on_shift & self._order.keys(), key=self._order.__getitem__)
        standing = [(self._people[name], self._people.get(away.get(name, name))) for name in names]
        places = tuple((place, there) for place, there in standing if there is not None)
        return _Segment(places, away, self._service_hours.is_open(at))

    def _followed(self, person: str, missing: Mapping[str, str]) -> str:
        # Loading and approving refuse circles; the bound keeps a kept, older profile from looping.
        for _ in range(len(missing) + 1):
            if person not in missing:
                return person if person in self._people else ""
            person = missing[person]
        return ""


def midnight(day: date, zone: ZoneInfo) -> int:
    """Epoch seconds at which the local day begins."""
    return int(datetime.combine(day, time(), zone).timestamp())


_MOST_ROSTERS = 32
_rosters: dict[int, tuple[Profile, Roster]] = {}


def on_duty(profile: Profile, at: datetime, role: str | None = None, team: str | None = None) -> tuple[Person, ...]:
    """People on duty by the profile's pattern, see `Roster.on_duty`. Who has a LoadedProfile asks its `roster`."""
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
