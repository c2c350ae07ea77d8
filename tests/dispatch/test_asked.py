"""What a step of a clock asks for is done once, under dispatch's own rules, or noted for a person (D13)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1 import sla_pb2
from services.dispatch import wire
from services.dispatch.asked import Asked
from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.runtime.message import Heard
from tests.dispatch.test_stream import Ears, call
from tests.dispatch.world import MORNING, desks, heard, received

LATER = MORNING + timedelta(minutes=30)
NUMBER = "DS20250610-000001"


def wish(action: str, target: str = "", cause: str = "wish-1", grade: str = "P2", **more: Any) -> Heard:
    """sla.asked of the clock resolve at 200%."""
    words: dict[str, Any] = {"number": NUMBER, "clock": "resolve", "step": "200%", "at": wire.stamp(LATER)} | more
    return heard(sla_pb2.SlaAsked(action=action, target=target, grade=grade, **words), "sla.asked", cause)


class World:
    """A desk with one ticket, opened in the morning."""

    def __init__(self, tickets: Any, **said: Any) -> None:
        self.tickets = tickets
        Stream(desks(), tickets).requests([received(NUMBER, **said)], MORNING)
        self.commands = Commands(desks(), tickets, Ears())

    def asks(self, *messages: Heard) -> list[Any]:
        return Asked(desks(), self.tickets).hear(messages, LATER)

    @property
    def ticket(self) -> Any:
        return self.tickets.load([NUMBER])[NUMBER].latest

    def does(self, who: str, action: str, cause: str, target: str = "", **values: str) -> None:
        reason = values.pop("reason", "")
        self.commands.act(NUMBER, Command(action, reason, target, values), call(who, cause))


@pytest.fixture
def world(tickets) -> World:
    return World(tickets)


def test_a_wish_raises_the_grade_by_one_and_says_which_clock_asked(world):
    """D13: 改级, by the system, with old and new in the history."""
    [said] = world.asks(wish("raise_grade"))
    assert (said.key, said.body.actor.role, world.ticket.grade, world.ticket.priority) == (
        "ticket.graded",
        "system",
        "P1",
        1,
    )
    assert [(each.old, each.new) for each in said.body.changes if each.field == "grade"] == [("P2", "P1")]
    assert "解决" in said.body.reason
    assert "At 200% of Resolve: raised from Medium to High." in said.body.reason


def test_the_same_wish_heard_again_is_done_once_and_said_again(world):
    """D13."""
    first = world.asks(wish("raise_grade"), wish("raise_grade"))
    again = world.asks(wish("raise_grade"))
    assert {each.id for each in first} == {each.id for each in again}
    assert len({each.id for each in first}) == 1
    assert world.ticket.grade == "P1"
    assert world.ticket.version == 2


def test_a_wish_is_void_once_the_grade_changed_or_is_the_highest_or_the_ticket_has_ended(world):
    """D13: what went on meanwhile is not undone."""
    world.does("li.wei", "grade", "1", grade="P3", reason="only one person")
    assert world.asks(wish("raise_grade", grade="P2")) == []
    assert world.ticket.grade == "P3"
    world.does("li.wei", "grade", "2", grade="P1", reason="the whole company")
    assert world.asks(wish("raise_grade", grade="P1", cause="wish-2")) == []
    world.does("li.wei", "withdraw", "3", reason="test")
    assert world.asks(wish("raise_grade", grade="P1", cause="wish-3"), wish("reassign_team", "erp_ops", "wish-4")) == []
    assert world.asks(wish("reassign_role", "supervisor", "wish-5", cycle=1)) == []


def test_a_wish_moves_the_ticket_to_a_team_and_out_of_its_holders_hands(world):
    world.does("li.wei", "claim", "1")
    [said] = world.asks(wish("reassign_team", "supervisors"))
    assert (said.key, world.ticket.team, world.ticket.assignee) == ("ticket.reassigned", "supervisors", "")
    assert world.ticket.reassignments == 1
    assert world.asks(wish("reassign_team", "supervisors", "wish-2")) == []


def test_a_wish_gives_the_ticket_to_somebody_of_the_role_who_is_on_duty(world):
    [said] = world.asks(wish("reassign_role", "supervisor"))
    assert (said.key, world.ticket.assignee, world.ticket.team) == ("ticket.reassigned", "chen.jing", "supervisors")
    # Whoever has the role keeps it.
    assert world.asks(wish("reassign_role", "supervisor", "wish-2")) == []


def test_nobody_is_given_a_complaint_about_themselves(tickets):
    """C28: the only supervisor on duty is the accused, so a person has to see to it."""
    world = World(tickets, accused="chen.jing")
    [said] = world.asks(wish("reassign_role", "supervisor"))
    assert (said.key, world.ticket.assignee) == ("ticket.noted", "")


@pytest.mark.parametrize(
    ("asked", "trouble"),
    [
        (("reassign_team", "nowhere"), "no team"),
        (("reassign_role", "astronaut"), "on duty"),
        (("sing", ""), "knows no"),
    ],
)
def test_what_cannot_be_done_is_noted_once_for_a_supervisor_and_parked_nowhere(world, asked, trouble):
    message = wish(*asked)
    [said] = world.asks(message)
    assert said.key == "ticket.noted"
    assert trouble in said.body.reason
    assert [each.new for each in said.body.changes if each.field == "alert"] == ["step_not_done"]
    assert [each.id for each in world.asks(message)] == [said.id]
    assert message.refused is None


def test_an_ungraded_ticket_waits_for_a_person(tickets):
    """B6."""
    world = World(tickets, grade="")
    [said] = world.asks(wish("raise_grade", grade=""))
    assert (said.key, world.ticket.grade) == ("ticket.noted", "")


def test_a_wish_about_an_unknown_ticket_is_refused_alone(world):
    stray, good = wish("raise_grade", number="DS20250610-999999", cause="stray"), wish("raise_grade")
    assert [each.key for each in world.asks(stray, good)] == ["ticket.graded"]
    assert stray.refused is not None
    assert "999999" in stray.refused.message
