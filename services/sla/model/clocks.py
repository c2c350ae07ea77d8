"""What follows from the facts and is kept: clocks, escalations, what was said. All frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.sla.model.facts import Facts


class Status(StrEnum):
    """Where a clock stands; the words of sla.proto without their prefix."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    MET = "MET"
    BREACHED = "BREACHED"
    MET_LATE = "MET_LATE"
    CANCELLED = "CANCELLED"


Rest = tuple[datetime, datetime]
"""A stretch [from, to) that is taken out of a clock's time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of one ticket (D9). Lengths in seconds of the named calendar."""

    name: str
    cycle: int
    generation: int
    grade: str
    calendar: str
    started_at: datetime
    known_at: datetime
    """When it came to be: later than its start for backfilled and re-graded ones (D12, D17)."""
    limit_seconds: int
    due_at: datetime
    status: Status
    stopped_at: datetime | None = None
    used_seconds: int = 0
    note: str = ""
    taken: tuple[int, ...] = ()
    """Places of the rule's steps that are dealt with."""
    family: str = "other"
    subject: str = ""
    """Id of the commitment it counts for; empty for clocks of the profile."""
    paused_since: datetime | None = None
    paused_seconds: int = 0
    """Open time of its calendar that ended pauses took out."""
    rests: tuple[Rest, ...] = ()
    """Stretches taken out of its time: pauses that ended, and one that rests still whose end is known."""
    policy: str = ""
    """Policy version that judged it."""
    breach_told: bool = False
    told: datetime | None = None
    """Stop that was told as sla.met."""

    @property
    def key(self) -> tuple[str, int, int]:
        """Name, cycle, generation: one clock of a ticket."""
        return (self.name, self.cycle, self.generation)

    @property
    def live(self) -> bool:
        """Whether somebody still has to stop it."""
        return self.stopped_at is None


@dataclass(frozen=True, slots=True)
class Escalation:
    """A breach climbing the chain of roles until somebody acknowledges it or the clock stops (升级, D14)."""

    clock: str
    cycle: int
    generation: int
    rung: int
    role: str
    raised_at: datetime
    next_at: datetime | None
    repeat_at: datetime | None = None
    repeats: int = 0
    """How often this rung was told again."""
    alarm: bool = False
    """Raised by an occasion instead of a breach; `clock` is the alarm's name, `generation` the version (D15)."""
    acknowledged_by: str = ""
    acknowledged_role: str = ""
    acknowledged_at: datetime | None = None
    ended: str = ""
    """Why it ended; empty while it stands."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something said, once. `cause` names who can have it said again after a crash: "v7" the message of version 7,
    anything else an entry of the journal."""

    kind: str
    """armed, warned, breached, passed, met, paused, resumed, recalculated, promised, renegotiated, withdrawn; raised,
    climbed, repeated, acknowledged, ended."""
    clock: str
    cycle: int
    generation: int
    step: int
    due_at: datetime
    at: datetime
    cause: str
    role: str = ""
    reason: str = ""
    actor: str = ""

    @property
    def key(self) -> str:
        """Same step, same key: ids of messages are made of it."""
        return f"{self.kind}/{self.clock}/{self.cycle}/{self.generation}/{self.step}"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything kept about one ticket; one document."""

    number: str
    revision: int
    facts: Facts
    clocks: tuple[Clock, ...]
    escalations: tuple[Escalation, ...]
    effects: tuple[Effect, ...]
    next_due: datetime | None

    @property
    def overdue(self) -> datetime | None:
        """Since when a clock of it has been breached that nobody has stopped; None when there is none."""
        return min((each.due_at for each in self.clocks if each.live and each.status is Status.BREACHED), default=None)

    @property
    def idle(self) -> bool:
        """Open, with nothing due and nothing overdue: what the lists of due and overdue tickets do not show (D20)."""
        return not self.facts.newest.ended and self.next_due is None and self.overdue is None

    def clock(self, name: str, cycle: int, generation: int) -> Clock | None:
        """That clock, if the ticket has it."""
        return next((each for each in self.clocks if each.key == (name, cycle, generation)), None)
