"""What other rules would have done to tickets that were routed already (C2): the same facts judged again. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.dispatch.policy.desk import Desk
from services.dispatch.policy.routing import instant_facts, rule_on

EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision as it was made."""

    number: str
    team: str
    rule: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Move:
    """A ticket that would go elsewhere. Rules are empty where none matched."""

    number: str
    team: str
    rule: str
    new_team: str
    new_rule: str


@dataclass(slots=True)
class Rehearsal:
    """What was found."""

    judged: int = 0
    moved: int = 0
    """Tickets that would go to another team."""
    other_rule: int = 0
    """Tickets that would go to the same team by another rule."""
    incomplete: int = 0
    """Tickets whose decision kept fewer facts than are kept today: what a rule asks beyond them counts as not given."""
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    """Tickets by rule."""
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Tickets by old and new team."""
    examples: list[Move] = field(default_factory=list)


def rehearse(desk: Desk, decisions: Iterable[Decided]) -> Rehearsal:
    """Judges every decision's stored facts by the desk's rules. Who would be on duty is not asked: teams only.

    What an instant is (in hours, weekday, calendars) is judged anew by the desk's own calendars, as those may have
    changed as well.
    """
    found = Rehearsal()
    for old in decisions:
        facts = _facts(desk, old.facts)
        ruling = rule_on(desk, facts)
        found.judged += 1
        found.incomplete += "judged_at" not in old.facts
        found.before[old.rule] += 1
        found.after[ruling.rule] += 1
        if ruling.team != old.team:
            found.moved += 1
            found.moves[old.team, ruling.team] += 1
            if len(found.examples) < EXAMPLES:
                found.examples.append(Move(old.number, old.team, old.rule, ruling.team, ruling.rule))
        elif ruling.rule != old.rule:
            found.other_rule += 1
    return found


def _facts(desk: Desk, stored: Mapping[str, str]) -> Mapping[str, str]:
    try:
        at = datetime.fromisoformat(stored.get("judged_at", ""))
    except ValueError:
        return stored
    return {**stored, **instant_facts(desk, at)} if at.tzinfo is not None else stored
