"""Filed duty reaches every process of a service: heard by one, read by all (M28)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mongoengine
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.collection import Collection

from services.contracts.deskstream.v1 import roster_pb2
from services.kernel.duty import Away, DutyTable, Filed, Stint
from services.runtime.duty_feed import COLLECTION, KEY, DutyFeed, table_from, table_to
from services.runtime.message import Heard
from services.runtime.mongo import Row, connect
from services.runtime.settings import Settings
from tests.waiting import wait_for


class Follower:
    """A roster that remembers what it follows."""

    def __init__(self) -> None:
        self.table = DutyTable("desk")

    @property
    def version(self) -> int:
        return self.table.version

    def adopt(self, table: DutyTable) -> bool:
        self.table = table
        return True


def table(version: int, person: str = "li.wei") -> DutyTable:
    return DutyTable("desk", version, (Filed(0, 100, frozenset({person})),), (Stint(person, 10, 20),), ())


def heard(told: DutyTable) -> Heard:
    return Heard(f"id-{told.version}", KEY, table_to(told).SerializeToString())


@pytest.fixture
def collection(mongodb_uri: Any) -> Iterator[Collection[Row]]:
    settings = Settings.model_validate({"MONGODB_URI": mongodb_uri.uri, "database_prefix": mongodb_uri.prefix})
    yield connect("dispatch", settings)[COLLECTION]
    mongoengine.disconnect("dispatch")


@pytest.mark.real
def test_what_one_process_heard_all_processes_follow(collection: Collection[Row]) -> None:
    """M28."""
    hearer, reader, latecomer = Follower(), Follower(), Follower()
    DutyFeed(collection, {"desk": hearer}).hear([heard(table(3))])
    assert hearer.table == table(3)
    DutyFeed(collection, {"desk": reader}).refresh()
    assert reader.table == table(3)
    feed = DutyFeed(collection, {"desk": latecomer}).start()
    try:
        wait_for(lambda: latecomer.version == 3, 10, "the thread to follow")
    finally:
        feed.close()


@pytest.mark.real
def test_repeats_and_what_comes_late_change_nothing(collection: Collection[Row]) -> None:
    """T3."""
    follower = Follower()
    feed = DutyFeed(collection, {"desk": follower})
    feed.hear([heard(table(5)), heard(table(4, "zhou.min")), heard(table(5, "zhou.min"))])
    assert follower.table == table(5)
    feed.hear([heard(table(6, "zhou.min"))])
    assert follower.table == table(6, "zhou.min")


@pytest.mark.real
def test_what_cannot_be_read_is_parked_alone(collection: Collection[Row]) -> None:
    follower, bad = Follower(), Heard("bad", KEY, b"\xff\xff")
    DutyFeed(collection, {"desk": follower}).hear([bad, heard(table(1))])
    assert bad.refused is not None
    assert follower.version == 1


@pytest.mark.real
def test_a_profile_that_is_not_served_here_is_passed_over(collection: Collection[Row]) -> None:
    DutyFeed(collection, {"other": Follower()}).hear([heard(table(1))])
    assert collection.find_one({}) is None


times = st.integers(0, 4_000_000_000)
people = st.sampled_from(["li.wei", "zhou.min", "wu.hao"])


@given(
    st.lists(st.tuples(people, times, st.integers(1, 100_000)), max_size=30),
    st.lists(st.tuples(people, times, times, people), max_size=5),
)
def test_a_table_comes_back_from_the_wire_as_it_went(
    stints: list[tuple[str, int, int]], away: list[tuple[str, int, int, str]]
) -> None:
    told = DutyTable(
        "desk",
        9,
        (Filed(1, 2, frozenset({"a", "b"})),),
        tuple(Stint(person, start, start + length) for person, start, length in stints),
        tuple(Away(*each) for each in away),
    )
    back = table_from(roster_pb2.DutyTable.FromString(table_to(told).SerializeToString()))
    assert (back.months, back.absences, back.version) == (told.months, told.absences, 9)
    edges = {edge for each in told.stints for edge in (each.start, each.end - 1, each.end)}
    for person in ("li.wei", "zhou.min", "wu.hao"):
        for edge in edges:
            assert covers(back, person, edge) == covers(told, person, edge)
    assert table_to(back) == table_to(told)


def covers(filed: DutyTable, person: str, moment: int) -> bool:
    return any(each.person == person and each.start <= moment < each.end for each in filed.stints)


def test_a_desk_of_four_hundred_for_two_months_fits_a_message() -> None:
    day = 86_400
    stints = tuple(
        Stint(f"person.{number}", each * day, each * day + 30_000) for number in range(400) for each in range(62)
    )
    assert len(table_to(DutyTable("desk", 1, (), stints)).SerializeToString()) < 250 * 1024
