"""The directory's stores in memory, with the promises of the real ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.directory.model import AppliedProfile, Attempts, InForce


class FakeCredentials:
    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}
        self._attempts: dict[str, Attempts] = {}

    def password(self, person: str) -> str | None:
        return self._hashes.get(person)

    def set_password(self, person: str, hashed: str, now: datetime) -> None:
        self._hashes[person] = hashed

    def attempts(self, person: str) -> Attempts:
        return self._attempts.get(person, Attempts(person))

    def swap_attempts(self, seen: Attempts, new: Attempts) -> bool:
        if self.attempts(seen.person).version != seen.version:
            return False
        self._attempts[seen.person] = replace(new, version=seen.version + 1)
        return True


class FakeProfiles:
    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], AppliedProfile] = {}
        self._in_force: dict[str, InForce] = {}

    def keep(self, applied: AppliedProfile) -> None:
        self._kept.setdefault((applied.name, applied.version), applied)

    def kept(self, name: str, version: str) -> AppliedProfile | None:
        return self._kept.get((name, version))

    def in_force(self, name: str) -> InForce | None:
        return self._in_force.get(name)

    def swap_in_force(self, seen: InForce | None, new: InForce) -> bool:
        if self._in_force.get(new.name) != seen:
            return False
        self._in_force[new.name] = new
        return True
