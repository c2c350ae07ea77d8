"""Alarms: what must reach the person in charge at once and be acknowledged (D15)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from services.kernel.errors import Refused
from services.profile.clocks import ServiceLevels
from services.sla.handlers import acknowledge, fire, hear
from services.sla.model import Moment, News, Rules
from services.sla.policy.steps import acknowledge as acknowledged
from tests.sla.world import ALWAYS, OFFICE, T0, M, at, later, live, news, said, spoken

NUMBER = "DS20250303-000001"
MAJOR: dict[str, Any] = {
    "name": "major",
    "label": {"zh": "重大问题", "en": "Major incident"},
    "on": {"flag": ["major"]},
    "chain": ["project_manager", "supervisor"],
    "every": "15m",
    "repeat": "5m",
}


def by(*alarms: dict[str, Any], **escalation: Any) -> Rules:
    """Rules with these alarms and no clock."""
    levels = ServiceLevels.model_validate({"alarms": alarms or (MAJOR,), "escalation": escalation})
    return Rules((), {"always": ALWAYS, "office": OFFICE}, "office", levels=levels)


def version(number: int, when: datetime, *flags: str, event: str = "noted", **more: Any) -> News:
    """One version of the ticket with the flags that stand after it."""
    grade = more.pop("grade", "general")
    moment = Moment(number, when, more.get("cycle", 0), event, "open", flags=flags)
    return news(number, when, grade, m={"received": T0}, moment=moment, **more)


def calls(ticket) -> list[tuple[str, str, int]]:
    return [(each.kind, each.role, (each.due_at - T0) // M) for each in ticket.effects if each.clock == "major"]


def told(rules: Rules, story: Sequence[News], until: int = 0):
    """The ticket after these, each heard when it came about, then looked at each minute."""
    ticket: Any = None
    for each in story:
        ticket = live(each, now=each.updated_at, by=rules, before=ticket)
    first = (story[-1].updated_at - T0) // M
    for minute in range(first + 1, until + 1):
        ticket = later(ticket, T0 + minute * M, rules)
    return ticket


OPENED = version(1, T0)
MARKED = version(2, T0 + 7 * M, "major")


def test_marking_major_raises_an_alarm_at_once_that_climbs_and_repeats_until_somebody_takes_it_up():
    """D15."""
    rules = by()
    ticket = told(rules, [OPENED, MARKED])
    assert [(each.kind, each.role, each.at) for each in ticket.effects[1:]] == [
        ("raised", "project_manager", T0 + 7 * M)
    ]
    ticket = told(rules, [OPENED, MARKED], 40)
    assert calls(ticket) == [
        ("raised", "project_manager", 7),
        ("repeated", "project_manager", 12),
        ("repeated", "project_manager", 17),
        ("climbed", "supervisor", 22),
        ("repeated", "supervisor", 27),
        ("repeated", "supervisor", 32),
        ("repeated", "supervisor", 37),
    ]
    now = T0 + 40 * M
    ticket = acknowledged(ticket, "major", 0, "wang", {"supervisor"}, "on it", rules, now, "ack")
    assert calls(later(ticket, T0 + 600 * M, rules))[7:] == [("acknowledged", "supervisor", 40)]


def test_an_alarm_is_told_in_quiet_hours_by_every_way():
    """D15: within one minute of the marking, whatever the grade."""
    rules = by(quiet={"grades": ["general"], "calendar": "office"})
    night = at("2025-03-04 02:00")
    ticket = told(rules, [OPENED, version(2, night, "major")])
    [raised] = [each for each in spoken(ticket, rules) if "raised" in each.key]
    assert (raised.key, raised.body.role, raised.body.alarm, raised.body.page, raised.body.label_en) == (
        "escalation.raised",
        "project_manager",
        True,
        True,
        "Major incident",
    )
    assert raised.body.escalation_id == f"{NUMBER}/major/0"


def test_versions_in_any_order_raise_one_alarm():
    """T-group: a version heard late shifts nothing that was said."""
    rules = by()
    story = [OPENED, MARKED, version(3, T0 + 8 * M, "major"), version(4, T0 + 9 * M, "major")]
    for order in permutations(story):
        ticket: Any = None
        for each in (*order, *order):
            ticket = live(each, now=T0 + 10 * M, by=rules, before=ticket)
        assert [each.kind for each in ticket.effects if each.clock == "major"] == ["raised"], order


def test_an_alarm_ends_with_its_own_occasion():
    rules = by({**MAJOR, "until": {"record": ["bulletin"]}})
    given = Moment(3, T0 + 9 * M, 0, "recorded", "open", record="bulletin", flags=("major",))
    bulletin = news(3, T0 + 9 * M, m={"received": T0}, moment=given)
    ticket = told(rules, [OPENED, MARKED, bulletin], 60)
    assert calls(ticket) == [("raised", "project_manager", 7), ("ended", "project_manager", 9)]
    assert ticket.effects[-1].reason == "until"


def test_an_alarm_ends_with_the_ticket():
    rules = by()
    closed = version(3, T0 + 9 * M, "major", event="closed", ended=True)
    assert calls(told(rules, [OPENED, MARKED, closed], 60)) == [
        ("raised", "project_manager", 7),
        ("ended", "project_manager", 9),
    ]


def test_what_was_over_before_anybody_heard_of_it_alarms_nobody():
    rules = by()
    closed = version(3, T0 + 9 * M, "major", event="closed", ended=True)
    ticket: Any = None
    for each in (closed, MARKED, OPENED):
        ticket = live(each, now=T0 + 10 * M, by=rules, before=ticket)
    assert said(ticket) == ["armed"]


def test_raised_again_it_is_a_new_alarm_in_the_place_of_the_old_one():
    rules = by()
    lowered, again = version(3, T0 + 8 * M), version(4, T0 + 9 * M, "major")
    ticket = told(rules, [OPENED, MARKED, lowered, again])
    assert calls(ticket) == [
        ("raised", "project_manager", 7),
        ("raised", "project_manager", 9),
        ("ended", "project_manager", 9),
    ]
    assert [each.generation for each in ticket.escalations if not each.ended] == [4]


def test_only_tickets_that_meet_its_condition_alarm():
    rules = by({**MAJOR, "when": {"grade": ["critical"]}})
    assert calls(told(rules, [OPENED, MARKED])) == []
    critical = [version(1, T0, grade="critical"), version(2, T0 + 7 * M, "major", grade="critical")]
    assert calls(told(rules, critical)) == [("raised", "project_manager", 7)]


def test_an_alarm_is_acknowledged_by_its_chain_or_a_manager_and_nobody_else(store):
    """D15: on the shelf and on the database."""
    rules = by()
    hear(store, lambda *_: rules, [OPENED, MARKED], T0 + 7 * M)
    with pytest.raises(Refused, match="chain"):
        acknowledge(store, lambda *_: rules, f"{NUMBER}/major/0", "zhao", {"engineer"}, "", T0 + 8 * M, "ack/1")
    taken = acknowledge(store, lambda *_: rules, f"{NUMBER}/major/0", "li", {"project_manager"}, "", T0 + 9 * M, "a2")
    assert taken.escalation.acknowledged_by == "li"
    assert [each.kind for each in taken.effects] == ["acknowledged"]
    again = acknowledge(store, lambda *_: rules, f"{NUMBER}/major/0", "wu", {"supervisor"}, "", T0 + 9 * M, "ack/3")
    assert (again.escalation.acknowledged_by, again.effects) == ("li", ())
    assert fire(store, lambda *_: rules, [NUMBER], T0 + 600 * M, "timer") == []
