"""Facts of tickets and contacts, folded from events in any order, any number of times (T3).

Every `join` below is commutative, associative and idempotent: whatever is shuffled, repeated or folded in parts gives
the same facts. Instants are whole microseconds since 1970 (UTC), 0 where there is none; enums are the numbers of the
contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

DAY_US = 86_400_000_000
"""Microseconds of a UTC day; facts are found by the UTC days they matter to."""

PHASE_NEW, PHASE_OPEN, PHASE_RESOLVED, PHASE_CLOSED, PHASE_CANCELLED = range(1, 6)
MET, BREACHED, MET_LATE, CANCELLED = 3, 4, 5, 6
REACHED, UNREACHABLE, CALLBACK_CANCELLED = 4, 5, 6
PHONE = 1

TIMED_BY_CLOCK = {
    "promised_reply": "escalation_timeliness",
    "callback": "callback_timeliness",
    "complaint_callback": "callback_timeliness",
}
"""Figures that one clock alone decides, by its name: what was promised with a work order (D22), callbacks (F10)."""

# A clock that ended says more than one that was cancelled, a late stop more than the breach before it.
_RANK = {CANCELLED: 1, MET: 2, BREACHED: 3, MET_LATE: 4}


class Snapshot(NamedTuple):
    """A ticket as its newest version stands."""

    version: int
    profile: str
    channel: int
    type: str
    grade: str
    state: str
    phase: int
    team: str
    assignee: str
    path: str
    received: int
    resolved: int
    closed: int
    cycle: int
    hand_backs: int
    repeats: int
    dispatched: int
    """How often it was dispatched so far."""
    callback: str
    title: str
    # Later additions come last and have a value: what was kept before them is read as it is.
    entry: str = ""
    neutral: str = ""
    """Neutral type, "incident"; empty where none is known (B3)."""
    fields: str = ""
    """Extra fields of the profile as JSON, sorted by name (B19)."""


class ClockOutcome(NamedTuple):
    """How one clock ended, stored so that no later policy changes it (D21). First fields decide which one is newer."""

    ticket_version: int
    rank: int
    status: int
    limit_seconds: int
    used_seconds: int
    due: int
    stopped: int
    grade: str
    # Later additions come last and have a value.
    owner: str = ""
    """Who had to keep it, of a promise (D8)."""
    measure: bool = False
    """A measure against recurrence rather than a time given to a customer (H17)."""

    @property
    def missed(self) -> bool:
        """Whether the limit was missed, stopped late or not at all.

        A measure owed after the work is done is no limit of the ticket (H17): it makes nothing untimely (AM2).
        """
        return self.status in (BREACHED, MET_LATE) and not self.measure


def clock_outcome(
    ticket_version: int,
    status: int,
    limit: int,
    used: int,
    due: int,
    stopped: int,
    grade: str,
    owner: str = "",
    measure: bool = False,
) -> ClockOutcome | None:
    """The outcome of a clock, or None while it runs or is paused."""
    rank = _RANK.get(status)
    if rank is None:
        return None
    return ClockOutcome(ticket_version, rank, status, limit, used, due, stopped, grade, owner, measure)


class Callback(NamedTuple):
    """A callback task at its newest version (AM6)."""

    version: int
    profile: str
    status: int
    opened: int
    completed: int
    scale: str
    satisfaction: str
    satisfied: int
    """1 or 0, and -1 where nobody rated."""

    @property
    def outstanding(self) -> bool:
        """Whether somebody still has to call."""
        return self.status not in (REACHED, UNREACHABLE, CALLBACK_CANCELLED)


class Dispatch(NamedTuple):
    """The n-th dispatch of a ticket as the newest version within it tells (AM1)."""

    version: int
    at: int
    failed: int
    """Dispatches rejected as wrongly sent up to this version."""
    accepted: int


class Facts(NamedTuple):
    """What figures need of one ticket, or of one callback without a ticket ("call/<contact>")."""

    number: str
    snapshot: Snapshot | None
    outcomes: Mapping[str, ClockOutcome]
    """By "<clock>/<cycle>/<generation>"."""
    warned: tuple[str, ...]
    """The same keys, sorted."""
    callbacks: Mapping[str, Callback]
    """By task id."""
    dispatches: Mapping[str, Dispatch]
    """By ordinal."""
    escalations: tuple[str, ...]
    """Ids of escalations raised, sorted."""
    undertakers: tuple[str, ...] = ()
    """Teams that undertook it: one of their people held it once it was accepted or begun (承办部门, C26). Sorted."""

    @property
    def live(self) -> bool:
        """Whether the wallboard must look at it whatever the day."""
        if self.snapshot is not None and self.snapshot.phase < PHASE_CLOSED:
            return True
        return any(task.outstanding for task in self.callbacks.values())

    def days(self) -> Iterator[int]:
        """UTC days (since 1970) on which it counts in some figure."""
        if self.snapshot is not None:
            for instant in (self.snapshot.received, self.snapshot.resolved, self.snapshot.closed):
                if instant:
                    yield instant // DAY_US
        for task in self.callbacks.values():
            if task.completed:
                yield task.completed // DAY_US
        for dispatch in self.dispatches.values():
            yield dispatch.at // DAY_US
        for key, outcome in self.outcomes.items():
            if outcome.owner or key.partition("/")[0] in TIMED_BY_CLOCK:
                yield outcome.due // DAY_US

    def join(self, other: Facts) -> Facts:
        """Both together."""
        return Facts(
            self.number,
            _newest(self.snapshot, other.snapshot),
            _joined(self.outcomes, other.outcomes),
            _union(self.warned, other.warned),
            _joined(self.callbacks, other.callbacks),
            _joined(self.dispatches, other.dispatches),
            _union(self.escalations, other.escalations),
            _union(self.undertakers, other.undertakers),
        )

    @classmethod
    def read(cls, row: list[Any]) -> Facts:
        """From the list that JSON made of it."""
        # The last one is not in what an earlier release kept.
        number, snapshot, outcomes, warned, callbacks, dispatches, escalations, *undertakers = row
        return cls(
            number,
            Snapshot(*snapshot) if snapshot else None,
            {key: ClockOutcome(*value) for key, value in outcomes.items()},
            tuple(warned),
            {key: Callback._make(value) for key, value in callbacks.items()},
            {key: Dispatch._make(value) for key, value in dispatches.items()},
            tuple(escalations),
            tuple(undertakers[0]) if undertakers else (),
        )


def nothing_known(number: str) -> Facts:
    """The facts of a ticket nobody has said a word about."""
    return Facts(number, None, {}, (), {}, {}, ())


class Contact(NamedTuple):
    """A call or message, with or without a ticket (A16), at its newest version."""

    version: int
    id: str
    profile: str
    channel: int
    started: int
    answered: int
    ended: int
    abandoned: bool
    to_human: bool
    missed: bool
    agent: str
    disposition: str
    ticket: str

    @property
    def live(self) -> bool:
        """Contacts are over when they are told."""
        return False

    def days(self) -> Iterator[int]:
        """UTC days on which it counts."""
        yield self.started // DAY_US

    def join(self, other: Contact) -> Contact:
        """The newer of both."""
        return max(self, other)

    @classmethod
    def read(cls, row: list[Any]) -> Contact:
        """From the list that JSON made of it."""
        return cls._make(row)


Versioned = TypeVar("Versioned", Snapshot, ClockOutcome, Callback, Dispatch)


def _newest(one: Snapshot | None, other: Snapshot | None) -> Snapshot | None:
    if one is None or other is None:
        return one or other
    # Versions come first in the tuples; the rest only decides between two bodies that claim the same version.
    return max(one, other)


def _joined(one: Mapping[str, Versioned], other: Mapping[str, Versioned]) -> Mapping[str, Versioned]:
    if not one or not other:
        return one or other
    merged = dict(one)
    for key, value in other.items():
        merged[key] = max(merged[key], value) if key in merged else value
    return merged


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if not one or not other:
        return one or other
    return tuple(sorted({*one, *other}))
