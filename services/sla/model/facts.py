"""What is known of a ticket: what was heard of it, and what people did to its clocks. All frozen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Regrade:
    """The ticket's version that changed its grade, and when (改级, D17)."""

    version: int
    old: str
    new: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A milestone that no longer holds, such as a refused solution: until when it did, and which version said so."""

    version: int
    cycle: int
    milestone: str
    was: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """One version of the ticket as far as occasions look at it; the trail is the set of them, by version."""

    version: int
    at: datetime
    cycle: int
    event: str
    """Past tense, as in ticket.<event>."""
    state: str
    team: str = ""
    by: str = ""
    """customer, staff or system."""
    record: str = ""
    """Kind of the record that it added."""
    flags: tuple[str, ...] = ()
    """Flags that stood after it, such as major; sorted."""
    promised_at: datetime | None = None
    """What was promised then (C16)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A clock held by a person, with the reason (暂停, D16). `clock` "" holds every pausable clock of the ticket."""

    id: str
    clock: str
    cycle: int
    since: datetime
    reason: str
    by: str
    until: datetime | None = None
    """When it ended or ends by itself; None while nobody has ended it and no rule does."""
    ended_by: str = ""
    ended_in: str = ""
    """Id of the act that ended it: asked again, it ends nothing else."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """A time promised (承诺, D8): kept by kept_at, replaced by a later one of the same thing, or withdrawn."""

    id: str
    kind: str
    text: str
    owner: str
    made_by: str
    made_at: datetime
    due_at: datetime
    given: str = ""
    """The words of the promise: "2h", "17:00", "3wd"."""
    remind_at: datetime | None = None
    cycle: int = 0
    kept_at: datetime | None = None
    kept_by: str = ""
    replaced_by: str = ""
    """Id of the commitment it was renegotiated into."""
    withdrawn: bool = False
    closed_at: datetime | None = None
    """When it was replaced or withdrawn."""

    @property
    def open(self) -> bool:
        """Whether it has still to be kept, overdue or not."""
        return self.kept_at is None and self.closed_at is None

    calendar: str = ""
    """What its length was counted on; empty where an instant was given."""
    note: str = ""
    """How it was kept, or why it was replaced or withdrawn."""
    measure: bool = False
    """A measure against recurrence, which reports list while it is overdue (H17)."""


@dataclass(frozen=True, slots=True)
class Recalculation:
    """A policy version laid anew under a ticket's clocks, on purpose (重新计算, D18)."""

    id: str
    at: datetime
    by: str
    reason: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class News:
    """What one ticket.* message tells: the facts clocks depend on, and the change of grade it declares."""

    number: str
    version: int
    profile: str
    profile_version: str
    grade: str
    ended: bool
    """Closed, withdrawn or declined: clocks that still run are cancelled."""
    cycle: int
    milestones: Mapping[str, datetime]
    updated_at: datetime
    traits: Mapping[str, str] = field(default_factory=dict)
    """Facts that conditions of clocks look at: type, entry, channel, project, unit, path, major."""
    regrade: Regrade | None = None
    taken_back: tuple[TakenBack, ...] = ()
    team: str = ""
    promised_at: datetime | None = None
    moment: Moment | None = None
    brief: bytes = b""
    """TicketBrief of the contracts, serialised; not looked into here."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One pass through the life of a ticket; a reopening begins the next (F13)."""

    number: int
    begun_in: int
    """Lowest version seen of this cycle, and when that version came about."""
    begun_at: datetime
    newest: int
    milestones: Mapping[str, datetime]
    ended_in: int = 0
    """Lowest version seen in which the ticket had ended, 0 for none, and when that version came about."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a ticket. The same messages in any order, any number of times, give the same facts."""

    newest: News
    first_version: int
    first_grade: str
    cycles: tuple[Cycle, ...]
    regrades: tuple[Regrade, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()
    """By version and milestone."""
    trail: tuple[Moment, ...] = ()
    """Every version heard, by number."""
    holds: tuple[Hold, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    recalculations: tuple[Recalculation, ...] = ()

    @property
    def policy(self) -> str:
        """The policy version that judges the ticket: its own until one was laid under it on purpose (D18)."""
        return self.recalculations[-1].new if self.recalculations else self.newest.profile_version

    @property
    def promised(self) -> list[str]:
        """Under which words a ticket is found by its promises: owner and kind, once more for those that are open."""
        places: set[str] = set()
        for each in self.commitments:
            places |= {f"owner/{each.owner}", f"kind/{each.kind}"}
            if each.open:
                places |= {f"open/owner/{each.owner}", f"open/kind/{each.kind}"}
        return sorted(places)

    def grades(self) -> list[tuple[datetime | None, str]]:
        """The grades in order and since when each holds; the first holds since ever."""
        changes = [each for each in self.regrades if each.old != each.new]
        told = [(None, changes[0].old if changes else self.first_grade)]
        history: list[tuple[datetime | None, str]] = [*told, *((each.at, each.new) for each in changes)]
        if history[-1][1] != self.newest.grade:
            # Nobody declared this change; the newest snapshot shows it.
            history.append((self.newest.updated_at, self.newest.grade))
        return history

    def of(self, cycle: Cycle, milestones: Collection[str]) -> tuple[TakenBack, ...]:
        """Which of these milestones were taken back in the cycle, in order."""
        return tuple(each for each in self.taken_back if each.cycle == cycle.number and each.milestone in milestones)
