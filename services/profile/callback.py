"""The survey and callback facets: the scale, the questions, who calls back and until when (F-group)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.profile.facet import Duration, Facet, Label, Name, Span


class Choice(Facet):
    """One option of a question; satisfied says how it counts (F17, AM4), null where it does not."""

    key: str
    label: Label
    satisfied: bool | None = None


class Question(Facet):
    """One question of the callback (F7, F12)."""

    key: Name
    label: Label
    kind: Literal["yes_no", "choice", "int", "text", "statement"]
    options: tuple[Choice, ...] = ()
    required: bool = True
    min: int = 0
    max: int = 0


class Survey(Facet):
    """Satisfaction scale of the profile and the questions; the question with key "satisfaction" is on the scale."""

    scale: Name
    questions: tuple[Question, ...]


class Callback(Facet):
    """Who is called back, by whom, until when (F-group)."""

    scope: Literal["all", "complex", "complaint", "none"] = "all"
    """complex: complaints and what was dispatched or escalated (AM14)."""
    roles: dict[Literal["online", "dispatched"], tuple[Name, ...]]
    due: Duration
    attempts: int = Field(default=3, ge=1)
    retry_after: Duration = Span(seconds=7200)
    missed_over_rings: int | None = None
    seconds_per_ring: int = 5

    def covers(self, complaint: bool, path: str) -> bool:
        """Whether such a ticket is called back once it is solved (X10)."""
        if self.scope == "complex":
            return complaint or path == "dispatched"
        return self.scope == "all" or (self.scope == "complaint" and complaint)
