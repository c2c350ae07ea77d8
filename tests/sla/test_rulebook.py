"""What a change of the rule book on disk does to tickets that are open when the services start again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from services.profile.load import load, load_all
from services.sla.handlers import fire, hear
from services.sla.model import Status, TakenBack
from services.sla.rulebook import Book, Books, Rulebook, book_of, rules_of
from services.sla.rulebooks import MongoBooks
from tests.profile.folders import copied
from tests.sla.world import M, at, news

T0 = at("2025-03-03 09:00")
POLICY = Path(__file__).parents[2] / "deploy" / "policy"


def started(folder: Path, books: Books | None = None) -> Rulebook:
    """The rule book as a process that starts now reads it."""
    book = Rulebook(load_all(folder, "generic_desk", "generic_desk"), books)
    book.keep()
    return book


class ShelfOfBooks:
    """`Books` in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Book] = {}

    def keep(self, books: Iterable[Book]) -> None:
        for each in books:
            self.kept.setdefault((each.profile, each.version), each)

    def book(self, profile: str, version: str) -> Book | None:
        return self.kept.get((profile, version))


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def books(request) -> Books:
    """Where versions are kept: in memory, and on the real database server."""
    if request.param == "fake":
        return ShelfOfBooks()
    return MongoBooks(request.getfixturevalue("open_database")(request.getfixturevalue("mongodb_uri")))


def edited(folder: Path, old: str, new: str) -> None:
    file = folder / "generic_desk" / "sla.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_an_open_ticket_keeps_its_deadlines_when_the_rule_book_changes_and_the_services_start_again(store, tmp_path):
    """D18: the limit in force when the clock began holds to its end; tickets that come later get the new one."""
    number, later = "DS20250303-000001", "DS20250303-000002"
    copied(tmp_path, "generic_desk")
    hear(store, started(tmp_path), [news(1, T0, m={"received": T0}, number=number)], T0)
    edited(tmp_path, "{default: 10m}", "{default: 2m}")
    again = started(tmp_path)
    hear(store, again, [news(1, T0, m={"received": T0}, number=later)], T0)
    early, due = at("2025-03-03 09:05"), at("2025-03-03 09:10")
    fire(store, again, [number, later], early, "timer/1")
    status = {key: kept.clocks[0].status for key, kept in store.read([number, later]).items()}
    assert status == {number: Status.RUNNING, later: Status.BREACHED}
    hear(store, again, [news(2, early, m={"received": T0}, number=number, team="network")], early)
    said = [effect.kind for _, effects in fire(store, again, [number], due, "timer/2") for effect in effects]
    assert said[-2:] == ["breached", "raised"]
    assert store.read([number])[number].clocks[0].due_at == due


def test_a_refused_solution_runs_on_to_the_deadline_of_the_old_rule_book(store, tmp_path):
    """D18: taken up again under a new rule book, the clock keeps the deadline it was given."""
    number, done, back = "DS20250303-000001", at("2025-03-03 09:05"), at("2025-03-03 09:06")
    copied(tmp_path, "generic_desk")
    hear(store, started(tmp_path), [news(1, T0, m={"received": T0}, number=number)], T0)
    answered = news(2, done, m={"received": T0, "responded": done}, number=number)
    hear(store, started(tmp_path), [answered], done)
    edited(tmp_path, "{default: 10m}", "{default: 2m}")
    gone = (TakenBack(3, 0, "responded", done, back),)
    hear(store, started(tmp_path), [news(3, back, m={"received": T0}, number=number, taken_back=gone)], back)
    first, second = (each for each in store.read([number])[number].clocks if each.name == "response")
    assert (first.status, second.status, second.due_at) == (Status.MET, Status.RUNNING, at("2025-03-03 09:10"))


def test_a_general_ticket_that_nobody_has_dispatched_in_two_hours_is_a_breach(store, tmp_path):
    """C9: by the shipped rule book; an urgent one has no such limit, it is told at once (C10)."""
    general, urgent = "DS20250303-000001", "DS20250303-000002"
    copied(tmp_path, "generic_desk")
    book = started(tmp_path)
    m = {"received": T0, "responded": T0}
    hear(store, book, [news(1, T0, m=m, number=general), news(1, T0, "urgent", m=m, number=urgent)], T0)
    due = at("2025-03-03 11:00")
    before = [(e.kind, e.clock) for _, told in fire(store, book, [general], due - M / 60, "timer/1") for e in told]
    assert ("breached", "dispatch") not in before
    said = [(e.kind, e.clock) for _, told in fire(store, book, [general, urgent], due, "timer/2") for e in told]
    assert said.count(("breached", "dispatch")) == 1


def test_a_version_that_was_in_force_judges_its_tickets_to_the_end(books, tmp_path):
    """D18: also clocks that start only after the new version came."""
    copied(tmp_path, "generic_desk")
    first = started(tmp_path, books)("generic_desk")
    edited(tmp_path, "{default: 10m}", "{default: 2m}")
    book = started(tmp_path, books)
    loaded, kept = book("generic_desk"), book("generic_desk", first.version)
    assert loaded.version != first.version
    assert [rules.by_name["response"].limit["default"].seconds for rules in (loaded, kept)] == [120, 600]
    assert (kept.clocks, kept.levels, kept.choices) == (first.clocks, first.levels, first.choices)
    assert kept.calendars.keys() == first.calendars.keys()
    assert loaded.other(first.version) is kept
    assert kept.other(loaded.version) is loaded


def test_a_version_nobody_kept_is_judged_by_the_loaded_one_which_says_so_and_is_asked_for_again(tmp_path):
    """D18: a process of a newer release may keep it a moment later."""
    copied(tmp_path, "generic_desk")
    shelf, now = ShelfOfBooks(), [0.0]
    book = Rulebook(load_all(tmp_path, "generic_desk", "generic_desk"), shelf, lambda: now[0])
    assert book("generic_desk", "9+later").version == book("generic_desk").version
    book.keep()
    [kept] = shelf.kept.values()
    shelf.keep([replace(kept, version="9+later")])
    assert book("generic_desk", "9+later").version != "9+later"
    now[0] = 31.0
    assert book("generic_desk", "9+later").version == "9+later"


def test_a_kept_version_that_this_release_does_not_understand_is_as_one_never_kept(tmp_path):
    """D18."""
    copied(tmp_path, "generic_desk")
    shelf = ShelfOfBooks()
    book = started(tmp_path, shelf)
    shelf.keep([Book("generic_desk", "0+old", '{"sla": {"watches": []}, "calendars": {}, "below": {}}')])
    assert book("generic_desk", "0+old") is book("generic_desk")


def test_every_shipped_profile_can_be_kept_and_read_again():
    """D18, S4."""
    for name in sorted(each.name for each in POLICY.iterdir() if (each / "about.yaml").exists()):
        loaded = load(POLICY / name)
        rules = rules_of(loaded)
        assert set(rules.by_name) == {each.name for each in loaded.profile.sla.clocks}, name
        assert len(book_of(loaded).text.encode()) < 200_000, name
