"""A decision in words: which test of which rule failed, in both languages, also after the policy has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.contracts.deskstream.v1 import common_pb2
from services.dispatch import wire
from services.dispatch.handlers import Stream
from services.dispatch.model import Caller, Decision
from services.dispatch.policy import decide, explain
from services.dispatch.queries import Queries
from tests.dispatch.rulebooks import desk_with, rule
from tests.dispatch.world import MORNING, desk, desks, person, received, request

BOOK = (
    rule("emergency_first", {"grade": ["P1", "P2"], "channel": ["monitoring"]}, "emergency"),
    rule("vip", {"any": [{"customer": ["c.boss"]}, {"department": ["董事会"]}]}, "supervisors"),
    rule("at_night", {"time": ["22:00-06:00"]}, "emergency"),
    rule("not_erp", {"not": {"project": ["erp"]}}, "supervisors"),
    rule("abroad", {"external": True}, "supervisors"),
    rule("rest", {}, "desk"),
)


def decided(version: str = "changed", **said: Any) -> Decision:
    return decide(desk_with(BOOK, version=version), wire.request_from(request(**said)), MORNING, MORNING)


def test_every_rule_tried_says_which_of_its_tests_failed():
    """C2"""
    told = explain(desk_with(BOOK), decided(channel=common_pb2.CHANNEL_PHONE), "en")
    assert 'rule "rest" matched: Rule rest says so.' in told
    for words in (
        "emergency_first: channel is phone, not monitoring",
        "vip: none of its alternatives (customer is c.he.jie, not c.boss; department is 财务部, not 董事会)",
        "at_night: time is 10:00, not 22:00-06:00",
        "not_erp: project is erp, which it excludes",
        "abroad: external is no, not yes",
    ):
        assert words in told


def test_the_same_is_told_in_chinese_with_the_labels_of_the_profile():
    """C2"""
    told = explain(desk_with(BOOK), decided(channel=common_pb2.CHANNEL_PHONE), "zh-CN")
    assert "命中规则“rest”：规则rest。" in told
    for words in (
        "emergency_first：渠道为电话，而非监控",
        "vip：各项均不符合（客户为c.he.jie，而非c.boss；部门为财务部，而非董事会）",
        "abroad：外部用户为否，而非是",
        "类型：事件",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("language", "words"), [("en", "no longer in the policy in force (2)"), ("zh", "已不在现行规则版本（2）")]
)
def test_a_rule_that_is_gone_is_told_in_the_words_of_its_time(language, words):
    """C2, D18: and it is said plainly that it is gone; today's tests are not told as those of then."""
    then = decided(version="1")
    told = explain(desk_with(BOOK[:2], version="2"), then, language)
    assert words in told
    assert "规则rest" in told
    assert "not_erp" in told
    assert "which it excludes" not in told


def test_a_changed_policy_is_said_to_be_another():
    """D18"""
    told = explain(desk_with(BOOK, version="2"), decided(version="1"), "en")
    assert "under policy 1" in told
    assert "may read otherwise in the policy in force (2)" in told


def test_of_many_rules_the_last_before_the_decision_are_told():
    """C2: the explanation stays readable with hundreds of rules."""
    book = [rule(f"r{index}", {"customer": [f"c{index}"]}) for index in range(300)]
    changed = desk_with([*book, rule("rest", {})])
    told = explain(changed, decide(changed, wire.request_from(request()), MORNING, MORNING), "en")
    assert "r299: customer is c.he.jie, not c299; and 288 more." in told
    assert len(told) < 2000


def test_why_this_person_is_told():
    """C2, C13: whoever chose the person says why; the explanation repeats it."""
    chosen = replace(decided(), assignee="xu.ling", why_person="xu.ling knows SAP best and has the least to do.")
    for language in ("en", "zh"):
        assert "xu.ling knows SAP best" in explain(desk_with(BOOK), chosen, language)


def test_a_decision_of_before_this_was_kept_is_explained_as_well():
    """S4: decisions stored without version and count."""
    old = replace(decide(desk(), wire.request_from(request()), MORNING, MORNING), policy_version="", tried_count=0)
    assert "complaint_to_supervisor: type is incident, not complaint" in explain(desk(), old, "en")


def test_a_decision_survives_the_wire():
    """C2: what is told tomorrow was stored today."""
    full = replace(decided(), why_person="因为", why_person_en="because", score=7)
    ticket = replace(wire.request_from(request()), routing=full)
    assert wire.ticket_from(wire.ticket_to(ticket)).routing == full


def test_requesters_are_not_told_of_the_rules_for_others(tickets):
    """C2, P1: rules name other customers, and why somebody was chosen speaks of colleagues."""
    number = "DS20250610-000001"
    Stream(desks(), tickets).requests([received(number)], MORNING)
    queries = Queries(desks(), tickets)
    told = queries.explanation(number, "en", Caller("c.he.jie", frozenset({"requester"})))
    assert 'rule "desk_first" matched' in told.text
    assert "emergency_first" not in told.text
    assert (list(told.decision.tried), told.decision.tried_count) == ([], 0)
    assert "emergency_first" in queries.explanation(number, "en", person("li.wei")).text


def test_why_the_person_of_a_rule_has_it_is_told_in_both_languages():
    """C23, M21: the substitute's turn is told with the name of the absent."""
    book = [rule("erp", {}, "erp_ops", person="xu.ling")]
    away = MORNING.replace(month=5, day=7)
    decision = decide(desk_with(book), wire.request_from(request()), away, away)
    assert (decision.assignee, decision.why_person) == ("huang.lei", "xu.ling不在岗，由huang.lei代理。")
    assert "xu.ling不在岗" in explain(desk_with(book), decision, "zh")
    english = explain(desk_with(book), decision, "en")
    assert "xu.ling is absent; huang.lei stands in." in english
    assert "不在岗" not in english
