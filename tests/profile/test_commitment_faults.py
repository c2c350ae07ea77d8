"""Faults of promises are told with the field and the remedy; shipped desks bound who may promise (D8, C18, S5)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from services.profile.faults import ProfileFaults
from services.profile.load import load, restore
from tests.profile.folders import POLICY

FACETS = load(POLICY / "generic_desk").facets
KIND = {"key": "reply", "label": {"zh": "答复", "en": "Reply"}}


def faults_of(**promises: Any) -> list[tuple[str, str]]:
    """Fields and sentences of the faults of a facet laid over a sound profile."""
    sla = {"escalation": {"calendar": "duty"}, "warn_roles": [], "commitments": {"kinds": [KIND], **promises}}
    try:
        restore({**deepcopy(dict(FACETS)), "sla": sla})
    except ProfileFaults as refused:
        return [(each.field, each.message) for each in refused.found]
    return []


def of_kind(**more: Any) -> dict[str, Any]:
    return {"kinds": [{**KIND, **more}]}


SPOILT: dict[str, tuple[dict[str, Any], str, str]] = {
    "kind twice": ({"kinds": [KIND, KIND]}, "kinds", "reply"),
    "calendar": (of_kind(calendar="moon"), "kinds[0].calendar", 'no calendar "moon"'),
    "working days": (of_kind(working_days="moon"), "kinds[0].working_days", 'no calendar "moon"'),
    "role": (of_kind(roles=["singer"]), "kinds[0].roles[0]", 'no role "singer"'),
    "owner": (of_kind(owners=["specialist", "singer"]), "kinds[0].owners[1]", 'no role "singer"'),
    "reminder of a kind": (of_kind(remind={"before": "1wd"}), "kinds[0].remind.before", "wall clock"),
    "reminder": ({"remind": {"before": "1wd"}}, "remind.before", "wall clock"),
    "roles": ({"roles": ["singer"]}, "roles[0]", 'no role "singer"'),
    "authority": ({"authority": {"roles": ["singer"]}}, "authority.roles[0]", 'no role "singer"'),
    "flag": ({"authority": {"flags": ["loud"]}}, "authority.flags[0]", 'no flag "loud"'),
    "fraction": ({"remind": {"fraction": 1.5}}, "remind.fraction", "less than 1"),
    "too many": ({"most": 201}, "most", "200"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_fault_of_a_promise_names_its_field_and_what_is_wrong(name: str) -> None:
    """D8, S5."""
    promises, field, sentence = SPOILT[name]
    assert [(where, told) for where, told in faults_of(**promises) if where.startswith(f"sla.commitments.{field}")], (
        faults_of(**promises)
    )
    assert any(sentence in told for _, told in faults_of(**promises))


def test_promises_that_name_what_there_is_have_no_fault() -> None:
    """D8: length of wall clock before, flags and roles of the profile, the calendar that is always open."""
    sound = of_kind(calendar="always", working_days="duty", roles=["specialist"], remind={"before": "30m"})
    assert faults_of(**sound, authority={"roles": ["supervisor"], "flags": ["beyond_authority"]}) == []


@pytest.mark.parametrize("name", ["itss_desk", "it_callcentre_levels", "hotline_quality"])
def test_beyond_authority_the_supervisor_alone_promises_at_shipped_desks(name: str) -> None:
    """C18, D8."""
    authority = load(POLICY / name).profile.sla.commitments.authority
    assert (authority.roles, authority.flags) == (("supervisor",), ("beyond_authority",))
