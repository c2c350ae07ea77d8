"""Are the lifecycles tables that can be walked? Finds what the types cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from services.profile.faults import Finding, Path, unknown
from services.profile.lifecycle import Lifecycle, Transition
from services.profile.schema import Profile

_OPPOSITES = ({"path_online", "path_dispatched"}, {"not_dispatched", "path_dispatched"})
"""Guards of which only one can hold: two rows of one action may differ by them."""

_ENDS = ("closed", "cancelled")


def path_of(name: str) -> Path:
    """Where a lifecycle stands in the files; "" is the profile's own."""
    return ("flows", name) if name else ("lifecycle",)


def rows_of(profile: Profile) -> Iterator[tuple[Path, Transition]]:
    """Every row of every lifecycle with its place."""
    for name, lifecycle in profile.lifecycles.items():
        for index, row in enumerate(lifecycle.transitions):
            yield (*path_of(name), "transitions", index), row


def check_lifecycles(profile: Profile) -> Iterator[Finding]:
    """Unknown states, roles, types and teams, unreachable states, states without a way out, ambiguous actions, unknown
    openings; states that mean one thing here and another there."""
    flow_of = {kind.key: kind.flow or "" for kind in profile.types}
    for index, kind in enumerate(profile.types):
        if kind.flow is not None and kind.flow not in profile.flows:
            yield unknown(("types", index, "flow"), "flow", kind.flow, profile.flows)
    for name in profile.flows:
        if name not in flow_of.values():
            yield ("flows", name), "no type runs under this flow; name it at a type (flow: ...) or remove it"
    yield from _same_states(profile)
    entered: dict[str, set[str]] = {name: set() for name in profile.lifecycles}
    for path, row in rows_of(profile):
        if row.becomes is not None and row.becomes not in flow_of:
            yield unknown((*path, "becomes"), "type", row.becomes, flow_of)
        elif ("enter_flow" in row.effects) != (row.becomes is not None):
            yield (*path, "effects"), "enter_flow and becomes belong together; give both or neither"
        elif row.becomes is not None:
            entered.setdefault(flow_of[row.becomes], set()).add(row.to)
    for name, lifecycle in profile.lifecycles.items():
        here = path_of(name)
        yield from _names(lifecycle, here)
        for index, row in enumerate(lifecycle.transitions):
            end = profile.lifecycles.get(flow_of.get(row.becomes or "", name), lifecycle)
            yield from _ends(lifecycle, end, row, (*here, "transitions", index))
            yield from _row(profile, row, (*here, "transitions", index))
        yield from _ambiguous(lifecycle, here)
        yield from _reachable(lifecycle, here, entered[name])


def _same_states(profile: Profile) -> Iterator[Finding]:
    seen = dict(profile.lifecycle.states)
    for name, flow in profile.flows.items():
        for key, state in flow.states.items():
            if seen.setdefault(key, state) != state:
                yield (
                    ("flows", name, "states", key),
                    f'"{key}" has other words or another phase in another lifecycle; write the same, or rename it',
                )


def _names(lifecycle: Lifecycle, here: Path) -> Iterator[Finding]:
    if lifecycle.initial not in lifecycle.states:
        known = ", ".join(lifecycle.states)
        yield (*here, "initial"), f'there is no state "{lifecycle.initial}"; name one of: {known}'
    actions = {row.action for row in lifecycle.transitions}
    for index, action in enumerate(lifecycle.opening):
        if action not in actions:
            yield (*here, "opening", index), f'no transition has the action "{action}"; add one or remove it here'
    for key, listed in lifecycle.hears.items():
        for index, action in enumerate(listed):
            if action not in actions:
                yield (
                    (*here, "hears", key, index),
                    f'no transition has the action "{action}"; add one or remove it here',
                )
    marked = {mark for row in lifecycle.transitions for mark in row.marks}
    for index, row in enumerate(lifecycle.transitions):
        for position, milestone in enumerate(row.clears):
            if milestone not in marked or milestone in row.marks:
                yield (
                    (*here, "transitions", index, "clears", position),
                    f'"{milestone}" is marked by no other transition; clear one that is, or remove it here',
                )


def _ends(lifecycle: Lifecycle, end: Lifecycle, row: Transition, here: Path) -> Iterator[Finding]:
    for position, state in enumerate(row.from_):
        if state not in lifecycle.states:
            yield (*here, "from", position), f'there is no state "{state}"; add it to states or correct the name'
        elif lifecycle.states[state].phase in _ENDS:
            yield (
                (*here, "from", position),
                f'"{state}" is an end; remove this row or change its phase',
            )
    if row.to not in end.states:
        where = "" if end is lifecycle else f" in the flow of the type {row.becomes}"
        yield (*here, "to"), f'there is no state "{row.to}"{where}; add it to states or correct the name'


def _row(profile: Profile, row: Transition, here: Path) -> Iterator[Finding]:
    roles = profile.roles
    if not row.roles:
        yield (*here, "roles"), "nobody may take this action; name at least one role, or system"
    for position, role in enumerate(row.roles):
        if role not in roles and role != "system":
            yield (*here, "roles", position), f'there is no role "{role}"; add it to roles or correct the name'
    for effect in ("assign_role_on_duty", "assign_manager_on_duty"):
        if effect in row.effects and row.effect_role is None:
            yield (*here, "effects"), f"{effect} needs effect_role; add the role to assign"
    if row.effect_role is not None and row.effect_role not in roles:
        yield (*here, "effect_role"), f'there is no role "{row.effect_role}"; add it to roles or correct the name'
    if "assign_target" in row.effects and "target" not in row.requires:
        yield (*here, "requires"), "assign_target needs a target; add target to requires"
    teams = [team.id for team in profile.organisation.teams]
    if ("to_team" in row.effects) != (row.team is not None):
        yield (*here, "effects"), "to_team and team belong together; give both or neither"
    elif row.team is not None and row.team not in teams:
        yield unknown((*here, "team"), "team", row.team, teams)
    flags = ["major", *(flag.key for flag in profile.flags)]
    if ("raise_flag" in row.effects) != (row.flag is not None):
        yield (*here, "effects"), "raise_flag and flag belong together; give both or neither"
    elif row.flag is not None and row.flag not in flags:
        yield unknown((*here, "flag"), "flag", row.flag, flags)


def _ambiguous(lifecycle: Lifecycle, here: Path) -> Iterator[Finding]:
    rows = list(enumerate(lifecycle.transitions))
    for (_, first), (index, second) in combinations(rows, 2):
        shared = set(first.from_) & set(second.from_)
        if first.action != second.action or not shared or _told_apart(first, second):
            continue
        yield (
            (*here, "transitions", index, "action"),
            f'"{second.action}" is ambiguous from state {", ".join(sorted(shared))}; '
            "keep one row, or tell them apart by given, or by the guards path_online and path_dispatched",
        )


def _told_apart(first: Transition, second: Transition) -> bool:
    if any({one, other} in _OPPOSITES for one in first.guards for other in second.guards):
        return True
    both = first.given.keys() & second.given.keys()
    return any(not set(first.given[name]) & set(second.given[name]) for name in both)


def _reachable(lifecycle: Lifecycle, here: Path, entered: set[str]) -> Iterator[Finding]:
    """`entered`: states that rows of other flows lead to (B8)."""
    reached = {lifecycle.initial, *entered}
    frontier = list(reached)
    while frontier:
        at = frontier.pop()
        for row in lifecycle.transitions:
            if at in row.from_ and row.to not in reached:
                reached.add(row.to)
                frontier.append(row.to)
    leaves = {leaf for row in lifecycle.transitions for leaf in row.from_}
    for name, state in lifecycle.states.items():
        if name not in reached:
            yield (*here, "states", name), "no action leads to this state; add a transition to it or remove it"
        if name not in leaves and state.phase not in _ENDS:
            yield (*here, "states", name), "no action leaves this state; add a transition or make it an end"
