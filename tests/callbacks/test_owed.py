"""Calls owed apart from a solution: an answer to be confirmed first, a transfer that failed (E20, C20)."""

from __future__ import annotations

from datetime import timedelta

from services.callbacks.model import Task
from services.contracts.deskstream.v1 import sla_pb2, ticket_pb2
from services.runtime.message import Heard
from tests.callbacks.world import NOON, NUMBER, FakeTasks, heard, hearing, ticket

UNTIL = NOON + timedelta(hours=3)


def recorded(event: str, kind: str, **values: str) -> Heard:
    """A ticket event that says a record was added."""
    of = ticket("online_support", phase="OPEN", path="", milestones=())
    of.records.append(ticket_pb2.Record(kind=kind, values=values))
    return heard(event, of)


def opened(tasks: FakeTasks, message: Heard) -> Task:
    [(task, word)] = hearing(tasks).hear([message], NOON)
    assert (word.key, word.cause) == ("callback.due", message.id)
    return task


def test_an_answer_to_be_confirmed_opens_a_call_with_the_time_it_is_owed_by():
    """E20: for whoever tells the customer; it confirms no solution, so it asks no survey and hangs on no ticket."""
    task = opened(FakeTasks(), recorded("call_owed", "call_owed", until=UNTIL.isoformat(), reason="待财务确认"))
    assert (task.kind, task.number, task.due_at, task.scale) == ("owed_answer", "", UNTIL, "")
    assert "specialist" in task.roles
    brief = sla_pb2.TicketBrief.FromString(task.brief)
    assert (brief.number, brief.requester.email) == ("", "")
    assert NUMBER in brief.title
    assert brief.requester.phone


def test_a_failed_transfer_opens_a_call_and_a_connected_one_does_not():
    """C20: a task within the same contact."""
    failed = recorded("call_transferred", "transfer", result="failed", consent="yes")
    assert opened(FakeTasks(), failed).kind == "owed_answer"
    connected = recorded("call_transferred", "transfer", result="connected", consent="yes")
    assert hearing(FakeTasks()).hear([connected], NOON) == []


def test_hearing_it_twice_owes_one_call():
    """E20"""
    tasks = FakeTasks()
    message = recorded("call_owed", "call_owed", until=UNTIL.isoformat(), reason="x")
    first = opened(tasks, message)
    again = hearing(tasks).hear([message], NOON)
    assert [task.id for task, _ in again] == [first.id]
    assert len(tasks.tasks) == 1


def test_an_unreadable_time_falls_back_to_the_limit_of_the_profile():
    task = opened(FakeTasks(), recorded("call_owed", "call_owed", until="soon"))
    assert task.due_at == NOON + timedelta(hours=24)
