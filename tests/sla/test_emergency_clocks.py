"""The limits of the shipped desks' emergencies: from the events that dispatch says to clocks (D5, D6, D19, H1, H7)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.dispatch.entries import entries_of
from services.profile.load import load_all
from services.runtime.identity import Principal
from services.runtime.message import Heard
from services.sla.acts.commitments import Desk
from services.sla.handlers import fire, hear
from services.sla.hearing import hear_all
from services.sla.model import Clock, Status, Timeline
from services.sla.rulebook import Rulebook
from tests.dispatch.test_emergency import BULLETIN, FINDINGS, LEVELS, REPORT, SUMMARY, emergency, stable
from tests.dispatch.world import MORNING, POLICY
from tests.dispatch.world import Tale as Told
from tests.sla.world import Shelf

H = timedelta(hours=1)
M = timedelta(minutes=1)


class Watch:
    """What sla makes of the events of one ticket."""

    def __init__(self, tale: Told) -> None:
        self.tale, self.store = tale, Shelf()
        self.book = Rulebook(load_all(POLICY, tale.desk.name))
        self.number = tale.ticket.number
        self.tick = 0

    def hears(self) -> Watch:
        """Everything so far, once more where it was heard before."""
        entries, _ = entries_of(self.tale.events, "cause", "")
        heard = [Heard(id=entry.id, key=entry.key, body=entry.body) for entry in entries]
        news, _ = hear_all(heard, self.book)
        hear(self.store, self.book, news, self.tale.now)
        return self

    def at(self, now: datetime) -> Watch:
        """Time comes to be now."""
        self.tick += 1
        fire(self.store, self.book, [self.number], now, f"timer/{self.tick}")
        return self

    @property
    def timeline(self) -> Timeline:
        return self.store.read([self.number])[self.number]

    def clocks(self, name: str) -> list[Clock]:
        return sorted((each for each in self.timeline.clocks if each.name == name), key=lambda each: each.started_at)

    def last(self, name: str) -> Clock:
        return self.clocks(name)[-1]

    def said(self, kind: str) -> list[str]:
        return [each.clock for each in self.timeline.effects if each.kind == kind]


def test_an_emergency_is_reported_in_time_because_nobody_has_to_look_first():
    """H1"""
    watch = Watch(emergency()).hears()
    assert watch.last("report_to_manager").status is Status.MET
    assert watch.said("raised") == ["emergency"], "the alarm is on the project manager"


def test_the_alarm_climbs_until_the_manager_takes_the_emergency_up():
    """H1, D15"""
    watch = Watch(emergency()).hears().at(MORNING + 10 * M)
    assert watch.said("climbed") == ["emergency"]
    assert [each.role for each in watch.timeline.escalations] == ["operations_manager"]
    watch.tale.now = MORNING + 12 * M
    watch.tale.does("zhang.qiang", "coordinate", grade="P1", steps="切换")
    watch.hears().at(MORNING + 40 * M)
    assert watch.said("climbed") == ["emergency"]
    assert [bool(each.ended) for each in watch.timeline.escalations if each.alarm] == [True]


def test_each_bulletin_begins_the_time_to_the_next_and_a_late_one_is_a_breach():
    """H14: every hour at the highest grade."""
    tale = emergency(grade="P1")
    watch = Watch(tale).hears()
    assert watch.last("bulletin").due_at == MORNING + H
    tale.now = MORNING + 40 * M
    tale.does("zhang.qiang", "add_record", target="situation_bulletin", **BULLETIN)
    watch.hears()
    assert watch.last("bulletin").due_at == tale.now + H
    watch.at(MORNING + 90 * M)
    assert "bulletin" not in watch.said("breached")
    watch.at(tale.now + 61 * M)
    assert watch.said("breached").count("bulletin") == 1


def test_the_summary_and_the_report_are_owed_from_the_moment_it_is_stable():
    """H7, D6"""
    watch = Watch(stable()).hears()
    stable_at = watch.tale.now
    assert watch.last("summary").due_at == stable_at + 72 * H
    assert watch.last("report").due_at == stable_at + 24 * H
    assert watch.last("bulletin").status is Status.MET, "nobody waits for news of what is over"
    watch.tale.does("zhang.qiang", "summarise", **SUMMARY)
    watch.hears()
    assert watch.last("summary").status is Status.MET
    watch.tale.does("zhang.qiang", "relapse", reason="又停机")
    watch.hears()
    assert watch.last("report").stopped_at is not None, "of what is not stable no report is owed"


@pytest.mark.parametrize(("minutes", "owed"), [(11 * 60 + 59, False), (12 * 60 + 1, True)])
def test_level_i_unresolved_at_twelve_hours_owes_an_emergency_plan_by_sixteen(minutes, owed):
    """D5"""
    tale = emergency(LEVELS, grade="I", project="")
    watch = Watch(tale).hears()
    tale.does("i.gu.feng", "coordinate", steps="切换")
    tale.does("i.gu.feng", "handle", target="i.kang.da")
    tale.now = MORNING + minutes * M - M
    watch.hears().at(tale.now)
    tale.does("i.kang.da", "stabilise", solution="已切换", steps="切换", remaining="无") if not owed else None
    watch.hears().at(MORNING + 12 * H + 2 * M)
    found = watch.clocks("emergency_plan")
    assert bool(found) == owed
    if owed:
        assert found[0].due_at == MORNING + 16 * H
        tale.now = MORNING + 15 * H
        tale.does("i.kang.da", "submit_emergency_plan", plan="启用备用机房")
        assert watch.hears().last("emergency_plan").status is Status.MET


def test_the_report_of_an_emergency_is_due_a_day_after_it_was_resolved():
    """D6: the clock stops on the problem report."""
    tale = emergency(LEVELS, grade="I", project="")
    tale.does("i.gu.feng", "coordinate", steps="切换")
    tale.does("i.gu.feng", "handle", target="i.kang.da")
    tale.does("i.kang.da", "stabilise", solution="已切换", steps="切换", remaining="无")
    watch = Watch(tale).hears()
    assert watch.last("report").due_at == tale.now + 24 * H
    tale.does("i.kang.da", "add_record", target="findings", **FINDINGS)
    assert watch.hears().last("report").status is Status.RUNNING
    tale.does("i.kang.da", "submit_report", **REPORT)
    assert watch.hears().last("report").status is Status.MET


def test_a_ticket_whose_requester_hears_nothing_for_hours_is_silent_and_a_word_begins_the_time_anew():
    """D19: eight hours of the desk for P2."""
    tale = Told(grade="P2")
    watch = Watch(tale).hears()
    first = watch.last("progress").due_at
    tale.now = MORNING + H
    tale.does("li.wei", "note", reason="内部备注")
    assert watch.hears().last("progress").due_at == first, "a note inside tells the requester nothing"
    tale.does("li.wei", "add_record", target="contact", way="phone", summary="正在处理")
    assert watch.hears().last("progress").due_at > first
    watch.at(watch.last("progress").due_at + M)
    assert watch.last("progress").status is Status.BREACHED
    assert "progress" not in watch.said("raised"), "it is listed; nobody is called for it"


def test_a_measure_against_recurrence_is_promised_with_owner_and_date_and_breaks_when_late():
    """H17, H1: the record names the commitment that tracks it."""
    watch = Watch(stable()).hears()
    roles = {"huang.lei": frozenset({"engineer"}), "zhang.qiang": frozenset({"project_manager"})}
    promises = Desk(watch.store, watch.book, lambda profile, person: roles.get(person))
    manager = Principal("zhang.qiang", "张强", roles["zhang.qiang"], frozenset({"erp_ops"}), "")
    now = watch.tale.now
    made = promises.make(watch.number, "prevention", "增加热备盘", "30d", "huang.lei", manager, now).commitment
    assert (made.kind, made.owner, made.due_at) == ("prevention", "huang.lei", now + timedelta(days=30))
    values = {"measure": made.text, "owner": "黄磊", "until": made.due_at.isoformat(), "commitment": made.id}
    watch.tale.does("zhang.qiang", "add_record", target="prevention_measure", **values)
    watch.hears().at(made.due_at + M)
    [clock] = watch.clocks("commitment")
    assert (clock.subject, clock.status) == (made.id, Status.BREACHED)
