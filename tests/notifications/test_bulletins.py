"""A bulletin on its way: up to the leaders, down to those concerned, to each of them once (H6, H14, O6)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from services.contracts.deskstream.v1 import common_pb2
from services.notifications.model import Delivery
from tests.dispatch.linked import Between
from tests.dispatch.world import KeptTickets, heard, request
from tests.notifications.world import FakeDeliveries, notices

ABOVE, ONE, TWO, THREE = (f"DS20250610-{n:06d}" for n in range(1, 5))
TEXT = "ERP 暂停服务，正在切换备机。"


def opened(desk: Between, number: str, who: str, **said: Any) -> None:
    """A request of somebody; "" is somebody nobody knows."""
    received = request(number, **said)
    email = f"{who or 'somebody'}@corp.example"
    received.draft.requester.CopyFrom(common_pb2.Requester(id=who, name=who, email=email))
    desk._say(desk.stream.requests([heard(received, "request.received.web", f"cause-{number}")], desk.now))


class Affair:
    """An emergency with the tickets of three people who are affected; two of them are the same person's."""

    def __init__(self, grade: str = "P1") -> None:
        self.desk = Between(KeptTickets())
        opened(self.desk, ABOVE, "c.han.rui", type="emergency", grade=grade, channel=common_pb2.CHANNEL_MONITORING)
        opened(self.desk, ONE, "c.he.jie")
        opened(self.desk, TWO, "c.he.jie")
        opened(self.desk, THREE, "c.guo.ping")
        for number in (ONE, TWO, THREE):
            self.desk.does("li.wei", number, "link", ABOVE, kind="parent")
        self.desk.settle()
        self.kept = FakeDeliveries()
        self.notices = notices(self.kept)
        self.before = len(self.desk.said)

    def bulletin(self, chance: random.Random | None = None, **said: str) -> None:
        values = {"situation": "going_on", "text": TEXT} | said
        self.desk.does("wei.dong", ABOVE, "add_record", "situation_bulletin", **values)
        self.desk.settle(chance)

    def told(self, chance: random.Random | None = None) -> Sequence[Delivery]:
        """What people get of everything said since; by chance in any order and twice."""
        messages = [each.as_heard() for each in self.desk.said[self.before :]]
        if chance is not None:
            messages += messages
            chance.shuffle(messages)
        for each in messages:
            self.notices.hear([each], self.desk.now)
        return list(self.kept.kept.values())


def people(deliveries: Sequence[Delivery]) -> Counter[str]:
    return Counter(each.recipient for each in deliveries if "bulletin" in each.template)


def leaders(affair: Affair, at: datetime) -> set[str]:
    """By the list of the severity: those on duty, where nobody is, all who hold the role."""
    book = affair.desk.stream._desks.get("itss_desk")
    facet = book.profile.emergency
    assert facet is not None
    found: set[str] = set()
    for role in facet.leaders_of(affair.desk[ABOVE].grade):
        present = book.roster.on_duty(at, role=role) or tuple(p for p in book.people.values() if role in p.roles)
        found |= {person.id for person in present}
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_bulletin_reaches_leaders_units_and_the_requesters_of_children_once_each(seed):
    """H14, O6: whoever has two tickets below it hears once, in any order and heard twice."""
    affair, chance = Affair(), random.Random(seed)
    before = affair.desk[ONE].version
    affair.bulletin(chance, units="昆明分公司、大理分公司")
    assert affair.desk[ONE].version == before + 1
    told = people(affair.told(chance))
    up = leaders(affair, affair.desk.now)
    assert {"zhao.gang", "chen.jing"} <= up
    down = {"c.han.rui", "c.he.jie", "c.guo.ping", "c.luo.na", "c.tang.yue"}
    assert set(told) == up | down | {"zhang.qiang"}
    assert set(told.values()) == {1}


def test_a_bulletin_says_its_words_and_each_next_one_is_told_anew():
    """H14: send time and recipient stand in the log of deliveries."""
    affair = Affair()
    affair.bulletin()
    affair.bulletin(text="已恢复，请重新登录。", situation="stable")
    mine = sorted(
        (each for each in affair.told() if each.recipient == "c.guo.ping" and each.template == "bulletin"),
        key=lambda each: TEXT not in each.text,
    )
    assert [TEXT in each.text for each in mine] == [True, False]
    assert "已恢复，请重新登录。" in mine[1].text
    assert all(each.created_at and each.number == THREE for each in mine)
    assert affair.desk[THREE].version == affair.desk.tickets.load([THREE])[THREE].latest.version


def test_the_child_keeps_the_bulletin_in_its_history_and_goes_its_own_way():
    """H14"""
    affair = Affair()
    before = affair.desk[ONE]
    affair.bulletin()
    last = affair.desk.tickets.load([ONE])[ONE].entries[-1].event()
    assert (last.event, last.action, last.reason) == ("noted", "bulletin_told", TEXT)
    assert {change.field: change.new for change in last.changes}["bulletin"].startswith(ABOVE)
    assert affair.desk[ONE].state == before.state


def test_a_child_that_has_ended_hears_nothing():
    affair = Affair()
    affair.desk.does("li.wei", ONE, "withdraw", reason="重复")
    affair.desk.does("li.wei", TWO, "withdraw", reason="重复")
    affair.desk.settle()
    affair.before = len(affair.desk.said)
    affair.bulletin()
    assert "c.he.jie" not in people(affair.told())


def test_leaders_of_the_severity_hear_of_the_emergency_and_of_what_was_found():
    """H1, H6: the project manager at once, the quality department only of the worst."""
    worst, lesser = Affair("P1"), Affair("P3")
    for affair in (worst, lesser):
        affair.before = 0
        values = {"root_cause": "磁盘阵列故障", "remedy": "更换", "temporary_measure": "切换备机"}
        affair.desk.does("zhang.qiang", ABOVE, "add_record", "findings", **values)
    found = {each.recipient for each in worst.told() if each.template == "emergency"}
    assert {"zhang.qiang", "zheng.yan", "zhao.gang"} <= found
    findings = {each.recipient: each.text for each in worst.told() if each.template == "findings"}
    assert "磁盘阵列故障" in findings["zhao.gang"]
    assert "切换备机" in findings["zhao.gang"]
    assert "c.han.rui" not in findings
    assert "zheng.yan" not in {each.recipient for each in lesser.told() if each.template in ("emergency", "findings")}
    assert "zhang.qiang" in {each.recipient for each in lesser.told() if each.template == "emergency"}


def test_two_requesters_nobody_knows_are_two_people():
    """H14: without an id there is nothing to tell them apart by but their tickets."""
    affair = Affair()
    for number in ("DS20250610-000005", "DS20250610-000006"):
        opened(affair.desk, number, "")
        affair.desk.does("li.wei", number, "link", ABOVE, kind="parent")
    affair.desk.settle()
    affair.before = len(affair.desk.said)
    affair.bulletin()
    assert people(affair.told())["requester"] == 2
