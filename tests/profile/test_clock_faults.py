"""Faults of clocks, chains, alarms and pauses are told with the field and the remedy (S5, D9, D13-D16)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from services.profile.faults import ProfileFaults
from services.profile.load import load, restore
from tests.profile.folders import POLICY

FACETS = load(POLICY / "generic_desk").facets
CLOCK = {
    "name": "fix",
    "label": {"zh": "处理", "en": "Fix"},
    "start": "received",
    "stop": "resolved",
    "limit": {"default": "4h"},
    "calendar": "duty",
}
ALLOWED = {"allowed": True, "roles": ["team_leader"]}


def faults_of(**sla: Any) -> list[tuple[str, str]]:
    """Fields and sentences of the faults of a facet laid over a sound profile."""
    facets = {**deepcopy(dict(FACETS)), "sla": {"escalation": {"calendar": "duty"}, "warn_roles": [], **sla}}
    try:
        restore(facets)
    except ProfileFaults as refused:
        return [(each.field, each.message) for each in refused.found]
    return []


def of_clock(**more: Any) -> list[tuple[str, str]]:
    return faults_of(clocks=[{**CLOCK, **more}], pause=ALLOWED)


SPOILT: dict[str, tuple[dict[str, Any], str, str]] = {
    "milestone": ({"reset": ["answered_twice"]}, "reset[0]", "no transition marks"),
    "event": ({"start": {"event": ["sang"]}}, "start.event[0]", 'no event "sang"'),
    "record": ({"reset": [{"record": ["song"]}]}, "reset[0].record[0]", 'no record "song"'),
    "state": ({"cancel": [{"state": ["asleep"]}]}, "cancel[0].state[0]", 'no state "asleep"'),
    "team": ({"stop": {"team": ["choir"]}}, "stop.team[0]", 'no team "choir"'),
    "flag": ({"start": {"flag": ["loud"]}}, "start.flag[0]", 'no flag "loud"'),
    "standing": ({"pause_while": [{"state": ["asleep"]}]}, "pause_while[0].state[0]", 'no state "asleep"'),
    "grade": ({"limits": [{"when": {}, "limit": {"severe": "1h"}}]}, "limits[0].limit.severe", 'no grade "severe"'),
    "long limit": ({"limit": {"default": "1200d"}}, "limit.default", "three years"),
    "calendar": ({"calendar": "moon"}, "calendar", 'no calendar "moon"'),
    "field": ({"when": {"fields": {"planet": ["mars"]}}}, "when.fields.planet", "field with choices"),
    "type": ({"when": {"neutral_type": ["song"]}}, "when.neutral_type[0]", 'no neutral_type "song"'),
    "customer": ({"when": {"customer": ["gc.nobody"]}}, "when.customer[0]", 'no customer "gc.nobody"'),
    "rows after one that always fits": (
        {"limits": [{"when": {}, "limit": {"default": "1h"}}, {"when": {}, "limit": {"default": "2h"}}]},
        "limits[0].when",
        "put it last",
    ),
    "promise and limit": ({"due": "promised_at"}, "due", "needs no limit"),
    "promise that waits": ({"due": "promised_at", "limit": {}, "pausable": True}, "pausable", "does not wait"),
    "step at nothing": ({"steps": [{"at": "0%", "do": {"notify": ["team"]}}]}, "steps[0].at", "write 1%"),
    "step before the start": ({"steps": [{"at": "-5h", "do": {"notify": ["team"]}}]}, "steps[0].at", "before"),
    "step for nobody": ({"steps": [{"at": "50%", "do": {"page": ["tenor"]}}]}, "steps[0].do.page[0]", '"tenor"'),
    "step that does nothing": ({"steps": [{"at": "50%", "do": {}}]}, "steps[0].do", "does nothing"),
    "step to team": ({"steps": [{"at": "50%", "do": {"reassign_team": "choir"}}]}, "steps[0].do.reassign_team", "add"),
    "step to two": (
        {"steps": [{"at": "50%", "do": {"reassign_team": "desk", "reassign_role": "team_leader"}}]},
        "steps[0].do.reassign_role",
        "leave out one",
    ),
    "own breach": ({"only_if_breached": "fix"}, "only_if_breached", "other clock"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_clock_is_told_by_field_with_its_remedy(name):
    """S5, D9."""
    more, field, told = SPOILT[name]
    found = of_clock(**more)
    assert any(where == f"sla.clocks[0].{field}" and told in said for where, said in found), found


def test_a_sound_clock_of_every_kind_has_no_fault():
    """D9, D13, D16, D19."""
    assert of_clock(
        start={"event": ["contact_joined"], "by": ["customer"]},
        reset=[{"event": ["noted"]}, "responded"],
        cancel=[{"flag": ["major"]}],
        steps=[{"at": "120%", "do": {"raise_grade": True, "page": ["assignee", "team_leader"]}}],
        pausable=True,
    ) == []  # fmt: skip


def test_a_clock_may_rest_only_where_the_profile_permits_it_and_names_who_may_hold_it():
    """D16: the default is no pause."""
    for more, pause, field in (
        ({"pausable": True}, {}, "pausable"),
        ({"pause_while": [{"state": ["recorded"]}]}, {"allowed": False}, "pause_while"),
        ({"pausable": True}, {"allowed": True}, "pausable"),
    ):
        [(where, said)] = faults_of(clocks=[{**CLOCK, **more}], pause=pause)
        assert where == f"sla.clocks[0].{field}"
        assert "leave it out" in said


def test_clocks_that_wait_for_each_others_breach_are_a_fault_of_each():
    """D5."""
    rows = [{**CLOCK, "name": name, "only_if_breached": after} for name, after in (("a", "b"), ("b", "c"), ("c", "a"))]
    found = faults_of(clocks=rows)
    assert [where for where, _ in found] == [f"sla.clocks[{place}].only_if_breached" for place in range(3)]
    assert "a -> b -> c -> a" in found[0][1]


def test_chains_alarms_quiet_hours_and_pauses_name_what_there_is():
    """D14, D15, D16."""
    alarm = {"name": "fix", "label": {"zh": "重大", "en": "Major"}, "on": {"flag": ["loud"]}, "calendar": "moon"}
    found = faults_of(
        clocks=[CLOCK],
        escalation={
            "chain": ["tenor"],
            "every": "0s",
            "calendar": "duty",
            "repeat": "0s",
            "chains": [{"clocks": ["sing"], "chain": ["alto"], "calendar": "duty", "when": {"grade": ["loud"]}}],
            "quiet": {"grades": ["soft"], "calendar": "moon"},
        },
        alarms=[alarm],
        pause={"allowed": True, "roles": ["bass"], "longest": "3wd"},
        calendars=[{"when": {}, "instead_of": "always", "use": "moon"}],
    )
    assert {where for where, _ in found} >= {
        *("sla.escalation.chain[0]", "sla.escalation.every", "sla.escalation.repeat"),
        *("sla.escalation.chains[0].clocks[0]", "sla.escalation.chains[0].chain[0]"),
        *("sla.escalation.chains[0].when.grade[0]", "sla.escalation.quiet.grades[0]", "sla.escalation.quiet.calendar"),
        *("sla.alarms[0].name", "sla.alarms[0].chain", "sla.alarms[0].on.flag[0]", "sla.alarms[0].calendar"),
        *("sla.pause.roles[0]", "sla.pause.longest", "sla.calendars[0].use", "sla.calendars[0].instead_of"),
    }
