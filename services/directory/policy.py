"""Judgement: how many wrong passwords are too many, and who may see addresses. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.directory.model import Attempts
from services.profile.schema import Person

MOST_FAILURES = 5
WINDOW = timedelta(minutes=15)
"""After so many failures within it, sign-in rests until it has passed since the first of them."""


def is_locked(attempts: Attempts, now: datetime) -> bool:
    """Whether sign-in rests. A try while it rests neither counts nor lengthens it, so nobody can lock a person out."""
    return attempts.failures >= MOST_FAILURES and not _over(attempts, now)


def counted(attempts: Attempts, now: datetime) -> Attempts:
    """One more try, counted as failed until the password proves right."""
    if attempts.first_at is None or _over(attempts, now):
        return replace(attempts, failures=1, first_at=now)
    return replace(attempts, failures=attempts.failures + 1)


def forgiven(attempts: Attempts) -> Attempts:
    """After the right password."""
    return replace(attempts, failures=0, first_at=None)


def may_see_addresses(caller_id: str, caller_roles: frozenset[str], person: Person) -> bool:
    """Contact points are for the person and for administrators (P1, P7)."""
    return "administrator" in caller_roles or (caller_id != "" and caller_id == person.id)


def merged(one: Person, other: Person) -> Person:
    """A person who works under two profiles is one person with the roles and teams of both."""
    return one.model_copy(
        update={
            "roles": tuple(dict.fromkeys((*one.roles, *other.roles))),
            "teams": tuple(dict.fromkeys((*one.teams, *other.teams))),
            "skills": {**other.skills, **one.skills},
            "addresses": {**other.addresses, **one.addresses},
        }
    )


def _over(attempts: Attempts, now: datetime) -> bool:
    return attempts.first_at is None or now - attempts.first_at >= WINDOW
