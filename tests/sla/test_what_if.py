"""What other rules would have made of tickets that were: judged twice in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.sla.handlers import hear
from services.sla.model import Recalculation
from services.sla.rehearsal.what_if import MOST_EXAMPLES, what_if
from tests.sla.world import Shelf, at, clock, news, rules

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
PINNED = replace(rules(clock("response", "received", "responded", {"default": 10})), version="1")


def candidate(minutes: int, **more):
    return replace(rules(clock("response", "received", "responded", {"default": minutes}, **more)), version="try")


def world(*answers: int | None):
    """One ticket for each: the minute in which it was answered, None for never."""
    shelf = Shelf()
    for place, answered in enumerate(answers, 1):
        done = {"responded": T0 + answered * M} if answered is not None else {}
        story = news(1, T0, number=f"DS20250303-{place:06d}", m={"received": T0, **done})
        hear(shelf, lambda profile, version: PINNED, [story], T0)
    return shelf


def supposed(shelf, other, now=T0 + 60 * M, rules_for=lambda profile, version: PINNED):
    return what_if(shelf.kept.values(), rules_for, other, now)


@pytest.mark.parametrize(
    ("minutes", "broken", "kept", "breaches"),
    [(5, ["2", "5"], [], (2, 4)), (10, [], [], (2, 2)), (20, [], ["3"], (2, 1)), (90, [], ["3", "4"], (2, 0))],
)
def test_a_stricter_limit_breaks_more_and_a_looser_one_keeps_more_and_both_name_the_tickets(
    minutes, broken, kept, breaches
):
    """D18: answered after 3, 7, 15 minutes, never, and after 8."""
    found = supposed(world(3, 7, 15, None, 8), candidate(minutes))
    figures = found.clocks["response"]
    assert [each[-1] for each in figures.broken] == broken
    assert [each[-1] for each in figures.kept] == kept
    assert (figures.breaches_before, figures.breaches_after) == breaches
    assert (found.tickets, found.other) == (5, len(broken) + len(kept))


def test_margins_are_told_before_and_after():
    """D21."""
    figures = supposed(world(3, 7), candidate(20)).clocks["response"]
    assert figures.margins == (5 * 60, 15 * 60)


def test_a_clock_that_would_not_be_there_and_one_that_would_be_new_are_counted():
    other = replace(rules(clock("solve", "received", "resolved", {"default": 30})), version="try")
    found = supposed(world(3, 15), other)
    assert (found.clocks["response"].tickets_before, found.clocks["response"].tickets_after) == (2, 0)
    assert found.clocks["response"].kept == ["DS20250303-000002"]
    assert (found.clocks["solve"].tickets_after, found.clocks["solve"].newly_broken) == (2, 2)
    assert found.clocks["solve"].margins is None


def test_only_the_first_tickets_are_named():
    figures = supposed(world(*[8] * 30), candidate(5)).clocks["response"]
    assert (figures.newly_broken, len(figures.broken)) == (30, MOST_EXAMPLES)


def test_a_ticket_that_was_recalculated_is_judged_by_the_other_rules_from_its_beginning():
    """D18: and its own clocks by the versions that judged it when they did."""
    shelf = world(7)
    [kept] = shelf.kept.values()
    middle = candidate(8)
    laid = Recalculation("r1", T0 + M, "li.wei", "contract", "1", "try")
    object.__setattr__(middle, "other", {"1": PINNED}.get)
    shelf.kept[kept.number] = replace(kept, facts=replace(kept.facts, recalculations=(laid,)))
    found = supposed(shelf, replace(candidate(5), version="third"), rules_for=lambda profile, version: middle)
    assert (found.clocks["response"].breaches_before, found.clocks["response"].breaches_after) == (0, 1)


def test_where_the_policy_of_a_ticket_is_not_kept_any_more_its_clocks_are_taken_as_they_stand():
    shelf = world(7)
    found = supposed(shelf, candidate(5), rules_for=lambda profile, version: replace(PINNED, version="9"))
    assert (found.unknown, found.clocks["response"].newly_broken) == (1, 1)


def test_supposing_changes_nothing():
    shelf = world(3, None)
    before = dict(shelf.kept)
    supposed(shelf, candidate(1))
    assert shelf.kept == before
