"""What rules may ask: trees, expressions, and what is refused with its remedy."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import pytest
import rule_engine

from services.profile.condition_tree import Miss, compiled, cover, first_miss
from services.profile.conditions import RuleCondition, tree_of
from services.profile.expressions import LONGEST, parse
from services.profile.load import check, load
from tests.profile.folders import copied


def holds(when: Mapping[str, object], **facts: str) -> bool:
    return compiled(tree_of(RuleCondition.model_validate(when)))(facts)


def test_everything_in_one_condition_must_hold():
    """C2"""
    when = {"type": ["fault"], "channel": ["phone", "im"], "external": True}
    assert holds(when, type="fault", channel="im", external="true")
    assert not holds(when, type="fault", channel="im")
    assert not holds(when, type="fault", channel="web", external="true")
    assert holds({}, type="anything")


def test_trees_are_nested_as_deep_as_a_rule_book_needs():
    """C2: all, any and not around further conditions."""
    when = {
        "any": [{"grade": ["P1"]}, {"all": [{"channel": ["phone"]}, {"not": {"department": ["财务部"]}}]}],
        "not": {"fields": {"site": ["remote"]}},
    }
    assert holds(when, grade="P1")
    assert holds(when, channel="phone", department="市场部")
    assert not holds(when, channel="phone", department="财务部")
    assert not holds({**when}, **{"grade": "P1", "fields.site": "remote"})


def test_a_time_of_day_may_run_over_midnight():
    """C2: the end is not included."""
    night = {"time": ["22:00-06:00"]}
    assert [holds(night, time=at) for at in ("21:59", "22:00", "03:00", "05:59", "06:00")] == [
        *(False, True, True, True, False)
    ]
    assert holds({"time": ["12:00-24:00"]}, time="23:59")
    assert not holds(night)


@pytest.mark.parametrize(
    "text",
    [
        'grade == "P1"',
        'grade != "P1" and channel in ["phone", "im"]',
        'not (grade == "P1" or channel == "phone")',
        "external and not in_hours",
        'in_hours == false or grade in ["P2"]',
        'channel not in ["web", "im"] and (external == true or "P1" == grade)',
    ],
)
def test_an_expression_means_what_rule_engine_says_it_means(text):
    """C2: our tests are read from its syntax tree; every combination of values decides alike."""
    own, engine = compiled(parse(text)), rule_engine.Rule(text)
    for grade, channel, external, in_hours in itertools.product(
        ("P1", "P2", ""), ("phone", "im", "web"), (True, False), (True, False)
    ):
        facts = {"grade": grade, "channel": channel, "external": external, "in_hours": in_hours}
        ours = {"grade": grade, "channel": channel, "external": "true" if external else ""}
        ours["in_hours"] = "true" if in_hours else "false"
        assert own(ours) == engine.matches(facts), (text, facts)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('grade =~ "P.*"', "no patterns"),
        ('grade =~~ "P.*"', "no patterns"),
        ('grade !~ "P.*"', "no patterns"),
        ('grade.upper == "P1"', "no patterns, attributes"),
        ('split(grade) == "P1"', 'no fact "split"'),
        ('grade("x")', "looks like a function"),
        ('grade["x"] == "y"', 'after "in" only'),
        ("$now == grade", "not allowed"),
        ("9 ** 9 ** 9 > 1", "numbers"),
        ('[x for x in channel] == "y"', "after"),
        ('severity == "P1"', 'no fact "severity"'),
        ('grade == "P1" and', "cannot be read"),
        ('"a" == "a"', "compares a fact"),
        ("grade == type", "compared with a text"),
        ("grade", "compares a fact"),
        ('"ph" in channel', "list of texts"),
        ("", "cannot be read"),
        ('grade == "' + "x" * LONGEST + '"', "keep to 400"),
    ],
)
def test_an_expression_that_says_more_is_refused_before_it_is_read(text, told):
    """S5: no patterns, attributes, functions or arithmetic: a rule book cannot run away with time or memory."""
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(text)


def test_the_first_test_that_failed_is_told():
    """C2"""
    tree = tree_of(RuleCondition.model_validate({"type": ["fault"], "not": {"channel": ["phone"]}}))
    assert first_miss(tree, {"type": "demand"}) == Miss("type", "demand", ("fault",))
    assert first_miss(tree, {"type": "fault", "channel": "phone"}) == Miss(
        "channel", "phone", ("phone",), excluded=True
    )
    assert first_miss(tree, {"type": "fault", "channel": "web"}) is None
    either = tree_of(RuleCondition.model_validate({"any": [{"grade": ["P1"]}, {"time": ["08:00-09:00"]}]}))
    assert first_miss(either, {"grade": "P2", "time": "10:00"}) == Miss(
        instead=(Miss("grade", "P2", ("P1",)), Miss("time", "10:00", ("08:00-09:00",)))
    )


def test_a_rule_is_filed_under_what_it_cannot_do_without():
    """C2: at least one of the pairs is true whenever the condition holds, and where there is a choice, the rarest."""
    common = {("type", "a"): 100}

    def filed(when: Mapping[str, object]) -> set[tuple[str, str]] | None:
        pairs = cover(tree_of(RuleCondition.model_validate(when)), lambda pair: common.get(pair, 1))
        return None if pairs is None else set(pairs)

    assert filed({"expr": 'grade == "P1" and not external', "type": ["a"]}) == {("grade", "P1")}
    either = {"any": [{"type": ["a"], "unit": ["u"]}, {"grade": ["P2", "P3"]}], "type": ["a"]}
    assert filed(either) == {("unit", "u"), ("grade", "P2"), ("grade", "P3")}
    assert filed({"not": {"grade": ["P1"]}}) is None
    assert filed({"any": [{"grade": ["P1"]}, {"time": ["22:00-06:00"]}]}) is None


def _routing(when: str, more: str = "") -> str:
    return f"""routing:
  rules:
    - id: first
      when: {when}
      to: {{team: desk}}
      why: {{zh: 一, en: one}}
{more}  unmatched_team: supervisors
"""


_DEEP = "{not: " * 6 + "{type: [incident]}" + "}" * 6
_WIDE = "{any: [" + ", ".join(["{type: [incident]}"] * 100) + "]}"
_SECOND = "    - {id: second, to: {team: desk}, why: {zh: 二, en: two}}\n"


@pytest.mark.parametrize(
    ("routing", "told"),
    [
        (_routing("{expr: 'grade =~ \"P.*\"'}"), ["routing.yaml:4", "routing.rules[0].when.expr", "no patterns"]),
        (_routing("{expr: 'grade == \"P9\"'}"), ["routing.yaml:4", 'no grade "P9"']),
        (_routing("{any: [{grade: [P9]}]}"), ["routing.yaml:4", "when.any[0].grade[0]", 'no grade "P9"']),
        (_routing("{all: []}"), ["routing.yaml:4", "the list is empty"]),
        (_routing("{time: ['25:00-26:00']}"), ["routing.yaml:4", "is no time of the day"]),
        (_routing("{calendar: {moon: open}}"), ["routing.yaml:4", 'no calendar "moon"']),
        (_routing("{fields: {shoe: [big]}}"), ["routing.yaml:4", 'no field with choices "shoe"']),
        (_routing("{fields: {title: [big]}}"), ["routing.yaml:4", "no list of choices"]),
        (_routing("{lead_team: [nobody]}"), ["routing.yaml:4", 'no lead_team "nobody"']),
        (_routing("{flow: [nowhere]}"), ["routing.yaml:4", 'no flow "nowhere"']),
        (_routing("{impact: [huge]}"), ["routing.yaml:4", 'no impact "huge"']),
        (_routing("{expr: 'urgency == \"none\"'}"), ["routing.yaml:4", 'no urgency "none"']),
        (_routing("{weekday: [monday]}"), ["routing.yaml:4", "is not allowed"]),
        (_routing("{tyqe: [incident]}"), ["routing.yaml:4", "not known here"]),
        (_routing(_DEEP), ["routing.yaml:4", "7 deep; keep to 6"]),
        (_routing(_WIDE), ["routing.yaml:4", "101 conditions; keep to 100"]),
        (_routing("{}", _SECOND), ["routing.yaml:3", 'so "second" after it never can; put it last']),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_line_and_remedy(tmp_path, routing, told):
    """S5"""
    folder = copied(tmp_path)
    (folder / "routing.yaml").write_text(routing, encoding="utf-8")
    faults = check(folder)
    assert any(all(part in fault for part in told) for fault in faults), faults


def test_clocks_and_notices_refuse_what_only_routing_can_ask(tmp_path):
    """S5: a test that a service would not look at must not be written down as if it did."""
    folder = copied(tmp_path)
    text = (
        (folder / "sla.yaml").read_text(encoding="utf-8").replace("start: ", "when: {weekday: [mon]}\n      start: ", 1)
    )
    (folder / "sla.yaml").write_text(text, encoding="utf-8")
    assert any("when.weekday" in fault and "not known here" in fault for fault in check(folder))


def test_a_rule_in_one_line_loads(tmp_path):
    folder = copied(tmp_path)
    (folder / "routing.yaml").write_text(_routing("{expr: 'grade == \"P1\" and not in_hours'}"), encoding="utf-8")
    rule = load(folder).profile.routing.rules[0]
    assert compiled(tree_of(rule.when))({"grade": "P1", "in_hours": "false"})
