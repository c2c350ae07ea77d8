"""What people do with callbacks: the desk over gRPC, the requester on the survey page. Load, decide, save, say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.callbacks import policy, questionnaire, wording
from services.callbacks.handlers import Rules, Tasks
from services.callbacks.model import WITHOUT_SURVEY, Answer, Task, Verdict, Who, Word
from services.kernel.clock import Clock
from services.kernel.errors import Missing, Refused

READERS = frozenset({"supervisor", "desk_manager", "quality", "administrator"})
"""Roles that may read any callback; the task's own roles may too."""

LONGEST_REASON = 500
_PATIENCE = 8


class Saying(Protocol):
    """Says words and marks them as said; it never fails, for what it cannot say now the relay says later."""

    def __call__(self, task: Task, words: Sequence[Word]) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """A verified caller."""

    id: str
    roles: Collection[str]
    name: str = ""


class Desk:
    """Commands and queries on callback tasks."""

    def __init__(self, tasks: Tasks, rules: Rules, clock: Clock, named: wording.Named, say: Saying) -> None:
        self._tasks = tasks
        self._rules = rules
        self._clock = clock
        self._named = named
        self._say = say

    def queue(self, person: Person, limit: int, after: str, *, waiting: bool) -> Sequence[Task]:
        """Open callbacks of the caller's roles, those owed first (F14); some may not be for the caller to see."""
        return self._tasks.callable_for(person.roles, limit, after, waiting=waiting)

    def sees(self, person: Person, task: Task) -> bool:
        """Not who is complained about: they neither make the callback nor learn who is called (C28)."""
        return wording.accused_of(task) not in {person.id, person.name} - {""}

    def read(self, person: Person, task_id: str) -> Task:
        """One task; Missing, or Refused("forbidden") for roles that have no business with it."""
        task = self._seen(person, task_id)
        if READERS.isdisjoint(person.roles):
            policy.check_role(task, person.roles)
        return task

    def record_attempt(
        self, person: Person, task_id: str, expected: int, outcome: str, note: str, again_at: datetime | None
    ) -> Task:
        """One try to reach the requester (section 5.6)."""
        seen, now = self._seen(person, task_id), self._clock.now()
        by = Who(person.id, policy.check_role(seen, person.roles))
        policy.check_version(seen, expected)
        rules = self._rules(seen.profile).callback
        if rules is None:
            raise Refused("This profile makes no callbacks any more; close the ticket without one.", code="conflict")
        new = policy.after_attempt(seen, rules, outcome, by, note[: questionnaire.LONGEST_TEXT], again_at, now)
        key = {"rescheduled": "callback.attempted", "unreachable": "callback.unreachable"}.get(
            new.status, "callback.attempted"
        )
        if outcome == "inconvenient":
            key = "callback.rescheduled"
        return self._save(seen, new, (key,), by, now)

    def complete(
        self, person: Person, task_id: str, expected: int, answers: Iterable[tuple[str, str]], reason: str
    ) -> Task:
        """The requester was reached and answered; a missed call needs its reason instead (F11, F12)."""
        seen, now = self._seen(person, task_id), self._clock.now()
        by = Who(person.id, policy.check_role(seen, person.roles))
        policy.check_version(seen, expected)
        policy.check_open(seen)
        verdict = _with_reason(reason) if seen.kind in WITHOUT_SURVEY else self._judge(seen, answers)
        return self._save(seen, seen.completed(verdict, now, by), (_outcome(verdict),), by, now)

    def answer(self, task_id: str, answers: Iterable[tuple[str, str]]) -> bool:
        """The requester's own answer on the page; whether one was there already, which then stays (F24)."""
        given = list(answers)
        for _ in range(_PATIENCE):
            seen, now = self._load(task_id), self._clock.now()
            if seen.verdict is not None:
                return True
            if seen.status == "cancelled" or seen.kind in WITHOUT_SURVEY:
                raise Refused("This survey is closed; write to the desk instead.", code="conflict")
            verdict, by = self._judge(seen, given), Who("requester", "requester")
            keys: tuple[str, ...] = ("survey.answered", _outcome(verdict))
            if seen.open:
                new = seen.completed(verdict, now, by)
            else:
                new = seen.answered_late(verdict)
                # The desk has given up already: only what must reopen the ticket is news to it.
                keys = keys if verdict.solved is False else keys[:1]
            try:
                self._save(seen, new, keys, by, now)
            except Refused as refused:
                if refused.code != "stale":
                    raise
                continue
            return False
        raise Refused("Somebody else is changing this callback; send your answer again.", code="stale")

    def survey(self, task_id: str) -> Task:
        """The task behind a survey link."""
        return self._load(task_id)

    def _judge(self, task: Task, answers: Iterable[tuple[str, str]]) -> Verdict:
        return questionnaire.judge(self._rules(task.profile).survey, answers)

    def _load(self, task_id: str) -> Task:
        found: Mapping[str, Task] = self._tasks.load([task_id])
        if task_id not in found:
            raise _missing(task_id)
        return found[task_id]

    def _seen(self, person: Person, task_id: str) -> Task:
        task = self._load(task_id)
        if not self.sees(person, task):
            raise _missing(task_id)
        return task

    def _save(self, seen: Task, new: Task, keys: Sequence[str], by: Who, now: datetime) -> Task:
        words = [wording.word_about(new, key, by, now, self._named) for key in keys]
        for word in words:
            new = new.with_word(word, owed=True)
        if not self._tasks.swap(seen, new, now):
            raise Refused("The callback has changed in the meantime; load it again.", code="stale")
        self._say(new, words)
        return new


def _missing(task_id: str) -> Missing:
    return Missing(f'There is no callback "{task_id}"; list the queue to see which there are.')


def _outcome(verdict: Verdict) -> str:
    """Not solved is told instead of completed, never beside it: one outcome per task (F13)."""
    return "callback.unsolved" if verdict.solved is False else "callback.completed"


def _with_reason(reason: str) -> Verdict:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Refused(
            f"Say in up to {LONGEST_REASON} characters why the call was missed; then the callback is complete.",
            field="reason",
        )
    return Verdict((Answer("reason", reason),))
