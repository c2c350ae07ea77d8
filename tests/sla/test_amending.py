"""What people do to clocks, on both stores: once by its cause, again after a lost race, said again after a crash."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.errors import Missing, Refused, Unavailable
from services.sla.acts.amending import amend, cause_of
from services.sla.handlers import fire, hear, say_again
from services.sla.model import Hold
from services.sla.policy.commitments import NAME
from services.sla.policy.holding import recalculated
from tests.sla.world import GENERIC, HeldUp, at, news

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
NUMBER = "DS20250303-000001"
CAUSE = cause_of("recalculated", NUMBER, "li.wei", "key-1")


def rules_for(profile, version):
    return GENERIC


def arm(store):
    hear(store, rules_for, [news(1, T0, m={"received": T0})], T0)


def laying(version, cause=CAUSE):
    in_force = replace(GENERIC, version=version)
    return lambda before, rules: recalculated(before, "li.wei", "contract", in_force, T0 + M, cause)


def lay(store, version, cause=CAUSE):
    return amend(store, rules_for, NUMBER, laying(version, cause), T0 + M, cause)


def test_the_same_cause_again_changes_nothing_and_gives_back_what_it_brought_about(store):
    """D18: and may be said again."""
    arm(store)
    first = lay(store, "2")
    again = lay(store, "3")
    assert [each.kind for each in first.effects if each.kind != "armed"] == ["recalculated"]
    assert first.effects == again.effects
    assert [each.new for each in store.read([NUMBER])[NUMBER].facts.recalculations] == ["2"]
    other = lay(store, "3", cause_of("recalculated", NUMBER, "li.wei", "key-2"))
    assert [each.new for each in other.timeline.facts.recalculations] == ["2", "3"]


def test_an_act_without_a_key_is_another_one_each_time():
    assert cause_of("paused", NUMBER, "li.wei") != cause_of("paused", NUMBER, "li.wei")
    assert cause_of("paused", NUMBER, "li.wei", "k") != cause_of("paused", "DS2", "li.wei", "k")


def test_a_lost_race_is_decided_again_from_what_is_then_true(store):
    """D18: the answer that was heard meanwhile stays heard."""
    arm(store)

    answered = news(2, T0 + M, m={"received": T0, "responded": T0 + M})
    lay(HeldUp(store, lambda: hear(store, rules_for, [answered], T0 + M)), "2")
    kept = store.read([NUMBER])[NUMBER].facts
    assert (kept.newest.version, kept.policy) == (2, "2")


def test_whoever_loses_every_race_is_told_to_try_again_and_the_journal_keeps_the_debt(store):
    arm(store)

    class Late:
        def __getattr__(self, name):
            return getattr(store, name)

        def replace(self, timelines):
            return {each.number for each in timelines}

    with pytest.raises(Unavailable, match="try it again"):
        lay(Late(), "2")
    assert [cause for cause, _ in store.owed(T0 + 9 * M, 10)] == [CAUSE]
    assert say_again(store, store.owed(T0 + 9 * M, 10)) == []


def test_what_was_written_but_not_said_is_said_from_the_journal(store):
    """D18, D23: a crash between writing and publishing."""
    arm(store)
    done = lay(store, "2")
    [utterance] = say_again(store, store.owed(T0 + 9 * M, 10))
    assert utterance.effects == done.effects
    store.settle([CAUSE])
    assert store.owed(T0 + 9 * M, 10) == []


def test_an_act_held_up_until_its_note_was_struck_out_is_noted_again_before_it_is_written(store):
    """D18, D23: the relay comes between note and write, and who wrote dies before it has said anything."""
    arm(store)

    def relay():
        entries = store.owed(T0 + 9 * M, 10)
        assert say_again(store, entries) == []
        store.strike(entries)

    done = lay(HeldUp(store, relay), "2")
    [utterance] = say_again(store, store.owed(T0 + 9 * M, 10))
    assert utterance.effects == done.effects
    assert [each.kind for each in done.effects].count("recalculated") == 1


def test_a_refused_act_leaves_neither_facts_nor_debt(store):
    arm(store)

    def refuse(before, rules):
        raise Refused("No.")

    with pytest.raises(Refused):
        amend(store, rules_for, NUMBER, refuse, T0 + M, CAUSE)
    with pytest.raises(Missing):
        amend(store, rules_for, "DS20250303-000009", laying("2"), T0 + M, CAUSE)
    assert store.owed(T0 + 9 * M, 10) == []
    assert store.read([NUMBER])[NUMBER].revision == 1


def test_an_act_that_changes_nothing_writes_nothing(store):
    arm(store)
    amend(store, rules_for, NUMBER, lambda before, rules: (before.facts, ()), T0 + M, CAUSE)
    assert store.read([NUMBER])[NUMBER].revision == 1


def test_facts_of_people_are_kept_beside_what_is_heard_later(store):
    """D16: and the timers go on."""
    arm(store)
    held = Hold("h", "", 0, T0 + M, "customer", "li.wei")
    amend(store, rules_for, NUMBER, lambda before, _: (replace(before.facts, holds=(held,)), ()), T0 + M, CAUSE)
    hear(store, rules_for, [news(2, T0 + 2 * M, m={"received": T0})], T0 + 2 * M)
    assert store.read([NUMBER])[NUMBER].facts.holds == (held,)
    fired = fire(store, rules_for, [NUMBER], T0 + 11 * M, "timer/1")
    assert {each.clock for utterance in fired for each in utterance.effects} <= {"response", NAME, ""}
    assert any(each.kind == "breached" for utterance in fired for each in utterance.effects)
