"""What the stream brings: tickets and missed calls open, end and turn callback tasks. Load, decide, save."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from services.callbacks import policy, wording
from services.callbacks.model import SYSTEM, WITHOUT_SURVEY, Kind, Task, Word
from services.contracts.deskstream.v1 import intake_pb2, ticket_pb2, watch_pb2
from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.schema import Callback, Profile

_PATIENCE = 8
_AT_ONCE = 200


class Message(Protocol):
    """A delivered message (runtime.message.Heard)."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    def decode(self, cls: type[Any]) -> Any: ...
    def refuse(self, why: Refused) -> None: ...


class Tasks(Protocol):
    """Where tasks are kept."""

    def open_new(self, tasks: Sequence[Task]) -> set[str]:
        """Keeps tasks by their ids; gives back the ids that were there already and stay as they were."""
        ...

    def load(self, ids: Sequence[str]) -> Mapping[str, Task]:
        """The tasks that exist."""
        ...

    def swap(self, seen: Task, new: Task, now: datetime) -> bool:
        """Replaces the task as it was seen; False when somebody was faster."""
        ...

    def waking(self, now: datetime, limit: int) -> Sequence[Task]:
        """Waiting tasks whose time has come, oldest first."""
        ...

    def callable_for(self, roles: Iterable[str], limit: int, after: str, *, waiting: bool) -> Sequence[Task]:
        """Open tasks for one of the roles, by (due_at, id) from behind `after`; waiting ones only when asked for."""
        ...


class Rules(Protocol):
    """Profiles by name; Missing when unknown, the default one for an empty name."""

    def __call__(self, name: str) -> Profile: ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one message asks for."""

    cause: Message
    opens: Task | None = None
    ends: tuple[Task, ...] = ()
    """Cycles without a call: cancelled where one is owed, kept closed against late messages where none is."""


class Hearing:
    """Handlers of the stream and of the timer."""

    def __init__(
        self,
        tasks: Tasks,
        rules: Rules,
        names: Iterable[Profile],
        due: Callable[[Profile, datetime], datetime],
        named: wording.Named,
    ) -> None:
        self._tasks = tasks
        self._rules = rules
        self._due = due
        self._named = named
        self._telling = frozenset(
            f"ticket.{event}"
            for profile in names
            if profile.callback is not None
            for event in policy.telling_events(profile)
        )

    def hear(self, batch: Sequence[Message], now: datetime) -> list[tuple[Task, Word]]:
        """Decides a batch and writes it; what is to be said. The same batch again says the same words."""
        steps = [step for message in batch if (step := self._step(message, now)) is not None]
        fresh: dict[str, Task] = {}
        for step in steps:
            if step.opens is not None:
                fresh.setdefault(step.opens.id, step.opens)
        for step in steps:
            for ended in step.ends:
                fresh.setdefault(ended.id, ended)
        existed = self._tasks.open_new(list(fresh.values()))
        said = [(task, word) for key, task in fresh.items() if key not in existed for word in task.words]
        ended_by = {ended.id: step.cause for step in steps for ended in step.ends}
        known = (
            dict(self._tasks.load(sorted(existed | (ended_by.keys() & fresh.keys())))) if existed or ended_by else {}
        )
        for key, cause in ended_by.items():
            if (cancelled := self._cancel(known.get(key), cause, now)) is not None:
                known[key] = cancelled
        causes = {step.cause.id for step in steps}
        # A batch that is heard again after a crash says again what it said: nobody else will.
        again = {word.id: (task, word) for task in known.values() for word in task.words if word.cause in causes}
        for _, word in said:
            again.pop(word.id, None)
        return said + list(again.values())

    def turn(self, now: datetime) -> list[tuple[Task, Word]]:
        """Tasks whose time has come again are due again and say so once per turn (F9, F16)."""
        said = []
        for task in self._tasks.waking(now, _AT_ONCE):
            turned = task.turned()
            word = wording.word_about(turned, "callback.due", SYSTEM, now, self._named)
            turned = turned.with_word(word, owed=True)
            if self._tasks.swap(task, turned, now):
                said.append((turned, word))
        return said

    def _step(self, message: Message, now: datetime) -> Step | None:
        try:
            if message.key == "contact.recorded":
                return self._missed_call(message, message.decode(intake_pb2.ContactRecorded), now)
            if message.key == "watch.contact_owed":
                return self._after_outage(message, message.decode(watch_pb2.WatchEvent), now)
            if message.key in policy.OWING:
                return self._owed_answer(message, message.decode(ticket_pb2.TicketEvent), now)
            if message.key in self._telling:
                return self._ticket(message, message.decode(ticket_pb2.TicketEvent), now)
        except Refused as refused:
            message.refuse(refused)
        except Missing as missing:
            message.refuse(Refused(missing.message, field="profile"))
        return None

    def _ticket(self, message: Message, event: ticket_pb2.TicketEvent, now: datetime) -> Step | None:
        ticket = event.ticket
        if not ticket.number:
            raise Refused("The ticket has no number; say the whole ticket with every event.", field="ticket.number")
        profile = self._rules(ticket.profile)
        if profile.callback is None:
            return None
        facts = wording.facts_of(ticket)
        at = event.at.ToDatetime(now.tzinfo) if event.HasField("at") else now

        def task(cycle: int, kind: Kind) -> Task:
            assert profile.callback is not None  # noqa: S101 - narrows for the type checker
            roles = policy.roles_for(profile.callback, ticket.path)
            brief = wording.brief_of(ticket)
            return self._task(f"{ticket.number}/{cycle}", ticket.number, kind, profile, brief, at, roles)

        ends = tuple(task(cycle, "after_resolution").cancelled(at) for cycle in policy.past_cycles(facts))
        kind = policy.owed_kind(facts, profile)
        if kind is None:
            return Step(message, None, ends)
        return Step(message, self._with_due(task(ticket.cycle, kind), at, message), ends)

    def _missed_call(self, message: Message, contact: intake_pb2.ContactRecorded, now: datetime) -> Step | None:
        profile = self._rules(contact.profile)
        rules = profile.callback
        if not contact.missed or rules is None or rules.missed_over_rings is None:
            return None
        at = contact.ended_at.ToDatetime(now.tzinfo) if contact.HasField("ended_at") else now
        brief = wording.brief_of_call(contact, profile.profile.name)
        roles = _missed_call_roles(rules)
        task = self._task(f"call/{contact.contact_id}", "", "missed_call", profile, brief, at, roles)
        return Step(message, self._with_due(task, at, message))

    def _owed_answer(self, message: Message, event: ticket_pb2.TicketEvent, now: datetime) -> Step | None:
        """E20, C20: a call promised while something is confirmed, or owed since a transfer failed."""
        ticket = event.ticket
        profile = self._rules(ticket.profile)
        at = event.at.ToDatetime(now.tzinfo) if event.HasField("at") else now
        owed, until = wording.owed_by(event)
        if not owed or profile.callback is None:
            return None
        brief = wording.brief_of_owed(ticket)
        roles = ("specialist", *_missed_call_roles(profile.callback))
        task = self._task(
            f"call/owed-{ticket.number}-{ticket.version}",
            "",
            "owed_answer",
            profile,
            brief,
            at,
            tuple(dict.fromkeys(roles)),
        )
        return Step(message, self._with_due(replace(task, due_at=until) if until else task, at, message))

    def _after_outage(self, message: Message, event: watch_pb2.WatchEvent, now: datetime) -> Step | None:
        """H10: who was served on paper while the desk could not work is called first once it can."""
        contact = event.contact
        profile = self._rules(contact.profile)
        if profile.callback is None:
            return None
        at = event.at.ToDatetime(now.tzinfo) if event.HasField("at") else now
        roles = tuple(dict.fromkeys(("specialist", *_missed_call_roles(profile.callback))))
        key, brief = f"call/{contact.contact_id}", wording.brief_of_contact(contact)
        return Step(message, self._with_due(self._task(key, "", "outage", profile, brief, at, roles), at, message))

    def _task(
        self, key: str, number: str, kind: Kind, profile: Profile, brief: bytes, at: datetime, roles: tuple[str, ...]
    ) -> Task:
        scale = profile.survey.scale if profile.survey is not None and kind not in WITHOUT_SURVEY else ""
        due = self._due(profile, at)
        return Task(key, kind, number, profile.profile.name, brief, at, due, roles, scale)

    def _with_due(self, task: Task, at: datetime, message: Message) -> Task:
        word = wording.word_about(
            task, "callback.due", SYSTEM, at, self._named, cause=message.id, traceparent=message.traceparent
        )
        return task.with_word(word, owed=False)

    def _cancel(self, task: Task | None, cause: Message, now: datetime) -> Task | None:
        """The task as it stands afterwards, cancelled if it was open; None when there is none."""
        for _ in range(_PATIENCE):
            if task is None or not task.open:
                return task
            cancelled = task.cancelled(now)
            word = wording.word_about(
                cancelled, "callback.cancelled", SYSTEM, now, self._named, cause=cause.id, traceparent=cause.traceparent
            )
            cancelled = cancelled.with_word(word, owed=False)
            if self._tasks.swap(task, cancelled, now):
                return cancelled
            task = self._tasks.load([task.id]).get(task.id)
        raise Unavailable("A callback changes faster than it can be cancelled; it is tried again.")


def _missed_call_roles(rules: Callback) -> tuple[str, ...]:
    """A missed call was never on a path: whoever calls back on any (F14)."""
    return tuple(dict.fromkeys(role for roles in rules.roles.values() for role in roles))
