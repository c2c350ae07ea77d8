"""The figures of the shipped rule books, as section 3.2 of the requirements has them."""

from __future__ import annotations

import json

import pytest

from services.kernel.errors import Missing
from services.profile.load import load, load_all
from services.profile.schema import ClockRule, Span
from tests.profile.folders import NAMES, POLICY

PROFILES = load_all(POLICY, NAMES, "itss_desk")


def clock(profile: str, name: str) -> ClockRule:
    return next(each for each in PROFILES.get(profile).profile.sla.clocks if each.name == name)


def hours(rule: ClockRule) -> dict[str, float]:
    return {grade: limit.seconds / 3600 for grade, limit in rule.limit.items()}


def test_the_generic_desk_has_the_limits_of_the_template() -> None:
    """D1, D2, C9, S2."""
    assert clock("generic_desk", "response").limit == {"default": Span(seconds=600)}
    assert hours(clock("generic_desk", "dispatch")) == {"general": 2}
    start = clock("generic_desk", "start")
    assert hours(start) == {"general": 24, "urgent": 4, "critical": 1}
    assert (start.start.milestone, start.stop.milestone) == ("dispatched", "started")
    assert all(each.name != "resolve" for each in PROFILES.get("generic_desk").profile.sla.clocks)


def test_the_levels_have_a_plan_a_resolution_an_emergency_plan_and_a_report() -> None:
    """D3-D6."""
    name = "it_callcentre_levels"
    assert hours(clock(name, "response")) == {"default": 0.5}
    assert hours(clock(name, "plan")) == {"default": 2}
    assert hours(clock(name, "resolve")) == {"I": 12, "II": 24, "III": 48, "IV": 120}
    emergency = clock(name, "emergency_plan")
    assert (hours(emergency), emergency.only_if_breached, emergency.start.milestone) == (
        {"I": 16},
        "resolve",
        "received",
    )
    report = clock(name, "report")
    assert (hours(report), report.start.milestone, report.stop.milestone) == ({"default": 24}, "resolved", "reported")


def test_the_itss_desk_says_which_limits_are_ours() -> None:
    """The rule book is silent about limits (X6)."""
    profile = PROFILES.get("itss_desk").profile
    assert {each.source for each in profile.sla.clocks if each.due is None} == {"ours"}
    assert profile.sla.escalation.chain == ("team_leader", "desk_manager", "operations_manager")


def test_the_itss_desk_calls_everybody_back_on_four_grades() -> None:
    """F1, F3, F5, F16, I3."""
    profile = PROFILES.get("itss_desk").profile
    assert profile.callback is not None
    assert profile.survey is not None
    assert (profile.callback.scope, profile.callback.attempts, profile.callback.missed_over_rings) == ("all", 3, 10)
    assert profile.callback.roles == {"online": ("team_leader",), "dispatched": ("desk_manager",)}
    grades = next(each for each in profile.survey.questions if each.key == "satisfaction").options
    assert [each.label.zh for each in grades] == ["非常满意", "满意", "基本满意", "不满意"]


def test_the_itss_desk_has_the_targets_of_its_rule_book() -> None:
    """N2, N3."""
    targets = {each.key: each for each in PROFILES.get("itss_desk").profile.kpi.targets}
    assert (targets["dispatch_success"].target, targets["dispatch_success"].periods) == (0.95, ("quarter",))
    assert (targets["callback_rate"].target, targets["callback_rate"].periods) == (0.95, ("half_year",))


def test_the_generic_desk_sends_each_entry_to_its_own_team_of_three_engineers() -> None:
    """C2."""
    loaded = PROFILES.get("generic_desk")
    teams = {rule.when.entry[0]: rule.to.team for rule in loaded.profile.routing.rules if rule.when.entry}
    assert teams == {"network": "network", "terminals": "terminals", "applications": "applications"}
    for team in teams.values():
        assert len([each for each in loaded.lookups.members(team) if "engineer" in each.roles]) == 3


def test_the_generic_desk_asks_for_the_seven_fields() -> None:
    """A7."""
    required = {each.name for each in PROFILES.get("generic_desk").profile.form if each.required}
    assert required == {"name", "department", "contact", "description", "occurred_at", "impact_scope", "type"}


@pytest.mark.parametrize("name", NAMES)
def test_person_ids_of_the_shipped_desks_are_apart(name: str) -> None:
    others = {person.id for each in PROFILES if each.name != name for person in each.profile.organisation.people}
    assert not others & {person.id for person in PROFILES.get(name).profile.organisation.people}


def test_an_unnamed_profile_is_the_default_and_an_unknown_one_is_missing() -> None:
    assert PROFILES.default.name == PROFILES.get("").name == "itss_desk"
    with pytest.raises(Missing, match="name one of"):
        PROFILES.get("nowhere")


@pytest.mark.parametrize("name", NAMES)
def test_policy_files_stay_readable(name: str) -> None:
    for file in (POLICY / name).glob("*.yaml"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 200, file


@pytest.mark.parametrize("name", NAMES)
def test_the_facets_of_a_profile_survive_json(name: str) -> None:
    """They are kept as JSON for ever (D18)."""
    facets = load(POLICY / name).facets
    assert json.loads(json.dumps(facets, ensure_ascii=False)) == facets


def test_waits_on_the_telephone_are_those_of_the_rule_books() -> None:
    """S1: X16, each with its source; nothing is steered by them yet."""
    found = {
        name: load(POLICY / name).profile.telephony for name in ("itss_desk", "hotline_quality", "monitoring_hotline")
    }
    desk, quality, monitoring = (each for each in found.values() if each is not None)
    ten, five = Span(seconds=10), Span(seconds=5)
    assert (desk.noise, desk.dead_air, desk.speech_rate) == (ten, ten, 120)
    assert quality.customer_releases_first
    assert (monitoring.silence, monitoring.noise, monitoring.faint) == ((five, five, five), five, five)
    assert monitoring.faint_callback
    assert all(each.source for each in (desk, quality, monitoring))
