"""One judgement of one ticket: what is said in it, and the instants it waits for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from services.profile.facet import Span
from services.sla.model import Effect, Facts, Rules

Key = tuple[str, int, int]


class Turn:
    """Rules, facts and present of a judgement; `effects` grows by what is due, `ahead` by what is not yet."""

    def __init__(self, facts: Facts, rules: Rules, now: datetime, cause: str, earlier: Collection[Effect] = ()) -> None:
        self.facts = facts
        self.rules = rules
        self.now = now
        self.effects: list[Effect] = []
        self.ahead: list[datetime] = []
        self._cause = cause
        self._earlier = earlier

    def say(self, kind: str, key: Key, step: int, due: datetime, *, role: str = "", reason: str = "") -> None:
        """Says that something happened that was due at an instant."""
        self.effects.append(Effect(kind, *key, step, due, self.now, self._cause, role, reason))

    def say_once(self, kind: str, key: Key, step: int, due: datetime) -> None:
        """Says it unless it was said before: a message heard late may bring a clock back that was gone for a while."""
        if not self.was_said(kind, key, step):
            self.say(kind, key, step, due)

    def was_said(self, kind: str, key: Key, step: int) -> bool:
        """Whether that was said before this judgement."""
        return self.said_at(kind, key, step) is not None

    def said_at(self, kind: str, key: Key, step: int) -> datetime | None:
        """When that was due which was said before this judgement; None when it was not."""
        wanted = (*key, step)
        for effect in self._earlier:
            if effect.kind == kind and (effect.clock, effect.cycle, effect.generation, effect.step) == wanted:
                return effect.due_at
        return None

    def wait(self, at: datetime) -> None:
        """Has the ticket judged again then."""
        self.ahead.append(at)

    def told_from(self, at: datetime) -> datetime:
        """From when something due then may be told: low grades wake nobody outside the quiet calendar (免打扰, D14).

        The grade is the ticket's present one: what becomes urgent in the night is told in the night.
        """
        quiet = self.rules.levels.escalation.quiet
        if quiet is None or self.facts.newest.grade not in quiet.grades:
            return at
        return self.rules.calendar(quiet.calendar).next_opening(at)

    def after(self, at: datetime, length: Span, calendar: str) -> datetime:
        """The instant a length of the calendar's open time later."""
        counted = self.rules.calendar(calendar)
        if length.working_days:
            return counted.add_working_days(at, length.working_days)
        return counted.add(at, length.seconds)
