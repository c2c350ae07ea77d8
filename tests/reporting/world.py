"""A desk to report on: events as the stream tells them, and a store in memory that obeys the rules of the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from services.contracts.deskstream.v1.callbacks_pb2 import CallbackEvent, CallbackStatus
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import ContactRecorded
from services.contracts.deskstream.v1.sla_pb2 import ClockStatus, SlaEvent
from services.contracts.deskstream.v1.ticket_pb2 import Phase, TicketEvent
from services.profile.load import Profiles, load_all
from services.reporting.handlers import Bucket, Entry, Recorder
from services.reporting.model import Contact, Facts
from services.reporting.queries import Reader, Report
from services.reporting.wire import channel_name
from services.runtime.message import Heard, Said, event_id

E = TypeVar("E", bound=Entry)

POLICY = Path(__file__).parents[2] / "deploy" / "policy"
NOON = datetime(2026, 11, 10, 4, 0, tzinfo=UTC)
"""Noon of 10 November 2026 in Shanghai."""
DESK = "itss_desk"


@dataclass
class MemoryShelf(Generic[E]):
    """Buckets in memory, kept as the text the database keeps, with the same compare-and-set."""

    read: Callable[[list[Any]], E]
    rows: dict[str, tuple[int, str]] = field(default_factory=dict)

    def load(self, keys: Collection[str]) -> Mapping[str, Bucket[E]]:
        return {key: self._bucket(key) for key in keys if key in self.rows}

    def save(self, buckets: Sequence[Bucket[E]]) -> bool:
        moved = [bucket for bucket in buckets if self.rows.get(bucket.key, (0, ""))[0] != bucket.revision]
        for bucket in buckets:
            if bucket not in moved:
                self.rows[bucket.key] = (bucket.revision + 1, json.dumps(dict(bucket.entries)))
        return not moved

    def on_days(self, first: int, last: int) -> Iterator[Bucket[E]]:
        for key in self.rows:
            bucket = self._bucket(key)
            if any(first <= day <= last for day in bucket.days):
                yield bucket

    def live(self) -> Iterator[Bucket[E]]:
        yield from (bucket for bucket in map(self._bucket, self.rows) if bucket.live)

    def _bucket(self, key: str) -> Bucket[E]:
        revision, text = self.rows[key]
        return Bucket(key, revision, {name: self.read(fields) for name, fields in json.loads(text).items()})


@dataclass
class MemoryViews:
    """One generation."""

    generation: str = "0"
    tickets: MemoryShelf[Facts] = field(default_factory=lambda: MemoryShelf(Facts.read))
    contacts: MemoryShelf[Contact] = field(default_factory=lambda: MemoryShelf(Contact.read))


@dataclass
class MemoryReports:
    """A store with one generation."""

    views: MemoryViews = field(default_factory=MemoryViews)

    def current(self) -> MemoryViews:
        return self.views


_PROFILES: list[Profiles] = []


def profiles() -> Profiles:
    """The profiles that ship with the product."""
    if not _PROFILES:
        _PROFILES.append(load_all(POLICY, "itss_desk,generic_desk,it_callcentre_levels", DESK))
    return _PROFILES[0]


class Desk:
    """Hears events and answers reports."""

    def __init__(self, store: Any = None, rules: Any = None) -> None:
        self.store = store or MemoryReports()
        self.recorder = Recorder(self.store)
        self.reader = Reader(self.store, rules or profiles(), channel_name)

    def hears(self, *events: Heard | Iterable[Heard]) -> Desk:
        """In one batch."""
        self.recorder.hear([each for event in events for each in ([event] if isinstance(event, Heard) else event)])
        return self

    def report(self, label: str = "2026-11", profile: str = DESK, language: str = "en", now: datetime = NOON) -> Report:
        return self.reader.report(profile, label, language, now)

    def figure(self, key: str, label: str = "2026-11", **more: Any) -> Any:
        return next(figure for figure in self.report(label, **more).figures if figure.key == key)


def heard(key: str, body: Message, subject: str = "") -> Heard:
    """A message as the bus delivers it."""
    return Said(key, body, event_id(body.SerializeToString(deterministic=True).hex(), key), subject).as_heard()


def number(sequence: int, day: str = "20261110") -> str:
    return f"DS{day}-{sequence:06d}"


def ticket(
    sequence: int,
    version: int = 1,
    *,
    received: datetime = NOON,
    event: str = "opened",
    phase: str = "NEW",
    channel: str = "WEB",
    kind: str = "incident",
    marks: Mapping[str, datetime] | None = None,
    taken_back: Mapping[str, datetime] | None = None,
    **more: Any,
) -> Heard:
    """A ticket event; `kind` is its type, `marks` are milestones beside received, `taken_back` those that hold no more,
    `more` fields of the snapshot."""
    body = TicketEvent(event=event)
    for name, instant in (taken_back or {}).items():
        body.changes.add(field=f"milestones.{name}", old=instant.isoformat())
    snapshot = body.ticket
    snapshot.number = number(sequence)
    snapshot.version = version
    snapshot.profile = DESK
    snapshot.channel = Channel.Value(f"CHANNEL_{channel}")
    snapshot.phase = Phase.Value(f"PHASE_{phase}")
    snapshot.type = kind
    for name, value in more.items():
        setattr(snapshot, name, value)
    for name, instant in {"received": received, **(marks or {})}.items():
        snapshot.milestones[name].FromDatetime(instant)
    return heard(f"ticket.{event}", body, snapshot.number)


def closed(
    sequence: int, version: int = 9, *, received: datetime = NOON, after: timedelta = timedelta(hours=1), **more: Any
) -> Heard:
    """A ticket solved and closed so long after it was received."""
    marks = {"resolved": received + after, "closed": received + after, **more.pop("marks", {})}
    return ticket(sequence, version, received=received, event="closed", phase="CLOSED", marks=marks, **more)


def clock(
    sequence: int,
    outcome: str,
    *,
    event: str = "",
    clock: str = "response",
    cycle: int = 0,
    generation: int = 1,
    version: int = 2,
) -> Heard:
    """An sla event about one clock; `outcome` is a status such as "MET" or "BREACHED"."""
    body = SlaEvent(ticket_version=version)
    body.ticket.number = number(sequence)
    body.ticket.profile = DESK
    body.clock.clock, body.clock.cycle, body.clock.generation = clock, cycle, generation
    body.clock.status = ClockStatus.Value(f"CLOCK_STATUS_{outcome}")
    body.clock.limit_seconds, body.clock.used_seconds = 600, 100
    body.clocks.append(body.clock)
    names = {"MET": "met", "MET_LATE": "met", "BREACHED": "breached", "RUNNING": "warned", "CANCELLED": "armed"}
    return heard(f"sla.{event or names[outcome]}", body, number(sequence))


def callback(
    sequence: int,
    status: str = "COMPLETED",
    *,
    cycle: int = 0,
    version: int = 3,
    satisfied: bool | None = None,
    grade: str = "",
    scale: str = "four_grades",
    at: datetime = NOON,
) -> Heard:
    """The event of a callback task."""
    name = {"DUE": "due", "COMPLETED": "completed", "UNREACHABLE": "unreachable", "CANCELLED": "cancelled"}[status]
    body = CallbackEvent(event=name)
    task = body.task
    task.task_id, task.version = f"{number(sequence)}/{cycle}", version
    task.ticket.number, task.ticket.profile = number(sequence), DESK
    task.status = CallbackStatus.Value(f"CALLBACK_STATUS_{status}")
    task.scale, task.satisfaction = scale, grade
    if satisfied is not None:
        task.satisfied = satisfied
    if status in ("COMPLETED", "UNREACHABLE"):
        task.completed_at.FromDatetime(at)
    return heard(f"callback.{name}", body, number(sequence))


def call(
    name: str,
    *,
    answered_after: float | None = None,
    to_human: bool = True,
    started: datetime = NOON,
    version: int = 3,
    **more: Any,
) -> Heard:
    """A phone contact."""
    body = ContactRecorded(
        contact_id=name, version=version, channel=Channel.CHANNEL_PHONE, profile=DESK, to_human=to_human, **more
    )
    body.started_at.FromDatetime(started)
    if answered_after is None:
        body.abandoned = True
    else:
        body.answered_at.FromDatetime(started + timedelta(seconds=answered_after))
        body.agent = "zhang.min"
    return heard("contact.recorded", body)
