"""Tickets and missed calls open, end and turn tasks, whatever order and however often they are heard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.deskstream.v1 import callbacks_pb2, sla_pb2, ticket_pb2
from services.runtime.message import Heard
from tests.callbacks.world import (
    CONFIRMED,
    HOUR,
    NOON,
    NUMBER,
    SOLVED_ONLINE,
    WITHDRAWN,
    FakeTasks,
    heard,
    hearing,
    missed_call,
    ticket,
)

TASK = f"{NUMBER}/0"


def test_a_ticket_the_desk_has_confirmed_owes_one_callback_by_the_desk_manager():
    """F1, F3: dispatched path; due in 24 hours as the profile says."""
    tasks = FakeTasks()
    [(task, word)] = hearing(tasks).hear([CONFIRMED], NOON)
    assert (task.id, task.kind, task.roles, task.scale) == (TASK, "after_resolution", ("desk_manager",), "four_grades")
    assert task.due_at == NOON + 24 * HOUR
    assert (word.key, word.cause) == ("callback.due", CONFIRMED.id)
    event = callbacks_pb2.CallbackEvent.FromString(word.body)
    assert (event.event, event.task.status, event.task.ticket.path) == (
        "due",
        callbacks_pb2.CALLBACK_STATUS_DUE,
        "dispatched",
    )


def test_a_ticket_solved_online_owes_its_callback_to_the_team_leader():
    """F3."""
    [(task, _)] = hearing(FakeTasks()).hear([SOLVED_ONLINE], NOON)
    assert task.roles == ("team_leader",)


def test_a_ticket_resolved_by_an_engineer_owes_nothing_until_the_desk_confirms():
    tasks = FakeTasks()
    resolved = heard("resolved", ticket("resolved", version=4, milestones=["resolved"]))
    assert hearing(tasks).hear([resolved], NOON) == []
    assert tasks.tasks == {}


def test_a_profile_without_callbacks_owes_none():
    tasks = FakeTasks()
    assert hearing(tasks).hear([heard("resolved", ticket("resolved", profile="generic_desk"))], NOON) == []
    assert tasks.tasks == {}


def test_a_complaint_is_owed_a_callback_of_its_own_kind():
    [(task, _)] = hearing(FakeTasks()).hear([heard("confirmed", ticket(neutral="COMPLAINT"))], NOON)
    assert task.kind == "complaint"


def test_hearing_the_same_confirmation_twice_says_the_same_word_and_keeps_one_task():
    """F1: a crash between writing and saying is healed by the redelivery."""
    tasks = FakeTasks()
    first = hearing(tasks).hear([CONFIRMED], NOON)
    again = hearing(tasks).hear([CONFIRMED], NOON + HOUR)
    assert [word for _, word in again] == [word for _, word in first]
    assert len(tasks.tasks) == 1


def test_a_later_event_of_the_ticket_says_nothing_more_about_its_callback():
    tasks = FakeTasks()
    hearing(tasks).hear([CONFIRMED], NOON)
    later = heard("callback_started", ticket("callback", version=6))
    assert hearing(tasks).hear([later], NOON + HOUR) == []


def test_a_withdrawn_ticket_cancels_its_open_callback():
    tasks = FakeTasks()
    hearing(tasks).hear([CONFIRMED], NOON)
    [(task, word)] = hearing(tasks).hear([WITHDRAWN], NOON + HOUR)
    assert (task.status, word.key) == ("cancelled", "callback.cancelled")
    assert [w.id for _, w in hearing(tasks).hear([WITHDRAWN], NOON + 2 * HOUR)] == [word.id]


def test_a_confirmation_that_comes_after_the_withdrawal_opens_nothing():
    tasks = FakeTasks()
    assert hearing(tasks).hear([WITHDRAWN], NOON) == []
    assert hearing(tasks).hear([CONFIRMED], NOON + HOUR) == []
    assert tasks.tasks[TASK].status == "cancelled"


def test_a_reopened_ticket_is_owed_a_new_callback_by_its_next_solution():
    """F13: the callback of the first cycle is kept, the next resolution makes a new one."""
    tasks = FakeTasks()
    hearing(tasks).hear([CONFIRMED], NOON)
    reopened = ticket("reopened", version=8, phase="OPEN", cycle=1, milestones=[])
    hearing(tasks).hear([heard("reopened", reopened)], NOON + HOUR)
    again = heard("confirmed", ticket(version=12, cycle=1))
    [(task, _)] = hearing(tasks).hear([again], NOON + 2 * HOUR)
    assert task.id == f"{NUMBER}/1"
    assert (tasks.tasks[TASK].status, task.status) == ("cancelled", "due")


STORY = [
    CONFIRMED,
    heard("callback_started", ticket("callback", version=6)),
    heard("reopened", ticket("reopened", version=7, phase="OPEN", cycle=1, milestones=[])),
    heard("resolved", ticket("resolved", version=10, cycle=1, milestones=["resolved"])),
    heard("confirmed", ticket(version=11, cycle=1)),
]


def _fresh(message: Heard) -> Heard:
    return Heard(message.id, message.key, message.body, message.subject, message.time)


@given(
    order=st.permutations([0, 1, 2, 3, 4] * 3),
    sizes=st.lists(st.integers(1, 6), min_size=15, max_size=15),
    ended=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_no_order_and_no_repetition_of_ticket_events_loses_or_doubles_a_callback(order, sizes, ended):
    """F1: every event three times, shuffled, in batches of any size."""
    tasks, handlers = FakeTasks(), None
    handlers = hearing(tasks)
    story = [*STORY]
    if ended:
        story[4] = heard("withdrawn", ticket("withdrawn", version=11, cycle=1, phase="CANCELLED"))
    left, words, now = [_fresh(story[place]) for place in order], {}, NOON
    for size in sizes:
        batch, left = left[:size], left[size:]
        now += timedelta(seconds=1)
        for _, word in handlers.hear(batch, now):
            assert words.setdefault(word.id, word).key == word.key
    handlers.hear(left, now)
    assert tasks.tasks[TASK].status == "cancelled"
    assert tasks.tasks[f"{NUMBER}/1"].status == ("cancelled" if ended else "due")
    assert len(tasks.tasks) == 2
    due = [word for task in tasks.tasks.values() for word in task.words if word.key == "callback.due"]
    assert len(due) == len({word.id for word in due}) <= 2


def test_a_call_missed_after_more_than_ten_rings_opens_a_task():
    """F11."""
    [(task, word)] = hearing(FakeTasks()).hear([missed_call(rings=11)], NOON)
    assert (task.id, task.kind, word.key) == ("call/call-7", "missed_call", "callback.due")
    event = callbacks_pb2.CallbackEvent.FromString(word.body)
    assert event.task.ticket.requester.phone == ""
    assert sla_pb2.TicketBrief.FromString(task.brief).requester.phone == "+8613900139000"


def test_a_call_given_up_after_ten_rings_opens_none():
    """F11."""
    assert hearing(FakeTasks()).hear([missed_call(rings=10)], NOON) == []


def test_events_that_can_neither_open_nor_end_a_callback_are_not_even_decoded():
    nonsense = Heard("1", "ticket.opened", b"\xff not a ticket", NUMBER)
    assert hearing(FakeTasks()).hear([nonsense], NOON) == []
    assert nonsense.refused is None


def test_a_malformed_event_is_refused_alone():
    broken = Heard("1", "ticket.confirmed", b"\xff\xff", NUMBER)
    nameless = heard("confirmed", ticket_pb2.Ticket(profile="itss_desk"))
    strange = heard("confirmed", ticket(profile="no_such_desk"))
    said = hearing(FakeTasks()).hear([broken, nameless, strange, CONFIRMED], NOON)
    assert [word.key for _, word in said] == ["callback.due"]
    assert broken.refused
    assert nameless.refused
    assert nameless.refused.field == "ticket.number"
    assert strange.refused
    assert "itss_desk" in strange.refused.message


@pytest.mark.parametrize(
    ("path", "neutral", "owed"),
    [("online", "CONSULTATION", 0), ("dispatched", "CONSULTATION", 1), ("online", "COMPLAINT", 1)],
)
def test_a_desk_may_call_back_complaints_and_complex_matters_only(path, neutral, owed):
    """F10, X10: due within a day."""
    of = ticket("told_customer", path=path, neutral=neutral, profile="hotline_quality")
    tasks = FakeTasks()
    hearing(tasks).hear([heard("result_told", of)], NOON)
    assert [each.due_at for each in tasks.tasks.values() if each.open] == [NOON + 24 * HOUR] * owed
