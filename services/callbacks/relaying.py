"""What the timer says: tasks whose turn has come, and what a crash or a dead broker left unsaid."""

from __future__ import annotations

from typing import Protocol

from services.callbacks.handlers import Hearing, Tasks
from services.callbacks.storage import as_said
from services.kernel.clock import Clock
from services.runtime.message import Said
from services.runtime.outbox import AT_ONCE, LEAVE_ALONE, Unsaid


class Kept(Tasks, Unsaid, Protocol):
    """A store of tasks with their outbox."""


class Turning:
    """Called again and again by one timer that says what it is given before it calls again."""

    def __init__(self, hearing: Hearing, tasks: Kept, clock: Clock) -> None:
        self._hearing = hearing
        self._tasks = tasks
        self._clock = clock
        self._told: dict[str, list[str]] = {}

    def step(self) -> list[Said]:
        """What is to be said now. That of the step before counts as said."""
        while self._told:
            key = next(iter(self._told))
            self._tasks.mark_said(key, self._told[key])
            del self._told[key]
        now = self._clock.now()
        said: list[Said] = []
        for key, owed in self._tasks.unsaid(now - LEAVE_ALONE, AT_ONCE):
            said += owed
            self._told[key] = [one.id for one in owed]
        for task, word in self._hearing.turn(now):
            said.append(as_said(word, task.number))
            self._told.setdefault(task.id, []).append(word.id)
        return said
