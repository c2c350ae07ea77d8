"""Types that requesters' own forms do not offer."""

from __future__ import annotations

import pytest

from services.intake.forms import form_of
from services.profile.load import load_all
from tests.profile.folders import POLICY

DESKS = load_all(POLICY, "itss_desk,it_callcentre_levels", "itss_desk")


@pytest.mark.parametrize("name", ["itss_desk", "it_callcentre_levels"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nobody_pages_the_leaders_by_a_choice_in_the_portal_and_the_desk_knows_the_type_all_the_same(name, language):
    """H1, B2: the desk and monitoring name an emergency; requesters are offered the other types."""
    profile = DESKS.get(name).profile
    [kind] = [field for field in form_of(profile, language).fields if field.name == "type"]
    assert {choice.value for choice in kind.choices} == {each.key for each in profile.types} - {"emergency"}
    assert "emergency" in profile.catalogue.listed("type")
