"""A ticket between dispatch, sla and notifications: what a step asks is done, what is major reaches somebody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.dispatch.asked import Asked
from services.dispatch.commands import Call, Commands
from services.dispatch.handlers import Desks, Stream
from services.dispatch.model import Caller, Command
from services.dispatch.policy import Desk
from services.notifications.compose import desks_of, keys_of
from services.notifications.handlers import Notices
from services.profile.load import load_all
from services.runtime.message import Heard
from services.sla.handlers import fire, hear
from services.sla.hearing import hear_all
from services.sla.model import Status
from services.sla.rulebook import Rulebook
from services.sla.stream import say_all
from tests.dispatch.world import MORNING, KeptTickets, received
from tests.notifications.world import FakeDeliveries
from tests.profile.folders import NAMES, copied
from tests.sla.world import Shelf

NUMBER = "DS20250610-000001"
GRADES = {"itss_desk": "P2", "generic_desk": "urgent", "it_callcentre_levels": "II"}
TYPES = {"itss_desk": "incident", "generic_desk": "fault", "it_callcentre_levels": "fault"}


class House:
    """Dispatch, sla and notifications of one desk on one stream; time passes when the test says so."""

    def __init__(self, folder: Path, profile: str) -> None:
        loaded = load_all(folder, profile, profile)
        only = loaded.default
        desks = Desks({profile: Desk(only.profile, only.version, only.roster)}, profile)
        self.now = MORNING
        self.said: list[Any] = []
        self.clocks, self.tickets, self.deliveries = Shelf(), KeptTickets(), FakeDeliveries()
        self._book = Rulebook(loaded)
        self._stream, self._asked = Stream(desks, self.tickets), Asked(desks, self.tickets)
        self._notices = Notices(self.deliveries, desks_of(loaded, lambda task: task), keys_of(loaded))
        self._commands = Commands(desks, self.tickets, lambda said: self.says(said))
        self.says(self._stream.requests([self._request(profile)], self.now))

    def _request(self, profile: str) -> Heard:
        project = {"project": "erp"} if profile == "itss_desk" else {"project": ""}
        return received(NUMBER, profile=profile, type=TYPES[profile], grade=GRADES[profile], **project)

    def says(self, told: Iterable[Any]) -> None:
        """Every message reaches everybody, twice."""
        for said in told:
            self.said.append(said)
            for _ in range(2):
                message = Heard(said.id, said.key, said.body.SerializeToString(), subject=NUMBER)
                self._notices.hear([message], self.now)
                if said.key.startswith("ticket."):
                    news, causes = hear_all([message], self._book)
                    fresh = hear(self.clocks, self._book, news, self.now)
                    self.says(self._new(say_all(fresh, self._book, causes)))
                elif said.key == "sla.asked":
                    self.says(self._new(self._asked.hear([message], self.now)))

    def _new(self, told: Iterable[Any]) -> list[Any]:
        """What is said again has the ids it had; saying it to everybody again would never end."""
        known = {each.id for each in self.said}
        return [each for each in told if each.id not in known]

    def until(self, moment: datetime) -> None:
        """The timers fire one after the other."""
        while (due := self.clocks.kept[NUMBER].next_due) is not None and due <= moment:
            self.now = max(due, self.now)
            self.says(say_all(fire(self.clocks, self._book, [NUMBER], self.now, f"timer/{self.now}"), self._book))
        self.now = moment

    def does(self, person: str, role: str, action: str, **values: str) -> None:
        reason = values.pop("reason", "")
        call = Call(Caller(person, frozenset({role})), self.now, f"{person}/{action}/{self.now}")
        self._commands.act(NUMBER, Command(action, reason, "", values), call)

    @property
    def ticket(self) -> Any:
        return self.tickets.load([NUMBER])[NUMBER].latest

    def keys(self, start: str) -> list[str]:
        return [each.key for each in self.said if each.key.startswith(start)]


@pytest.fixture
def house(tmp_path) -> House:
    """The shipped desk, whose resolve clock raises the grade at half its limit and reassigns after the breach."""
    folder = copied(tmp_path)
    file = folder / "sla.yaml"
    text = file.read_text(encoding="utf-8")
    old = "      limit: {P1: 8h, P2: 24h, P3: 72h}\n"
    assert old in text
    steps = (
        '      steps: [{at: "50%", do: {raise_grade: true}},'
        ' {at: "+1h", do: {reassign_role: supervisor, notify: [desk_manager]}}]\n'
    )
    limits = "      limit: {P1: 3h, P2: 4h, P3: 72h}\n"
    file.write_text(text.replace(old, limits + steps), encoding="utf-8")
    return House(tmp_path, "itss_desk")


def test_a_step_raises_the_grade_and_the_clock_runs_on_from_its_start_under_the_new_limit(house):
    """D13, D17: after half of four hours P2 becomes P1, which has three from the start."""
    house.until(MORNING + timedelta(hours=1, minutes=59))
    assert house.ticket.grade == "P2"
    house.until(MORNING + timedelta(hours=2))
    assert house.ticket.grade == "P1"
    clocks = {each.grade: each for each in house.clocks.kept[NUMBER].clocks if each.name == "resolve"}
    assert clocks["P2"].note == "superseded"
    assert (clocks["P1"].status, clocks["P1"].due_at) == (Status.RUNNING, MORNING + timedelta(hours=3))
    house.until(MORNING + timedelta(hours=3))
    # In the highest grade nothing is left to raise: the step of the new clock fell before it was there.
    assert house.keys("ticket.graded") == ["ticket.graded"]


def test_an_hour_after_the_breach_somebody_else_has_the_ticket_and_everybody_concerned_knows(house):
    """D13, O5."""
    house.until(MORNING + timedelta(hours=4))
    assert house.ticket.assignee == "chen.jing"
    assert house.keys("ticket.reassigned") == ["ticket.reassigned"]
    told = {(each.event, each.recipient) for each in house.deliveries.kept.values()}
    assert ("ticket.reassigned", "chen.jing") in told
    assert ("sla.passed", "sun.ning") in told
    ids = [each.id for each in house.said]
    assert len(set(ids)) == len(ids)


def test_what_is_solved_in_time_is_neither_raised_nor_reassigned(house):
    house.does("li.wei", "specialist", "withdraw", reason="solved by itself")
    house.until(MORNING + timedelta(days=3))
    assert house.keys("sla.asked") == []


@pytest.mark.parametrize("profile", NAMES)
def test_marking_a_ticket_major_reaches_who_is_in_charge_at_once_and_again_until_acknowledged(tmp_path, profile):
    """D15, O5: in each shipped desk within one minute, from nothing but its data."""
    copied(tmp_path, profile)
    house = House(tmp_path, profile)
    house.now = MORNING + timedelta(minutes=3)
    house.does("li.wei", "specialist", "update", major="true")
    alarm = next(each for each in house.clocks.kept[NUMBER].escalations if each.alarm)
    assert (alarm.clock, alarm.raised_at) == ("major", house.now)
    first = [each for each in house.deliveries.kept.values() if each.template == "alarm"]
    assert first
    assert {each.created_at for each in first} == {house.now}
    house.until(house.now + timedelta(minutes=5))
    assert len([each for each in house.deliveries.kept.values() if each.event == "escalation.repeated"]) > 0
    house.until(house.now + timedelta(minutes=5))
    assert "escalation.climbed" in house.keys("escalation.")


def test_a_difficult_problem_counts_as_a_major_one_where_the_rule_book_says_so(tmp_path):
    """D15: 重大、疑难问题及时汇报 (003-01)."""
    copied(tmp_path, "it_callcentre_levels")
    house = House(tmp_path, "it_callcentre_levels")
    house.does("li.wei", "specialist", "update", difficult="true")
    assert [each.clock for each in house.clocks.kept[NUMBER].escalations if each.alarm] == ["major"]
