"""Roles and projects are data of the profile; rights attach to neutral roles (Q1, Q3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.profile.faults import ProfileFaults
from services.profile.load import load
from tests.profile.folders import NAMES, POLICY, copied, spoil


def test_a_profile_names_the_neutral_roles_in_its_own_words(tmp_path: Path) -> None:
    """Q1: renaming a role changes what people read, not who may do what."""
    shipped = load(POLICY / "itss_desk")
    assert shipped.lookups.label("role", "team_leader") == "客服组长"
    folder = copied(tmp_path)
    spoil(folder, "about.yaml", "客服组长", "班长")
    renamed = load(folder)
    assert renamed.lookups.label("role", "team_leader") == "班长"
    assert renamed.profile.lifecycle == shipped.profile.lifecycle
    assert renamed.profile.roster == shipped.profile.roster


@pytest.mark.parametrize("name", NAMES)
def test_every_role_of_a_person_is_one_of_the_profile(name: str) -> None:
    """Q1."""
    profile = load(POLICY / name).profile
    assert {role for person in profile.organisation.people for role in person.roles} <= profile.roles.keys()


def test_a_project_has_a_manager_and_engineers_who_are_that() -> None:
    """Q3."""
    loaded = load(POLICY / "itss_desk")
    for project in loaded.profile.organisation.projects:
        assert "project_manager" in loaded.lookups.people[project.manager].roles
        assert project.engineers
        assert all("engineer" in loaded.lookups.people[engineer].roles for engineer in project.engineers)


def test_a_project_led_by_somebody_else_is_refused(tmp_path: Path) -> None:
    """Q3."""
    folder = copied(tmp_path)
    spoil(folder, "organisation.yaml", "manager: zhang.qiang", "manager: huang.lei")
    with pytest.raises(ProfileFaults, match=r"huang\.lei is no project_manager"):
        load(folder)
