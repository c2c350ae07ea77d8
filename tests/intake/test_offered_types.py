"""Types that requesters' own forms do not offer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.contracts.deskstream.v1 import common_pb2
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.drafts import from_outside, normalised
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


@pytest.mark.parametrize("written", ["emergency", "应急事件", " Emergency "])
def test_a_requester_who_writes_it_all_the_same_names_no_type_and_whoever_works_there_does(written):
    """H1, P1: neither in the portal nor in a line of a mail; the desk grades it and may declare it one."""
    loaded = DESKS.get("itss_desk")
    portal = RequestDraft(type=written, channel=common_pb2.CHANNEL_WEB, description="打印机坏了")
    from_outside(portal, loaded.profile)
    assert portal.type == ""
    at = datetime(2026, 11, 22, 4, tzinfo=UTC)
    mail = RequestDraft(channel=common_pb2.CHANNEL_EMAIL, description=f"请求类型：{written}\n打印机坏了")
    assert normalised(mail, loaded.lookups, at).type != "emergency"
    watched = RequestDraft(type=written, channel=common_pb2.CHANNEL_MONITORING, description="ERP 停机")
    assert normalised(watched, loaded.lookups, at).type == "emergency"
    other = RequestDraft(type="complaint", channel=common_pb2.CHANNEL_WEB)
    from_outside(other, loaded.profile)
    assert other.type == "complaint"
