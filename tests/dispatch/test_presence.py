"""Who else is looking, and queues in figures: two replicas over one store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from services.dispatch.handlers import Stream
from services.dispatch.queues.counting import Count, Counting
from services.dispatch.queues.presence import GONE_AFTER, KeepsOnlookers, Onlooker, Presence
from services.dispatch.queues.storage import MongoOnlookers, MongoPositions, MongoViews
from services.runtime.mongo import connect
from tests.dispatch.conftest import settings
from tests.dispatch.world import MORNING, KeptTickets, desks, person, received

NUMBER = "DS20250610-000001"
SOON = timedelta(seconds=20)


class KeptOnlookers:
    """services.dispatch.queues.presence.KeepsOnlookers in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Onlooker] = {}

    def at(self, number: str) -> Sequence[Onlooker]:
        return [each for each in self.rows.values() if each.number == number]

    def put(self, onlooker: Onlooker) -> None:
        self.rows[onlooker.number, onlooker.person] = onlooker

    def take(self, number: str, person: str) -> None:
        self.rows.pop((number, person), None)

    def sweep(self, before: datetime) -> None:
        self.rows = {key: each for key, each in self.rows.items() if each.seen >= before}


class KeptPositions:
    """services.dispatch.queues.counting.Positions over tickets in memory; counts how often it is asked."""

    def __init__(self, tickets: KeptTickets) -> None:
        self._tickets = tickets
        self.asked = 0

    def positions(self, field: str, prefix: str, most: int) -> Sequence[str]:
        self.asked += 1
        return [position for position, _ in self._tickets.page(field, prefix, "", most)]


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def kept(request) -> KeepsOnlookers:
    if request.param == "fake":
        return KeptOnlookers()
    request.getfixturevalue("real_tickets")
    place = request.getfixturevalue("mongodb_uri")
    MongoViews.prepare()
    return MongoOnlookers(connect("dispatch", settings(place.uri, place.prefix)))


def names(others: Sequence[Onlooker]) -> list[tuple[str, bool]]:
    return [(each.person, each.editing) for each in others]


def test_each_is_told_who_else_has_the_ticket_open_whichever_replica_answers(kept):
    here, there = Presence(kept), Presence(kept)
    assert here.report(NUMBER, "li.wei", "李伟", "viewing", MORNING) == []
    assert names(there.report(NUMBER, "zhou.min", "周敏", "editing", MORNING)) == [("li.wei", False)]
    assert names(here.report(NUMBER, "wang.fang", "王芳", "viewing", MORNING)) == [
        ("zhou.min", True),
        ("li.wei", False),
    ]
    assert here.report("DS20250610-000002", "li.wei", "李伟", "viewing", MORNING) == []


def test_who_edits_keeps_the_instant_of_the_begin_and_who_closes_the_ticket_is_gone(kept):
    presence = Presence(kept)
    for turn in range(3):
        presence.report(NUMBER, "li.wei", "李伟", "editing", MORNING + turn * SOON)
    (seen,) = presence.report(NUMBER, "zhou.min", "周敏", "viewing", MORNING + 3 * SOON)
    assert (seen.since, seen.name) == (MORNING, "李伟")
    presence.report(NUMBER, "li.wei", "李伟", "gone", MORNING + 3 * SOON)
    assert presence.report(NUMBER, "zhou.min", "周敏", "viewing", MORNING + 3 * SOON) == []


def test_who_is_not_heard_of_for_a_minute_counts_as_gone_and_is_forgotten(kept):
    presence = Presence(kept)
    presence.report(NUMBER, "li.wei", "李伟", "viewing", MORNING)
    assert presence.report(NUMBER, "zhou.min", "周敏", "viewing", MORNING + GONE_AFTER - SOON)
    assert presence.report(NUMBER, "zhou.min", "周敏", "viewing", MORNING + GONE_AFTER) == []
    presence.report("DS20250610-000009", "zhou.min", "周敏", "viewing", MORNING + 12 * GONE_AFTER)
    assert kept.at(NUMBER) == []


def test_queues_in_figures_are_those_of_the_person_the_teams_and_the_roles():
    """C22: how many, how urgent, how long."""
    tickets = KeptTickets()
    Stream(desks(), tickets).requests(
        [received(f"DS20250610-{n:06d}", grade=("P1", "P2", "P3")[n % 3]) for n in range(6)], MORNING
    )
    positions = KeptPositions(tickets)
    counting = Counting(positions, desks())
    counts = {count.queue: count for count in counting.of(person("li.wei"), MORNING)}
    desk = counts["team:desk"]
    assert (desk.tickets, desk.first) == (6, "DS20250610-000000")
    assert desk.oldest == MORNING
    assert counts["person:li.wei"] == Count("person:li.wei")
    assert counts["role:specialist"].tickets == 6
    asked = positions.asked
    counting.of(person("zhou.min"), MORNING + timedelta(seconds=1))
    assert positions.asked == asked + 1, "only what is zhou.min's own was not known a moment ago"
    counting.of(person("zhou.min"), MORNING + timedelta(seconds=3))
    assert positions.asked > asked + 1


@pytest.mark.real
def test_counts_and_onlookers_are_read_through_their_indexes(real_tickets, mongodb_uri):
    """Decision 13"""
    MongoViews.prepare()
    Stream(desks(), real_tickets).requests([received(f"DS20250610-{n:06d}") for n in range(10)], MORNING)
    database = connect("dispatch", settings(mongodb_uri.uri, mongodb_uri.prefix))
    positions = MongoPositions(database).positions("place", "team:desk", 100)
    assert len(positions) == 10
    assert positions == sorted(positions)
    presence = Presence(MongoOnlookers(database))
    for n in range(5):
        presence.report(f"DS20250610-{n:06d}", "li.wei", "李伟", "viewing", MORNING)
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        rows = client[f"{mongodb_uri.prefix}_dispatch"]["presence"]
        for index, asked in (
            ("number", {"number": NUMBER}),
            ("seen", {"seen": {"$gt": datetime(1970, 1, 1, tzinfo=UTC), "$lt": MORNING}}),
        ):
            plan = rows.find(asked).explain()
            assert f"'indexName': '{index}'" in str(plan["queryPlanner"]["winningPlan"])
