"""When a clock would be due, before there is a ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.kernel.calendar import BusinessCalendar
from services.kernel.errors import Refused
from services.sla.policy.previewing import preview
from tests.sla.world import OFFICE, SHANGHAI, at, clock, rules

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
VIP = {"when": {"customer": ("vip",)}, "limit": {"default": "30m"}}
RULES = rules(
    clock("fix", "received", "resolved", {"default": 120}, calendar="office", limits=(VIP,), warn=(0.5,)),
    clock("promise", "received", "resolved", {}, due="promised_at"),
)
KNOWN = BusinessCalendar("office", SHANGHAI, OFFICE._day_spans, covered_until=date(2025, 3, 3))


def test_limits_differ_by_the_facts_that_are_told():
    """D4, D10."""
    plain, vip = (preview(RULES, "fix", "", told, T0) for told in ({"customer": "kunde"}, {"customer": "vip"}))
    assert (plain.due_at, vip.due_at) == (T0 + 120 * M, T0 + 30 * M)
    assert plain.steps == (("50%", T0 + 60 * M),)


def test_a_deadline_beyond_the_known_holidays_carries_a_warning():
    """D4, D10: the last known day still counts as known."""
    told = replace(RULES, calendars={"office": KNOWN})
    assert preview(told, "fix", "", {}, T0).warning == ""
    late = preview(told, "fix", "", {}, at("2025-03-03 17:30"))
    assert late.due_at == at("2025-03-04 10:30")
    assert "2025-03-03" in late.warning


@pytest.mark.parametrize(
    ("name", "told", "words"),
    [
        ("nonsense", {}, "name one of: fix"),
        ("fix", {"weather": "fine"}, "weather"),
        ("promise", {}, "when it was promised"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_remedy(name, told, words):
    """D4."""
    with pytest.raises(Refused, match=words):
        preview(RULES, name, "", told, T0)
