"""Nouns of dispatch: the ticket and what happened to it, as values that never change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

V = TypeVar("V")


def replace(value: V, /, **changes: Any) -> V:
    """As dataclasses.replace, for any value of this module: twenty times a ticket's opening, of sixty fields each.

    A ticket is copied as a whole, where the library would call its constructor with every field.
    """
    if type(value) is not Ticket:
        return dataclasses.replace(value, **changes)  # type: ignore[type-var]  # the values here are dataclasses
    if unknown := changes.keys() - value.__dict__.keys():
        raise TypeError(f"a ticket has no field {sorted(unknown)}")
    fresh = object.__new__(Ticket)
    fresh.__dict__.update(value.__dict__, **changes)
    return cast(V, fresh)


Phase = Literal["new", "open", "resolved", "closed", "cancelled"]

ENDED = frozenset({"closed", "cancelled"})
"""Phases in which nobody owes the requester anything."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Whom the request is for (用户信息, A7); as deskstream.v1.Requester."""

    id: str = ""
    name: str = ""
    department: str = ""
    unit: str = ""
    phone: str = ""
    email: str = ""
    im: str = ""
    external: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file or voucher by reference (A11)."""

    name: str = ""
    media_type: str = ""
    size_bytes: int = 0
    reference: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a ticket went where it went (C2): the facts, the rules tried, the one that matched, one sentence."""

    team: str
    at: datetime
    rule: str = ""
    assignee: str = ""
    reason: str = ""
    tried: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    why_person: str = ""
    """Why this person (C13, C23): one sentence in Chinese, empty when nobody was chosen."""
    why_person_en: str = ""
    score: int = 0
    """Sum of the scores of the rules that spoke for the target; 0 where the first match wins."""
    tried_count: int = 0
    """How many rules were tried without a match; `tried` names the last of them."""
    policy_version: str = ""
    """Version of the profile that decided."""

    def why_person_in(self, language: str) -> str:
        """Why this person, in the language asked for where there is such a text."""
        english, chinese = self.why_person_en, self.why_person
        return (english or chinese) if language.startswith("en") else (chinese or english)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, under which role."""

    id: str
    role: str


@dataclass(frozen=True, slots=True)
class Link:
    """A typed link to a ticket or another record (B18); the other end has one of the opposite kind."""

    kind: str
    target: str
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a record form of the profile: an attempt, an approval, a change (E-group)."""

    kind: str
    at: datetime
    by: Actor
    values: Mapping[str, str] = field(default_factory=dict)


def stage_key(flow: str, state: str) -> str:
    """A state as queues of roles know it: apart by flow, for what a role does in one it need not do in another."""
    return f"{flow}.{state}" if flow else state


@dataclass(frozen=True)
class Ticket:
    """One ticket (工单) as it stands; field for field deskstream.v1.Ticket, without protobuf."""

    number: str
    profile: str
    profile_version: str = ""
    version: int = 0
    channel: str = ""
    """Lower-case neutral word: phone, email, web, im, on_site, monitoring."""
    source_id: str = ""
    requester: Requester = Requester()
    type: str = ""
    neutral_type: str = ""
    entry: str = ""
    project: str = ""
    title: str = ""
    description: str = ""
    impact_scope: str = ""
    occurred_at: datetime | None = None
    grade: str = ""
    priority: int = 0
    state: str = ""
    phase: Phase = "new"
    team: str = ""
    assignee: str = ""
    project_manager: str = ""
    engineer: str = ""
    path: str = ""
    milestones: Mapping[str, datetime] = field(default_factory=dict)
    cycle: int = 0
    hand_backs: int = 0
    dispatches: int = 0
    failed_dispatches: int = 0
    repeat_contacts: int = 0
    solution: str = ""
    steps: str = ""
    remaining: str = ""
    workaround: str = ""
    attachments: tuple[Attachment, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    routing: Decision | None = None
    backfilled: bool = False
    callback: str = ""
    accused: str = ""
    updated_at: datetime | None = None
    flow: str = ""
    """Lifecycle of the profile it runs under; empty for the profile's own."""
    lead_team: str = ""
    supporting_teams: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    records: tuple[Record, ...] = ()
    """The newest of each kind, in the order of their first."""
    promised_at: datetime | None = None
    impact: str = ""
    urgency: str = ""
    reassignments: int = 0
    urges: int = 0
    attend_at: datetime | None = None
    """Next instant at which dispatch looks at it by itself: to overflow or to take back."""
    waits_since: datetime | None = None
    """Since when it stands with this team and holder."""
    passed: tuple[str, ...] = ()
    """People it was taken from or who handed it back in this team and cycle, oldest first: others come first."""
    weight: int = 0
    """What it counts in the load of whoever holds it; 0 counts as 1."""

    @property
    def ended(self) -> bool:
        """Whether it is closed, withdrawn or declined."""
        return self.phase in ENDED

    @property
    def position(self) -> str:
        """Its place in any queue, as text that sorts: by priority, then longest waiting first."""
        received = self.milestones.get("received")
        waited = int(received.timestamp() * 1000) if received else 0
        return f"{self.priority}|{waited:014d}|{self.number}"

    @property
    def place(self) -> str | None:
        """Whose queue it is in and where there: the holder's, else the team's; None once it has ended."""
        if self.ended:
            return None
        return f"person:{self.assignee}|{self.position}" if self.assignee else f"team:{self.team}|{self.position}"

    @property
    def stage(self) -> str | None:
        """Profile, flow, state and position, for queues of roles ("to confirm"); None once it has ended."""
        return None if self.ended else f"{self.profile}/{stage_key(self.flow, self.state)}|{self.position}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants something of a ticket, and as what (Q1)."""

    id: str
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    def role_among(self, roles: tuple[str, ...] | frozenset[str]) -> str:
        """The first of the roles that the caller holds; empty when none: denied by default."""
        return next((role for role in roles if role in self.roles), "")


SYSTEM = Caller("service:dispatch", frozenset({"system"}))
"""Dispatch itself, for the steps of the lifecycle that nobody needs to take."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a caller wants: a trigger of the lifecycle and what it needs."""

    action: str
    reason: str = ""
    target: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Ticket] = field(default_factory=dict, compare=False)
    """Tickets it concerns besides its own, by number, as they stand: facts to judge by, never written."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after (B6, B9, D17)."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, and the whole ticket after it; `name` is past tense, `action` the trigger."""

    name: str
    action: str
    actor: Actor
    at: datetime
    ticket: Ticket
    from_state: str = ""
    reason: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def key(self) -> str:
        """Routing key on the ticket stream."""
        return f"ticket.{self.name}"
