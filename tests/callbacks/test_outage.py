"""Who was served on paper while the desk could not work is called before everybody else (H10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.callbacks.commands import Desk, Person
from services.callbacks.model import Task
from services.callbacks.storage import queue_place
from services.contracts.deskstream.v1 import common_pb2, sla_pb2, watch_pb2
from services.kernel.clock import FixedClock
from services.runtime.message import Heard, Said, event_id
from tests.callbacks.test_storage import tasks as tasks
from tests.callbacks.world import CONFIRMED, NOON, NUMBER, RULES, FakeTasks, hearing, missed_call

CONTACT = "itss_desk-outage-1/9f"
SPECIALIST = Person("li.wei", frozenset({"specialist", "desk_manager"}))


def owed(profile: str = "itss_desk", contact: str = CONTACT) -> Heard:
    """As watch says it."""
    body = watch_pb2.WatchEvent(event="contact_owed", profile=profile)
    body.at.FromDatetime(NOON)
    body.contact.contact_id = contact
    body.contact.profile = profile
    body.contact.title = f"{NUMBER} 无法登录"
    body.contact.accused = "周敏"
    body.contact.requester.CopyFrom(common_pb2.Requester(name="何洁", phone="+8613800138001"))
    return Said("watch.contact_owed", body, event_id(contact, "watch.contact_owed"), time=NOON).as_heard()


def opened(store, message: Heard) -> Task:
    [(task, word)] = hearing(store).hear([message], NOON)
    assert (word.key, word.cause) == ("callback.due", message.id)
    return task


def test_an_owed_contact_is_a_task_of_its_own_that_hangs_on_no_ticket_and_asks_no_survey():
    """H10, C28: heard twice it is owed once; whoever is complained about does not see it."""
    store = FakeTasks()
    task = opened(store, owed())
    assert (task.id, task.kind, task.number, task.scale) == (f"call/{CONTACT}", "outage", "", "")
    assert sla_pb2.TicketBrief.FromString(task.brief).requester.phone == "+8613800138001"
    assert opened(store, owed()).id == task.id
    assert len(store.tasks) == 1
    desk = Desk(store, RULES, FixedClock(NOON), event_id, lambda task, words: None)
    assert not desk.sees(Person("zhou.min", frozenset({"specialist"}), "周敏"), task)


def test_owed_contacts_stand_before_every_other_call_until_they_are_done(tasks):
    """H10: also before calls that were owed earlier; page by page."""
    hearing(tasks).hear([CONFIRMED, missed_call()], NOON)
    hearing(tasks).hear([owed(), owed(contact="itss_desk-outage-1/a0")], NOON + timedelta(days=1))
    clock = FixedClock(NOON + timedelta(days=1))
    desk = Desk(tasks, RULES, clock, event_id, lambda task, words: None)
    first = desk.queue(SPECIALIST, 2, "", waiting=True)
    assert {task.kind for task in first} == {"outage"}
    rest = desk.queue(SPECIALIST, 9, queue_place(first[-1]), waiting=True)
    assert {task.kind for task in rest} == {"after_resolution", "missed_call"}
    for task in first:
        desk.complete(SPECIALIST, task.id, task.version, [], "已联系，问题已解决")
    assert {task.kind for task in desk.queue(SPECIALIST, 9, "", waiting=True)} == {"after_resolution", "missed_call"}


@pytest.mark.parametrize("profile", ["generic_desk"])
def test_a_desk_that_calls_nobody_back_owes_no_task(profile):
    """H10: there the list is settled by hand."""
    assert hearing(FakeTasks()).hear([owed(profile)], NOON) == []
