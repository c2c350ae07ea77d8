"""The engine: timers of others found in time, jumps of the clock taken at once, failures healed by the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import pytest

from services.contracts.deskstream.v1 import ticket_pb2
from services.contracts.deskstream.v1.sla_pb2 import SlaEvent
from services.kernel.clock import FixedClock
from services.kernel.errors import Missing, Unavailable
from services.runtime.message import Heard
from services.sla.handlers import SHARDS, hear
from services.sla.storage import MongoClocks
from services.sla.stream import say_all, stamp
from services.sla.timers.engine import LOOK_EVERY, Engine
from tests.sla.world import GENERIC, HeldUp, Shelf, at, news

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)


def rules_for(profile, version=""):
    if profile != "generic_desk":
        raise Missing(f"There is no profile {profile}.")
    return GENERIC


@dataclass
class Holds:
    """Leases that are what the test says."""

    shards: tuple[int, ...] = tuple(range(SHARDS))

    def held(self):
        return self.shards

    def renew(self):
        pass


class World:
    def __init__(self, store=None):
        self.store = store or Shelf()
        self.clock = FixedClock(T0)
        self.leases = Holds()
        self.passed = 0.0
        self.engine = self.replica()

    def replica(self) -> Engine:
        return Engine(self.store, rules_for, self.leases, self.clock, lambda: self.passed)  # type: ignore[arg-type]

    def arm(self, count: int = 1) -> None:
        batch = [news(1, T0, number=f"DS20250303-{n:06d}", m={"received": T0 + n * M}) for n in range(count)]
        hear(self.store, rules_for, batch, T0)

    def tick(self, minutes: float = 0, seconds: float = LOOK_EVERY):
        self.clock.at = T0 + minutes * M
        self.passed += seconds
        return [message.key for message in self.engine.tick()]


@pytest.fixture
def world(store):
    return World(store)


def test_a_near_timer_fires_at_its_instant_and_not_before(world):
    world.arm()
    assert world.tick(7.99) == []
    assert world.tick(8, seconds=0.01) == ["sla.warned"]
    assert world.tick(8, seconds=0.01) == []


def test_a_jump_of_hours_fires_everything_in_between_at_once(world):
    world.arm()
    assert world.tick() == []
    assert world.tick(200, seconds=0.01) == [
        "sla.warned",
        "sla.breached",
        "escalation.raised",
        "escalation.climbed",
        "escalation.climbed",
    ]


def test_a_timer_set_by_another_replica_is_found_at_the_next_look(world):
    world.tick(7.99)
    world.arm()
    assert world.tick(8.01, seconds=0.1) == []
    assert world.tick(8.01, seconds=LOOK_EVERY) == ["sla.warned"]


def test_a_shard_that_is_not_held_is_left_alone(world):
    world.arm()
    world.leases.shards = ()
    assert world.tick(500) == []


def test_more_tickets_than_fit_in_a_tick_fire_in_the_order_they_were_due():
    world = World()
    world.arm(1200)
    dues = []
    world.clock.at = T0 + 5000 * M
    for _ in range(6):
        world.passed += LOOK_EVERY
        dues.extend(
            cast(SlaEvent, message.body).due_at.seconds
            for message in world.engine.tick()
            if message.key == "sla.warned"
        )
    assert len(dues) == 1200
    assert dues == sorted(dues)


def test_what_was_said_is_struck_out_by_the_next_tick_and_what_was_not_is_relayed(world):
    """D23."""
    world.arm()
    first = world.tick(8)
    assert len(world.store.owed(T0 + 9999 * M, 10)) == 1
    # The process dies here: nobody knows whether the broker had it. Another one starts.
    again = [message.key for message in world.replica().relay()]
    assert again == first == ["sla.warned"]
    world.tick(9)
    assert world.store.owed(T0 + 9999 * M, 10) == []


def test_a_database_that_fails_halfway_leaves_the_entry_for_the_relay():
    class Failing(Shelf):
        broken = False

        def replace(self, timelines):
            lost = super().replace(timelines)
            if self.broken:
                raise Unavailable("gone after the write")
            return lost

    store = Failing()
    world = World(store)
    world.arm()
    store.broken = True
    with pytest.raises(Unavailable):
        world.tick(8)
    store.broken = False
    assert world.tick(8) == []
    assert [message.key for message in world.engine.relay()] == ["sla.warned"]
    list(world.engine.relay())
    assert store.journal == {}


def test_what_could_not_be_put_into_words_stays_in_the_journal_until_it_can(world, monkeypatch):
    """D23: the rules of another policy version are read when a step is told, and the database may be away by then."""
    world.arm()
    away = True

    def saying(*given):
        if away:
            raise Unavailable("The database is away.")
        return say_all(*given)

    monkeypatch.setattr("services.sla.timers.engine.say_all", saying)
    with pytest.raises(Unavailable):
        world.tick(8)
    assert world.tick(8) == []
    successor = world.replica()
    with pytest.raises(Unavailable):
        successor.relay()
    away = False
    assert [message.key for message in successor.relay()] == ["sla.warned"]
    assert successor.relay() == []
    assert world.store.owed(T0 + 99 * M, 10) == []


def test_a_ticket_that_cannot_be_judged_does_not_hold_up_the_others(world):
    world.arm(2)
    hear(
        world.store,
        lambda profile, version: GENERIC,
        [news(1, T0, number="DS1", m={"received": T0}, profile="gone")],
        T0,
    )
    assert world.tick(9) == ["sla.warned", "sla.warned"]
    assert world.tick(11) == ["sla.breached", "escalation.raised", "sla.breached", "escalation.raised"]


def heard(body: bytes, key: str = "ticket.opened") -> Heard:
    return Heard("id-1", key, body, subject="DS20250303-000001")


def test_a_malformed_message_is_refused_alone_and_the_batch_goes_on(world):
    ticket = ticket_pb2.Ticket(number="DS20250303-000001", version=1, profile="generic_desk", updated_at=stamp(T0))
    ticket.milestones["received"].CopyFrom(stamp(T0))
    good = heard(ticket_pb2.TicketEvent(event="opened", at=stamp(T0), ticket=ticket).SerializeToString())
    bad = heard(b"\xff\xff")
    empty = heard(b"")
    ticket.profile = "nobody"
    stranger = heard(ticket_pb2.TicketEvent(event="opened", at=stamp(T0), ticket=ticket).SerializeToString())
    said = list(world.engine.tickets([bad, good, empty, stranger]))
    assert [message.key for message in said] == ["sla.armed"]
    assert said[0].cause == good.id
    assert good.refused is None
    assert all(each.refused for each in (bad, empty, stranger))


def test_a_backlog_of_many_pages_is_worked_off_piece_by_piece_in_due_order_and_nothing_is_skipped(monkeypatch):
    """D23: a late start catches up, in the order things were due."""
    monkeypatch.setattr("services.sla.timers.engine.AT_A_LOOK", 50)
    monkeypatch.setattr("services.sla.timers.engine.AT_A_TIME", 20)
    asked = []

    class Asked(Shelf):
        def due(self, shards, until, limit):
            asked.append(until)
            return super().due(shards, until, limit)

    world = World(Asked())
    world.arm(700)
    hear(world.store, rules_for, [news(1, T0, number="DS9", m={"received": T0 + 5100 * M})], T0)
    world.clock.at = T0 + 5200 * M
    taken = []
    for _ in range(200):
        world.passed += 0.05
        warned = [each for each in world.engine.tick() if each.key == "sla.warned"]
        taken.extend((cast(SlaEvent, each.body).due_at.seconds, each.subject) for each in warned)
    assert len(taken) == len({number for _, number in taken}) == 701
    assert taken == sorted(taken, key=lambda each: each[0])
    assert sum(1 for until in asked if until > world.clock.at) < len(asked) / 2, "most looks went a piece only"


def test_a_holder_that_wakes_up_after_its_lease_writes_nothing_that_contradicts(store):
    """H11: the revision of the document is the fence; what the other replica took meanwhile is not taken again."""
    frozen = HeldUp(store)
    world = World(frozen)
    world.arm(3)
    other = World(store)
    said = []

    def others_work():
        hear(store, rules_for, [news(2, T0 + 8 * M, number="DS20250303-000002",
                                     m={"received": T0 + 2 * M, "responded": T0 + 8 * M})], T0 + 8 * M)  # fmt: skip
        said.extend(other.tick(13))

    frozen.meanwhile = others_work
    late = world.tick(11)
    effects = {number: [each.key for each in kept.effects] for number, kept in store.read(
        [f"DS20250303-{n:06d}" for n in range(3)]).items()}  # fmt: skip
    assert late == []
    assert said.count("sla.breached") == 2, "the one that was answered in time is not breached"
    assert all(len(set(keys)) == len(keys) for keys in effects.values())
    assert not any("breached" in key for key in effects["DS20250303-000002"])
    assert [each.at for kept in store.read(effects).values() for each in kept.effects if each.kind == "breached"] == [
        T0 + 13 * M
    ] * 2


@pytest.mark.real
def test_a_document_that_somebody_spoilt_holds_up_none_of_the_others(mongodb_uri, open_database):
    """D23: neither the steps of the others nor what is owed to the stream."""
    database = open_database(mongodb_uri)
    world = World(MongoClocks(database))
    world.arm(3)
    database["timelines"].update_one({"_id": "DS20250303-000001"}, {"$set": {"facts": None}})
    assert world.tick(12).count("sla.breached") == 2
    assert [message.key for message in world.replica().relay()].count("sla.breached") == 2
