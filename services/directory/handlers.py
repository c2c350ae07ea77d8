"""What the directory answers and does: sign in, people, duty, profiles and their past versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from services.directory import policy
from services.directory.model import AppliedProfile, Attempts, InForce
from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.load import LoadedProfile, Profiles
from services.profile.schema import Person

_TRIES = 20
_HIDDEN = {"organisation": {"people", "customers", "duty", "absences"}}


class Credentials(Protocol):
    """Password hashes and failed sign-ins. Both in the database, so that all replicas know them."""

    def password(self, person: str) -> str | None: ...
    def set_password(self, person: str, hashed: str, now: datetime) -> None: ...
    def attempts(self, person: str) -> Attempts: ...
    def swap_attempts(self, seen: Attempts, new: Attempts) -> bool: ...


class KeptProfiles(Protocol):
    """Every version applied, and which is in force."""

    def keep(self, applied: AppliedProfile) -> None: ...
    def kept(self, name: str, version: str) -> AppliedProfile | None: ...
    def in_force(self, name: str) -> InForce | None: ...
    def swap_in_force(self, seen: InForce | None, new: InForce) -> bool: ...


class People:
    """Everybody of all profiles, once."""

    def __init__(self, profiles: Profiles) -> None:
        self._by_id: dict[str, Person] = {}
        for loaded in profiles:
            for person in loaded.profile.organisation.people:
                known = self._by_id.get(person.id)
                self._by_id[person.id] = policy.merged(known, person) if known else person

    def find(self, person_id: str) -> Person | None:
        return self._by_id.get(person_id)

    def get(self, person_id: str) -> Person:
        """Missing when nobody has that id."""
        person = self._by_id.get(person_id)
        if person is None:
            raise Missing(f'There is no person "{person_id[:64]}" in the directory; check the id.')
        return person


class SignIn:
    """Passwords to people (IssueToken). After five wrong ones within a quarter of an hour sign-in rests."""

    def __init__(self, people: People, credentials: Credentials, is_right: Callable[[str | None, str], bool]) -> None:
        self._people = people
        self._credentials = credentials
        self._is_right = is_right

    def sign_in(self, person_id: str, password: str, now: datetime) -> Person:
        """The person whose password this is. Refused("unauthenticated") always in the same words, so that nobody learns
        who exists, who has a password or whose sign-in rests."""
        person = self._people.find(person_id)
        resting = self._count(person.id, now) if person else True
        stored = self._credentials.password(person.id) if person else None
        right = self._is_right(stored, password)
        if person is None or resting or not right:
            raise Refused(
                "The person or the password is wrong, or there were too many wrong ones: check both, "
                "wait a quarter of an hour, or ask an administrator for a new password.",
                code="unauthenticated",
            )
        self._change(person.id, policy.forgiven)
        return person

    def _count(self, person: str, now: datetime) -> bool:
        """Counts the try before the password is looked at, so that many at once are not more tries; True: it rests."""
        for _ in range(_TRIES):
            seen = self._credentials.attempts(person)
            if policy.is_locked(seen, now):
                return True
            if self._credentials.swap_attempts(seen, policy.counted(seen, now)):
                return False
        raise Unavailable("Too many sign-ins of one person at once; try again in a few seconds.")

    def _change(self, person: str, change: Callable[[Attempts], Attempts]) -> None:
        for _ in range(_TRIES):
            seen = self._credentials.attempts(person)
            if self._credentials.swap_attempts(seen, change(seen)):
                return


def set_password(people: People, credentials: Credentials, person_id: str, hashed: str, now: datetime) -> None:
    """Gives a known person a password and forgets failed sign-ins; Missing for anybody else."""
    person = people.get(person_id)
    credentials.set_password(person.id, hashed, now)
    for _ in range(_TRIES):
        seen = credentials.attempts(person.id)
        if credentials.swap_attempts(seen, policy.forgiven(seen)):
            return


def read_profile(profiles: Profiles, kept: KeptProfiles, name: str, version: str = "") -> tuple[str, str, date, str]:
    """Name, version, effective date and JSON of a profile, people left out; a past version comes from what was kept."""
    loaded = profiles.get(name) if name in profiles or not version else None
    if loaded is not None and version in ("", loaded.version):
        return loaded.name, loaded.version, loaded.profile.profile.document.effective_from, public_json(loaded)
    past = kept.kept(name, version)
    if past is None:
        raise Missing(
            f'Profile "{name[:64]}" never had the version "{version[:64]}"; leave it empty for the one in force.'
        )
    return past.name, past.version, past.effective_from, _without_people(json.loads(past.facets))


def public_json(loaded: LoadedProfile) -> str:
    """The profile without people: teams and projects stay."""
    return _without_people(json.loads(json.dumps(loaded.facets)))


def apply_profiles(profiles: Iterable[LoadedProfile], kept: KeptProfiles, now: datetime) -> Sequence[InForce]:
    """Keeps what is loaded, puts it in force; gives back what the stream has not heard of yet.

    Runs on every replica and as often as one likes; the version that is loaded last wins.
    """
    owed = []
    for loaded in profiles:
        seen = kept.in_force(loaded.name)
        if seen is None or seen.version != loaded.version:
            facets = json.dumps(loaded.facets, ensure_ascii=False, sort_keys=True)
            effective = loaded.profile.profile.document.effective_from
            # Kept first: a version that is in force can always be read.
            kept.keep(AppliedProfile(loaded.name, loaded.version, effective, now, facets))
            turn, told = (seen.turn + 1, seen.told) if seen else (1, 0)
            kept.swap_in_force(seen, InForce(loaded.name, loaded.version, turn, told, now))
            seen = kept.in_force(loaded.name)
        if seen is not None and seen.told < seen.turn:
            owed.append(seen)
    return owed


def mark_told(kept: KeptProfiles, said: Iterable[InForce]) -> None:
    """The stream has confirmed these."""
    for each in said:
        seen = kept.in_force(each.name)
        if seen is not None and seen.told < each.turn:
            kept.swap_in_force(seen, replace(seen, told=each.turn))


def _without_people(facets: dict[str, object]) -> str:
    organisation = facets.get("organisation")
    if isinstance(organisation, dict):
        hidden = _HIDDEN["organisation"]
        facets["organisation"] = {key: value for key, value in organisation.items() if key not in hidden}
    return json.dumps(facets, ensure_ascii=False)
