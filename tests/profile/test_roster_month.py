"""A month of shifts from the patterns of a profile, and what stands against one (M2, M3, M4, M19, M23)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.load import LoadedProfile, load, restore
from services.profile.schema import Profile
from services.profile.shifts import Work, judge, make_month
from tests.profile.folders import POLICY

ITSS = load(POLICY / "itss_desk")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def changed(**roster: Any) -> Profile:
    facets = json.loads(json.dumps(ITSS.facets, default=str))
    facets["roster"] = {**facets["roster"], **roster}
    loaded: LoadedProfile = restore(facets)
    return loaded.profile


def wall(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, SHANGHAI):%m-%d %H:%M}"


def of(work: tuple[Work, ...], person: str) -> list[Work]:
    return [each for each in work if each.person == person]


def test_four_teams_on_two_shifts_cover_every_hour_of_every_month() -> None:
    """M2: four teams on a two-shift rotation all year (四班二运转)."""
    for month in range(1, 13):
        work = make_month(ITSS.profile, 2025, month)
        assert judge(ITSS.profile, 2025, month, work).faults == ()
    mine = of(make_month(ITSS.profile, 2025, 1), "wei.dong")[:4]
    assert [(each.day.day, each.shift) for each in mine] == [(1, "day"), (2, "night"), (5, "day"), (6, "night")]
    assert [wall(mine[1].start), wall(mine[1].end)] == ["01-02 20:00", "01-03 08:00"]


def test_office_hours_follow_summer_and_winter() -> None:
    """M2: 5x8 with summer and winter hours (冬夏令时)."""
    winter, summer = (of(make_month(ITSS.profile, 2025, month), "li.wei")[0] for month in (3, 6))
    assert [wall(winter.start), wall(winter.end)] == ["03-03 08:00", "03-03 18:00"]
    assert [wall(summer.start), wall(summer.end)] == ["06-03 08:00", "06-03 17:30"]


def test_holidays_are_free_and_make_up_days_are_worked() -> None:
    """M23: National Day week of 2025 is free, Saturday the 11th makes up for it."""
    days = {each.day.day for each in of(make_month(ITSS.profile, 2025, 10), "li.wei")}
    assert not days & set(range(1, 9))
    assert 11 in days
    assert 12 not in days


def test_a_heating_season_is_worked_round_the_clock_in_one_shift_and_only_then() -> None:
    """M2: 24-hour rotation in the heating season (供暖季)."""
    profile = changed(
        shifts=[{"key": "whole", "label": {"zh": "全天", "en": "Whole day"}, "spans": ["08:00-08:00"]}],
        patterns=[
            {
                "key": "heating",
                "label": {"zh": "供暖", "en": "Heating"},
                "kind": "rotation",
                "anchor": "2025-11-15",
                "cycle": ["whole", "rest", "rest"],
                "groups": ["a", "b", "c"],
                "season_first": "11-15",
                "season_last": "03-15",
                "staffed": "always",
                "members": [
                    {"person": person, "group": group}
                    for person, group in (("li.wei", "a"), ("zhou.min", "b"), ("wu.hao", "c"))
                ],
            }
        ],
    )
    november = make_month(profile, 2025, 11)
    assert [each.day.day for each in november] == list(range(15, 31))
    assert [each.person for each in november[:4]] == ["li.wei", "zhou.min", "wu.hao", "li.wei"]
    assert len(make_month(profile, 2025, 12)) == 31
    assert make_month(profile, 2025, 6) == ()
    assert judge(profile, 2025, 12, make_month(profile, 2025, 12)).faults == ()


def test_a_split_day_is_one_shift_of_two_spans() -> None:
    """M2: split day (两头班)."""
    split = {"key": "office", "label": {"zh": "两头班", "en": "Split"}, "spans": ["06:00-10:00", "16:00-20:00"]}
    shifts = [split, *json.loads(json.dumps(ITSS.facets["roster"]["shifts"]))[1:]]
    first = of(make_month(changed(shifts=shifts), 2025, 3), "li.wei")[0]
    assert [(wall(start), wall(end)) for start, end in first.spans] == [
        ("03-01 06:00", "03-01 10:00"),
        ("03-01 16:00", "03-01 20:00"),
    ]


@pytest.mark.parametrize("post", ["info", "communication", "leader"])
def test_a_monitoring_shift_without_one_of_its_watchers_is_faulty(post: str) -> None:
    """M3: one information and one communication watcher under a shift leader (信息、通信值班员各1名)."""
    work = make_month(ITSS.profile, 2025, 3)
    gone = next(each for each in work if each.post == post and each.pattern == "monitoring")
    faults = judge(ITSS.profile, 2025, 3, [each for each in work if each is not gone]).faults
    assert len(faults) == 1
    assert f"0 of 1 {post}" in faults[0]
    assert str(gone.day) in faults[0]


def test_a_shift_nobody_works_is_an_empty_hour() -> None:
    """M2."""
    work = [each for each in make_month(ITSS.profile, 2025, 3) if (each.day.day, each.shift) != (9, "night")]
    faults = judge(ITSS.profile, 2025, 3, work).faults
    assert any("03-09 20:00 to 03-10 08:00" in fault for fault in faults)


def test_the_unqualified_are_not_rostered() -> None:
    """M19: examination, manager's confirmation and filing, all three (考核, 确认, 备案)."""
    people = [{"person": "li.wei", "exam": "2024-12-10", "confirmed_by": "sun.ning"}]
    rules = {"required": ["exam", "manager_confirm", "filed"], "people": people}
    profile = changed(qualification=rules)
    faults = judge(profile, 2025, 3, of(make_month(profile, 2025, 3), "li.wei")).faults
    told = next(fault for fault in faults if "li.wei may not" in fault)
    assert "filing" in told
    assert "examination" not in told
    late = {**rules, "people": [{**people[0], "filed": "2025-03-02"}]}
    profile = changed(qualification=late)
    assert any("li.wei may not" in fault for fault in judge(profile, 2025, 3, make_month(profile, 2025, 3)).faults)


def test_two_shifts_at_once_are_a_fault() -> None:
    work = make_month(ITSS.profile, 2025, 3)
    double = replace(next(each for each in work if each.shift == "night"), person="li.wei")
    double = replace(double, spans=(next(each for each in work if each.person == "li.wei").spans[0],))
    assert any("two shifts at once" in fault for fault in judge(ITSS.profile, 2025, 3, [*work, double]).faults)


def test_a_service_under_a_week_is_warned_of() -> None:
    """M4: 连续服务周期不少于一周."""
    work = [
        each
        for each in make_month(ITSS.profile, 2025, 3)
        if each.person != "li.wei" or date(2025, 3, 12) <= each.day <= date(2025, 3, 14)
    ]
    verdict = judge(ITSS.profile, 2025, 3, work)
    assert verdict.faults == ()
    assert len(verdict.warnings) == 1
    assert "li.wei serves from 2025-03-12 to 2025-03-14" in verdict.warnings[0]


@given(st.integers(2023, 2026), st.integers(1, 12), st.integers(1, 30))
def test_a_rotation_never_lets_anybody_work_without_a_rest(year: int, month: int, shift: int) -> None:
    work = make_month(ITSS.profile, year, month)
    mine = sorted(of(work, "lu.xia"), key=lambda each: each.start)
    assert all(after.start - before.end >= 24 * 3600 - 1 for before, after in pairwise(mine))
