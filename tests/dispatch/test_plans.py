"""Every question that dispatch really asks its database goes through an index: what the stores send is listened to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import mongoengine
import pytest
from pymongo import MongoClient, monitoring

from services.dispatch.assignment.storage import MongoAssignments
from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.dispatch.queues.fences import Fences
from services.dispatch.queues.presence import Onlooker
from services.dispatch.queues.storage import MongoOnlookers, MongoPositions, MongoViews
from services.dispatch.rehearsal.decisions import MongoDecided, days
from services.dispatch.search.storage import MongoFinds
from services.dispatch.storage import MongoTickets
from services.runtime.mongo import connect
from tests.dispatch.conftest import settings
from tests.dispatch.test_stream import LATER, Ears, call
from tests.dispatch.world import MORNING, desks, received

pytestmark = pytest.mark.real

TICKETS = 400
SMALL = {"leads": "one document", "days": "one document a day", "notes": "what the indexer has still to do"}
"""Collections that are read whole, and why that stays cheap."""
WHOLE = {"tickets": "the first indexer ever notes every ticket once"}
"""Collections that may be walked with an empty filter."""


class Overheard(monitoring.CommandListener):
    """Every filter sent while it listens, by collection."""

    def __init__(self) -> None:
        self.on = False
        self.questions: dict[tuple[str, str], dict[str, Any]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not self.on:
            return
        for name, many, key in (("find", "", "filter"), ("update", "updates", "q"), ("delete", "deletes", "q")):
            if event.command_name != name:
                continue
            asked = [event.command] if not many else event.command[many]
            for each in asked:
                shape = json.dumps(_shape(each[key]), sort_keys=True)
                self.questions.setdefault((str(event.command[name]), shape), dict(each[key]))

    def succeeded(self, event: object) -> None:
        """Nothing to hear."""

    def failed(self, event: object) -> None:
        """Nothing to hear."""


def _shape(value: Any) -> Any:
    return {key: _shape(each) for key, each in value.items()} if isinstance(value, dict) else "?"


@pytest.fixture
def overheard(mongodb_uri) -> Iterator[Overheard]:
    """Listens to the connections of the stores under test only."""
    ears = Overheard()
    mongoengine.disconnect("dispatch")
    before = list(monitoring._LISTENERS.command_listeners)
    monitoring.register(ears)
    try:
        yield ears
    finally:
        monitoring._LISTENERS.command_listeners[:] = before
        mongoengine.disconnect("dispatch")


def test_no_question_is_answered_by_reading_a_whole_collection(overheard: Overheard, mongodb_uri):
    """Decision 13, B22, C22: opening, working, claiming, queues, views, search, assignments, audit, rehearsals."""
    database = connect("dispatch", settings(mongodb_uri.uri, mongodb_uri.prefix))
    tickets, finds, views = MongoTickets(database, Fences()), MongoFinds(database), MongoViews(database)
    for store in (tickets, finds, views):
        store.prepare()
    numbers = [f"DS20250610-{n:06d}" for n in range(1, TICKETS + 1)]
    Stream(desks(), tickets).requests([received(n) for n in numbers], MORNING)
    overheard.on = True
    work(tickets, numbers)
    assignments = MongoAssignments(database, tickets)
    assignments.waiting("desk", "", 20)
    assignments.overdue(LATER, ["itss_desk"], 20)
    assignments.look_again(numbers[5], 1, LATER)
    assignments.held_by(["li.wei"])
    search(finds, numbers)
    list(MongoDecided(database).of(days("2025-06-10", "2025-06-10"), ""))
    MongoPositions(database).positions("place", "team:desk", 10)
    look_on(views, MongoOnlookers(database), numbers[0])
    overheard.on = False
    assert len(overheard.questions) > 15
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        rows = client[f"{mongodb_uri.prefix}_dispatch"]
        slow = {
            f"{collection} {shape}": plan
            for (collection, shape), question in overheard.questions.items()
            # By _id every MongoDB has an index; the embedded server's plan calls some of it a scan (decision 5).
            if "_id" not in question
            and collection not in SMALL
            and not (collection in WHOLE and not question)
            and "COLLSCAN" in (plan := str(rows[collection].find(question).explain()["queryPlanner"]["winningPlan"]))
        }
    assert not slow


def work(tickets: MongoTickets, numbers: list[str]) -> None:
    """Everything the desk does with tickets."""
    commands = Commands(desks(), tickets, Ears())
    commands.act(numbers[0], Command("try_online"), call("li.wei", "1"))
    commands.claim_first("desk", call("zhou.min", "2"))
    tickets.load(numbers[:3])
    tickets.mark_said(numbers[0], ["nothing of it"])
    tickets.unsaid(LATER, 10)
    tickets.page("place", "team:desk", "", 50)
    tickets.page("stage", "itss_desk/classified", "", 50)
    tickets.changed_since(MORNING - timedelta(days=1))
    list(tickets.walk(numbers[0], numbers[50]))


def search(finds: MongoFinds, numbers: list[str]) -> None:
    """What search asks, and what brings its rows in."""
    finds.lead(LATER)
    finds.matching("erp", 20)
    finds.days()
    finds.latest(numbers[:3])
    finds.changed(MORNING, LATER)
    finds.versions(numbers[:3])
    for note, _ in finds.noted(10):
        finds.forget([note])
    finds.look_on_from(LATER)


def look_on(views: MongoViews, onlookers: MongoOnlookers, number: str) -> None:
    """Saved views, and who else looks at a ticket."""
    views.of("li.wei")
    views.load("x")
    views.delete("x")
    onlookers.put(Onlooker(number, "li.wei", "李伟", False, MORNING, MORNING))
    onlookers.at(number)
    onlookers.take(number, "li.wei")
    onlookers.sweep(LATER)
