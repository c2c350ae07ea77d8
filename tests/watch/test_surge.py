"""A surge of calls is noticed while it lasts (H16)."""

from __future__ import annotations

from datetime import timedelta

from tests.watch.world import MINUTE, NOON, PROFILE, contact_recorded, ringing

SECOND = timedelta(seconds=1)


def offered(world, count, since=NOON):
    world.hear(*(ringing(f"c{number}", since + number * SECOND) for number in range(count)))


def test_calls_at_the_threshold_begin_a_surge_and_below_it_end_it(world):
    """H16: with the prompt, said once each."""
    world.clock.at = NOON + MINUTE
    offered(world, 39)
    assert world.turn() == []
    assert world.desk.state(PROFILE).surge is None
    world.hear(ringing("one more", NOON))
    assert world.turn() == ["watch.surge_began"]
    state = world.desk.state(PROFILE)
    assert (state.surge.about.calls, state.surge.about.threshold) == (40, 40)
    assert world.turn(MINUTE) == []
    assert world.turn(5 * MINUTE) == ["watch.surge_ended"]
    assert world.turn() == []
    assert world.desk.state(PROFILE).surge is None


def test_a_call_counts_once_whoever_tells_of_it_and_however_often(world):
    """H16"""
    world.clock.at = NOON + MINUTE
    for _ in range(3):
        offered(world, 20)
    world.hear(*(contact_recorded(f"c{number}", NOON) for number in range(20)))
    assert world.turn() == []


def test_two_replicas_that_notice_it_at_once_say_one_surge(world):
    """H16"""
    world.clock.at = NOON + MINUTE
    offered(world, 40)
    other = world.replica()
    assert [one.key for one in [*world.turning.step(), *other.step()]] == ["watch.surge_began"]


def test_the_next_surge_is_another_one(world):
    """H16"""
    world.clock.at = NOON + MINUTE
    offered(world, 40)
    world.turn()
    world.turn(10 * MINUTE)
    world.hear(*(ringing(f"d{number}", world.clock.at) for number in range(40)))
    assert world.turn() == ["watch.surge_began"]
    assert world.desk.state(PROFILE).surge.id == f"{PROFILE}-surge-2"


def test_calls_of_a_desk_without_the_rule_and_old_calls_raise_nothing(world):
    """H16: what a queue held back for an hour is no surge now."""
    world.hear(*(ringing(f"g{number}", NOON, "generic_desk") for number in range(50)))
    offered(world, 50, NOON - 60 * MINUTE)
    assert world.turn() == []


def test_calls_that_can_belong_to_no_surge_any_more_are_forgotten(world):
    """H16: the table of calls stays small."""
    offered(world, 5)
    world.turn(MINUTE)
    assert world.entries.offered(PROFILE, NOON - MINUTE, NOON + MINUTE) == 5
    world.turn(20 * MINUTE)
    assert world.entries.offered(PROFILE, NOON - MINUTE, NOON + MINUTE) == 0


def test_a_replica_whose_clock_lags_begins_no_surge_that_another_has_seen_end(world):
    """H16: between the two instants the window of the one still holds the calls."""
    world.clock.at = NOON + MINUTE
    offered(world, 40, NOON)
    assert world.turn() == ["watch.surge_began"]
    other = world.replica()
    assert world.turn(4 * MINUTE + SECOND / 2) == ["watch.surge_ended"]
    world.clock.at -= SECOND
    assert [one.key for one in other.step()] == []


def test_a_clock_put_back_hides_no_surge(world):
    """H16."""
    for number in (1, 2, 3):
        now = world.clock.at
        world.hear(*(ringing(f"s{number}-{call}", now) for call in range(40)))
        assert world.turn() == ["watch.surge_began"]
        assert world.desk.state(PROFILE).surge.id == f"{PROFILE}-surge-{number}"
        assert "watch.surge_ended" in world.turn(10 * MINUTE)
        world.clock.at = now - 30 * MINUTE
