"""The database's time: followed through wrong wall clocks, slow answers and outages, by the monotonic clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from services.kernel.errors import Unavailable
from services.runtime.clock import JourneyClock, clock_from, move
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from services.runtime.steady import RATE, SMALL, SteadyClock, server_time, steady

T0 = datetime(2025, 3, 3, tzinfo=UTC)
S = timedelta(seconds=1)
MS = timedelta(milliseconds=1)


class World:
    """A server, a machine and the way between them; `passed` is what really passes."""

    def __init__(self, wall_off: timedelta = timedelta()) -> None:
        self.passed = 0.0
        self.server_off = timedelta()
        self.wall_off = wall_off
        self.way = 0.0
        self.silent = False
        self.away = False
        self.clock = SteadyClock(self.ask, lambda: self.passed, lambda: self.truth() + self.wall_off)

    def truth(self) -> datetime:
        return T0 + timedelta(seconds=self.passed)

    def ask(self) -> datetime | None:
        if self.away:
            raise Unavailable("The database does not answer.")
        self.passed += self.way / 2
        told = None if self.silent else self.truth() + self.server_off
        self.passed += self.way / 2
        return told

    def off(self) -> timedelta:
        return self.clock.now() - self.truth()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wall_clock_an_hour_off_either_way_is_not_followed(hours):
    """D23."""
    world = World(wall_off=timedelta(hours=hours))
    world.way = 0.01
    world.clock.check()
    assert abs(world.off()) <= MS
    world.wall_off = -world.wall_off
    world.passed += 100
    assert abs(world.off()) <= MS


def test_half_of_the_way_of_the_answer_is_taken_off():
    world = World(wall_off=timedelta(hours=1))
    world.way = 0.8
    world.clock.check()
    assert abs(world.off()) <= MS


def test_a_small_difference_is_made_good_little_by_little_and_never_backwards():
    world = World()
    world.clock.check()
    for drift in (timedelta(seconds=1), timedelta(seconds=-1)):
        world.server_off += drift
        world.clock.check()
        before = world.clock.now()
        assert abs(world.off() - (world.server_off - drift)) <= 2 * MS, "nothing jumps"
        while world.passed < 1000 and abs(world.off() - world.server_off) > 2 * MS:
            world.passed += 0.5
            after = world.clock.now()
            assert 0.5 * (1 - RATE) * S <= after - before <= 0.5 * (1 + RATE) * S + MS
            before = after
        assert abs(world.off() - world.server_off) <= 2 * MS


def test_a_large_difference_is_followed_at_once_if_the_server_says_so_twice():
    world = World()
    world.clock.check()
    world.server_off = timedelta(hours=1)
    with capture_logs() as logs:
        world.clock.check()
    assert abs(world.off() - timedelta(hours=1)) <= 2 * MS
    assert [each["event"] for each in logs] == ["clock_moved"]


def test_one_odd_answer_moves_nothing():
    world = World()
    world.clock.check()
    answers = iter([T0 + timedelta(days=1)])
    honest = world.clock._ask
    world.clock._ask = lambda: next(answers, None) or honest()
    world.clock.check()
    assert abs(world.off()) <= 2 * MS


def test_an_answer_that_took_seconds_moves_nothing_that_it_does_not_disprove():
    world = World()
    world.clock.check()
    world.way = 6.0
    world.clock.check()
    world.passed += 100
    assert abs(world.off()) <= 2 * MS


def test_while_the_server_is_away_the_clock_goes_on():
    """H11."""
    world = World(wall_off=timedelta(hours=-1))
    world.clock.check()
    world.away = True
    world.passed += 60
    with pytest.raises(Unavailable):
        world.clock.check()
    assert abs(world.off()) <= 2 * MS


def test_a_server_that_tells_no_time_leaves_the_wall_clock_of_the_start_and_says_so_once():
    world = World()
    world.silent = True
    with capture_logs() as logs:
        for _ in range(3):
            world.clock.check()
            world.passed += 5
    assert world.off() == timedelta()
    assert [each["event"] for each in logs] == ["no_server_time"]


def test_a_difference_up_to_the_bound_counts_as_small():
    world = World()
    world.clock.check()
    world.server_off = SMALL
    world.clock.check()
    assert abs(world.off()) <= 2 * MS


def test_a_journey_moves_on_top_of_the_database_time(tmp_path):
    world = World(wall_off=timedelta(hours=1))
    world.clock.check()
    file = tmp_path / "clock.json"
    move(file, timedelta(hours=3))
    settings = Settings.model_validate({"clock_file": str(file)})
    clock = clock_from(settings, world.clock)
    assert isinstance(clock, JourneyClock)
    assert abs(clock.now() - world.truth() - timedelta(hours=3)) <= 2 * MS
    assert clock_from(Settings.model_validate({"clock_file": ""}), world.clock) is world.clock


@pytest.mark.real
def test_the_embedded_server_tells_its_time(mongodb_uri):
    settings = Settings.model_validate({"MONGODB_URI": mongodb_uri.uri, "database_prefix": mongodb_uri.prefix})
    database = connect("steady", settings)
    told = server_time(database)()
    assert told is not None
    clock = steady(database)
    began = time.time()
    assert abs(clock.now() - datetime.fromtimestamp(began, UTC)) < timedelta(seconds=1)


def test_a_server_without_the_field_is_silent():
    database = SimpleNamespace(command=lambda name: {"ok": 1.0})
    assert server_time(database)() is None  # type: ignore[arg-type]
