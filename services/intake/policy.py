"""Judgement of intake: times that can be true, and what a call amounted to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.intake.model import Contact
from services.kernel.errors import Fault
from services.profile.schema import Callback

SKEW = timedelta(minutes=2)
"""How far another machine's clock may be ahead of ours."""
LATE = timedelta(days=30)
"""How old a message that is not a backfill may be; a spool holds no longer (T7)."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def judge_times(
    received_at: datetime, occurred_at: datetime | None, now: datetime, *, backfilled: bool
) -> tuple[Fault, ...]:
    """Faults of the two times of a request: nothing comes from the future, old things come as backfills (D12, H9)."""
    faults = []
    for name, zh, at in (("received_at", "收到时间", received_at), ("occurred_at", "发生时间", occurred_at)):
        if at is None:
            continue
        if at > now + SKEW:
            faults.append(
                Fault(
                    name, f"{zh}晚于现在，请核对时间和时区。", f"{name} lies in the future; check time and time zone."
                )
            )
        elif at < EARLIEST:
            faults.append(Fault(name, f"{zh}早于2000年，请核对。", f"{name} lies before the year 2000; check it."))
    if not faults and not backfilled and received_at < now - LATE:
        faults.append(
            Fault(
                "received_at",
                "收到时间在30天以前，请作为补录提交。",
                "received_at is more than 30 days ago; submit it as backfilled.",
            )
        )
    return tuple(faults)


@dataclass(frozen=True, slots=True)
class CallVerdict:
    """What a contact amounted to under a profile."""

    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    abandoned: bool
    rings: int
    missed: bool


def judge_call(contact: Contact, callback: Callback | None) -> CallVerdict:
    """Times, rings and whether the call was missed (超过10声未接: I3, F11) as far as it is known.

    A call that ended and was never answered was abandoned. Rings that the exchange does not count are made of seconds
    by the profile's cadence (I2): the eleventh ring has begun once ten times the cadence has passed.
    """
    started = min(contact.times.values())
    answered = contact.times.get("answered")
    gone = contact.times.get("abandoned")
    ended = contact.times.get("ended") or (gone if answered is None else None)
    abandoned = answered is None and ended is not None
    cadence = callback.seconds_per_ring if callback else 5
    rings = contact.rings
    until = answered or gone or ended
    if not rings and until is not None:
        rings = math.ceil(max(0.0, (until - started).total_seconds()) / cadence)
    limit = callback.missed_over_rings if callback else None
    return CallVerdict(started, answered, ended, abandoned, rings, abandoned and limit is not None and rings > limit)
