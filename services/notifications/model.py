"""Nouns of the messages to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

Way = Literal["smtp", "webhook"]

CLAIM_FOR = timedelta(seconds=90)
"""How long a claimed delivery is its claimer's: longer than a try can take, or somebody else would send it too."""
Status = Literal["pending", "sent", "retrying", "failed"]

# Fixed for ever: another value would send again what was sent.
_DELIVERIES = UUID("a3c1f7de-52a4-5e0b-9f0e-7b7f4c1b6f52")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an event says that rules and templates may look at. Nothing here that no recipient needs (O11)."""

    key: str
    number: str
    profile: str
    at: datetime
    title: str = ""
    type: str = ""
    grade: str = ""
    entry: str = ""
    channel: str = ""
    project: str = ""
    unit: str = ""
    path: str = ""
    state: str = ""
    priority: int = 0
    team: str = ""
    assignee: str = ""
    project_manager: str = ""
    engineer: str = ""
    accused: str = ""
    requester_id: str = ""
    requester_name: str = ""
    requester_email: str = ""
    requester_language: str = ""
    roles: tuple[str, ...] = ()
    """Roles the event itself names: those to be warned, or the rung of an escalation."""
    clock: str = ""
    """Name of the clock or alarm that the event is about."""
    family: str = ""
    alarm: bool = False
    page: bool = False
    """By every way at once."""
    step: str = ""
    """The point of the clock as the rule writes it: "80%", "+2h"."""
    repeats: int = 0
    """How often it was told to the same rung before."""
    owner: str = ""
    """Who has to keep the promise that the event is about."""
    promise: str = ""
    """Which promise of the ticket, such as "c1", and its words (O4)."""
    promised: str = ""
    due_at: datetime | None = None
    reason: str = ""
    solution: str = ""
    record: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Values of the record the event's action wrote, such as the cause in a reply (E10)."""
    urges: int = 0
    satisfaction: str = ""
    task_id: str = ""
    """The callback task an event is about; survey links are made from it."""
    anonymous: bool = False
    """The reporter's identity is hidden from staff (P12)."""
    alerts: tuple[str, ...] = ()
    """What of a ticket's event a supervisor must hear of, such as "unmatched" (C24, A6, C25)."""
    once: str = ""
    """What the requester is told of once, where several events are one cause to them, such as clocks armed again."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to be told, in their language, at their addresses."""

    id: str
    name: str
    language: Literal["zh-CN", "en"]
    addresses: Mapping[Way, str] = field(hash=False)
    staff: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient by one way. `address` and `text` are personal and stay in this service (P14)."""

    id: str
    number: str
    profile: str
    template: str
    language: str
    way: Way
    recipient: str
    address: str
    subject: str
    text: str
    cause: str
    event: str
    sender: str
    created_at: datetime
    status: Status = "pending"
    attempts: int = 0
    last_error: str = ""
    sent_at: datetime | None = None
    next_at: datetime | None = None
    """When to try (again); None once sent or failed."""
    fallback: tuple[tuple[Way, str], ...] = ()
    """Other ways to the same recipient, tried when this one has failed for good (O9)."""
    traceparent: str = ""

    @property
    def destination(self) -> str:
        """What fails as one: the mail relay, or the host of a webhook."""
        return "smtp" if self.way == "smtp" else "/".join(self.address.split("/", 3)[:3])

    def sent(self, at: datetime) -> Delivery:
        return replace(
            self, status="sent", attempts=self.attempts + 1, sent_at=at, next_at=None, last_error="", fallback=()
        )

    def put_off(self, error: str, until: datetime) -> Delivery:
        return replace(self, status="retrying", attempts=self.attempts + 1, last_error=error, next_at=until)

    def failed(self, error: str) -> Delivery:
        return replace(self, status="failed", attempts=self.attempts + 1, last_error=error, next_at=None)


@dataclass(frozen=True, slots=True)
class Result:
    """How one try went. `error` names no address; `final`: trying again is useless; `down`: the destination is away."""

    delivery: Delivery
    error: str = ""
    final: bool = False
    down: bool = False

    @property
    def ok(self) -> bool:
        return not self.error


def delivery_id(cause: str, recipient: str, way: Way) -> str:
    """One per event, recipient and way: a redelivered event meets its first delivery (O10)."""
    return str(uuid5(_DELIVERIES, f"{cause}\n{recipient}\n{way}"))
