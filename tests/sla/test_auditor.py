"""The auditor: finds steps that were not taken, whatever the reason, says so once and says when it is over (D23)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from services.contracts.deskstream.v1.sla_pb2 import SlaAlarm
from services.kernel.clock import FixedClock
from services.kernel.errors import Unavailable
from services.sla.handlers import SHARDS, fire, hear
from services.sla.policy.overdue import missed
from services.sla.storage import MongoClocks
from services.sla.timers.audit_row import Post, Posts
from services.sla.timers.auditor import BOUND, EVERY, SOONER, TERM, Auditor, Walk
from tests.sla.world import FAULT, Shelf, at, later, live, news, rules

T0 = at("2025-03-03 09:00")
M, S = timedelta(minutes=1), timedelta(seconds=1)
DESK = rules(*FAULT)
NUMBER = "DS20250303-000001"


def rules_for(profile, version=""):
    return DESK


class Row:
    """`auditor.Desk` in memory."""

    def __init__(self):
        self.post = Post()

    def read(self):
        return self.post

    def change(self, seen, after):
        if seen.version != self.post.version:
            return None
        self.post = replace(after, version=seen.version + 1)
        return self.post


class World:
    """A desk with clocks, an engine that can be stopped, and auditors."""

    def __init__(self, store, posts):
        self.store, self.posts = store, posts
        self.clock = FixedClock(T0)
        self.said: list[Any] = []
        self.broker = True
        self.one = self.auditor()

    def auditor(self):
        wall = lambda: self.clock.at  # noqa: E731
        # Each look at the monotonic clock finds it a tenth of a second later, so that a walk is ten pages.
        tenths = count()
        passing = lambda: (self.clock.at - T0).total_seconds() + next(tenths) / 10  # noqa: E731
        return Auditor(self.store, self.posts, rules_for, self.clock, wall, passing, self.publish, look_back=2)

    def publish(self, messages):
        if not self.broker:
            raise Unavailable("The broker is away.")
        self.said.extend(messages)

    def arm(self, *numbers):
        hear(
            self.store,
            rules_for,
            [news(1, T0, number=number, m={"received": T0}, grade="II") for number in numbers or (NUMBER,)],
            T0,
        )
        # Two minutes before the first warning; nothing is due until then.
        self.clock.at = T0 + 22 * M

    def engine(self):
        found = self.store.due(range(SHARDS), self.clock.at, 1000)
        fire(self.store, rules_for, [number for _, number in found], self.clock.at, f"timer/{self.clock.at}")

    def pass_(self, seconds, *auditors, engine=False):
        """Time goes on, round by round."""
        ends = self.clock.at + seconds * S
        while self.clock.at < ends:
            self.clock.at = min(self.clock.at + EVERY * S, ends)
            if engine:
                self.engine()
            for each in auditors or (self.one,):
                each.round()

    def alarms(self):
        bodies = [message.body for message in self.said]
        assert all(isinstance(body, SlaAlarm) for body in bodies)
        return [(body.over, body.steps, list(body.numbers)) for body in bodies]


@pytest.fixture
def world(store, request):
    """On the shelf in memory, and on the real database."""
    if isinstance(store, Shelf):
        return World(store, Row())
    place = request.getfixturevalue("mongodb_uri")
    return World(store, Posts(request.getfixturevalue("open_database")(place)))


def test_while_the_engine_works_nothing_is_said(world):
    """D23."""
    world.arm()
    world.pass_(10 * 60, engine=True)
    assert world.said == []
    assert world.one.overdue == 0


def test_a_stopped_engine_is_told_once_within_two_rounds_of_the_bound_and_once_more_when_it_is_over(world):
    """D23: the first warning is due after 24 minutes and nobody takes it."""
    world.arm()
    world.pass_(2 * 60 + BOUND.total_seconds() + 2 * EVERY)
    assert world.alarms() == [(False, 1, [NUMBER])]
    assert world.one.overdue == 1
    assert world.said[0].key == "sla.alarm"
    assert "worker of sla" in world.said[0].body.text
    world.pass_(120)
    assert len(world.said) == 1
    world.pass_(60, engine=True)
    assert world.alarms()[1:] == [(True, 0, [NUMBER])]
    assert len({message.id for message in world.said}) == 2
    world.pass_(120, engine=True)
    assert len(world.said) == 2
    assert world.one.overdue == 0


def test_the_next_trouble_is_told_anew(world):
    world.arm()
    world.pass_(4 * 60)
    world.pass_(60, engine=True)
    world.clock.at = T0 + 30 * M
    world.pass_(2 * 60)
    assert [over for over, _, _ in world.alarms()] == [False, True, False]
    assert len({message.id for message in world.said}) == 3


def test_a_jump_of_hours_that_the_engine_takes_at_once_is_no_trouble(world):
    world.arm()
    world.one.round()
    world.clock.at = T0 + 5 * 60 * M
    world.one.round()
    world.pass_(60, engine=True)
    assert world.said == []


@pytest.mark.parametrize("wrong", [None, timedelta(days=30)], ids=["missing", "much too late"])
def test_a_next_due_that_is_wrong_is_found_told_and_put_right_so_that_the_step_is_taken(world, wrong):
    """D23: what next_due hides is found by reckoning from facts and rules."""
    world.arm(NUMBER, "DS20250302-000700")
    kept = world.store.read([NUMBER])[NUMBER]
    due = kept.next_due
    hidden = replace(kept, revision=2, next_due=due + wrong if wrong else None)
    assert world.store.replace([hidden]) == set()
    world.pass_(3 * 60 + 2 * EVERY, engine=True)
    mended = world.store.read([NUMBER])[NUMBER]
    assert [each.kind for each in mended.effects] == ["armed", "warned"]
    assert mended.effects[1].due_at == due


def test_a_step_hidden_until_after_its_time_is_told_and_taken_late(world):
    world.arm()
    world.clock.at = T0 + 40 * M
    kept = world.store.read([NUMBER])[NUMBER]
    assert world.store.replace([replace(kept, revision=2, next_due=None)]) == set()
    assert world.one.round() == SOONER
    world.pass_(SOONER)
    assert world.alarms() == [(False, 1, [NUMBER])]
    world.pass_(60, engine=True)
    assert world.one.round() == EVERY
    kinds = [each.kind for each in world.store.read([NUMBER])[NUMBER].effects]
    assert kinds == ["armed", "warned", "breached", "raised"]
    assert world.alarms()[-1][0] is True


@pytest.mark.real
def test_a_spoilt_document_keeps_the_auditor_from_none_of_the_others(mongodb_uri, open_database):
    database = open_database(mongodb_uri)
    world = World(MongoClocks(database), Posts(database))
    world.arm(NUMBER, "DS20250303-000002")
    hidden = {"$set": {"r": 2}, "$unset": {"next_due": 1}}
    database["timelines"].update_one({"_id": NUMBER}, hidden)
    database["timelines"].update_one({"_id": "DS20250303-000002"}, {"$set": {"facts": None}})
    world.pass_(4 * 60)
    assert [NUMBER in numbers for _, _, numbers in world.alarms()] == [True]
    assert world.store.read([NUMBER])[NUMBER].next_due == T0 + 24 * M


def test_two_servers_say_it_once_and_the_second_takes_over_from_one_that_died(world):
    world.arm()
    other = world.auditor()
    world.pass_(5 * 60, world.one, other)
    assert world.alarms() == [(False, 1, [NUMBER])]
    assert other.overdue == world.one.overdue == 1
    world.pass_(TERM.total_seconds() + 2 * EVERY, other)
    world.pass_(60, other, engine=True)
    assert [over for over, _, _ in world.alarms()] == [False, True]


def test_what_could_not_be_said_while_the_broker_was_away_is_said_afterwards_under_the_same_id(world):
    world.arm()
    world.broker = False
    world.clock.at = T0 + 26 * M
    world.one.round()
    with pytest.raises(Unavailable):
        world.one.round()
    with pytest.raises(Unavailable):
        world.one.round()
    world.broker = True
    world.one.round()
    world.one.round()
    assert world.alarms() == [(False, 1, [NUMBER])]


def test_the_walk_comes_to_every_day_and_number_and_begins_anew():
    walk, seen = Walk(look_back=3), set()
    there = {"DS20250303-000001", "DS20250303-002400", "DS20250301-000500", "DS20250228-000001"}
    while not walk.done:
        page = set(walk.page(T0))
        seen |= page & there
        walk.on(bool(page & there))
    assert seen == there, "a block of numbers that nobody used up hides none behind it"
    assert walk.page(T0)[0] == "DS20250303-000001"


def test_judgement_of_a_sound_ticket_finds_nothing_at_any_moment():
    timeline = live(news(1, T0, grade="II", m={"received": T0}), now=T0, by=DESK)
    for minute in range(0, 2000, 7):
        now = T0 + minute * M
        timeline = later(timeline, now, DESK)
        assert missed(timeline, DESK, now, BOUND) is None
        assert missed(timeline, DESK, now + BOUND / 2, BOUND) is None


def test_a_step_is_late_only_after_the_bound():
    timeline = live(news(1, T0, grade="II", m={"received": T0}), now=T0, by=DESK)
    due = T0 + 24 * M
    assert missed(timeline, DESK, due + BOUND - S, BOUND) is None
    found = missed(timeline, DESK, due + BOUND, BOUND)
    assert found == (NUMBER, due, None)
