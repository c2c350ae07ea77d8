"""Shards are shared fairly, taken over when their holder falls silent, and never held past the lease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.sla.handlers import SHARDS
from services.sla.timers.leases import LIFETIME, MARGIN, PATIENCE, Leases, divide

T0 = datetime(2025, 3, 3, tzinfo=UTC)
S = timedelta(seconds=1)


class Hands:
    """Wall and monotonic clock of one machine, moved by hand."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def wall(self) -> datetime:
        return T0 + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()


@pytest.fixture
def replicas(mongodb_uri, open_database):
    """Makes replicas that share one database and one pair of hands."""
    database = open_database(mongodb_uri)
    hands = Hands()
    return hands, lambda name: Leases(database, name, hands.wall, hands.monotonic)


@pytest.mark.real
def test_a_lone_replica_takes_every_shard_and_keeps_them_while_it_lives(replicas):
    hands, replica = replicas
    one = replica("one")
    assert one.held() == ()
    for _ in range(5):
        one.renew()
        assert sorted(one.held()) == list(range(SHARDS))
        hands.passed += 3 * S
    assert set(one.tokens.values()) == {1}


@pytest.mark.real
def test_two_replicas_come_to_halves_and_no_shard_has_two_holders(replicas):
    hands, replica = replicas
    one, two = replica("one"), replica("two")
    for _ in range(4):
        for each in (one, two):
            each.renew()
            assert not set(one.held()) & set(two.held())
        hands.passed += 2 * S
    assert sorted((*one.held(), *two.held())) == list(range(SHARDS))
    assert len(one.held()) == len(two.held()) == SHARDS // 2


@pytest.mark.real
def test_a_silent_replica_stops_before_another_takes_over_with_a_higher_token(replicas):
    hands, replica = replicas
    one, two = replica("one"), replica("two")
    one.renew()
    hands.passed += LIFETIME - MARGIN
    assert one.held() == ()
    two.renew()
    assert two.held() == ()
    hands.passed += MARGIN
    two.renew()
    assert sorted(two.held()) == list(range(SHARDS))
    assert set(two.tokens.values()) == {2}
    # Back from its pause it finds its tokens outdated and shares again.
    one.renew()
    assert one.held() == ()


@pytest.mark.real
def test_what_three_killed_replicas_held_is_taken_within_a_lease_and_a_renewal(replicas):
    """H11: the dead count for no share, so nothing of theirs waits for a replica that never comes."""
    hands, replica = replicas
    everyone = [replica(name) for name in "abcd"]
    for _ in range(6):
        for each in everyone:
            each.renew()
        hands.passed += S
    survivor = everyone[0]
    for _ in range(LIFETIME // S // 2 + 1):
        hands.passed += 2 * S
        survivor.renew()
    assert sorted(survivor.held()) == list(range(SHARDS))


@pytest.mark.real
def test_shards_that_were_taken_beyond_a_share_go_back_to_who_lacks_them(replicas):
    hands, replica = replicas
    one = replica("one")
    one.renew()
    others = [replica("two"), replica("three")]
    for _ in range(6):
        for each in (one, *others):
            each.renew()
            hands.passed += S
    assert sorted(len(each.held()) for each in (one, *others)) == [2, 3, 3]
    settled = [each.held() for each in (one, *others)]
    for _ in range(3):
        for each in (one, *others):
            each.renew()
            hands.passed += S
    assert [each.held() for each in (one, *others)] == settled, "once shared out, nothing goes to and fro"


@pytest.mark.real
def test_a_replica_that_ends_in_order_gives_everything_back_at_once(replicas):
    """H11."""
    _, replica = replicas
    one, two = replica("one"), replica("two")
    one.renew()
    one.leave()
    assert one.held() == ()
    two.renew()
    assert sorted(two.held()) == list(range(SHARDS))


@pytest.mark.real
def test_a_lease_that_its_holder_renewed_since_is_not_taken(replicas, mongodb_uri):
    hands, replica = replicas
    one, two = replica("one"), replica("two")
    one.renew()
    assert not two._swap(0, 1, {"holder": "two", "token": 2}, over_by=hands.wall())
    assert not two._swap(0, 1, {"holder": "two", "token": 2})


def test_a_dead_replicas_shards_are_offered_to_anybody_with_their_last_token():
    rows = [
        {"_id": "replica/a", "until": T0 + S},
        {"_id": "replica/b", "until": T0 + S},
        {"_id": "replica/dead", "until": T0 - S},
        {"_id": 0, "holder": "b", "token": 3, "until": T0 + S},
        {"_id": 1, "holder": "dead", "token": 7, "until": T0},
    ]
    assert divide(rows, "a", T0) == ([], [], [(1, 7), *((shard, -1) for shard in range(2, SHARDS))])


def test_what_was_given_back_waits_for_whoever_lacks_it_but_not_for_ever():
    back: dict[str, Any] = {"_id": 0, "holder": "", "token": 5, "until": T0}
    mine = [{"_id": shard, "holder": "a", "token": 1, "until": T0 + S} for shard in range(1, 5)]
    theirs = [{"_id": shard, "holder": "b", "token": 1, "until": T0 + S} for shard in range(5, SHARDS)]
    rows: list[Any] = [
        {"_id": "replica/a", "until": T0 + S},
        {"_id": "replica/b", "until": T0 + S},
        back,
        *mine,
        *theirs,
    ]
    assert divide(rows, "a", T0) == ([1, 2, 3, 4], [], [])
    assert divide(rows, "b", T0) == ([5, 6, 7], [], [(0, 5)])
    later = [{**row, "until": row["until"] + PATIENCE} for row in rows if row is not back] + [back]
    assert divide(later, "a", T0 + PATIENCE) == ([1, 2, 3, 4], [], [(0, 5)])


@pytest.mark.real
def test_what_a_dead_replica_held_on_a_time_that_was_put_back_is_taken_over_at_once(replicas):
    """D23: another server of the database answers whose clock is an hour behind, and a holder dies with the first."""
    hands, replica = replicas
    one, two = replica("one"), replica("two")
    for _ in range(4):
        one.renew()
        two.renew()
        hands.passed += 2 * S
    assert len(two.held()) == SHARDS // 2
    two._wall = lambda: hands.wall() - timedelta(hours=1)
    for _ in range(4):
        hands.passed += 3 * S
        two.renew()
    assert sorted(two.held()) == list(range(SHARDS))


@pytest.mark.real
def test_replicas_that_live_keep_their_halves_when_the_time_is_put_back(replicas):
    """D23."""
    hands, replica = replicas
    one, two = replica("one"), replica("two")
    for _ in range(4):
        one.renew()
        two.renew()
        hands.passed += 2 * S
    for each in (one, two):
        each._wall = lambda: hands.wall() - timedelta(hours=1)
    for _ in range(4):
        one.renew()
        two.renew()
        hands.passed += 2 * S
    assert sorted((*one.held(), *two.held())) == list(range(SHARDS))
    assert len(one.held()) == len(two.held()) == SHARDS // 2
