"""The real store's plans: every question goes through an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.kernel.errors import Unavailable
from tests.dispatch.test_stream import call
from tests.dispatch.world import MORNING, desks, received

pytestmark = pytest.mark.real

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("index", "question"),
    [
        ("place", {"place": {"$gt": "team:desk|", "$lt": "team:desk}"}}),
        ("stage", {"stage": {"$gt": "itss_desk/classified|", "$lt": "itss_desk/classified}"}}),
        ("changed_at", {"changed_at": {"$gte": MORNING}}),
        ("unsaid_at", {"unsaid_at": {"$gt": LONG_AGO, "$lt": MORNING + timedelta(days=1)}}),
    ],
)
def test_every_question_is_answered_through_its_index(real_tickets, mongodb_uri, index: str, question: dict[str, Any]):
    """Decision 13: the plan reads no more documents than it finds."""

    def deaf(said: object) -> None:
        raise Unavailable("away")

    batch = [received(f"DS20250610-{n:06d}", grade="P1" if n % 2 else "") for n in range(40)]
    Stream(desks(), real_tickets).requests(batch, MORNING)
    Commands(desks(), real_tickets, deaf).act("DS20250610-000001", Command("try_online"), call("li.wei", "1"))
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        rows = client[f"{mongodb_uri.prefix}_dispatch"]["tickets"]
        plan = rows.find(question).explain()
        found = len(list(rows.find(question)))
    assert f"'indexName': '{index}'" in str(plan["queryPlanner"]["winningPlan"])
    assert 0 < plan["executionStats"]["totalDocsExamined"] == found < 40


def test_writes_and_reads_of_a_dead_database_are_unavailable_not_broken(real_tickets, monkeypatch):
    """Decision 14"""
    from pymongo.errors import AutoReconnect

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise AutoReconnect("gone")

    monkeypatch.setattr(real_tickets, "_rows", Away())
    with pytest.raises(Unavailable):
        real_tickets.load(["DS20250610-000001"])
    with pytest.raises(Unavailable):
        real_tickets.mark_said("DS20250610-000001", ["x"])
    with pytest.raises(Unavailable):
        real_tickets.page("place", "team:desk", "", 5)
