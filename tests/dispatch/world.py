"""A desk one can see: the shipped profiles, people of theirs, requests, and two places to keep tickets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, intake_pb2, ticket_pb2
from services.dispatch import model, wire
from services.dispatch.entries import Entry, Record, say_again
from services.dispatch.handlers import Desks, Opened
from services.dispatch.policy import Desk, open_ticket, step
from services.profile.load import load
from services.runtime.message import Heard, Said

POLICY = Path(__file__).parents[2] / "deploy" / "policy"
PROFILES = ("itss_desk", "generic_desk", "it_callcentre_levels")

# A Tuesday, 10:00 in Shanghai: every desk is open.
MORNING = datetime(2025, 6, 10, 2, 0, tzinfo=UTC)


@cache
def desk(name: str = "itss_desk") -> Desk:
    """The rule book of a shipped profile."""
    loaded = load(POLICY / name)
    return Desk(loaded.profile, loaded.version, loaded.roster)


@cache
def desks() -> Desks:
    """All shipped rule books."""
    return Desks({name: desk(name) for name in PROFILES}, "itss_desk")


def person(name: str, profile: str = "itss_desk") -> model.Caller:
    """Somebody of the profile, with their roles and teams."""
    known = desk(profile).people[name]
    return model.Caller(known.id, frozenset(known.roles), frozenset(known.teams))


def request(number: str = "DS20250610-000001", **said: Any) -> intake_pb2.RequestReceived:
    """A received request of He Jie about the ERP, graded and typed unless said otherwise."""
    received_at = said.pop("received_at", MORNING)
    words = {
        "profile": "itss_desk",
        "type": "incident",
        "grade": "P2",
        "project": "erp",
        "title": "打印机无法打印",
    } | said
    draft = intake_pb2.RequestDraft(
        channel=words.pop("channel", common_pb2.CHANNEL_WEB),
        source_id=f"src-{number}",
        description="财务部打印机不工作",
        requester=common_pb2.Requester(
            id="c.he.jie",
            name="何洁",
            department="财务部",
            unit="集团总部",
            phone="13800138001",
            email="he.jie@corp.example",
        ),
        **words,
    )
    return intake_pb2.RequestReceived(
        number=number, draft=draft, received_at=wire.stamp(received_at), profile_version="test"
    )


def heard(body: Message, key: str, cause: str) -> Heard:
    """The message as dispatch hears it."""
    return Heard(id=cause, key=key, body=body.SerializeToString())


def received(number: str, cause: str = "", **said: Any) -> Heard:
    """request.received of one request; the cause is its message id."""
    return heard(request(number, **said), "request.received.web", cause or f"cause-{number}")


def callback(number: str, outcome: str, cycle: int = 0, cause: str = "") -> Heard:
    """callback.<outcome> of a ticket's cycle."""
    task = callbacks_pb2.CallbackTask(task_id=f"{number}/{cycle}", kind="after_resolution")
    body = callbacks_pb2.CallbackEvent(
        event=outcome, task=task, actor=common_pb2.Actor(id="sun.ning", role="desk_manager")
    )
    return heard(body, f"callback.{outcome}", cause or f"callback-{number}-{outcome}-{cycle}")


class Tale:
    """One ticket living through the lifecycle; a minute passes with every step."""

    def __init__(self, profile: str = "itss_desk", at: datetime = MORNING, **said: Any) -> None:
        self.desk = desk(profile)
        self.now = at
        wanted = wire.request_from(request(profile=profile, **said))
        self.events = list(open_ticket(self.desk, wanted, at, at))

    @property
    def ticket(self) -> model.Ticket:
        return self.events[-1].ticket

    def does(
        self, who: str | model.Caller, action: str, target: str = "", reason: str = "", **values: str
    ) -> model.Ticket:
        """The person takes the action; the ticket after it."""
        caller = who if isinstance(who, model.Caller) else person(who, self.desk.name)
        self.now += timedelta(minutes=1)
        event = step(self.desk, self.ticket, model.Command(action, reason, target, values), caller, self.now)
        if event is not None:
            self.events.append(event)
        return self.ticket

    def to_engineer(self) -> Tale:
        """As far as the engineer who has begun."""
        self.does("li.wei", "try_online")
        self.does("li.wei", "dispatch", project="erp")
        self.does("zhang.qiang", "accept")
        self.does("zhang.qiang", "assign", target="huang.lei")
        self.does("huang.lei", "begin")
        return self


class KeptTickets:
    """services.dispatch.handlers.Tickets in memory, for the same suite as the real one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[model.Ticket, tuple[Entry, ...]]] = {}
        self._owed: dict[str, tuple[datetime, list[str]]] = {}
        self._changed: dict[str, datetime] = {}

    def insert(self, opened: Sequence[Opened]) -> set[str]:
        with self._lock:
            existed = {new.ticket.number for new in opened if new.ticket.number in self._rows}
            for new in opened:
                self._rows.setdefault(new.ticket.number, (new.ticket, tuple(new.entries)))
            return existed

    def load(self, numbers: Sequence[str]) -> Mapping[str, Record]:
        with self._lock:
            kept = {number: self._rows[number][1] for number in numbers if number in self._rows}
            return {number: Record(number, entries, entries[-1].digest) for number, entries in kept.items()}

    def walk(self, first: str, last: str) -> Iterator[tuple[Record, frozenset[str]]]:
        for number, record in self.load(sorted(n for n in self._rows if first <= n <= last)).items():
            yield record, frozenset(self._owed.get(number, (MORNING, []))[1])

    def append(self, ticket: model.Ticket, entries: Sequence[Entry], *, owed_since: datetime | None = None) -> bool:
        with self._lock:
            before, history = self._rows.get(ticket.number, (None, ()))
            if before is None or before.version != ticket.version - 1:
                return False
            self._rows[ticket.number] = (ticket, (*history, *entries))
            self._changed[ticket.number] = ticket.updated_at or MORNING
            if owed_since is not None:
                ids = self._owed.get(ticket.number, (owed_since, []))[1]
                self._owed[ticket.number] = (owed_since, [*ids, *(entry.id for entry in entries)])
            return True

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        with self._lock:
            if key in self._owed:
                since, owed = self._owed.pop(key)
                left = [each for each in owed if each not in ids]
                if left:
                    self._owed[key] = (since, left)

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        with self._lock:
            due = [(number, ids) for number, (since, ids) in self._owed.items() if since < older_than][:limit]
            return [
                (number, say_again([entry for entry in self._rows[number][1] if entry.id in ids]))
                for number, ids in due
            ]

    def page(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, ticket_pb2.Ticket]]:
        return [(position, entry.event().ticket) for position, entry in self.newest(field, prefix, after, limit)]

    def newest(self, field: str, prefix: str, after: str, limit: int) -> Sequence[tuple[str, Entry]]:
        with self._lock:
            found = []
            for ticket, history in self._rows.values():
                where = getattr(ticket, field)
                if where and where.startswith(f"{prefix}|") and where[len(prefix) + 1 :] > after:
                    found.append((where[len(prefix) + 1 :], history[-1]))
            return sorted(found, key=lambda each: each[0])[:limit]

    def changed_since(self, instant: datetime) -> Sequence[ticket_pb2.Ticket]:
        with self._lock:
            return [self._rows[n][1][-1].event().ticket for n, at in self._changed.items() if at >= instant]
