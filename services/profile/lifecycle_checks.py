"""Is the lifecycle a table that can be walked? Finds what the types cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from services.profile.faults import Finding
from services.profile.lifecycle import Lifecycle, Transition

_OPPOSITES = ({"path_online", "path_dispatched"},)
"""Guards of which only one can hold: two rows of one action may differ by them."""

_ENDS = ("closed", "cancelled")


def check_lifecycle(lifecycle: Lifecycle, roles: frozenset[str]) -> Iterator[Finding]:
    """Unknown states and roles, unreachable states, states without a way out, ambiguous actions, unknown openings."""
    yield from _names(lifecycle, roles)
    yield from _ambiguous(lifecycle)
    yield from _reachable(lifecycle)


def _names(lifecycle: Lifecycle, roles: frozenset[str]) -> Iterator[Finding]:
    known = ", ".join(lifecycle.states)
    if lifecycle.initial not in lifecycle.states:
        yield ("lifecycle", "initial"), f'there is no state "{lifecycle.initial}"; name one of: {known}'
    actions = {row.action for row in lifecycle.transitions}
    for index, action in enumerate(lifecycle.opening):
        if action not in actions:
            yield ("lifecycle", "opening", index), f'no transition has the action "{action}"; add one or remove it here'
    for key, listed in lifecycle.hears.items():
        for index, action in enumerate(listed):
            if action not in actions:
                yield (
                    ("lifecycle", "hears", key, index),
                    f'no transition has the action "{action}"; add one or remove it here',
                )
    marked = {mark for row in lifecycle.transitions for mark in row.marks}
    for index, row in enumerate(lifecycle.transitions):
        here = ("lifecycle", "transitions", index)
        for position, milestone in enumerate(row.clears):
            if milestone not in marked or milestone in row.marks:
                yield (
                    (*here, "clears", position),
                    f'"{milestone}" is marked by no other transition; clear one that is, or remove it here',
                )
        for position, state in enumerate(row.from_):
            if state not in lifecycle.states:
                yield (*here, "from", position), f'there is no state "{state}"; add it to states or correct the name'
            elif lifecycle.states[state].phase in _ENDS:
                yield (
                    (*here, "from", position),
                    f'"{state}" is an end; remove this row or change its phase',
                )
        if row.to not in lifecycle.states:
            yield (*here, "to"), f'there is no state "{row.to}"; add it to states or correct the name'
        yield from _row(row, here, roles)


def _row(row: Transition, here: tuple[str | int, ...], roles: frozenset[str]) -> Iterator[Finding]:
    if not row.roles:
        yield (*here, "roles"), "nobody may take this action; name at least one role, or system"
    for position, role in enumerate(row.roles):
        if role not in roles and role != "system":
            yield (*here, "roles", position), f'there is no role "{role}"; add it to roles or correct the name'
    if "assign_role_on_duty" in row.effects and row.effect_role is None:
        yield (*here, "effects"), "assign_role_on_duty needs effect_role; add the role to assign"
    if row.effect_role is not None and row.effect_role not in roles:
        yield (*here, "effect_role"), f'there is no role "{row.effect_role}"; add it to roles or correct the name'
    if "assign_target" in row.effects and "target" not in row.requires:
        yield (*here, "requires"), "assign_target needs a target; add target to requires"


def _ambiguous(lifecycle: Lifecycle) -> Iterator[Finding]:
    rows = list(enumerate(lifecycle.transitions))
    for (_, first), (index, second) in combinations(rows, 2):
        shared = set(first.from_) & set(second.from_)
        if first.action != second.action or not shared or _told_apart(first, second):
            continue
        yield (
            ("lifecycle", "transitions", index, "action"),
            f'"{second.action}" is ambiguous from state {", ".join(sorted(shared))}; '
            "keep one row, or guard one with path_online and the other with path_dispatched",
        )


def _told_apart(first: Transition, second: Transition) -> bool:
    return any({one, other} in _OPPOSITES for one in first.guards for other in second.guards)


def _reachable(lifecycle: Lifecycle) -> Iterator[Finding]:
    reached, frontier = {lifecycle.initial}, [lifecycle.initial]
    while frontier:
        here = frontier.pop()
        for row in lifecycle.transitions:
            if here in row.from_ and row.to not in reached:
                reached.add(row.to)
                frontier.append(row.to)
    leaves = {leaf for row in lifecycle.transitions for leaf in row.from_}
    for name, state in lifecycle.states.items():
        if name not in reached:
            yield ("lifecycle", "states", name), "no action leads to this state; add a transition to it or remove it"
        if name not in leaves and state.phase not in _ENDS:
            yield ("lifecycle", "states", name), "no action leaves this state; add a transition or make it an end"
