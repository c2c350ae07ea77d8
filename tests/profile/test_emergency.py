"""The facet of emergencies: strategies, preventive entries, plans, who is told; and the faults it can have."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from services.profile.emergency import Emergency
from services.profile.load import check, load
from tests.profile.folders import POLICY, copied, spoil

DESKS = ("itss_desk", "it_callcentre_levels")


def facet(name: str) -> Emergency:
    found = load(POLICY / name).profile.emergency
    assert found is not None
    return found


@pytest.mark.parametrize("name", DESKS)
def test_each_of_the_four_situations_has_its_prevention_and_strategy_in_both_languages(name: str) -> None:
    """H2: 003-01 section 2.3."""
    found = facet(name)
    assert {each.key for each in found.situations} == {
        "hardware_damage",
        "operating_mistake",
        "lost_configuration",
        "data_loss",
    }
    for each in found.situations:
        assert all((each.prevention.zh, each.prevention.en, each.strategy.zh, each.strategy.en))


@pytest.mark.parametrize("name", DESKS)
def test_preventive_entries_are_found_by_type_and_by_words_chinese_included(name: str) -> None:
    """H3: application software cannot start or closes, operating system, browser of B/S systems, network or server."""
    found = facet(name)
    assert {each.type for each in found.prevention} == {"application", "operating_system", "browser", "network_server"}
    assert {each.key for each in found.prevention_about(kind="application")} == {
        "app_cannot_start",
        "app_abnormal_closing",
    }
    assert [each.key for each in found.prevention_about("无法启动")] == ["app_cannot_start"]
    assert [each.key for each in found.prevention_about("Browser update")] == ["page_broken"]
    assert [each.key for each in found.prevention_about("浏览器")] == ["page_broken"], "the name of the type counts"
    assert found.prevention_about("无法启动", "browser") == ()
    assert found.prevention_about() == found.prevention


@pytest.mark.parametrize("name", DESKS)
def test_each_plan_has_an_owner_a_version_and_a_review_day_and_is_listed_when_that_has_passed(name: str) -> None:
    """H15"""
    loaded = load(POLICY / name)
    found = facet(name)
    for plan in found.plans:
        assert loaded.lookups.person(plan.owner).name
        assert plan.version
        assert plan.document
    assert [plan.key for plan in found.overdue_plans(date(2026, 6, 30))] == []
    assert [plan.key for plan in found.overdue_plans(date(2026, 7, 1))] == ["network_outage"]
    assert [plan.key for plan in found.overdue_plans(date(2027, 4, 1))] == ["network_outage", "data_recovery"]


def test_the_worse_it_is_the_more_leaders_are_told() -> None:
    """H6"""
    found = facet("itss_desk")
    assert set(found.leaders_of("P3")) < set(found.leaders_of("P2")) < set(found.leaders_of("P1"))
    assert found.leaders_of("") == found.leaders_of("P3"), "nobody has graded it yet"
    levels = facet("it_callcentre_levels")
    assert set(levels.leaders_of("IV")) < set(levels.leaders_of("I"))


def test_units_are_named_as_people_write_them() -> None:
    """O6"""
    found = facet("itss_desk")
    assert found.contacts_of("昆明分公司、大理分公司，昆明分公司, 别处") == ("c.luo.na", "c.tang.yue")
    assert found.contacts_of("") == ()


@pytest.mark.parametrize("name", DESKS)
def test_the_limits_of_an_emergency_stand_in_the_profile(name: str) -> None:
    """H1, H7, H14, D6: reported at once, bulletins at intervals, a report and a summary after it is stable."""
    clocks = {each.name: each for each in load(POLICY / name).profile.sla.clocks}
    assert clocks["report_to_manager"].limit["default"].seconds == 300
    assert clocks["bulletin"].reset[0].record == ("situation_bulletin",)
    assert (clocks["summary"].start.milestone, clocks["summary"].stop.milestone) == ("stable", "summarised")
    assert clocks["report"].limit["default"].seconds == 24 * 3600
    assert "emergency" in clocks["report"].when.type


def test_the_emergency_plan_of_level_i_counts_for_emergencies_too() -> None:
    """D5: only once the resolution limit was missed, due 16 hours from the start."""
    clocks = {each.name: each for each in load(POLICY / "it_callcentre_levels").profile.sla.clocks}
    plan = clocks["emergency_plan"]
    assert (plan.limit["I"].seconds, plan.only_if_breached) == (16 * 3600, "resolve")
    assert set(plan.when.type) == {"fault", "emergency"}
    assert "emergency" in clocks["resolve"].when.type


@pytest.mark.parametrize("name", ["itss_desk", "generic_desk", "it_callcentre_levels"])
def test_every_desk_says_after_how_long_a_ticket_is_silent(name: str) -> None:
    """D19: counted anew with every word to the requester, and marked as ours, for the books are silent."""
    [clock] = [each for each in load(POLICY / name).profile.sla.clocks if each.family == "progress"]
    assert {"contact", "feedback"} <= {kind for occasion in clock.reset for kind in occasion.record}
    assert clock.source == "ours"
    assert not clock.escalate


SPOILT = {
    "situation the record does not offer": (
        "emergency.yaml",
        "key: hardware_damage",
        "key: hardware",
        "emergency.situations[0].key",
        "offers no situation",
    ),
    "plan of nobody": ("emergency.yaml", "owner: zhao.gang", "owner: nobody", "emergency.plans[0].owner", "nobody"),
    "plan that is not there": (
        "emergency.yaml",
        "plan: server_room",
        "plan: bunker",
        "emergency.situations[0].plan",
        "bunker",
    ),
    "entry of no type": (
        "emergency.yaml",
        "app_cannot_start, type: application",
        "app_cannot_start, type: games",
        "emergency.prevention[0].type",
        "games",
    ),
    "step without an end": (
        "emergency.yaml",
        "record: strategy, roles",
        "roles",
        "emergency.steps[1]",
        "its record or by its milestone",
    ),
    "clock that is not there": (
        "emergency.yaml",
        "clock: summary",
        "clock: essay",
        "emergency.steps[10].clock",
        "essay",
    ),
    "unit that is not there": (
        "emergency.yaml",
        "昆明分公司:",
        "北京分公司:",
        "emergency.unit_contacts.北京分公司",
        "北京分公司",
    ),
    "nobody for what is not graded": (
        "emergency.yaml",
        "- {roles: [shift_leader",
        "- {grades: [P3], roles: [shift_leader",
        "emergency.leaders",
        "without grades",
    ),
    "record of a type that is not there": (
        "records_emergency.yaml",
        "types: [emergency]",
        "types: [disaster]",
        "records[18].types[0]",
        "disaster",
    ),
    "flow twice": (
        "flows_emergency.yaml",
        "  emergency:\n",
        "  complaint:\n",
        "flows",
        "stands in itss_desk/flows.yaml",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_fault_of_the_facet_is_told_with_its_file_line_and_remedy(name: str, tmp_path: Path) -> None:
    """S5: also in the second file of a facet that stands in two."""
    file, old, new, field, told = SPOILT[name]
    folder = copied(tmp_path)
    line = spoil(folder, file, old, new)
    faults = check(folder)
    mine = [fault for fault in faults if f" {field}: " in fault]
    assert mine, faults
    assert told in mine[0]
    assert mine[0].startswith(f"itss_desk/{file}:")
    assert abs(int(mine[0].split(":")[1]) - line) <= 40


def test_a_facet_may_stand_in_two_files_only_where_its_parts_cannot_contradict(tmp_path: Path) -> None:
    """S5"""
    folder = copied(tmp_path)
    (folder / "kpi_more.yaml").write_text("kpi: {answer_seconds: 10}\n", "utf-8")
    assert any("kpi" in fault and "stands in" in fault for fault in check(folder))
    kinds = [form.key for form in load(POLICY / "itss_desk").profile.records]
    assert kinds.index("finding") < kinds.index("strategy"), "files are read by name"


def test_leaders_without_a_facet_are_refused(tmp_path: Path) -> None:
    """H6: a notice to nobody would be a silence."""
    folder = copied(tmp_path)
    (folder / "emergency.yaml").unlink()
    assert any("emergency facet, which is missing" in fault for fault in check(folder))
