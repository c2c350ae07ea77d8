"""Claims, retries, lanes; the same suite on the store in memory and on the real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import mongoengine
import pytest

from services.kernel.clock import FixedClock
from services.notifications import policy, sending
from services.notifications.compose import keys_of
from services.notifications.handlers import Notices
from services.notifications.lanes import Lanes
from services.notifications.model import CLAIM_FOR, Result
from services.notifications.sending import Sending
from services.notifications.storage import DOCUMENTS, MongoDeliveries
from services.runtime import mongo
from services.runtime.settings import Settings
from tests.notifications.world import NOON, NUMBER, FakeDeliveries, armed, delivery, desks, on_ticket, profiles
from tests.waiting import wait_for

LATER = NOON + timedelta(minutes=1)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def deliveries(request: pytest.FixtureRequest) -> Iterator[FakeDeliveries | MongoDeliveries]:
    if request.param == "fake":
        yield FakeDeliveries()
        return
    place = request.getfixturevalue("mongodb_uri")
    settings = Settings.model_validate({"MONGODB_URI": place.uri, "database_prefix": place.prefix})
    database = mongo.connect("notifications", settings)
    mongo.ensure_indexes(*DOCUMENTS)
    yield MongoDeliveries(database)
    mongoengine.disconnect("notifications")


class Postman:
    """A carrier under our hand."""

    def __init__(self):
        self.carried, self.fault, self.gate = [], {}, threading.Event()
        self.gate.set()

    def carry(self, load):
        for one in load:
            self.gate.wait(20)
            self.carried.append(one.id)
            yield Result(one, **self.fault)


class World:
    def __init__(self, deliveries, **lanes):
        self.deliveries = deliveries
        self.mail, self.hook, self.clock = Postman(), Postman(), FixedClock(NOON)
        self.lanes = Lanes({"smtp": self.mail, "webhook": self.hook}, **lanes)
        self.sending = Sending(deliveries, self.lanes, self.clock)
        self.said = []

    def step(self):
        self.sending.send()
        return self.sending.tell()

    def settle(self):
        """Steps until nothing is under way."""

        def quiet():
            self.said += self.step()
            return not self.lanes.busy

        wait_for(quiet, 20, "the lanes to end")
        self.said += self.step()


@pytest.fixture
def world(deliveries):
    return World(deliveries)


def test_a_delivery_comes_back_as_it_was_kept(deliveries):
    one = delivery(fallback=(("webhook", "http://a.example/x"),), traceparent="00-1-2-01")
    assert deliveries.add_new([one]) == set()
    assert deliveries.of(NUMBER, "", 5) == [one]


def test_a_delivery_is_kept_once(deliveries):
    """O10."""
    deliveries.add_new([delivery(1)])
    assert deliveries.add_new([delivery(1, text="other"), delivery(2)]) == {delivery(1).id}
    assert {one.text for one in deliveries.of("", "", 5)} == {delivery().text}


def test_what_one_has_claimed_nobody_else_gets_until_the_claim_ends(deliveries):
    deliveries.add_new([delivery(number) for number in range(1, 5)])
    mine = deliveries.claim(NOON, LATER, 3, [])
    others = deliveries.claim(NOON, LATER, 9, [])
    assert len(mine) == 3
    assert {one.id for one in mine} | {one.id for one in others} == {delivery(n).id for n in range(1, 5)}
    assert deliveries.claim(NOON, LATER, 9, []) == []
    assert len(deliveries.claim(LATER, LATER + CLAIM_FOR, 9, [])) == 4


def test_a_shut_destination_is_not_claimed(deliveries):
    deliveries.add_new([delivery(1), delivery(2, way="webhook", address="http://a.example/x")])
    [one] = deliveries.claim(NOON, LATER, 9, ["smtp"])
    assert one.destination == "http://a.example"


def test_the_log_is_read_by_ticket_and_by_status_newest_first(deliveries):
    """O9."""
    deliveries.add_new([delivery(1), delivery(2), delivery(3, number="DS20261118-000002")])
    deliveries.settle([delivery(2).failed("no")], NOON)
    assert [one.id for one in deliveries.of(NUMBER, "", 9)] == [delivery(2).id, delivery(1).id]
    assert [one.last_error for one in deliveries.of("", "failed", 9)] == ["no"]
    assert len(deliveries.of("", "", 2)) == 2


def test_each_delivery_is_sent_and_said_once(world):
    world.deliveries.add_new([delivery(number) for number in range(120)])
    world.settle()
    world.clock.at = NOON + timedelta(hours=1)
    world.settle()
    assert len(world.mail.carried) == len(set(world.mail.carried)) == 120
    assert [said.key for said in world.said] == ["notification.sent"] * 120
    assert {one.status for one in world.deliveries.of("", "", 200)} == {"sent"}


def test_messages_go_out_and_are_written_down_while_nothing_can_be_said(world):
    """O1: the broker is away, so telling waits; nothing is sent twice for that, and all is said afterwards."""
    world.deliveries.add_new([delivery(number) for number in range(30)])

    def all_sent():
        world.sending.send()
        return {one.status for one in world.deliveries.of("", "", 50)} == {"sent"}

    wait_for(all_sent, 20, "the mails")
    world.clock.at = NOON + CLAIM_FOR * 2
    World(world.deliveries).sending.send()
    assert len(world.mail.carried) == 30
    assert len({said.id for said in world.sending.tell()}) == 30
    world.clock.at += CLAIM_FOR
    assert world.sending.tell() == []


def test_a_word_lost_in_a_crash_is_said_by_the_next_process_with_the_same_id(world):
    world.deliveries.add_new([delivery(1)])
    world.step()
    wait_for(lambda: world.mail.carried, 10, "the mail")
    lost = wait_for(world.step, 10, "the word")
    successor = World(world.deliveries)
    successor.clock.at = NOON + timedelta(seconds=6)
    assert [said.id for said in successor.step()] == [said.id for said in lost]
    successor.clock.at += timedelta(seconds=20)
    assert successor.step() == []


def test_what_cannot_be_sent_is_tried_again_with_growing_pauses_and_then_failed(world):
    """O9."""
    world.deliveries.add_new([delivery(1)])
    world.mail.fault = {"error": "the mail server answered 451"}
    pauses = []
    while not world.said:
        before = world.clock.at
        world.settle()
        [one] = world.deliveries.of("", "", 5)
        if one.next_at:
            pauses.append(one.next_at - before)
            world.clock.at = one.next_at
    assert len(world.mail.carried) == policy.MOST_ATTEMPTS
    assert pauses == sorted(pauses)
    assert pauses[0] == policy.FIRST_PAUSE
    assert max(pauses) <= policy.LONGEST_PAUSE
    assert [said.key for said in world.said] == ["notification.failed"]
    assert (one.status, one.attempts) == ("failed", policy.MOST_ATTEMPTS)


def test_nothing_said_names_an_address_or_a_text(world):
    """P14."""
    world.deliveries.add_new([delivery(1)])
    world.settle()
    wire = world.said[0].body.SerializeToString()
    assert b"zhang@" not in wire
    assert "工单".encode() not in wire


def test_a_destination_that_hangs_holds_up_no_other(world):
    world.deliveries.add_new([delivery(number) for number in range(300)])
    hooks = [delivery(number, way="webhook", address=f"http://{number}.example/x") for number in range(1000, 1010)]
    world.deliveries.add_new(hooks)
    world.mail.gate.clear()

    def arrived():
        world.said += world.step()
        return len([said for said in world.said if said.body.way == "webhook"]) == 10

    wait_for(arrived, 20, "the webhooks")
    assert world.mail.carried == []
    world.mail.gate.set()
    world.settle()
    assert len(set(world.mail.carried)) == len(world.mail.carried) == 300


def test_a_destination_that_is_away_is_tried_by_one_load_and_left_alone_for_a_while(world):
    world.deliveries.add_new([delivery(number) for number in range(300)])
    world.mail.fault = {"error": "connect", "down": True}
    world.settle()
    tried = len(world.mail.carried)
    assert tried <= 100
    world.settle()
    assert len(world.mail.carried) == tried
    world.mail.fault = {}
    for _ in range(10):
        world.clock.at += timedelta(seconds=5)
        world.settle()
    assert {one.status for one in world.deliveries.of("", "", 500)} == {"sent"}


def test_what_is_heard_is_sent_without_being_looked_for_and_found_by_others_after_a_crash(deliveries):
    world = World(deliveries)
    hears = Notices(deliveries, desks(), keys_of(profiles()), world.sending)
    events = [on_ticket("confirmed"), on_ticket("closed", state="closed")]
    assert hears.hear(events, NOON) == 2
    assert hears.hear(events, NOON) == 0
    assert deliveries.claim(NOON, LATER, 9, []) == []
    world.settle()
    assert len(world.mail.carried) == 2
    assert hears.hear([armed()], NOON) == 1
    successor = World(deliveries)
    successor.clock.at = NOON + CLAIM_FOR
    successor.settle()
    assert len(successor.mail.carried) == 1


def test_more_than_the_sender_takes_is_kept_for_later_and_sent_once(deliveries, monkeypatch):
    monkeypatch.setattr(sending, "_MOST_WAITING", 3)
    world = World(deliveries)
    hears = Notices(deliveries, desks(), keys_of(profiles()), world.sending)
    hears.hear([on_ticket("closed", number=f"DS20261118-{n:06d}") for n in range(8)], NOON)
    world.settle()
    assert len(world.mail.carried) == len(set(world.mail.carried)) == 8


def test_a_delivery_in_flight_is_not_begun_again_when_the_clock_jumps(world):
    world.deliveries.add_new([delivery(1)])
    world.mail.gate.clear()
    world.step()
    world.clock.at = NOON + timedelta(days=1)
    world.step()
    world.mail.gate.set()
    world.settle()
    assert len(world.mail.carried) == 1


@pytest.mark.real
def test_every_query_of_the_real_store_has_an_index(mongodb_uri):
    settings = Settings.model_validate({"MONGODB_URI": mongodb_uri.uri, "database_prefix": mongodb_uri.prefix})
    database = mongo.connect("notifications", settings)
    try:
        mongo.ensure_indexes(*DOCUMENTS)
        indexes = database["deliveries"].index_information().values()
        assert {field for index in indexes for field, _ in index["key"]} == {"_id", "next_at", "owes", "number"}
    finally:
        mongoengine.disconnect("notifications")
