"""Notices to the public: shown to agents, web and IVR while their window lasts, and not a moment longer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Refused
from tests.watch.world import DAY, HOUR, LEADER, MINUTE, NOON, PROFILE, SUPERVISOR, WATCHER, notice


def shown(world, channel="web"):
    return [entry.id for entry in world.desk.shown(PROFILE, channel)]


def test_a_notice_is_shown_in_its_window_on_all_channels_and_ends_by_itself(world):
    """H12: also while no timer looks; the timer says it once."""
    entry = world.desk.publish(LEADER, PROFILE, notice(), "1")
    assert world.said == ["watch.notice_published"]
    for channel in ("agents", "web", "ivr"):
        assert shown(world, channel) == [entry.id]
    assert [each.id for each in world.desk.state(PROFILE).notices] == [entry.id]
    assert world.turn(2 * HOUR - MINUTE) == []
    world.clock.at += MINUTE
    assert shown(world) == []
    other = world.replica()
    assert [one.key for one in [*world.turning.step(), *other.step()]] == ["watch.notice_ended"]
    assert world.entries.load([entry.id])[entry.id].about.ended_at == NOON + 2 * HOUR


def test_a_notice_for_later_waits_for_its_window(world):
    """H12"""
    entry = world.desk.publish(SUPERVISOR, PROFILE, notice(NOON + HOUR), "1")
    assert shown(world) == []
    world.clock.at += HOUR
    assert shown(world) == [entry.id]


def test_a_notice_is_shown_on_the_channels_it_names_only(world):
    """H12"""
    world.desk.publish(SUPERVISOR, PROFILE, notice(NOON, NOON + HOUR, "ivr"), "1")
    assert (len(shown(world, "ivr")), shown(world, "web"), shown(world, "agents")) == (1, [], [])


def test_asking_twice_with_one_key_publishes_once(world):
    """H12"""
    first = world.desk.publish(SUPERVISOR, PROFILE, notice(), "same")
    assert world.desk.publish(SUPERVISOR, PROFILE, notice(), "same").id == first.id
    assert world.desk.publish(SUPERVISOR, PROFILE, notice(), "other").id != first.id
    assert world.said == ["watch.notice_published"] * 2


def test_a_withdrawn_notice_is_gone_at_once_and_never_ends_again(world):
    """H12"""
    entry = world.desk.publish(SUPERVISOR, PROFILE, notice(), "1")
    world.desk.withdraw(LEADER, entry.id)
    assert world.desk.withdraw(LEADER, entry.id).about.state == "withdrawn"
    assert shown(world) == []
    assert world.turn(DAY) == [
        "watch.missed" for each in world.entries.listed(f"inspection/{PROFILE}/", 9) if each.about.state == "missed"
    ]
    assert world.said == ["watch.notice_published", "watch.notice_ended"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (notice(NOON, NOON), "ends_at"),
        (notice(NOON - 2 * HOUR, NOON - HOUR), "ends_at"),
        (notice(NOON, NOON + timedelta(days=31)), "ends_at"),
        (notice(NOON, NOON + HOUR, "radio"), "channels"),
    ],
)
def test_a_window_that_is_none_is_refused_naming_the_field(world, given, field):
    """H12"""
    with pytest.raises(Refused) as refused:
        world.desk.publish(SUPERVISOR, PROFILE, given, "1")
    assert refused.value.field == field
    assert world.said == []


def test_who_may_not_publish_is_refused(world):
    """H12"""
    with pytest.raises(Refused) as refused:
        world.desk.publish(WATCHER, PROFILE, notice(), "1")
    assert refused.value.code == "forbidden"
