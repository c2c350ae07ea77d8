"""Buckets of facts: the same rules in memory and in the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.reporting.handlers import Bucket, ticket_bucket
from services.reporting.hearing import piece_of
from services.reporting.model import DAY_US, Facts
from services.reporting.storage import MongoReports, days_query
from tests.reporting.world import NOON, Desk, call, callback, clock, closed, number, ticket

DAY = int(NOON.timestamp()) * 1_000_000 // DAY_US


def facts(sequence: int, **more: Any) -> Facts:
    event = ticket(sequence, **more)
    piece = piece_of(event.key, event.decode)
    assert isinstance(piece, Facts)
    return piece


def test_what_was_saved_is_loaded_as_it_was(store: Any) -> None:
    shelf = store.current().tickets
    entries = {number(1): facts(1, title="三楼打印机"), number(2): facts(2, phase="CLOSED", marks={"closed": NOON})}
    assert shelf.save([Bucket("b", 0, entries)])
    assert shelf.load(["b", "unknown"]) == {"b": Bucket("b", 1, entries)}


def test_a_bucket_that_has_moved_on_is_not_overwritten(store: Any) -> None:
    shelf = store.current().tickets
    assert shelf.save([Bucket("b", 0, {number(1): facts(1)})])
    assert not shelf.save([Bucket("b", 0, {number(2): facts(2)})])
    assert shelf.save([Bucket("b", 1, {number(3): facts(3)})])
    assert not shelf.save([Bucket("b", 1, {number(4): facts(4)}), Bucket("c", 0, {number(5): facts(5)})])
    assert set(shelf.load(["b"])["b"].entries) == {number(3)}
    assert set(shelf.load(["c"])["c"].entries) == {number(5)}, "the others are written all the same"


def test_buckets_are_found_by_the_days_they_count_on(store: Any) -> None:
    shelf = store.current().tickets
    spanning = facts(1, received=NOON - timedelta(days=20), phase="CLOSED", marks={"closed": NOON})
    assert shelf.save([Bucket("spanning", 0, {number(1): spanning}), Bucket("today", 0, {number(2): facts(2)})])
    assert {bucket.key for bucket in shelf.on_days(DAY, DAY)} == {"spanning", "today"}
    assert {bucket.key for bucket in shelf.on_days(DAY - 20, DAY - 20)} == {"spanning"}
    assert list(shelf.on_days(DAY - 19, DAY - 1)) == [], "between its days it counts nowhere"


def test_only_buckets_with_open_tickets_are_live(store: Any) -> None:
    shelf = store.current().tickets
    assert shelf.save([Bucket("a", 0, {number(1): facts(1)}), Bucket("b", 0, {number(2): facts(2, phase="CLOSED")})])
    assert [bucket.key for bucket in shelf.live()] == ["a"]
    assert shelf.save([Bucket("a", 1, {number(1): facts(1, version=2, phase="CLOSED")})])
    assert list(shelf.live()) == []


def test_the_same_stream_gives_the_same_report_from_either_store(store: Any) -> None:
    """T3, N23."""
    events = [closed(n, dispatches=1, marks={"dispatched": NOON, "accepted": NOON}) for n in range(1, 60)]
    events += [clock(n, "BREACHED" if n % 7 == 0 else "MET") for n in range(1, 60)]
    events += [callback(n, satisfied=n % 3 > 0) for n in range(1, 60)] + [
        call(f"c{n}", answered_after=n) for n in range(40)
    ]
    desk, plain = Desk(store), Desk()
    for start in range(0, len(events), 37):
        desk.hears(events[start : start + 37])
    plain.hears(reversed(events), events)
    assert desk.report() == plain.report()
    assert desk.reader.wallboard("", NOON) == plain.reader.wallboard("", NOON)
    lines = desk.reader.lines("", "2026-11", "satisfaction", numerator=True, now=NOON)
    assert lines == plain.reader.lines("", "2026-11", "satisfaction", numerator=True, now=NOON)


@pytest.mark.real
def test_workers_that_write_the_same_tickets_at_once_lose_nothing(real_store: MongoReports) -> None:
    """T3: four workers, every event at one of them, all into the same few buckets."""
    events = [
        event for n in range(1, 61) for event in (ticket(n), closed(n), clock(n, "MET"), callback(n, satisfied=True))
    ]

    def hear(part: int) -> None:
        desk = Desk(real_store)
        for start in range(part, len(events), 40):
            desk.hears(events[start : start + 40 : 4])

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(hear, range(4), timeout=60))
    assert Desk(real_store).report() == Desk().hears(events).report()


@pytest.mark.real
def test_every_query_of_the_reports_has_an_index(real_store: MongoReports) -> None:
    """Architecture decision 13."""
    Desk(real_store).hears([ticket(n) for n in range(1, 30)])
    rows = real_store.current().tickets.rows
    for query in (days_query(DAY, DAY), {"live": {"$gt": 0}}):
        assert "COLLSCAN" not in str(rows.find(query).explain()["queryPlanner"]["winningPlan"]), query


def test_twenty_neighbours_share_a_bucket() -> None:
    assert ticket_bucket(number(0)) == ticket_bucket(number(19)) != ticket_bucket(number(20))
    assert ticket_bucket("call/abc") == "call/abc"
