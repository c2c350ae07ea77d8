"""What the desk and the requester do with a task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.callbacks.commands import Desk, Person
from services.callbacks.model import Task
from services.contracts.deskstream.v1 import callbacks_pb2, sla_pb2
from services.kernel.clock import FixedClock
from services.kernel.errors import Missing, Refused
from services.runtime.message import event_id
from tests.callbacks.world import (
    CONFIRMED,
    HOUR,
    NOON,
    NUMBER,
    RULES,
    SOLVED_ONLINE,
    WITHDRAWN,
    FakeTasks,
    heard,
    hearing,
    missed_call,
    ticket,
)

TASK = f"{NUMBER}/0"
MANAGER = Person("wang.manager", frozenset({"desk_manager"}))
SPECIALIST = Person("li.specialist", frozenset({"specialist"}))
HAPPY = [("solved", "yes"), ("satisfaction", "satisfied"), ("suggestions", "  谢谢  ")]
UNSOLVED = [("solved", "no"), ("satisfaction", "dissatisfied")]


class World:
    """A desk with one owed callback."""

    def __init__(self, opened_by=CONFIRMED):
        self.tasks = FakeTasks()
        self.hearing = hearing(self.tasks)
        self.hearing.hear([opened_by], NOON)
        self.clock = FixedClock(NOON)
        self.said: list[str] = []
        self.desk = Desk(self.tasks, RULES, self.clock, event_id, self._say)

    def _say(self, task, words):
        self.said += [word.key for word in words]

    @property
    def task(self) -> Task:
        [task] = self.tasks.tasks.values()
        return task

    def attempt(self, outcome, again=None, person=MANAGER):
        return self.desk.record_attempt(person, self.task.id, self.task.version, outcome, "note", again)

    def complete(self, answers=HAPPY, person=MANAGER, reason=""):
        return self.desk.complete(person, self.task.id, self.task.version, answers, reason)


@pytest.fixture
def world():
    return World()


def test_a_completed_callback_keeps_solved_grade_and_suggestions(world):
    """F12, F17, AM4."""
    world.attempt("reached")
    task = world.complete()
    assert task.status == "completed"
    assert (task.verdict.solved, task.verdict.satisfaction, task.verdict.satisfied) == (True, "satisfied", True)
    assert [(one.question, one.value) for one in task.verdict.answers][-1] == ("suggestions", "谢谢")
    assert world.said == ["callback.attempted", "callback.completed"]


def test_not_solved_is_said_instead_of_completed_and_the_answers_are_kept(world):
    """F13: dispatch hears one outcome, which reopens the ticket."""
    task = world.complete(UNSOLVED)
    assert (task.status, task.verdict.satisfied) == ("completed", False)
    assert world.said == ["callback.unsolved"]
    event = callbacks_pb2.CallbackEvent.FromString(task.words[-1].body)
    assert event.task.HasField("solved")
    assert not event.task.solved


def test_an_inconvenient_requester_is_called_again_at_the_booked_time(world):
    """F9: re-queued then, not completed; due is said once per turn."""
    booked = NOON + 5 * HOUR
    assert world.attempt("inconvenient", booked).status == "rescheduled"
    assert world.said == ["callback.rescheduled"]
    assert world.desk.queue(MANAGER, 10, "", waiting=False) == []
    assert world.hearing.turn(booked - timedelta(seconds=1)) == []
    [(_, word)] = world.hearing.turn(booked)
    assert word.key == "callback.due"
    assert world.hearing.turn(booked + HOUR) == []
    assert [task.id for task in world.desk.queue(MANAGER, 10, "", waiting=False)] == [TASK]
    assert word.id != world.task.words[0].id


@pytest.mark.parametrize("again", [None, NOON, NOON - HOUR, NOON + timedelta(days=91)])
def test_inconvenient_without_a_time_to_come_is_refused(world, again):
    """F9."""
    with pytest.raises(Refused) as refused:
        world.attempt("inconvenient", again)
    assert refused.value.field == "call_again_at"
    assert world.task.status == "due"


def test_three_failed_attempts_make_the_requester_unreachable(world):
    """F16: retried two hours later each time; another booking in between does not count."""
    world.attempt("no_answer")
    world.hearing.turn(NOON + 2 * HOUR)
    world.attempt("inconvenient", NOON + 3 * HOUR)
    world.attempt("busy")
    assert world.task.not_before == NOON + 2 * HOUR
    assert world.attempt("no_answer").status == "unreachable"
    assert world.said[-1] == "callback.unreachable"
    with pytest.raises(Refused) as refused:
        world.complete()
    assert refused.value.code == "conflict"


def test_a_specialist_may_not_make_the_callback_of_a_dispatched_ticket(world):
    """F3, F14: roles by path come from the profile."""
    for refused_for in (world.complete, lambda person: world.attempt("reached", person=person)):
        with pytest.raises(Refused) as refused:
            refused_for(person=SPECIALIST)
        assert refused.value.code == "forbidden"
        assert "desk_manager" in refused.value.message
    assert world.desk.queue(SPECIALIST, 10, "", waiting=True) == []
    with pytest.raises(Refused):
        world.desk.read(SPECIALIST, TASK)


def test_the_team_leader_and_not_the_manager_calls_after_an_online_solution():
    """F3."""
    world = World(SOLVED_ONLINE)
    with pytest.raises(Refused):
        world.complete(person=MANAGER)
    assert world.complete(person=Person("zhao", frozenset({"team_leader"}))).completed_by.role == "team_leader"


@pytest.mark.parametrize("accused", ["wang.manager", "王经理"])
def test_whoever_is_complained_about_neither_sees_nor_makes_the_callback(accused):
    """C28: named by id or, as usual, by name."""
    complaint = ticket(neutral="COMPLAINT")
    complaint.accused = accused
    world = World(heard("confirmed", complaint))
    named = Person("wang.manager", frozenset({"desk_manager"}), "王经理")
    assert not world.desk.sees(named, world.task)
    for refused in (
        lambda: world.desk.read(named, TASK),
        lambda: world.attempt("reached", person=named),
        lambda: world.complete(person=named),
    ):
        with pytest.raises(Missing):
            refused()
    another = Person("chen.manager", frozenset({"desk_manager"}), "陈经理")
    assert world.desk.sees(another, world.task)
    assert world.complete(person=another).status == "completed"


def test_a_stale_version_is_refused_and_changes_nothing(world):
    with pytest.raises(Refused) as refused:
        world.desk.complete(MANAGER, TASK, 7, HAPPY, "")
    assert refused.value.code == "stale"
    assert world.task.status == "due"


def test_an_unknown_task_is_missing(world):
    with pytest.raises(Missing):
        world.desk.read(MANAGER, "DS20261118-000002/0")


def test_a_missed_call_cannot_be_completed_without_a_reason():
    """F11."""
    world = World(missed_call())
    with pytest.raises(Refused) as refused:
        world.complete([], reason="  ")
    assert refused.value.field == "reason"
    task = world.complete([], reason="坐席全忙")
    assert [(one.question, one.value) for one in task.verdict.answers] == [("reason", "坐席全忙")]


def test_the_requester_answers_on_the_page_and_a_second_answer_changes_nothing(world):
    """F18, F24."""
    assert world.desk.answer(TASK, HAPPY) is False
    assert world.desk.answer(TASK, UNSOLVED) is True
    assert world.task.verdict.solved is True
    assert world.said == ["survey.answered", "callback.completed"]


def test_an_answer_on_the_page_after_the_call_changes_nothing(world):
    """F24: one answer per task counts, whether from the call or the page."""
    world.complete()
    assert world.desk.answer(TASK, UNSOLVED) is True
    with pytest.raises(Refused) as refused:
        world.complete(UNSOLVED)
    assert refused.value.code == "conflict"
    assert world.said == ["callback.completed"]


def test_an_answer_after_the_desk_gave_up_is_kept_and_the_task_stays_unreachable(world):
    """F16, F13."""
    for _ in range(3):
        world.attempt("no_answer")
    assert world.desk.answer(TASK, UNSOLVED) is False
    assert (world.task.status, world.task.verdict.solved) == ("unreachable", False)
    assert world.said[-2:] == ["survey.answered", "callback.unsolved"]


def test_a_cancelled_survey_takes_no_answer(world):
    world.hearing.hear([WITHDRAWN], NOON + HOUR)
    with pytest.raises(Refused):
        world.desk.answer(TASK, HAPPY)


def test_what_is_said_on_the_stream_carries_neither_note_nor_telephone(world):
    """P14."""
    task = world.attempt("reached")
    event = callbacks_pb2.CallbackEvent.FromString(task.words[-1].body)
    assert task.attempts[0].note == "note"
    assert event.task.attempts[0].note == ""
    assert (event.task.ticket.requester.phone, event.task.ticket.requester.im) == ("", "")
    assert sla_pb2.TicketBrief.FromString(task.brief).requester.phone
