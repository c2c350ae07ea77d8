"""The lifecycle facet: states, and who may take which action from where (section 5 of the requirements)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]

Guard = Literal[
    "caller_is_assignee",
    "caller_is_project_manager",
    "project_has_manager",
    "target_on_duty",
    "target_in_project",
    "target_is_not_engineer",
    "callback_done",
    "user_confirmed",
    "path_online",
    "path_dispatched",
    "not_dispatched",
    "within_authority",
    "no_contact",
]
"""Judgements dispatch knows; each refuses with a sentence of its own."""

Effect = Literal[
    "assign_target",
    "assign_project_manager",
    "assign_engineer",
    "assign_caller",
    "assign_role_on_duty",
    "assign_manager_on_duty",
    "assign_nobody",
    "route",
    "count_hand_back",
    "count_dispatch",
    "count_failed_dispatch",
    "accept_as_project_manager",
    "new_cycle",
    "path_online",
    "path_dispatched",
    "enter_flow",
    "to_team",
    "raise_flag",
    "count_reassignment",
    "set_departments",
]
"""What else an action does to the ticket; dispatch implements each once."""


class State(BaseModel):
    """One state, its Chinese and English name and its phase."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    phase: Literal["new", "open", "resolved", "closed", "cancelled"]


class Transition(BaseModel):
    """One row of the lifecycle table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Key
    from_: tuple[Key, ...] = Field(alias="from", min_length=1)
    to: Key
    roles: tuple[Key, ...]
    """Neutral roles that may take it; "system" for steps the platform takes itself."""
    event: Key
    """Past-tense name said as ticket.<event>."""
    marks: tuple[Key, ...] = ()
    """Milestones set by it; one that is set already keeps its instant until a row clears it."""
    clears: tuple[Key, ...] = ()
    """Milestones that no longer hold after it, such as "resolved" when a solution is refused: their clocks run on."""
    requires: tuple[Key, ...] = ()
    """"reason", "target", or names of values that must be given: solution, steps, remaining, type, grade ..."""
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()
    effect_role: Key | None = None
    """Role for assign_role_on_duty, and for assign_manager_on_duty where the ticket's project has no manager."""
    given: dict[Key, tuple[str, ...]] = {}
    """Values of the action that choose this row among the rows of one action: `subtype: [technical]` (B7, E6)."""
    writes: Key | None = None
    """The record form that the action's values fill; its required fields must be given (section 5, E-group)."""
    preset: dict[Key, str] = {}
    """Values of the written record that the row itself knows, such as `outcome: unsolved` (C1)."""
    needs: tuple[Key, ...] = ()
    """Records that must exist in this cycle; what is missing is told all at once."""
    needs_yes: tuple[str, ...] = ()
    """"record.field" that must say yes, such as "user_consent.agreed" (E13)."""
    drops: tuple[Key, ...] = ()
    """Records that no longer answer for the ticket after it, such as the approval of a solution that failed."""
    becomes: Key | None = None
    """Type the ticket turns into; with enter_flow, `to` is a state of that type's flow (B8)."""
    team: Key | None = None
    """Team for to_team (E6)."""
    flag: Key | None = None
    """Flag for raise_flag: "major", or one of the profile's flags (C18)."""
    source: str = ""


class Lifecycle(BaseModel):
    """The table of a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    initial: Key
    opening: tuple[Key, ...] = ()
    """Actions the platform takes by itself on a new ticket, in order, as far as their requirements hold."""
    hears: dict[str, tuple[Key, ...]] = {}
    """Routing key heard about a ticket (callback.completed ...) to the actions the platform then takes, in order, each
    only if the ticket's state has it."""
    states: dict[Key, State]
    transitions: tuple[Transition, ...]

    def rows(self, state: str, action: str) -> tuple[Transition, ...]:
        """Rows of an action from a state; several only when guards such as path_online tell them apart."""
        return tuple(row for row in self.transitions if row.action == action and state in row.from_)
