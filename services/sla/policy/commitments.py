"""A time promised is a clock of its own: reminder, keeping and breaking are its warning, stop and breach (承诺, D8).

A promise stands until it is kept, replaced or withdrawn, whatever becomes of the ticket: closing a ticket refunds
nobody. One that has broken stays broken, though a new one may follow it; kept after its time it is late.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.sla.model import Clock, Commitment, Facts, Status

NAME = "commitment"
"""Name and family of every such clock; its generation is the commitment's place, its subject the commitment's id."""

REMINDER = 0
"""Place of the only step."""

Key = tuple[str, int, int]

_SECOND = timedelta(seconds=1)


def clocks_of(facts: Facts, before: Mapping[Key, Clock], now: datetime) -> tuple[Clock, ...]:
    """One clock for each commitment, in the order they were made; what `before` had said of it is carried over."""
    return tuple(_clock(place, each, facts, before, now) for place, each in enumerate(facts.commitments))


def reminder(clock: Clock, facts: Facts) -> datetime | None:
    """When the owner of a commitment's clock is to be reminded (O4); None when it has no reminder or is none."""
    found = of_clock(clock, facts)
    return found.remind_at if found else None


def of_clock(clock: Clock, facts: Facts) -> Commitment | None:
    """The commitment that a clock counts for; None for clocks of the profile."""
    if not clock.subject or clock.name != NAME:
        return None
    return facts.commitments[clock.generation] if clock.generation < len(facts.commitments) else None


def status_of(commitment: Commitment, now: datetime) -> str:
    """The word of section 5.9: made, reminded, kept, late, broken, renegotiated or withdrawn.

    A limit is kept up to and including its last instant; what was replaced or withdrawn after it had passed is broken.
    """
    due = commitment.due_at
    if commitment.kept_at is not None:
        return "kept" if commitment.kept_at <= due else "late"
    if commitment.closed_at is not None and commitment.closed_at < due:
        return "withdrawn" if commitment.withdrawn else "renegotiated"
    if due <= now or commitment.closed_at is not None:
        return "broken"
    return "reminded" if commitment.remind_at is not None and commitment.remind_at <= now else "made"


_STATUS = {
    "made": Status.RUNNING,
    "reminded": Status.RUNNING,
    "kept": Status.MET,
    "late": Status.MET_LATE,
    "broken": Status.BREACHED,
    "renegotiated": Status.CANCELLED,
    "withdrawn": Status.CANCELLED,
}


def _clock(place: int, commitment: Commitment, facts: Facts, before: Mapping[Key, Clock], now: datetime) -> Clock:
    earlier = before.get((NAME, commitment.cycle, place))
    word = status_of(commitment, now)
    stopped = commitment.kept_at or commitment.closed_at
    return Clock(
        name=NAME,
        cycle=commitment.cycle,
        generation=place,
        grade=_grade(facts, commitment.made_at),
        calendar="always",
        started_at=commitment.made_at,
        known_at=commitment.made_at,
        limit_seconds=max(0, (commitment.due_at - commitment.made_at) // _SECOND),
        due_at=commitment.due_at,
        status=_STATUS[word],
        stopped_at=stopped,
        used_seconds=max(0, (stopped - commitment.made_at) // _SECOND) if stopped else 0,
        note=_note(commitment),
        taken=earlier.taken if earlier else (),
        family=NAME,
        subject=commitment.id,
        policy=_policy(facts, commitment.made_at),
        breach_told=earlier.breach_told if earlier else False,
        told=earlier.told if earlier else None,
    )


def _grade(facts: Facts, at: datetime) -> str:
    """The ticket's grade when it was promised."""
    return next(grade for since, grade in reversed(facts.grades()) if since is None or since <= at)


def _policy(facts: Facts, at: datetime) -> str:
    """The policy version that judged the ticket when it was promised."""
    laid = [each.new for each in facts.recalculations if each.at <= at]
    return laid[-1] if laid else facts.newest.profile_version


def _note(commitment: Commitment) -> str:
    """Why it stopped without having been kept."""
    if commitment.kept_at is not None or commitment.closed_at is None:
        return ""
    return "withdrawn" if commitment.withdrawn else "renegotiated"
