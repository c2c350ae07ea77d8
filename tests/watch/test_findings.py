"""What watchers find, and the turns of patrols, backups and maintenance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.contracts.deskstream.v1 import watch_pb2
from services.kernel.errors import Missing, Refused
from services.watch import forms
from services.watch.commands import Person
from tests.watch.world import DAY, HOUR, LEADER, MINUTE, NOON, OUTSIDER, PROFILE, SUPERVISOR, WATCHER, finding

MORNING = datetime(2026, 11, 18, 0, 30, tzinfo=UTC)
"""08:30 in Shanghai: the patrol opens."""
INSPECTIONS = f"inspection/{PROFILE}/"


def turns(world, schedule="morning_patrol"):
    """Those that have opened, newest first; behind them one is laid out that is to come."""
    found = [entry for entry in world.entries.listed(INSPECTIONS, 200) if entry.about.schedule == schedule]
    assert found[0].about.opens_at > world.clock.now()
    return found[1:]


def test_an_abnormal_finding_opens_three_tasks_and_is_told_to_the_shift_leader(world):
    """H4: impact check, notice, statistics."""
    entry = world.desk.log_finding(WATCHER, PROFILE, finding(), "1")
    assert [task.key for task in entry.about.tasks] == ["impact_check", "notice", "statistics"]
    assert world.said == ["watch.finding"]
    told = watch_pb2.WatchEvent.FromString(entry.words[0].body)
    assert list(told.roles) == ["shift_leader"]
    assert "调度系统" in told.title_zh


def test_a_normal_finding_is_written_down_and_disturbs_nobody(world):
    """H4"""
    entry = world.desk.log_finding(WATCHER, PROFILE, finding(False), "1")
    assert (entry.about.tasks, world.said) == ((), [])
    assert [each.id for each in world.desk.listed("finding", PROFILE, 9, "")] == [entry.id]


def test_a_finding_is_open_until_its_last_task_is_done_by_a_named_person(world):
    """H4"""
    entry = world.desk.log_finding(WATCHER, PROFILE, finding(), "1")
    world.desk.set_task(LEADER, entry.id, "impact_check", "taken", "")
    for key in ("impact_check", "notice", "statistics"):
        assert world.desk.listed("finding", PROFILE, 9, "", open_only=True)
        world.desk.set_task(WATCHER, entry.id, key, "done", "已核实")
    assert not world.desk.listed("finding", PROFILE, 9, "", open_only=True)
    done = world.entries.load([entry.id])[entry.id].about.tasks
    assert [task.owner for task in done] == ["wei.dong", "lu.xia", "lu.xia"]
    with pytest.raises(Refused, match="done already"):
        world.desk.set_task(LEADER, entry.id, "notice", "taken", "")


def test_a_finding_logged_twice_with_one_key_is_one(world):
    """H4"""
    world.desk.log_finding(WATCHER, PROFILE, finding(), "same")
    world.desk.log_finding(WATCHER, PROFILE, finding(), "same")
    assert world.said == ["watch.finding"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (replace(finding(), source="rumour"), "source"),
        (replace(finding(), what=" "), "what"),
        (replace(finding(), what="x" * 1001), "what"),
        (finding(at=NOON + MINUTE), "found_at"),
    ],
)
def test_a_finding_that_says_nothing_is_refused_naming_the_field(world, given, field):
    """H4"""
    with pytest.raises(Refused) as refused:
        world.desk.log_finding(WATCHER, PROFILE, given, "1")
    assert refused.value.field == field


def test_who_does_not_watch_logs_nothing(world):
    """H4"""
    with pytest.raises(Refused) as refused:
        world.desk.log_finding(OUTSIDER, PROFILE, finding(), "1")
    assert refused.value.code == "forbidden"


def test_a_patrol_recorded_in_time_is_done_and_is_missed_by_nobody(world):
    """H5: by one of the named persons."""
    world.clock.at = MORNING
    world.turn()
    [turn] = turns(world)
    entry = world.desk.record(WATCHER, PROFILE, "morning_patrol", "", False, "")
    assert (entry.id, entry.about.state, entry.about.by.id) == (turn.id, "done", "lu.xia")
    assert "watch.missed" not in world.turn(2 * HOUR)


def test_a_missed_patrol_is_said_once_however_many_replicas_look(world):
    """H5: and told to whoever the schedule names."""
    world.clock.at = MORNING
    world.turn()
    other = world.replica()
    other.step()
    world.clock.at += 90 * MINUTE
    said = [*world.turning.step(), *other.step(), *world.turning.step()]
    assert [one.key for one in said] == ["watch.missed"]
    [told] = [one.body for one in said]
    assert isinstance(told, watch_pb2.WatchEvent)
    assert list(told.roles) == ["shift_leader", "desk_manager"]
    assert told.inspection.schedule == "morning_patrol"


def test_a_missed_backup_entry_is_missed_too_and_may_be_recorded_late(world):
    """H5: by those it is told to as well; late stays late."""
    world.clock.at = MORNING
    world.turn()
    world.clock.at = MORNING + DAY
    keys = world.turn()
    assert keys.count("watch.missed") >= 2
    [backup] = turns(world, "incremental_backup")
    assert backup.about.state == "missed"
    entry = world.desk.record(LEADER, PROFILE, "incremental_backup", backup.id, False, "")
    assert entry.about.state == "late"
    assert world.said[-1] == "watch.recorded_late"
    with pytest.raises(Refused, match="recorded already"):
        world.desk.record(LEADER, PROFILE, "incremental_backup", backup.id, False, "")


def test_turns_that_opened_while_nobody_looked_are_missed_all_the_same(world):
    """H5: a worker that was away for three days leaves no day out."""
    world.clock.at = MORNING
    world.turn()
    world.clock.at = MORNING + 3 * DAY + 2 * HOUR
    world.turning = world.replica()
    world.turn()
    assert [each.about.state for each in turns(world)] == ["missed"] * 4
    assert [f"{each.about.opens_at:%d}" for each in turns(world)] == ["21", "20", "19", "18"]


def test_what_is_recorded_without_naming_a_turn_is_today_s_and_not_one_that_was_missed(world):
    """H5"""
    world.clock.at = MORNING
    world.turn()
    world.turn(DAY)
    assert world.desk.record(WATCHER, PROFILE, "morning_patrol", "", False, "").id.endswith("2026-11-19")
    assert [each.about.state for each in turns(world)] == ["done", "missed"]


def test_weekly_and_monthly_turns_fall_on_their_days(world):
    """H5, H11, R10: full backup on Sunday, maintenance on the 15th, by named persons."""
    world.clock.at = datetime(2026, 11, 1, tzinfo=UTC)
    world.turn()
    world.turn(timedelta(days=45))
    # 01:00 in Shanghai is the evening before in UTC; the one of 1 November was open when the watch began.
    sundays = [f"{each.about.opens_at + 8 * HOUR:%m-%d %a}" for each in reversed(turns(world, "full_backup"))]
    assert sundays == ["11-01 Sun", "11-08 Sun", "11-15 Sun", "11-22 Sun", "11-29 Sun", "12-06 Sun", "12-13 Sun"]
    monthly = list(reversed(turns(world, "system_maintenance")))
    assert [f"{each.about.opens_at + 8 * HOUR:%m-%d %H:%M}" for each in monthly] == ["11-15 20:00", "12-15 20:00"]
    assert monthly[0].about.persons == ("xu.ling", "ma.jun")


def test_who_is_not_named_records_nothing_and_what_is_not_open_cannot_be_recorded(world):
    """H5, H11"""
    world.clock.at = MORNING
    with pytest.raises(Missing, match="morning_patrol"):
        world.desk.record(WATCHER, PROFILE, "morning_patrol", "", False, "")
    world.turn()
    with pytest.raises(Refused, match="opens at 2026-11-18 14:00 UTC"):
        world.desk.record(LEADER, PROFILE, "incremental_backup", "", False, "")
    with pytest.raises(Refused) as refused:
        world.desk.record(Person("li.wei", frozenset({"specialist"})), PROFILE, "morning_patrol", "", False, "")
    assert refused.value.code == "forbidden"
    with pytest.raises(Refused) as abnormal:
        world.desk.record(WATCHER, PROFILE, "morning_patrol", "", True, "")
    assert abnormal.value.field == "note"


def test_the_log_is_exported_with_local_times_and_runs_no_formula(world):
    """H5, H11: CSV in both languages."""
    world.clock.at = MORNING
    world.turn()
    world.desk.record(WATCHER, PROFILE, "morning_patrol", "", True, "=1+1")
    [entry] = turns(world)
    zone = world.rules.zone(PROFILE)
    [row] = forms.log_rows([entry], zone, "en")
    assert row[:6] == [
        *("itss_desk/morning_patrol/2026-11-18", "patrol", "Patrol of machine room and applications"),
        *("2026-11-18 08:30:00", "2026-11-18 10:00:00", "done"),
    ]
    assert b",'=1+1" in forms.rows_csv([row])
    assert len(forms.log_head("inspection", "en")) == len(forms.log_head("inspection", "zh-CN")) == len(row)
    kept = world.desk.log_finding(SUPERVISOR, PROFILE, finding(at=MORNING), "1")
    [line] = forms.log_rows([kept], zone, "zh-CN")
    assert len(forms.log_head("finding", "en")) == len(forms.log_head("finding", "zh-CN")) == len(line)
