"""The world of these tests: the itss_desk profile, tickets and calls as they are said, a store in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from services.callbacks.compose import hearing_of, rules_of
from services.callbacks.handlers import Hearing
from services.callbacks.model import Task
from services.callbacks.storage import as_said, queue_place
from services.contracts.deskstream.v1 import common_pb2, intake_pb2, ticket_pb2
from services.profile.load import Profiles, load_all
from services.runtime.message import Heard, Said, event_id

NOON = datetime(2026, 11, 18, 4, 0, tzinfo=UTC)
NUMBER = "DS20261118-000001"
POLICY = Path(__file__).parents[2] / "deploy" / "policy"


@cache
def profiles() -> Profiles:
    return load_all(POLICY, "itss_desk,generic_desk,hotline_quality", "itss_desk")


def ticket(
    state: str = "desk_confirmed",
    *,
    number: str = NUMBER,
    version: int = 5,
    phase: str = "RESOLVED",
    path: str = "dispatched",
    cycle: int = 0,
    milestones: Iterable[str] = ("resolved", "confirmed"),
    profile: str = "itss_desk",
    neutral: str = "INCIDENT",
) -> ticket_pb2.Ticket:
    """A ticket as it stands; by default one the desk has confirmed."""
    made = ticket_pb2.Ticket(
        number=number,
        version=version,
        profile=profile,
        title="打印机无法打印",
        state=state,
        phase=ticket_pb2.Phase.Value(f"PHASE_{phase}"),
        path=path,
        cycle=cycle,
        channel=common_pb2.CHANNEL_EMAIL,
        neutral_type=common_pb2.NeutralType.Value(f"NEUTRAL_TYPE_{neutral}"),
        requester=common_pb2.Requester(id="zhang.san", name="张三", phone="+8613800138000", email="zhang@a.example"),
    )
    for milestone in milestones:
        made.milestones[milestone].FromDatetime(NOON)
    return made


def said(event: str, of: ticket_pb2.Ticket, at: datetime = NOON) -> Said:
    """A ticket event as dispatch says it."""
    body = ticket_pb2.TicketEvent(event=event, ticket=of)
    body.at.FromDatetime(at)
    key = f"ticket.{event}"
    return Said(key, body, event_id(f"{of.number}/{of.version}", key, of.number), subject=of.number, time=at)


def heard(event: str, of: ticket_pb2.Ticket, at: datetime = NOON) -> Heard:
    return said(event, of, at).as_heard()


CONFIRMED = heard("confirmed", ticket())
SOLVED_ONLINE = heard("resolved", ticket("solved_online", path="online"))
WITHDRAWN = heard("withdrawn", ticket("withdrawn", version=6, phase="CANCELLED"))


def missed_call(rings: int = 12, contact: str = "call-7") -> Heard:
    body = intake_pb2.ContactRecorded(
        contact_id=contact, version=1, profile="itss_desk", rings=rings, missed=rings > 10, caller="+8613900139000"
    )
    body.ended_at.FromDatetime(NOON)
    return Said("contact.recorded", body, event_id(contact, "contact.recorded"), time=NOON).as_heard()


class FakeTasks:
    """handlers.Tasks and the outbox, in memory."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self._written: dict[str, datetime] = {}

    def open_new(self, tasks: Sequence[Task]) -> set[str]:
        existed = {task.id for task in tasks if task.id in self.tasks}
        for task in tasks:
            if task.id not in existed:
                self.tasks[task.id] = task
                self._written[task.id] = task.opened_at
        return existed

    def load(self, ids: Sequence[str]) -> Mapping[str, Task]:
        return {key: self.tasks[key] for key in ids if key in self.tasks}

    def swap(self, seen: Task, new: Task, now: datetime) -> bool:
        if self.tasks[seen.id].version != seen.version:
            return False
        self.tasks[seen.id] = new
        self._written[seen.id] = now
        return True

    def waking(self, now: datetime, limit: int) -> Sequence[Task]:
        due = [task for task in self.tasks.values() if task.not_before is not None and task.not_before <= now]
        return sorted(due, key=lambda task: task.not_before or now)[:limit]

    def callable_for(self, roles: Iterable[str], limit: int, after: str, *, waiting: bool) -> Sequence[Task]:
        wanted = set(roles)
        found = [
            task
            for task in self.tasks.values()
            if task.open
            and wanted & set(task.roles)
            and queue_place(task) > after
            and (waiting or task.status != "rescheduled")
        ]
        return sorted(found, key=queue_place)[:limit]

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        owing = [task for task in self.tasks.values() if task.unsaid and self._written[task.id] < older_than]
        return [
            (task.id, [as_said(word, task.number) for word in task.words if word.id in task.unsaid])
            for task in owing[:limit]
        ]

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        task = self.tasks[key]
        self.tasks[key] = replace(task, unsaid=tuple(one for one in task.unsaid if one not in ids))


def hearing(tasks: FakeTasks) -> Hearing:
    return hearing_of(tasks, profiles())


RULES = rules_of(profiles())
HOUR = timedelta(hours=1)
