"""The compiled rule set decides as reading every rule would, by any fact, first or scored, without looking at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.deskstream.v1 import common_pb2
from services.dispatch import wire
from services.dispatch.model import Decision, Ticket
from services.dispatch.policy import Desk, decide, explain
from services.dispatch.policy.routing import CATALOGUE
from services.dispatch.policy.rules import KEPT, RuleSet
from services.profile.conditions import RuleCondition
from services.profile.load import load
from services.profile.schema import Profile, Routing, RoutingRule
from tests.bench.routing_bench import customers
from tests.dispatch.rulebooks import desk_with, rule
from tests.dispatch.world import MORNING, POLICY, request

VALUES: Mapping[str, Sequence[str]] = {
    "type": ("a", "b", "c"),
    "project": ("p1", "p2", "p3", "p4", "p5"),
    "department": ("d1", "d2"),
    "fields.site": ("s1", "s2"),
    "external": ("true", ""),
    "time": ("03:00", "12:00", "23:00"),
}


def plain(when: RuleCondition, facts: Mapping[str, str]) -> bool:
    """What the condition says, read from its words alone: no trees, no closures, no index."""
    for name in ("type", "project", "department"):
        allowed = getattr(when, name)
        if allowed and facts.get(name, "") not in allowed:
            return False
    if any(facts.get(f"fields.{name}", "") not in values for name, values in when.fields.items()):
        return False
    if when.external is not None and when.external != (facts.get("external") == "true"):
        return False
    if when.time and not any(_within(span, facts.get("time", "")) for span in when.time):
        return False
    if not all(plain(part, facts) for part in when.all or ()):
        return False
    if when.any is not None and not any(plain(part, facts) for part in when.any):
        return False
    return when.not_ is None or not plain(when.not_, facts)


def _within(span: str, at: str) -> bool:
    start, end = span.split("-")
    return start <= at < end if start < end else bool(at) and not end <= at < start


_flat = st.fixed_dictionaries(
    {},
    optional={
        "type": st.lists(st.sampled_from(VALUES["type"]), min_size=1, max_size=2),
        "project": st.lists(st.sampled_from(VALUES["project"]), min_size=1, max_size=3),
        "department": st.lists(st.sampled_from(VALUES["department"]), min_size=1, max_size=1),
        "fields": st.fixed_dictionaries({"site": st.lists(st.sampled_from(VALUES["fields.site"]), min_size=1)}),
        "external": st.booleans(),
        "time": st.just(["22:00-06:00"]),
    },
)
_tree = st.recursive(
    _flat,
    lambda inner: st.one_of(
        st.tuples(_flat, st.lists(inner, min_size=1, max_size=3)).map(lambda two: {**two[0], "any": two[1]}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.tuples(_flat, inner).map(lambda two: {**two[0], "not": two[1]}),
    ),
    max_leaves=5,
)
_rules = st.lists(st.tuples(_tree, st.integers(1, 5), st.sampled_from(["x", "y", "z"])), max_size=12)
_facts = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()})


@settings(max_examples=400, deadline=None)
@given(said=_rules, facts=_facts, mode=st.sampled_from(["first", "scored"]))
def test_the_index_changes_no_decision(said: list[tuple[dict[str, Any], int, str]], facts: dict[str, str], mode: str):
    """C2: any rules, any facts, both modes: as reading every rule in order."""
    rules = [rule(f"r{index}", when, team, score=score) for index, (when, score, team) in enumerate(said)]
    match = RuleSet(
        Routing.model_validate({"mode": mode, "unmatched_team": "x"}).model_copy(update={"rules": tuple(rules)})
    ).judge(facts)
    matching = [each for each in rules if plain(each.when, facts)]
    if mode == "first":
        assert match.rule == (matching[0] if matching else None)
        assert match.tried_count == (rules.index(matching[0]) if matching else len(rules))
        assert list(match.tried) == [each.id for each in rules][: match.tried_count]
        return
    sums = {each.to.team: 0 for each in matching}
    for each in matching:
        sums[each.to.team] += each.score
    best = max(sums.values(), default=0)
    assert match.score == best
    if match.rule is not None:
        assert match.rule.to.team == next(team for team, score in sums.items() if score == best)
        assert match.rule in matching
    assert list(match.tried) == [each.id for each in rules if each not in matching]


def test_of_many_rules_only_those_that_could_match_are_read():
    """Issue 3: a decision under 200 microseconds with 500 rules; tests/bench/routing_bench.py measures it."""
    book = RuleSet(Routing(rules=tuple(customers()), unmatched_team="desk"))
    facts = {"customer": "c300", "type": "incident", "time": "10:00"}
    assert len(book.candidates(facts)) == 2
    match = book.judge(facts)
    assert match.rule is not None
    assert (match.rule.id, match.tried_count, len(match.tried)) == ("r300", 300, KEPT)


def routed(*rules: RoutingRule, at: Any = MORNING, book: str = "itss_desk", **said: Any) -> Decision:
    """The decision on a request, under these rules."""
    more = {name: said.pop(name) for name in ("lead_team", "flow", "impact", "urgency") if name in said}
    ticket = replace(wire.request_from(request(profile=book, **said)), **more)
    return decide(desk_with(rules, book, out_of_hours_team=None), ticket, at, at)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"customer": ["c.he.jie"]}, {}),
        ({"department": ["财务部"]}, {}),
        ({"unit": ["集团总部"]}, {}),
        ({"language": ["zh"]}, {}),
        ({"external": False}, {}),
        ({"backfilled": True}, {"backfilled": True}),
        ({"flow": ["second_line"]}, {"flow": "second_line"}),
        ({"lead_team": ["desk"]}, {"lead_team": "desk"}),
        ({"impact": ["high"], "urgency": ["low"]}, {"impact": "high", "urgency": "low"}),
        ({"weekday": ["tue"], "time": ["09:00-11:00"]}, {}),
        ({"calendar": {"always": "open"}, "in_hours": True}, {}),
        ({"channel": ["phone"]}, {"channel": common_pb2.CHANNEL_PHONE}),
        ({"major": True}, {"fields": {"major": "true"}}),
        ({"expr": 'project == "erp" and not external'}, {}),
    ],
)
def test_a_rule_may_ask_for_any_fact(when, said):
    """C2: by customer, unit, language, project, time and the others; and not so when the rule asks for the opposite."""
    assert routed(rule("asked", when, "erp_ops"), **said).rule == "asked"
    assert routed(rule("asked", {"not": when}, "erp_ops"), **said).rule == ""


def test_a_time_is_judged_in_the_zone_of_the_desk():
    """C2: 02:00 UTC on a Tuesday is ten in the morning in Shanghai."""
    facts = routed(rule("any", {})).facts
    assert (facts["weekday"], facts["time"], facts["in_hours"]) == ("tue", "10:00", "true")
    assert routed(rule("night", {"time": ["22:00-06:00"]}, "erp_ops"), at=MORNING + timedelta(hours=13)).rule == "night"


def test_desktop_matters_of_a_company_go_to_its_remote_seats_first():
    """C14: 云桌面 of the company with its own remote seats; everybody else's and other matters do not."""
    remote = rule("own_remote_seats", {"unit": ["东方物流"], "entry": ["terminals"]}, "terminals")
    rest = rule("rest", {}, "network")

    def team(unit: str, entry: str) -> str:
        wanted = wire.request_from(request(profile="generic_desk", type="fault", entry=entry))
        ticket = replace(wanted, requester=replace(wanted.requester, unit=unit))
        return decide(desk_with((remote, rest), "generic_desk"), ticket, MORNING, MORNING).team

    assert team("东方物流", "terminals") == "terminals"
    assert team("集团总部", "terminals") == "network"
    assert team("东方物流", "applications") == "network"


def test_a_service_task_sent_down_reaches_the_queue_of_the_unit_it_names():
    """C27: the upper unit names the centre by a field of the form; what a centre passes up shows both units."""
    centre = {
        "name": "centre",
        "label": {"zh": "受理中心", "en": "Centre"},
        "kind": "choice",
        "choices": [{"key": key, "label": {"zh": key, "en": key}} for key in ("city", "province")],
    }
    shipped = desk_with([], "generic_desk").profile.model_dump(by_alias=True)
    rules = [
        rule("sent_down", {"unit": ["省公司"], "fields": {"centre": ["city"]}}, "applications"),
        rule("passed_up", {"fields": {"centre": ["province"]}, "type": ["complaint", "consultation"]}, "supervisors"),
        rule("rest", {}, "network"),
    ]
    facet = {**shipped["routing"], "rules": [each.model_dump(by_alias=True) for each in rules]}
    profile = Profile.model_validate({**shipped, "form": [*shipped["form"], centre], "routing": facet})
    units = Desk(profile, "changed", load(POLICY / "generic_desk").roster)

    def sent(unit: str, to: str, kind: str) -> Decision:
        wanted = wire.request_from(request(profile="generic_desk", type=kind, fields={"centre": to}))
        ticket = replace(wanted, requester=replace(wanted.requester, unit=unit))
        return decide(units, ticket, MORNING, MORNING)

    assert sent("省公司", "city", "demand").team == "applications"
    up = sent("市公司", "province", "consultation")
    assert (up.team, up.facts["unit"], up.facts["fields.centre"]) == ("supervisors", "市公司", "province")
    told = explain(units, up, "zh")
    assert "单位：市公司" in told
    assert "受理中心：province" in told
    assert sent("市公司", "city", "demand").team == "network"


def test_the_target_with_the_highest_sum_of_scores_wins():
    """C2: two weak reasons for one team outweigh a stronger one for another; among equals the first rule's target."""
    rules = (
        rule("grade", {"grade": ["P2"]}, "emergency", score=5),
        rule("project", {"project": ["erp"]}, "erp_ops", score=3),
        rule("unit", {"unit": ["集团总部"]}, "erp_ops", score=4),
        rule("not_this", {"type": ["complaint"]}, "supervisors", score=900),
    )
    ticket = wire.request_from(request())
    decision = decide(desk_with(rules, mode="scored"), ticket, MORNING, MORNING)
    assert (decision.team, decision.rule, decision.score) == ("erp_ops", "unit", 7)
    assert (decision.tried, decision.tried_count) == (("not_this",), 1)
    as_much = rules[1].model_copy(update={"score": 5})
    even = decide(desk_with((rules[0], as_much), mode="scored"), ticket, MORNING, MORNING)
    assert even.team == "emergency"
    none = decide(desk_with(rules[3:], mode="scored"), ticket, MORNING, MORNING)
    assert (none.team, none.rule, none.score) == ("supervisors", "", 0)


def test_what_was_decided_is_kept_with_ids_and_choices_only():
    """C2, P1: neither name nor phone nor words of the requester stand in the facts, which are kept for ever."""
    said = wire.request_from(request())
    facts = decide(desk_with([rule("any", {})]), said, MORNING, MORNING).facts
    kept = " ".join(facts.values())
    personal = (said.requester.name, said.requester.phone, said.requester.email, said.title, said.description)
    assert not [word for word in personal if word and word in kept]
    assert facts["customer"] == "c.he.jie"


def test_the_catalogue_names_a_team_for_what_no_rule_matches():
    """A18, C24: an entry without a rule goes to the team of its entry, without alarming anybody."""
    plain_desk = desk_with([], "generic_desk")
    entries = tuple(
        entry.model_copy(update={"team": "applications"}) if entry.key == "applications" else entry
        for entry in plain_desk.profile.entries
    )
    profile = type(plain_desk.profile).model_validate(
        {**plain_desk.profile.model_dump(by_alias=True), "entries": [entry.model_dump() for entry in entries]}
    )
    named = type(plain_desk)(profile, "changed", plain_desk.roster)
    ticket: Ticket = wire.request_from(request(profile="generic_desk", type="fault", entry="applications"))
    decision = decide(named, ticket, MORNING, MORNING)
    assert (decision.team, decision.rule) == ("applications", CATALOGUE)
