"""The routing rules of one profile, compiled once: facts -> the rule that decides, in well under 200 microseconds (C2).

Every rule is filed under the values that tell most tickets away from it, so that only the few rules that could match
are evaluated. tests/dispatch/test_routing_rules.py shows that this changes no decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.profile.condition_tree import Facts, Node, compiled, cover, tests, widened
from services.profile.conditions import tree_of
from services.profile.schema import Routing, RoutingRule

KEPT = 20
"""How many of the rules tried are named with a decision; explaining finds the others again from the facts."""


@dataclass(frozen=True, slots=True)
class Match:
    """What the rules say. `rule` is None when none matched (C24); `score` is 0 where the first match wins."""

    rule: RoutingRule | None
    score: int = 0
    tried: tuple[str, ...] = ()
    """The last of the rules that did not match, in their order."""
    tried_count: int = 0


class RuleSet:
    """The rules in force. Never changes; shared by all threads."""

    def __init__(self, routing: Routing, below: Mapping[str, frozenset[str]] | None = None) -> None:
        """`below`: entries of the catalogue under each entry; a rule for an entry is one for those, too (A18)."""
        self.rules = routing.rules
        self.trees: tuple[Node, ...] = tuple(
            widened(tree_of(rule.when), "entry", below or {}) for rule in routing.rules
        )
        self.by_id: Mapping[str, int] = {rule.id: index for index, rule in enumerate(routing.rules)}
        self._scored = routing.mode == "scored"
        self._holds = tuple(compiled(tree) for tree in self.trees)
        self._ids = tuple(rule.id for rule in routing.rules)
        self._always: tuple[int, ...] = ()
        self._filed: dict[str, dict[str, tuple[int, ...]]] = {}
        self._file()
        asked = {test.fact for tree in self.trees for test in tests(tree)}
        self.calendars = frozenset(fact.removeprefix("calendar.") for fact in asked if fact.startswith("calendar."))
        """Calendars that a rule asks about."""

    def _file(self) -> None:
        # How many rules a drawer would hold if all went in: the emptier, the more tickets it tells away.
        full = Counter((test.fact, value) for tree in self.trees for test in tests(tree) for value in test.allowed)
        always: list[int] = []
        for index, tree in enumerate(self.trees):
            pairs = cover(tree, full.__getitem__)
            if pairs is None:
                always.append(index)
                continue
            for fact, value in sorted(pairs):
                drawers = self._filed.setdefault(fact, {})
                drawers[value] = (*drawers.get(value, ()), index)
        self._always = tuple(always)

    def matching(self, facts: Facts) -> Iterator[int]:
        """Places of the rules that match, in their order."""
        for index in self.candidates(facts):
            if self._holds[index](facts):
                yield index

    def candidates(self, facts: Facts) -> list[int]:
        """Places of the rules that the index lets through, in their order: every match is among them."""
        found = set(self._always)
        for fact, drawers in self._filed.items():
            found.update(drawers.get(facts.get(fact, ""), ()))
        return sorted(found)

    def judge(self, facts: Facts) -> Match:
        """The first rule that matches; in the mode "scored" the best rule of the target with the highest sum."""
        if self._scored:
            return self._best(facts)
        first = next(self.matching(facts), None)
        before = len(self.rules) if first is None else first
        tried = self._ids[max(0, before - KEPT) : before]
        return Match(None if first is None else self.rules[first], 0, tried, before)

    def _best(self, facts: Facts) -> Match:
        matched = list(self.matching(facts))
        sums: dict[tuple[str, str], int] = {}
        for index in matched:
            target = _target(self.rules[index])
            sums[target] = sums.get(target, 0) + self.rules[index].score
        tried = self._others(frozenset(matched))
        count = len(self.rules) - len(matched)
        if not matched:
            return Match(None, 0, tried, count)
        # Dictionaries keep the order of the first rule of each target, and max takes the first among equals.
        winner = max(sums, key=lambda target: sums[target])
        speaks = [self.rules[index] for index in matched if _target(self.rules[index]) == winner]
        return Match(max(speaks, key=lambda rule: rule.score), sums[winner], tried, count)

    def _others(self, matched: frozenset[int]) -> tuple[str, ...]:
        found: list[str] = []
        for index in range(len(self.rules) - 1, -1, -1):
            if index not in matched:
                found.append(self._ids[index])
                if len(found) == KEPT:
                    break
        return tuple(reversed(found))

    def passed_over(self, facts: Facts, rule: str) -> Iterator[tuple[str, Node]]:
        """Every rule tried without a match before `rule` decided, with its tests; in the order of the rules."""
        end = len(self.rules) if self._scored or not rule else self.by_id.get(rule, 0)
        for index in range(end):
            if not self._holds[index](facts):
                yield self._ids[index], self.trees[index]


def _target(rule: RoutingRule) -> tuple[str, str]:
    return rule.to.team, rule.to.person or ""
