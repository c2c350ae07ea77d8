"""Open tickets and ranges of tickets, on the shelf and on the real store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.contracts.deskstream.v1.sla_pb2 import TicketBrief
from services.sla.acts.listing import MongoListing, standing_of, within_page
from services.sla.handlers import fire, hear
from services.sla.model import Status
from services.sla.storage import MongoClocks
from tests.sla.world import Shelf, ShelfListing, at, clock, news, rules

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
RULES = rules(clock("response", "received", "responded", {"default": 10}))
UNWARNED = rules(clock("response", "received", "responded", {"default": 10}, warn=()))


def rules_for(profile, version):
    return RULES


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def kept(request):
    """A store and its listing."""
    if request.param == "fake":
        shelf = Shelf()
        return shelf, ShelfListing(shelf)
    database = request.getfixturevalue("open_database")(request.getfixturevalue("mongodb_uri"))
    store = MongoClocks(database)
    store.ensure_indexes()
    return store, MongoListing(database)


def tell(store, last: int, day: str = "20250303", **more) -> str:
    number = f"DS{day}-{last:06d}"
    brief = TicketBrief(number=number, team=more.pop("team", "desk"), assignee=more.pop("assignee", ""))
    more.setdefault("m", {"received": T0})
    story = news(more.pop("version", 1), T0, number=number, brief=brief.SerializeToString(), **more)
    hear(store, rules_for, [story], T0)
    return number


def test_tickets_with_something_due_something_overdue_or_nothing_at_all_are_open_until_they_end(kept):
    """D20: each once, in the order of their numbers."""
    store, listing = kept
    overdue = tell(store, 3)
    due = tell(store, 1, team="erp", assignee="wang.fang")
    idle = tell(store, 2, m={"received": T0, "responded": T0 + M})
    ended = tell(store, 4, ended=True)
    fire(store, rules_for, [overdue], T0 + 11 * M, "timer/1")
    assert [each.number for each in listing.open()] == [due, idle, overdue]
    assert listing.open()[0][1:] == ("erp", "wang.fang")
    tell(store, 2, m={"received": T0, "responded": T0 + M}, version=2, ended=True)
    assert [each.number for each in listing.open()] == [due, overdue]
    assert store.read([ended])[ended].facts.newest.ended


def test_a_page_goes_on_after_the_last_number(kept):
    """D20."""
    store, listing = kept
    for last in range(1, 8):
        tell(store, last, team="erp" if last % 2 else "desk")
    holders = listing.open()
    first = within_page(holders, "", "erp", "", 3)
    rest = within_page(holders, first[-1].number, "erp", "", 3)
    assert [each.number[-1] for each in (*first, *rest)] == ["1", "3", "5", "7"]
    assert within_page(holders, "", "", "nobody", 3) == []


def test_a_range_of_numbers_is_read_whole_and_in_order_with_both_ends(kept):
    """D18: what a what-if judges."""
    store, listing = kept
    for last in (5, 1, 3):
        tell(store, last)
    tell(store, 1, day="20250304")
    found = [each.number for each in listing.between("DS20250303-000001", "DS20250303-000005")]
    assert found == [f"DS20250303-{last:06d}" for last in (1, 3, 5)]
    assert len(list(listing.between("DS20250303-", "DS20250303-~"))) == 3
    assert list(listing.between("DS20250305-", "DS20250305-~")) == []


@pytest.mark.parametrize(
    ("minutes", "word", "breaches"),
    [(1, "ok", 0), (8, "ok", 0), (9, "at_risk", 0), (10, "at_risk", 0), (11, "breached", 1)],
)
def test_a_ticket_stands_by_how_much_of_its_time_has_passed_though_nobody_has_looked(minutes, word, breaches):
    """D20: a list tells the truth also while timers are late."""
    shelf = Shelf()
    number = tell(shelf, 1)
    found = standing_of(shelf.kept[number], UNWARNED, T0 + minutes * M)
    assert (found.word, found.breaches) == (word, breaches)
    assert found.next is not None
    assert (found.age, found.next.status) == (minutes * M, Status.RUNNING)
