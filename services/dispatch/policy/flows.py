"""One lifecycle prepared for judging: its rows looked up by state and action instead of searched."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from services.profile.lifecycle import Lifecycle, State, Transition


class Flow:
    """A lifecycle with its name, which tickets carry as `Ticket.flow`; "" is the profile's own. Never changes."""

    def __init__(self, name: str, lifecycle: Lifecycle) -> None:
        self.name = name
        self.lifecycle = lifecycle
        self.initial = lifecycle.initial
        self.opening = lifecycle.opening
        self.hears: Mapping[str, tuple[str, ...]] = lifecycle.hears
        self.states: Mapping[str, State] = lifecycle.states
        self._rows: dict[tuple[str, str], tuple[Transition, ...]] = {}
        self._actions: dict[str, tuple[Transition, ...]] = {}
        self._from: dict[str, tuple[Transition, ...]] = {}
        for row in lifecycle.transitions:
            self._actions[row.action] = (*self._actions.get(row.action, ()), row)
            for state in row.from_:
                self._rows[state, row.action] = (*self._rows.get((state, row.action), ()), row)
                self._from[state] = (*self._from.get(state, ()), row)

    def rows(self, state: str, action: str) -> tuple[Transition, ...]:
        """Rows for an action from a state; empty when there are none."""
        return self._rows.get((state, action), ())

    def rows_of(self, action: str) -> tuple[Transition, ...]:
        """Rows of an action from any state."""
        return self._actions.get(action, ())

    def rows_from(self, state: str) -> tuple[Transition, ...]:
        """Rows that leave a state, in the order of the profile."""
        return self._from.get(state, ())

    @property
    def actions(self) -> frozenset[str]:
        """Every action of the flow."""
        return frozenset(self._actions)

    @cached_property
    def working_states(self) -> Mapping[str, tuple[str, ...]]:
        """Role to the states in which it has something to do; withdrawing or changing the type is no work."""
        waiting: dict[str, dict[str, None]] = {}
        for row in self.lifecycle.transitions:
            if row.action == "withdraw" or row.becomes is not None:
                continue
            for role in row.roles:
                waiting.setdefault(role, {}).update(dict.fromkeys(row.from_))
        return {role: tuple(state for state in self.states if state in found) for role, found in waiting.items()}

    @cached_property
    def cancelled_state(self) -> str:
        """Where a withdrawn ticket goes; empty when the flow has no such end."""
        ends = [key for key, state in self.states.items() if state.phase == "cancelled"]
        return "withdrawn" if "withdrawn" in ends else next(iter(ends), "")
