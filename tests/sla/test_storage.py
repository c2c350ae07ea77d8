"""Timelines are kept whole, and changed only by whoever saw their newest revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.sla.acts.listing import conditions
from services.sla.handlers import SHARDS, hear
from services.sla.model import TakenBack
from services.sla.policy.steps import acknowledge, judge
from services.sla.storage import MongoClocks
from tests.sla.world import GENERIC, at, news, regraded

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
ALL = range(SHARDS)
NUMBER = "DS20250303-000001"


def rules_for(profile, version):
    return GENERIC


def full_timeline(store):
    """A ticket with everything on it: two cycles, two generations, an acknowledged escalation."""
    m = {"received": T0, "dispatched": T0}
    hear(store, rules_for, [news(1, T0, m=m, brief=b"\x01\x00", traits={"type": "fault"}, team="desk")], T0)
    hear(store, rules_for, [regraded(2, T0 + 70 * M, "general", "critical", m=m)], T0 + 70 * M)
    gone = (TakenBack(3, 0, "started", T0 + 75 * M, T0 + 80 * M),)
    before = store.read([NUMBER])[NUMBER]
    after = acknowledge(before, "start", 0, "li.wei", {"desk_manager"}, "on it", GENERIC, T0 + 71 * M, "a/1")
    assert store.replace([after]) == set()
    hear(store, rules_for, [news(3, T0 + 80 * M, "critical", m=m, taken_back=gone)], T0 + 80 * M)
    hear(store, rules_for, [news(4, T0 + 90 * M, "critical", cycle=1, m={"received": T0})], T0 + 90 * M)
    return store.read([NUMBER])[NUMBER]


def test_a_timeline_comes_back_as_it_was_kept(store):
    kept = full_timeline(store)
    assert [each.key for each in kept.clocks] == [
        ("response", 0, 0),
        ("start", 0, 0),
        ("start", 0, 1),
        ("start", 0, 2),
        ("response", 1, 0),
    ]
    again = judge(kept, kept.facts, GENERIC, T0 + 91 * M, "x")
    assert store.replace([again]) == set()
    assert store.read([NUMBER])[NUMBER] == again


def test_a_ticket_already_there_is_not_overwritten(store):
    first = full_timeline(store)
    stranger = replace(first, revision=1, clocks=())
    other = replace(stranger, number="DS20250303-000002")
    assert store.insert([stranger, other]) == {NUMBER}
    assert store.read([NUMBER])[NUMBER] == first
    assert store.read(["DS20250303-000002"])["DS20250303-000002"].clocks == ()


def test_whoever_saw_an_older_revision_loses(store):
    seen = full_timeline(store)
    assert store.replace([replace(seen, revision=seen.revision + 1, next_due=T0)]) == set()
    assert store.replace([replace(seen, revision=seen.revision + 1, next_due=None)]) == {NUMBER}
    assert store.read([NUMBER])[NUMBER].next_due == T0


def test_of_several_only_the_losers_are_told(store):
    hear(
        store,
        rules_for,
        [news(1, T0, number=f"DS20250303-{n:06d}", m={"received": T0}) for n in range(1, 4)],
        T0,
    )
    seen = list(store.read([f"DS20250303-{n:06d}" for n in range(1, 4)]).values())
    first = replace(seen[0], revision=2)
    assert store.replace([first]) == set()
    assert store.replace([replace(each, revision=2, next_due=None) for each in seen]) == {first.number}


def test_due_tickets_come_soonest_first_and_only_of_the_shards_asked_for(store):
    batch = [news(1, T0, number=f"DS20250303-{n:06d}", m={"received": T0 + (30 - n) * M}) for n in range(1, 21)]
    hear(store, rules_for, batch, T0)
    due = store.due(ALL, T0 + 25 * M, 100)
    assert [at for at, _ in due] == sorted(at for at, _ in due)
    assert len(due) == 8
    assert store.due(ALL, T0 + 25 * M, 3) == due[:3]
    parts = [store.due([shard], T0 + 25 * M, 100) for shard in ALL]
    assert sorted(number for part in parts for _, number in part) == sorted(number for _, number in due)


def test_a_breach_without_a_timer_left_is_still_at_risk(store):
    hear(store, rules_for, [news(1, T0, m={"received": T0})], T0 + 500 * M)
    assert store.due(ALL, T0 + 9999 * M, 10) == []
    assert [each.number for each in store.at_risk(T0, 10)] == [NUMBER]


def test_the_journal_keeps_what_is_owed_until_it_is_settled(store):
    store.owe("timer/1", {NUMBER: 1}, T0)
    store.owe("timer/2", {NUMBER: 1, "DS20250303-000002": 7}, T0 + M)
    assert [cause for cause, _ in store.owed(T0 + M, 10)] == ["timer/1"]
    store.settle(["timer/1"])
    assert store.owed(T0 + 9 * M, 10) == [("timer/2", {NUMBER: 1, "DS20250303-000002": 7})]


def test_what_was_noted_anew_is_not_struck_out_with_what_was_read(store):
    """D23: whoever lost a race notes again what it has seen since; an older note never takes its place."""
    store.owe("held/1", {NUMBER: 1}, T0)
    read = store.owed(T0 + M, 10)
    store.owe("held/1", {NUMBER: 2}, T0)
    store.owe("held/1", {NUMBER: 1}, T0)
    store.strike(read)
    assert store.owed(T0 + M, 10) == [("held/1", {NUMBER: 2})]
    store.strike(store.owed(T0 + M, 10))
    assert store.owed(T0 + M, 10) == []


def test_a_ticket_is_overtaken_only_where_it_was_seen(store):
    """D23."""
    hear(store, rules_for, [news(1, T0, m={"received": T0})], T0)
    before = store.read([NUMBER])[NUMBER]
    store.overtake({NUMBER: 1, "DS20250303-000009": 1})
    store.overtake({NUMBER: 1})
    assert store.read([NUMBER])[NUMBER] == replace(before, revision=2)
    assert store.replace([replace(before, revision=2)]) == {NUMBER}


@pytest.mark.real
def test_what_is_due_or_overdue_is_found_by_an_index(mongodb_uri, open_database):
    database = open_database(mongodb_uri)
    MongoClocks.ensure_indexes()
    full_timeline(MongoClocks(database))
    indexes = {"_id_", "idle_1", "next_due_1", "overdue_1", "promised_1"}
    assert set(database["timelines"].index_information()) == indexes
    promised = {"promised": "open/owner/li.hua"}
    for query in ({"next_due": {"$lte": T0}}, {"overdue": {"$gt": T0}}, promised, *conditions()):
        plan = database["timelines"].find(query).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
