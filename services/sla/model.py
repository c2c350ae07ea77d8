"""Nouns of service levels: what is known of a ticket, its clocks, their escalations, what was said. All frozen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from services.kernel.calendar import BusinessCalendar
from services.kernel.errors import Refused
from services.profile.clocks import ClockRule, ServiceLevels
from services.profile.facet import Span


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


@dataclass(frozen=True, slots=True)
class Threshold:
    """A step of a clock (阈值, D13): where it lies, who is told, what dispatch is asked for."""

    place: int
    """Among the steps of its rule in the order declared, warnings first; `Clock.taken` names it."""
    text: str
    """As the rule writes it: "80%", "-30m", "+2h"."""
    fraction: float | None = None
    before: Span | None = None
    after: Span | None = None
    roles: tuple[str, ...] = ()
    """Who is told: roles, "assignee", "project_manager" or "team"."""
    page: bool = False
    """By every way at once, in quiet hours, too."""
    asks: tuple[str, ...] = ()
    """"raise_grade", "reassign_team:<id>", "reassign_role:<role>"."""

    @property
    def follows(self) -> bool:
        """Whether it lies at the due instant or after it."""
        return self.after is not None or (self.fraction is not None and self.fraction >= 1)


@dataclass(frozen=True, slots=True)
class Rules:
    """The clock facets of a profile, made ready: rules that depend on another's breach stand after it (D5)."""

    clocks: tuple[ClockRule, ...]
    calendars: Mapping[str, BusinessCalendar]
    service_hours: str = ""
    chain: tuple[str, ...] = ()
    every: Span = Span(seconds=1800)  # noqa: RUF009 - immutable
    chain_calendar: str = ""
    warn_roles: tuple[str, ...] = ()
    levels: ServiceLevels = field(default_factory=ServiceLevels)
    """Alarms, pauses, choices of chains and calendars, quiet hours."""
    version: str = ""
    """Policy version these rules are of."""
    choices: frozenset[str] = frozenset()
    """Extra fields with a list of choices; conditions may ask for them."""
    other: Callable[[str], Rules | None] = field(default=lambda version: None, compare=False, repr=False)
    """Rules of another version of the same profile, None when they are not known (D18)."""
    by_name: Mapping[str, ClockRule] = field(init=False)
    thresholds: dict[str, tuple[Threshold, ...]] = field(init=False, default_factory=dict, compare=False, repr=False)
    """Steps by clock, made when first asked for."""

    def __post_init__(self) -> None:
        names = {rule.name: rule for rule in self.clocks}
        object.__setattr__(self, "by_name", names)
        object.__setattr__(self, "clocks", tuple(sorted(self.clocks, key=lambda rule: _depth(rule, names))))

    def calendar(self, name: str) -> BusinessCalendar:
        """The named calendar; "always" and "" are there without being declared."""
        return self.calendars.get(name) or _ALWAYS


_ALWAYS = BusinessCalendar("always", UTC, lambda _: ((0, 86_400),), always=True)


def _depth(rule: ClockRule, names: Mapping[str, ClockRule]) -> int:
    depth, seen = 0, {rule.name}
    while rule.only_if_breached and rule.only_if_breached in names:
        rule = names[rule.only_if_breached]
        if rule.name in seen:
            raise Refused(f'clock "{rule.name}" waits for its own breach; correct only_if_breached', field="sla.clocks")
        seen.add(rule.name)
        depth += 1
    return depth
