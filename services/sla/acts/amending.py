"""What people do to the clocks of a ticket: load, decide, compare-and-set, under a cause by which it is said again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

from services.kernel.errors import Missing, Refused, Unavailable
from services.sla.model import Effect, Facts, Rules, Timeline
from services.sla.policy.steps import judge

if TYPE_CHECKING:
    from services.sla.handlers import Clocks, RulesFor

_TRIES = 8
LONGEST_KEY = 200
"""Characters; keys are kept with everything that was done under them."""

Change = Callable[[Timeline, Rules], tuple[Facts, tuple[Effect, ...]]]
"""The facts after what a person did, and what is to be said of it; raises Refused or Missing."""


class Amended(NamedTuple):
    """The ticket's clocks afterwards, and what is to be said: everything that this cause brought about."""

    timeline: Timeline
    effects: tuple[Effect, ...]


def cause_of(kind: str, number: str, person: str, key: str = "") -> str:
    """Names what one person does to a ticket once: with the same key it is the same act, without a key a new one."""
    if len(key) > LONGEST_KEY:
        raise Refused(f"An idempotency key has up to {LONGEST_KEY} characters; shorten it.", field="idempotency_key")
    return f"{kind}/{number}/{key or uuid4()}/{person}"


def known_id(cause: str) -> str:
    """An id for what a cause brings into being: the same cause, the same id."""
    return uuid5(NAMESPACE_URL, cause).hex[:12]


def amend(store: Clocks, rules_for: RulesFor, number: str, change: Change, now: datetime, cause: str) -> Amended:
    """Lays what a person did into the facts of a ticket and judges its clocks anew (D8, D16, D18).

    A cause that is known already changes nothing and gives back what it brought about, to be said again. `now` is cut
    to milliseconds. Settle the cause when everything is said; until then the worker's relay has it. Raises Missing
    for an unknown ticket, Unavailable when the ticket changes all the time, and whatever `change` refuses.
    """

    def step(before: Timeline, rules: Rules) -> Timeline:
        if any(effect.cause == cause for effect in before.effects):
            return before
        facts, effects = change(before, rules)
        if facts is before.facts and not effects:
            return before
        if facts.policy != before.facts.policy:
            rules = rules_for(facts.newest.profile, facts.policy)
        return judge(replace(before, effects=(*before.effects, *effects)), facts, rules, now, cause)

    return decide(store, rules_for, number, step, now, cause)


def decide(
    store: Clocks,
    rules_for: RulesFor,
    number: str,
    step: Callable[[Timeline, Rules], Timeline],
    now: datetime,
    cause: str,
) -> Amended:
    """Takes a step of one ticket, noted in the journal first; a lost race is decided and noted again from what is then
    true.

    `step` gives back the very timeline it got when there is nothing to write.
    """
    for _ in range(_TRIES):
        before = store.read([number]).get(number)
        if before is None:
            raise Missing(f'No clocks are kept for ticket "{number}".')
        after = step(before, rules_for(before.facts.newest.profile, before.facts.policy))
        if after is not before:
            store.owe(cause, {number: before.revision}, now)
        if after is before or not store.replace([after]):
            return Amended(after, tuple(effect for effect in after.effects if effect.cause == cause))
    raise Unavailable(f"Ticket {number} changes all the time; try it again.")
