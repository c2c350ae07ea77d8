"""Tickets that release 0.2 has kept go on under this one: no step is said twice, none is lost."""

from __future__ import annotations

from typing import Any

import bson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.model import Timeline
from services.sla.rows import PLAIN_TIMES, row_of, timeline_of
from tests.sla.test_policy_properties import lives, outcome
from tests.sla.world import T0, M, later, live

_SINCE = ("family", "subject", "policy", "rests", "paused_since", "paused_seconds", "repeat_at", "repeats", "alarm")
"""What 0.2 did not know of clocks and escalations."""


def kept_by_the_release_before(ticket: Timeline) -> Timeline:
    """The ticket read from the document that 0.2 would have written: without a trail, its warnings counted."""
    row: dict[str, Any] = row_of(ticket, "")
    row.pop("idle", None)
    row["facts"].pop("trail", None)
    row["facts"]["newest"].pop("moment", None)
    for kept in (*row["clocks"], *row["escalations"]):
        for name in _SINCE:
            kept.pop(name, None)
    for clock in row["clocks"]:
        clock["warned"] = len(clock.pop("taken", ()))
    return timeline_of(bson.decode(bson.encode(row), PLAIN_TIMES))


@settings(max_examples=150, deadline=None)
@given(life=lives(), looks=st.lists(st.integers(0, 4000), max_size=8), upgrade=st.integers(0, 14))
def test_a_ticket_of_the_release_before_goes_on_as_if_nothing_had_happened(life, looks, upgrade):
    """D18, D23: whenever the upgrade comes."""
    story, now = life
    happens = sorted(
        [*((each.updated_at, each) for each in story), *((T0 + n * M, None) for n in looks)], key=lambda each: each[0]
    )
    plain: Any = None
    upgraded: Any = None
    for place, (at, news) in enumerate([*happens, (now, None)]):
        if upgraded is not None and place == min(upgrade, len(happens)):
            upgraded = kept_by_the_release_before(upgraded)
        plain = live(news, now=at, before=plain) if news else later(plain, at)
        upgraded = live(news, now=at, before=upgraded) if news else later(upgraded, at)
    assert [(each.key, each.due_at, each.role) for each in upgraded.effects] == [
        (each.key, each.due_at, each.role) for each in plain.effects
    ]
    assert outcome(upgraded) == outcome(plain)
    assert upgraded.next_due == plain.next_due
