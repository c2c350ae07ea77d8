"""What of the desk's own state reaches whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.runtime.message import Heard, event_id
from services.watch.model import Entry, Finding, Inspection, Notice, Outage, Who
from services.watch.storage import as_said
from services.watch.wording import word_about
from tests.notifications.world import NOON, FakeDeliveries, notices

BY = Who("lu.xia", "specialist")
FINDING = Finding("monitoring", "调度系统", "磁盘使用率97%", True, NOON, BY, "shift_leader")
TURN = Inspection(
    "morning_patrol", "patrol", "机房巡检", "Patrol", NOON, NOON + timedelta(hours=1), ("lu.xia",), ("desk_manager",)
)
NOTICE = Notice("盘龙区", NOON, NOON + timedelta(hours=2), "计划停电", "Planned power cut", ("agents",), BY, NOON)


def said(about, key: str) -> Heard:
    entry = Entry("1", "itss_desk", about)
    return as_said(word_about(entry, key, BY, NOON, event_id)).as_heard()


def told(*events: Heard):
    kept = FakeDeliveries()
    notices(kept).hear(list(events), NOON)
    return list(kept.kept.values())


def test_an_abnormal_finding_reaches_the_shift_leader_on_duty_once():
    """H4: by every way the rule names; heard twice it is told once."""
    message = said(FINDING, "watch.finding")
    deliveries = told(message, message)
    assert deliveries
    assert {one.recipient for one in deliveries} <= {"wei.dong", "tian.hao", "jin.bo", "gu.feng"}
    assert len({(one.recipient, one.way) for one in deliveries}) == len(deliveries)
    assert "调度系统：磁盘使用率97%" in deliveries[0].subject


def test_a_missed_turn_reaches_whoever_its_schedule_names_with_the_responsible_persons():
    """H5, H11"""
    [one] = told(said(TURN, "watch.missed"))
    assert one.recipient == "sun.ning"
    assert "lu.xia" in one.text
    assert "2026-11-18 13:00" in one.text


@pytest.mark.parametrize(
    ("about", "key"),
    [
        (Outage("outage", "断电", NOON, BY), "watch.outage_started"),
        (Outage("recovering", "断电", NOON, BY, NOON, BY), "watch.outage_recovering"),
        (NOTICE, "watch.notice_published"),
    ],
)
def test_who_speaks_to_callers_hears_of_outages_and_notices(about, key):
    """H8, H12: the agents on duty."""
    assert {"li.wei", "zhou.min"} & {one.recipient for one in told(said(about, key))}
