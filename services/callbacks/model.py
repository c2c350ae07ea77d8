"""Nouns of the callback (section 5.6 of the requirements)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Status = Literal["due", "calling", "rescheduled", "completed", "unreachable", "cancelled"]
Kind = Literal["after_resolution", "missed_call", "complaint", "owed_answer", "outage"]

WITHOUT_SURVEY: frozenset[Kind] = frozenset({"missed_call", "owed_answer", "outage"})
"""Calls that are about no solution: completed with a reason instead of answers (F11, E20, H10)."""

FIRST: frozenset[Kind] = frozenset({"outage"})
"""Calls that are made before all others: of those who were served on paper (H10)."""

OPEN: frozenset[Status] = frozenset({"due", "calling", "rescheduled"})


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something, and under which neutral role."""

    id: str
    role: str = ""


SYSTEM = Who("service:callbacks", "system")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to reach the requester; the note is personal and never leaves the service on the stream (P14)."""

    at: datetime
    outcome: str
    by: Who
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered question; the value is checked and in its canonical spelling."""

    question: str
    value: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the answers say: solved (None: not asked), the grade and whether it counts as satisfied (F17)."""

    answers: tuple[Answer, ...]
    solved: bool | None = None
    satisfaction: str = ""
    satisfied: bool | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """One message as it was or will be said; body is a serialised CallbackEvent."""

    id: str
    key: str
    body: bytes
    at: datetime
    cause: str = ""
    actor: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A callback owed. `id` is "<number>/<cycle>" or "call/<contact>"; `brief` is a serialised TicketBrief.

    A cancelled task without words was never owed: it stands where a late message would otherwise open one.
    """

    id: str
    kind: Kind
    number: str
    profile: str
    brief: bytes
    opened_at: datetime
    due_at: datetime
    roles: tuple[str, ...]
    scale: str = ""
    version: int = 1
    status: Status = "due"
    turn: int = 0
    """How often it has come up to be called, counted from 0."""
    not_before: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    verdict: Verdict | None = None
    completed_at: datetime | None = None
    completed_by: Who | None = None
    words: tuple[Word, ...] = ()
    unsaid: tuple[str, ...] = ()
    """Ids of words that no message will bring about again: the relay says them after a crash."""

    @property
    def open(self) -> bool:
        """Whether the call is still owed."""
        return self.status in OPEN

    def attempted(self, attempt: Attempt) -> Task:
        """The requester is on the line."""
        return self._next(status="calling", not_before=None, attempts=(*self.attempts, attempt))

    def postponed(self, attempt: Attempt, until: datetime) -> Task:
        """Not before that instant: booked by the requester (F9) or the next try (F16)."""
        return self._next(status="rescheduled", not_before=until, attempts=(*self.attempts, attempt))

    def given_up(self, attempt: Attempt) -> Task:
        """The last try failed; counted apart from the completed ones (F16)."""
        return self._next(
            status="unreachable",
            not_before=None,
            attempts=(*self.attempts, attempt),
            completed_at=attempt.at,
            completed_by=attempt.by,
        )

    def turned(self) -> Task:
        """Its time has come again."""
        return self._next(status="due", not_before=None, turn=self.turn + 1)

    def completed(self, verdict: Verdict, at: datetime, by: Who) -> Task:
        """Answered, by whatever way (F18)."""
        return self._next(status="completed", not_before=None, verdict=verdict, completed_at=at, completed_by=by)

    def answered_late(self, verdict: Verdict) -> Task:
        """The requester answers the page after the desk gave up: it counts, the task stays unreachable (F16)."""
        return self._next(verdict=verdict)

    def cancelled(self, at: datetime) -> Task:
        """The ticket ended otherwise."""
        return self._next(status="cancelled", not_before=None, completed_at=at, completed_by=SYSTEM)

    def with_word(self, word: Word, *, owed: bool) -> Task:
        """The same state with one more word; owed when only the relay could say it after a crash."""
        return replace(self, words=(*self.words, word), unsaid=(*self.unsaid, word.id) if owed else self.unsaid)

    def _next(self, **changes: object) -> Task:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]  # checked by the callers above
