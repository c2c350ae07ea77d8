"""What is kept comes back as it was, in its order, and with an index for every question."""

from __future__ import annotations

from dataclasses import replace

import mongoengine
import pytest

from services.runtime import mongo
from services.runtime.settings import Settings
from services.watch.model import (
    About,
    Contact,
    Entry,
    Finding,
    FindingTask,
    Inspection,
    Notice,
    Outage,
    Surge,
    Who,
    Word,
)
from services.watch.storage import DOCUMENTS
from tests.watch.world import HOUR, MINUTE, NOON, PROFILE

BY = Who("wei.dong", "shift_leader")
WORDS = (Word("w1", "watch.finding", b"", NOON, "c", "a", "t"),)
EVERY_NOUN: list[About] = [
    Outage("recovering", "断电", NOON, BY, NOON + HOUR, BY, NOON + 2 * HOUR, 3, "一份重复"),
    Outage("outage", "断电", NOON, BY),
    Contact("o-1", "DS1", b"\x00\xff", NOON, NOON + HOUR, "li.wei", "done", NOON + HOUR, "callback.completed"),
    Notice("盘龙区", NOON, NOON + HOUR, "停电", "cut", ("web", "ivr"), BY, NOON, "ended", NOON + HOUR),
    Finding("patrol", "机房", "空调", True, NOON, BY, "shift_leader", (FindingTask("notice", "done", "x", NOON, "n"),)),
    Inspection("p", "patrol", "巡", "P", NOON, NOON + HOUR, ("a",), ("b",), "late", NOON + HOUR, BY, True, "热"),
    Surge(NOON, 40, 40, 300, NOON + HOUR),
]


@pytest.mark.parametrize("about", EVERY_NOUN, ids=lambda about: about.kind)
def test_an_entry_comes_back_as_it_was_kept(entries, about):
    entry = Entry("e1", PROFILE, about, 1, WORDS, ("w1",))
    assert entries.add_new([entry], NOON) == set()
    assert entries.add_new([replace(entry, version=9)], NOON) == {"e1"}
    assert entries.load(["e1", "nobody"]) == {"e1": entry}
    assert entries.load([]) == {}


def test_of_two_who_saw_the_same_version_one_wins(entries):
    entry = Entry("e1", PROFILE, EVERY_NOUN[1])
    entries.add_new([entry], NOON)
    assert entries.swap(entry, entry.now(EVERY_NOUN[0]), NOON)
    assert not entries.swap(entry, entry.now(EVERY_NOUN[1]), NOON)
    assert entries.load(["e1"])["e1"].version == 2


def test_a_shelf_is_read_page_by_page_newest_first_and_holds_no_neighbour(entries):
    """H9: contacts of outage 1 are none of outage 11."""
    contacts = [
        Entry(f"{outage}/{number}", PROFILE, Contact(outage, "", b"", NOON + number * MINUTE, NOON, ""))
        for outage in ("o-1", "o-11")
        for number in range(5)
    ]
    entries.add_new(contacts, NOON)
    first = entries.listed("contact/o-1/", 3)
    assert [each.id for each in first] == ["o-1/4", "o-1/3", "o-1/2"]
    assert [each.id for each in entries.listed("contact/o-1/", 3, first[-1].place)] == ["o-1/1", "o-1/0"]
    assert (entries.counted("contact/o-1/"), entries.counted("contact/o-1/", live=True)) == (5, 5)
    oldest = entries.living("contact/o-1/entered/", 2)
    assert [each.id for each in oldest] == ["o-1/0", "o-1/1"]
    rest = entries.living("contact/o-1/entered/", 9, oldest[-1].live)
    assert [each.id for each in rest] == ["o-1/2", "o-1/3", "o-1/4"]


def test_what_is_done_leaves_the_living_and_wakes_nobody(entries):
    """H5, H12."""
    turn = Inspection("p", "patrol", "巡", "P", NOON, NOON + HOUR, ("a",), ("b",))
    entry = Entry("e1", PROFILE, turn)
    entries.add_new([entry], NOON)
    assert entries.waking(NOON + HOUR - MINUTE, 9) == []
    assert [each.id for each in entries.waking(NOON + HOUR, 9)] == ["e1"]
    done = entry.now(replace(turn, state="done", done_at=NOON, by=BY))
    entries.swap(entry, done, NOON)
    assert entries.waking(NOON + HOUR, 9) == []
    assert entries.living(f"inspection/{PROFILE}/", 9) == []
    assert entries.counted(f"inspection/{PROFILE}/") == 1


@pytest.mark.real
def test_every_query_of_the_real_store_has_an_index(mongodb_uri):
    settings = Settings.model_validate({"MONGODB_URI": mongodb_uri.uri, "database_prefix": mongodb_uri.prefix})
    database = mongo.connect("watch", settings)
    try:
        mongo.ensure_indexes(*DOCUMENTS)
        indexed = {field for index in database["entries"].index_information().values() for field, _ in index["key"]}
        assert indexed == {"_id", "place", "live", "wake", "owes"}
        calls = {field for index in database["calls"].index_information().values() for field, _ in index["key"]}
        assert calls == {"_id", "place"}
    finally:
        mongoengine.disconnect("watch")
