"""Hearing, firing and acknowledging, on both stores: every handler may run twice and race with another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Missing
from services.sla.handlers import SHARDS, acknowledge, at_risk, fire, hear, say_again
from services.sla.model import Status
from tests.sla.world import GENERIC, HeldUp, at, news, regraded

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
NUMBER = "DS20250303-000001"


def rules_for(profile, version):
    return GENERIC


def kinds(utterances):
    return [effect.kind for each in utterances for effect in each.effects]


def keys(utterances):
    return [(each.timeline.number, effect.key) for each in utterances for effect in each.effects]


def arm(store, **more):
    return hear(store, rules_for, [news(1, T0, m={"received": T0}, **more)], T0)


def test_hearing_the_same_ticket_twice_arms_it_once_and_says_the_same_again(store):
    first = arm(store)
    assert keys(arm(store)) == keys(first)
    assert len(store.read([NUMBER])[NUMBER].effects) == 1


def test_a_batch_with_three_versions_is_one_write_and_each_of_them_can_have_it_said_again(store):
    story = [news(n, T0 + n * M, m={"received": T0}) for n in (3, 1, 2)]
    assert kinds(hear(store, rules_for, story, T0 + 3 * M)) == ["armed"]
    assert store.read([NUMBER])[NUMBER].revision == 1
    assert kinds(hear(store, rules_for, story[:1], T0 + 4 * M)) == ["armed"]


def test_an_older_version_that_arrives_late_changes_nothing(store):
    done = {"received": T0, "responded": T0 + M}
    hear(store, rules_for, [news(2, T0 + M, m=done)], T0 + M)
    assert kinds(arm(store)) == []
    assert store.read([NUMBER])[NUMBER].clocks[0].status is Status.MET


def test_a_message_that_another_replica_took_in_meanwhile_is_judged_again(store):
    arm(store)

    answered = news(3, T0 + 3 * M, m={"received": T0, "responded": T0 + M})
    slow = HeldUp(store, lambda: hear(store, rules_for, [answered], T0 + 3 * M))
    hear(slow, rules_for, [regraded(2, T0 + 2 * M, "general", "urgent", m={"received": T0})], T0 + 3 * M)
    kept = store.read([NUMBER])[NUMBER]
    assert kept.facts.newest.version == 3
    assert [each.version for each in kept.facts.regrades] == [2]
    assert kept.clocks[0].status is Status.MET


def test_a_timer_fires_once_however_often_it_is_tried(store):
    """D23."""
    arm(store)
    assert kinds(fire(store, rules_for, [NUMBER], T0 + 8 * M, "timer/1")) == ["warned"]
    assert kinds(fire(store, rules_for, [NUMBER], T0 + 8 * M, "timer/2")) == []
    assert kinds(fire(store, rules_for, [NUMBER], T0 + 10 * M, "timer/3")) == ["breached", "raised"]
    assert fire(store, rules_for, [], T0, "timer/4") == []


def test_no_rung_is_climbed_after_a_resolve_that_was_written_first(store):
    """D14: the firer has read the ticket, then the answer is written, then the firer tries to write."""
    arm(store)
    fire(store, rules_for, [NUMBER], T0 + 10 * M, "timer/1")

    answered = news(2, T0 + 39 * M, m={"received": T0, "responded": T0 + 39 * M})
    slow = HeldUp(store, lambda: hear(store, rules_for, [answered], T0 + 39 * M))
    assert kinds(fire(slow, rules_for, [NUMBER], T0 + 40 * M, "timer/2")) == []
    assert [each.kind for each in store.read([NUMBER])[NUMBER].effects].count("climbed") == 0


def test_what_was_written_but_not_said_is_said_from_the_journal(store):
    """D23: a crash between writing and publishing."""
    arm(store)
    fired = fire(store, rules_for, [NUMBER], T0 + 10 * M, "timer/1")
    owed = store.owed(T0 + 11 * M, 10)
    assert keys(say_again(store, owed)) == keys(fired)
    store.settle(["timer/1"])
    assert say_again(store, store.owed(T0 + 11 * M, 10)) == []


def test_a_firer_held_up_until_its_note_was_struck_out_writes_nothing_that_would_go_unsaid(store):
    """D23: it notes, is stopped past the relay's patience, writes, and dies before it has said anything."""
    arm(store)

    class HeldUp:
        def __getattr__(self, name):
            return getattr(store, name)

        def replace(self, timelines):
            entries = store.owed(T0 + 11 * M, 10)
            assert [cause for cause, _ in entries] == ["timer/1"]
            assert say_again(store, entries) == []
            store.strike(entries)
            return store.replace(timelines)

    assert fire(HeldUp(), rules_for, [NUMBER], T0 + 10 * M, "timer/1") == []
    assert store.owed(T0 + 11 * M, 10) == []
    assert kinds(fire(store, rules_for, [NUMBER], T0 + 11 * M, "timer/2")) == ["warned", "breached", "raised"]


def test_a_firer_that_was_overtaken_after_it_won_still_says_what_it_did(store):
    arm(store)

    class Overtaken:
        def __getattr__(self, name):
            return getattr(store, name)

        def replace(self, timelines):
            store.replace(timelines)
            hear(store, rules_for, [news(2, T0 + 9 * M, m={"received": T0})], T0 + 9 * M)
            return {each.number for each in timelines}

    assert kinds(fire(Overtaken(), rules_for, [NUMBER], T0 + 8 * M, "timer/1")) == ["warned"]


def test_acknowledging_twice_is_told_once(store):
    """D14."""
    arm(store)
    fire(store, rules_for, [NUMBER], T0 + 10 * M, "timer/1")
    args = (f"{NUMBER}/response/0", "li.wei", {"desk_manager"}, "on it")
    taken = acknowledge(store, rules_for, *args, T0 + 12 * M, "ack/1")
    assert [each.kind for each in taken.effects] == ["acknowledged"]
    again = acknowledge(store, rules_for, *args, T0 + 13 * M, "ack/2")
    assert (again.effects, again.escalation.acknowledged_by) == ((), "li.wei")
    assert kinds(fire(store, rules_for, [NUMBER], T0 + 90 * M, "timer/2")) == []


@pytest.mark.parametrize("wrong", ["", "nonsense", f"{NUMBER}/response", f"{NUMBER}/start/0", "DS1/response/0"])
def test_an_escalation_nobody_knows_is_missing_and_leaves_no_debt(store, wrong):
    arm(store)
    with pytest.raises(Missing):
        acknowledge(store, rules_for, wrong, "li.wei", {"desk_manager"}, "", T0, "ack/1")
    assert store.owed(T0 + M, 10) == []


def test_the_list_at_risk_shows_overdue_first_then_what_is_due_soon(store):
    """D20."""
    hear(
        store,
        rules_for,
        [
            news(1, T0, number="DS20250303-000001", m={"received": T0}, team="desk"),
            news(1, T0, number="DS20250303-000002", m={"received": T0 - 60 * M}, team="desk"),
            news(1, T0, number="DS20250303-000003", m={"received": T0 + 60 * M}, team="desk"),
            news(1, T0, number="DS20250303-000004", m={"received": T0}, team="erp"),
        ],
        T0,
    )
    found = at_risk(store, rules_for, "desk", 10, T0, T0 + 15 * M)
    assert [(each.number, left) for each, _, left in found] == [
        ("DS20250303-000002", -3000),
        ("DS20250303-000001", 600),
    ]


def test_shards_cover_every_number():
    from services.sla.handlers import shard_of

    assert {shard_of(f"DS20250303-{n:06d}") for n in range(1000)} == set(range(SHARDS))
