"""Shards are shared fairly, taken over when their holder falls silent, and never held past the lease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.sla.handlers import SHARDS
from services.sla.leases import LIFETIME, MARGIN, Leases, divide

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


def test_a_share_is_rounded_up_and_free_shards_are_offered_with_their_last_token():
    rows = [
        {"_id": "replica/a", "until": T0 + S},
        {"_id": "replica/b", "until": T0 + S},
        {"_id": "replica/dead", "until": T0 - S},
        {"_id": 0, "holder": "b", "token": 3, "until": T0 + S},
        {"_id": 1, "holder": "dead", "token": 7, "until": T0},
    ]
    keep, free = divide(rows, "a", T0)
    assert keep == []
    assert free == [(1, 7), (2, -1), (3, -1), (4, -1)]
