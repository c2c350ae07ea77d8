"""Rows of search follow their tickets: after a flood, a pause, a crash, a release (B22)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dispatch.model import Command
from services.dispatch.search import indexing
from services.dispatch.search.indexing import Indexer
from services.dispatch.search.storage import MongoFinds
from services.runtime.mongo import connect
from tests.dispatch.conftest import settings
from tests.dispatch.kept import KeptFinds
from tests.dispatch.test_search import Shelf, real_finds
from tests.dispatch.test_stream import call
from tests.dispatch.world import MORNING, KeptTickets, received


@pytest.mark.parametrize("store", ["fake", pytest.param("real", marks=pytest.mark.real)])
def test_a_flood_of_openings_is_not_held_up_by_its_rows_and_they_come_after_it(store: str, request, monkeypatch):
    """However large the batches: few rows are written while many tickets come."""
    # A tenth of the real bounds: the embedded server takes its time to drop rows with many terms.
    for bound in ("FLOOD", "A_TICK", "IN_A_FLOOD"):
        monkeypatch.setattr(indexing, bound, getattr(indexing, bound) // 10)
    shelf = shelf_on(store, request)
    many = indexing.FLOOD + 10
    shelf.indexer.tick(MORNING)
    shelf.stream.requests([received(f"DS20250610-{n:06d}") for n in range(many)], MORNING)
    shelf.indexer.tick(MORNING)
    assert len(rows_of(shelf)) == indexing.IN_A_FLOOD
    for _ in range(3):
        shelf.indexer.tick(MORNING)
    assert len(rows_of(shelf)) == many > indexing.A_TICK
    assert shelf.finds.waiting() == 0


def shelf_on(store: str, request: pytest.FixtureRequest) -> Shelf:
    if store == "fake":
        tickets = KeptTickets()
        return Shelf(tickets, KeptFinds(tickets))
    tickets_ = request.getfixturevalue("real_tickets")
    return Shelf(tickets_, real_finds(request.getfixturevalue("mongodb_uri")))


def rows_of(shelf: Shelf) -> set[str]:
    """Numbers of all rows there are."""
    return {row.number for day in shelf.finds.days() for row in shelf.finds.matching(f"on:{day}", 10_000)}


def test_changes_of_a_long_pause_are_all_brought_in():
    """A worker that was away for days catches up step by step."""
    tickets = KeptTickets()
    shelf = Shelf(tickets, KeptFinds(tickets))
    shelf.open({}, {}, {})
    for day, n in enumerate((1, 2, 3)):
        at = MORNING + timedelta(days=day, hours=5)
        shelf.commands.act(f"DS20250610-{n:06d}", Command("try_online"), call("li.wei", str(n), at))
    shelf.indexer.tick(MORNING + timedelta(days=9))
    assert {row.version for row in shelf.finds.rows.values()} == {2}


@pytest.mark.real
def test_a_note_read_before_its_tickets_are_written_is_not_forgotten(real_tickets, mongodb_uri, monkeypatch):
    """Openings are noted first: a crash in between must leave no ticket that nobody finds."""
    finds = real_finds(mongodb_uri)
    shelf = Shelf(real_tickets, finds)
    shelf.indexer.tick(MORNING)
    finds._notes.insert_one({"count": 1, "numbers": ["DS20250610-000001"]})
    shelf.indexer.tick(MORNING)
    assert shelf.ask() == []
    rows = finds._notes.find_one({})
    shelf.stream.requests([received("DS20250610-000001")], MORNING)
    finds._notes.delete_many({"_id": {"$ne": (rows or {})["_id"]}})
    shelf.indexer.tick(MORNING)
    assert shelf.ask() == ["DS20250610-000001"]
    finds._notes.insert_one({"count": 1, "numbers": ["DS20250610-000002"]})
    monkeypatch.setattr(indexing, "IN_VAIN", 3)
    for _ in range(3):
        assert finds.waiting()
        shelf.indexer.tick(MORNING)
    assert not finds.waiting(), "its opening failed"


@pytest.mark.real
def test_tickets_of_an_earlier_release_get_their_rows_and_two_workers_do_not_write_at_once(real_tickets, mongodb_uri):
    finds = real_finds(mongodb_uri)
    shelf = Shelf(real_tickets, finds)
    shelf.stream.requests([received(f"DS20250610-{n:06d}") for n in range(30)], MORNING)
    finds._notes.delete_many({})
    other = Indexer(MongoFinds(connect("dispatch", settings(mongodb_uri.uri, mongodb_uri.prefix))))
    shelf.indexer.tick(MORNING)
    other.tick(MORNING)
    assert finds.waiting() == 0
    assert len(shelf.ask()) == 30
    assert finds.lead(MORNING + timedelta(seconds=1))
    late = MongoFinds(connect("dispatch", settings(mongodb_uri.uri, mongodb_uri.prefix)))
    assert not late.lead(MORNING + timedelta(seconds=1))
    assert late.lead(MORNING + timedelta(seconds=31)), "whoever led is gone"


def test_changes_are_found_after_the_clock_was_set_back():
    """B22: as when a journey's clock is taken away: nothing waits until it is there again."""
    tickets = KeptTickets()
    shelf = Shelf(tickets, KeptFinds(tickets))
    shelf.open({}, {})
    later = MORNING + timedelta(days=2)
    shelf.commands.act("DS20250610-000001", Command("try_online"), call("li.wei", "1", later))
    shelf.indexer.tick(later)
    back = MORNING + timedelta(hours=1)
    shelf.commands.act("DS20250610-000002", Command("try_online"), call("li.wei", "2", back))
    shelf.indexer.tick(back + timedelta(seconds=1))
    assert {row.version for row in shelf.finds.rows.values()} == {2}
