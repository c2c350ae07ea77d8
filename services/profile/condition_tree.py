"""Tests on facts as a tree: compiled for deciding, read for an index, walked for telling what failed (C2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

Facts = Mapping[str, str]
"""What is known of a ticket, as text; what is not known is absent, and equal to the empty text."""

Holds = Callable[[Facts], bool]

_SPAN = re.compile(r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")


@dataclass(frozen=True, slots=True)
class OneOf:
    """The fact is one of the texts."""

    fact: str
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class During:
    """The fact "time" ("HH:MM") lies in the span; a span that ends before it starts runs over midnight."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold; without parts: always."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


Node = OneOf | During | All | Some | Not


@dataclass(frozen=True, slots=True)
class Miss:
    """The first test that failed. `wanted` is sorted; `excluded`: the fact has a value it must not have.

    `instead`: nothing of several alternatives held, and this is how each failed; the other fields are empty then.
    Without a fact: a combination held that the rule excludes.
    """

    fact: str = ""
    got: str = ""
    wanted: tuple[str, ...] = ()
    excluded: bool = False
    instead: tuple[Miss, ...] = ()


def equality(fact: str, values: Iterable[str]) -> OneOf:
    """The fact is one of the values."""
    return OneOf(fact, frozenset(values))


def flag(fact: str, wanted: bool) -> OneOf:
    """A yes or no; what is not known is no."""
    return OneOf(fact, frozenset({"true"} if wanted else {"false", ""}))


def time_of_day(span: str) -> During:
    """ "HH:MM-HH:MM" as a test; ValueError with the remedy when it is none."""
    start, _, end = span.partition("-")
    if not _SPAN.match(span) or start == end:
        raise ValueError(f'"{span[:40]}" is no time of the day; write it as 22:00-06:00')
    return During(start, end)


def compiled(node: Node) -> Holds:
    """The tree as one function."""
    match node:
        case OneOf(fact, allowed):
            return lambda facts: facts.get(fact, "") in allowed
        case During(start, end) if start < end:
            return lambda facts: start <= facts.get("time", "") < end
        case During(start, end):
            return lambda facts: (at := facts.get("time", "")) >= start or "" < at < end
        case Not(part):
            inner = compiled(part)
            return lambda facts: not inner(facts)
        case Some(parts):
            return _some(tuple(compiled(part) for part in parts))
        case All(parts):
            return _all(parts)


def _some(parts: tuple[Holds, ...]) -> Holds:
    def holds(facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110 - see _all
            if part(facts):
                return True
        return False

    return holds


def _all(parts: tuple[Node, ...]) -> Holds:
    # Plain loops: a generator costs more than the test, and this runs for every rule that the index lets through.
    tests = tuple((part.fact, part.allowed) for part in parts if isinstance(part, OneOf))
    others = tuple(compiled(part) for part in parts if not isinstance(part, OneOf))

    def holds(facts: Facts) -> bool:
        for fact, allowed in tests:
            if facts.get(fact, "") not in allowed:
                return False
        for other in others:  # noqa: SIM110 - see above
            if not other(facts):
                return False
        return True

    return holds


def cover(node: Node, weight: Callable[[tuple[str, str]], int]) -> frozenset[tuple[str, str]] | None:
    """(fact, value) pairs of which at least one is true whenever the tree holds: what it can be filed under.

    Where there is a choice, the lightest. None: the tree may hold whatever the facts are.
    """
    match node:
        case OneOf(fact, allowed):
            return frozenset((fact, value) for value in allowed)
        case All(parts):
            found = [pairs for part in parts if (pairs := cover(part, weight)) is not None]
            return min(found, key=lambda pairs: (sum(map(weight, pairs)), sorted(pairs)), default=None)
        case Some(parts):
            every = [cover(part, weight) for part in parts]
            known = [pairs for pairs in every if pairs is not None]
            return frozenset().union(*known) if len(known) == len(every) else None
        case _:
            return None


def widened(node: Node, fact: str, more: Mapping[str, frozenset[str]]) -> Node:
    """The tree with every value of the fact standing for those filed under it as well: an entry and those below it."""
    match node:
        case OneOf(name, allowed) if name == fact:
            return OneOf(name, allowed.union(*(more.get(value, frozenset()) for value in allowed)))
        case All(parts):
            return All(tuple(widened(part, fact, more) for part in parts))
        case Some(parts):
            return Some(tuple(widened(part, fact, more) for part in parts))
        case Not(part):
            return Not(widened(part, fact, more))
        case _:
            return node


def first_miss(node: Node, facts: Facts) -> Miss | None:
    """Why the tree does not hold; None when it does."""
    match node:
        case OneOf(fact, allowed):
            got = facts.get(fact, "")
            return None if got in allowed else Miss(fact, got, tuple(sorted(allowed)))
        case During(start, end):
            holds = compiled(node)(facts)
            return None if holds else Miss("time", facts.get("time", ""), (f"{start}-{end}",))
        case All(parts):
            return next((miss for part in parts if (miss := first_miss(part, facts))), None)
        case Some(parts):
            misses: list[Miss] = []
            for part in parts:
                if (miss := first_miss(part, facts)) is None:
                    return None
                misses.append(miss)
            return misses[0] if len(misses) == 1 else Miss(instead=tuple(misses))
        case Not(part):
            if first_miss(part, facts) is not None:
                return None
            if isinstance(part, OneOf):
                return Miss(part.fact, facts.get(part.fact, ""), tuple(sorted(part.allowed)), excluded=True)
            return Miss(excluded=True)


def tests(node: Node) -> Iterator[OneOf]:
    """Every equality test of the tree, for checking the values against the profile."""
    match node:
        case OneOf():
            yield node
        case All(parts) | Some(parts):
            for part in parts:
                yield from tests(part)
        case Not(part):
            yield from tests(part)
        case _:
            return
