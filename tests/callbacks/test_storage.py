"""One suite for the store in memory and the one in the real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import mongoengine
import pytest

from services.callbacks.commands import Desk, Person
from services.callbacks.model import Answer, Attempt, Task, Verdict, Who, Word
from services.callbacks.relaying import Turning
from services.callbacks.storage import DOCUMENTS, MongoTasks, queue_place
from services.kernel.clock import FixedClock
from services.runtime import mongo
from services.runtime.message import event_id
from services.runtime.settings import Settings
from tests.callbacks.world import CONFIRMED, HOUR, NOON, NUMBER, RULES, FakeTasks, hearing

BY = Who("wang", "desk_manager")
MANAGER = Person("wang", frozenset({"desk_manager"}))


def _settings(place) -> Settings:
    return Settings.model_validate({"MONGODB_URI": place.uri, "database_prefix": place.prefix})


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def tasks(request: pytest.FixtureRequest) -> Iterator[FakeTasks | MongoTasks]:
    if request.param == "fake":
        yield FakeTasks()
        return
    place = request.getfixturevalue("mongodb_uri")
    database = mongo.connect("callbacks", _settings(place))
    mongo.ensure_indexes(*DOCUMENTS)
    yield MongoTasks(database)
    mongoengine.disconnect("callbacks")


def task(number: int = 1, **changes) -> Task:
    made = Task(
        id=f"DS20261118-{number:06d}/0",
        kind="after_resolution",
        number=f"DS20261118-{number:06d}",
        profile="itss_desk",
        brief=b"\x00\xff",
        opened_at=NOON,
        due_at=NOON + number * HOUR,
        roles=("desk_manager",),
        scale="four_grades",
    )
    return replace(made, **changes)


FULL = replace(
    task(9)
    .attempted(Attempt(NOON, "reached", BY, "在开会"))
    .completed(
        Verdict((Answer("solved", "no"), Answer("satisfaction", "satisfied")), False, "satisfied", True), NOON, BY
    ),
    words=(Word("1", "callback.due", b"", NOON, "cause", "actor", "trace"),),
    unsaid=("1",),
)


def test_a_task_comes_back_as_it_was_kept(tasks):
    assert tasks.open_new([FULL, task()]) == set()
    assert tasks.load([FULL.id, "nobody"]) == {FULL.id: FULL}
    assert tasks.load([]) == {}


def test_a_task_is_kept_once_and_the_first_stays(tasks):
    """F1."""
    tasks.open_new([task()])
    assert tasks.open_new([task(scale="other"), task(2)]) == {task().id}
    assert tasks.load([task().id])[task().id].scale == "four_grades"


def test_of_two_who_saw_the_same_version_one_wins(tasks):
    tasks.open_new([task()])
    first, second = task().cancelled(NOON), task().attempted(Attempt(NOON, "reached", BY))
    assert tasks.swap(task(), first, NOON)
    assert not tasks.swap(task(), second, NOON)
    assert tasks.load([task().id])[task().id] == first


def test_waiting_tasks_wake_when_their_time_has_come_and_not_before(tasks):
    """F9."""
    tasks.open_new([task(1), task(2), task(3)])
    for number, hours in ((1, 2), (2, 1)):
        tasks.swap(task(number), task(number).postponed(Attempt(NOON, "busy", BY), NOON + hours * HOUR), NOON)
    assert tasks.waking(NOON + HOUR - timedelta(seconds=1), 10) == []
    assert [each.number[-1] for each in tasks.waking(NOON + 2 * HOUR, 10)] == ["2", "1"]
    assert len(tasks.waking(NOON + 2 * HOUR, 1)) == 1
    turned = tasks.waking(NOON + HOUR, 10)[0].turned()
    assert tasks.swap(replace(turned, version=2), turned, NOON)
    assert tasks.waking(NOON + HOUR, 10) == []


def test_the_queue_of_a_role_is_read_page_by_page_by_due_time(tasks):
    """F14."""
    tasks.open_new([task(3), task(1), task(2), task(4, roles=("team_leader",)), task(5).cancelled(NOON)])
    waiting = task(2).postponed(Attempt(NOON, "busy", BY), NOON + HOUR)
    tasks.swap(task(2), waiting, NOON)
    first = tasks.callable_for(["desk_manager"], 2, "", waiting=True)
    assert [each.number[-1] for each in first] == ["1", "2"]
    rest = tasks.callable_for(["desk_manager"], 2, queue_place(first[-1]), waiting=True)
    assert [each.number[-1] for each in rest] == ["3"]
    assert [each.number[-1] for each in tasks.callable_for(["desk_manager"], 9, "", waiting=False)] == ["1", "3"]
    assert tasks.callable_for([], 9, "", waiting=True) == []


def test_what_a_command_could_not_say_is_said_by_the_relay_once(tasks):
    """The broker was away, or the process died between keeping and saying."""
    handlers, clock = hearing(tasks), FixedClock(NOON)
    handlers.hear([CONFIRMED], NOON)
    Desk(tasks, RULES, clock, event_id, lambda kept, words: None).complete(
        MANAGER, f"{NUMBER}/0", 1, [("solved", "yes"), ("satisfaction", "satisfied")], ""
    )
    turning = Turning(handlers, tasks, clock)
    assert turning.step() == []
    clock.at = NOON + timedelta(seconds=6)
    assert [said.key for said in turning.step()] == ["callback.completed"]
    assert turning.step() == []
    assert tasks.unsaid(NOON + HOUR, 10) == []


def test_a_relay_that_died_before_its_words_were_confirmed_is_followed_by_one_that_says_them_again(tasks):
    handlers, clock = hearing(tasks), FixedClock(NOON)
    handlers.hear([CONFIRMED], NOON)
    kept = tasks.load([f"{NUMBER}/0"])[f"{NUMBER}/0"]
    tasks.swap(kept, kept.postponed(Attempt(NOON, "busy", BY), NOON + HOUR), NOON)
    clock.at = NOON + HOUR
    [lost] = Turning(handlers, tasks, clock).step()
    clock.at += timedelta(seconds=6)
    [again] = Turning(handlers, tasks, clock).step()
    assert (again.id, again.key) == (lost.id, "callback.due")


@pytest.mark.real
def test_every_query_of_the_real_store_has_an_index(mongodb_uri):
    database = mongo.connect("callbacks", _settings(mongodb_uri))
    try:
        mongo.ensure_indexes(*DOCUMENTS)
        indexed = {field for index in database["tasks"].index_information().values() for field, _ in index["key"]}
        assert indexed == {"_id", "wake", "open", "owes"}
    finally:
        mongoengine.disconnect("callbacks")
