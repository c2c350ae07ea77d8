"""Saved views, on the fake and on the real store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pymongo import MongoClient

from services.contracts.deskstream.v1 import queues_pb2
from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.model import Caller, Command
from services.dispatch.queues.storage import MongoViews
from services.dispatch.queues.views import MOST_VIEWS, Views
from services.dispatch.queues.watching import Hub, watch_queue
from services.kernel.errors import Missing, Refused
from services.runtime.mongo import connect
from tests.dispatch.conftest import settings
from tests.dispatch.test_stream import Ears, call
from tests.dispatch.world import MORNING, KeptTickets, desks, person, received

View = queues_pb2.TicketView
LI, ZHOU, LEADER = person("li.wei"), person("zhou.min"), person("wang.fang")


class KeptViews:
    """services.dispatch.queues.views.KeepsViews in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, View]] = {}

    def of(self, owner: str) -> Sequence[View]:
        return [view for mine, view in self._rows.values() if mine == owner]

    def load(self, view: str) -> View | None:
        return self._rows.get(view, ("", None))[1]

    def insert(self, owner: str, view: View) -> None:
        self._rows[view.view_id] = (owner, view)

    def replace(self, owner: str, view: View) -> bool:
        if view.view_id not in self._rows or self._rows[view.view_id][1].version != view.version - 1:
            return False
        self._rows[view.view_id] = (owner, view)
        return True

    def delete(self, view: str) -> None:
        self._rows.pop(view, None)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def views(request) -> Views:
    if request.param == "fake":
        return Views(KeptViews(), desks())
    request.getfixturevalue("real_tickets")
    place = request.getfixturevalue("mongodb_uri")
    kept = MongoViews(connect("dispatch", settings(place.uri, place.prefix)))
    kept.prepare()
    return Views(kept, desks())


def save(views: Views, caller: Caller = LI, **said: Any) -> View:
    return views.save(View(**({"name": "打印机"} | said)), caller, MORNING)


def test_a_view_is_its_persons_own_until_it_is_shared_with_a_team(views: Views):
    own = save(views, columns=["number", "requester.name", "fields.floor", "milestones.received"])
    shared = save(views, name="全组", team="desk")
    assert [view.name for view in views.seen_by(LI)] == ["全组", "打印机"]
    assert [view.view_id for view in views.seen_by(ZHOU)] == [shared.view_id]
    with pytest.raises(Missing):
        views.get(own.view_id, ZHOU)
    with pytest.raises(Refused) as refused:
        save(views, person("huang.lei"), name="别组", team="desk")
    assert refused.value.field == "team"


def test_of_two_who_change_a_view_at_once_the_second_is_told(views: Views):
    first = save(views)
    again = View(view_id=first.view_id, version=1, name="打印机 2")
    assert views.save(again, LI, MORNING).version == 2
    with pytest.raises(Refused) as stale:
        views.save(again, LI, MORNING)
    assert stale.value.code == "stale"
    assert views.get(first.view_id, LI).name == "打印机 2"


def test_a_shared_view_is_changed_by_its_maker_or_a_leader_only(views: Views):
    shared = save(views, team="desk")
    with pytest.raises(Refused, match=r"li\.wei"):
        views.delete(shared.view_id, ZHOU)
    views.delete(shared.view_id, LEADER)
    with pytest.raises(Missing):
        views.delete(shared.view_id, LI)


def test_a_name_is_given_once_and_fifty_views_are_enough(views: Views):
    for n in range(MOST_VIEWS):
        save(views, name=f"v{n}")
    for name in ("v1", "one more"):
        with pytest.raises(Refused) as refused:
            save(views, name=name)
        assert refused.value.field == "name"


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 81}),
        ("columns", {"columns": ["number"] * 31}),
        ("columns", {"columns": ["password"]}),
        ("sort", {"sort": 9}),
        ("number", {"filter": queues_pb2.TicketFilter(number="?")}),
    ],
)
def test_a_view_that_cannot_be_is_refused_with_the_field(field: str, said: dict[str, Any]):
    with pytest.raises(Refused) as refused:
        save(Views(KeptViews(), desks()), **said)
    assert refused.value.field == field


def test_a_watched_view_shows_its_open_tickets_as_they_come_and_go():
    """C22: queue "view:<id>" of WatchQueue."""
    tickets, hub, views = KeptTickets(), Hub(), Views(KeptViews(), desks())
    every = [f"DS20250610-{n:06d}" for n in (1, 2, 3)]
    Stream(desks(), tickets).requests(
        [received(number, grade="P1" if number == every[0] else "P3") for number in every], MORNING
    )
    view = save(views, filter=queues_pb2.TicketFilter(grades=["P1"], text="打印机"))
    told = watch_queue(tickets, hub, views.queue(f"view:{view.view_id}", LI), "", MORNING, lambda: True)
    assert [(each.kind, each.ticket and each.ticket.number) for each in (next(told), next(told))] == [
        ("present", every[0]),
        ("caught_up", None),
    ]
    for number, grade in ((every[1], "P1"), (every[0], "P2")):
        command = Command("grade", "vip", values={"grade": grade})
        hub.hear(Commands(desks(), tickets, Ears()).act(number, command, call("li.wei", number)))
        each = next(told)
        assert (each.kind, each.ticket and each.ticket.number) == ("present" if grade == "P1" else "left", number)
    told.close()
    assert views.queue("team:desk", LI).name == "team:desk"
    with pytest.raises(Missing):
        views.queue(f"view:{view.view_id}", ZHOU)


@pytest.mark.real
def test_views_are_read_through_their_index(real_tickets, mongodb_uri):
    """Decision 13"""
    kept = MongoViews(connect("dispatch", settings(mongodb_uri.uri, mongodb_uri.prefix)))
    kept.prepare()
    for caller in (LI, ZHOU):
        save(Views(kept, desks()), caller)
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        rows = client[f"{mongodb_uri.prefix}_dispatch"]["views"]
        plan = rows.find({"owner": "person:li.wei"}).explain()
    assert "'indexName': 'owner'" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] == 1
