"""Grading by answers and by the matrix, and values judged by the form (B4-B6, B19, A18, D17)."""

from __future__ import annotations

import pytest

from services.dispatch import model, wire
from services.dispatch.audit.history import history_of
from services.dispatch.policy import Desk, open_ticket, step
from services.dispatch.policy.grading import propose
from services.kernel.errors import Refused
from services.profile.schema import Profile
from tests.dispatch.test_audit import written
from tests.dispatch.world import MORNING, Tale, desk, person

LEVELS, AGENT = "it_callcentre_levels", "i.he.xin"


def changed(tale: Tale) -> dict[str, tuple[str, str]]:
    return {each.field: (each.old, each.new) for each in tale.events[-1].changes}


def opened(profile: str, **said: object) -> model.Ticket:
    """A ticket as its request opens it."""
    rules = desk(profile)
    request = model.Ticket(number="DS20250610-000009", profile=profile, **said)  # type: ignore[arg-type]
    return open_ticket(rules, request, MORNING, MORNING)[-1].ticket


def test_observed_conditions_grade_a_ticket_and_say_why():
    """B5, B6: proposal, answers, setter and time are kept."""
    tale = Tale(LEVELS, type="fault", grade="", project="")
    ticket = tale.does(AGENT, "grade", **{"answer.parts_failed": "yes", "answer.warnings": "yes"})
    assert (ticket.grade, ticket.priority, ticket.fields["proposed_grade"]) == ("II", 2, "II")
    event = tale.events[-1]
    assert (event.name, event.actor.id, event.at, event.reason) == (
        "graded", AGENT, tale.now, "部分部件失效，系统仍在运行。",
    )  # fmt: skip
    assert changed(tale)["grade"] == ("IV", "II")
    assert changed(tale)["fields.answer.parts_failed"] == ("", "yes")


def test_another_level_than_the_proposed_one_needs_a_reason_and_both_are_kept():
    """B5: the agent may override with a reason."""
    tale = Tale(LEVELS, type="fault", grade="", project="")
    with pytest.raises(Refused, match="propose III") as refused:
        tale.does(AGENT, "grade", grade="I", **{"answer.warnings": "yes"})
    assert refused.value.field == "reason"
    ticket = tale.does(AGENT, "grade", reason="领导在场演示", grade="I", **{"answer.warnings": "yes"})
    assert (ticket.grade, ticket.fields["proposed_grade"]) == ("I", "III")
    assert tale.events[-1].reason == "领导在场演示"
    assert changed(tale)["fields.proposed_grade"] == ("", "III")


def test_staying_with_a_grade_the_answers_do_not_propose_needs_a_reason_too():
    """B5"""
    tale = Tale(LEVELS, type="fault", grade="I", project="")
    with pytest.raises(Refused, match="propose IV"):
        tale.does(AGENT, "grade", grade="I", **{"answer.warnings": "no"})


def test_answers_given_one_after_the_other_add_up():
    """B5"""
    tale = Tale("generic_desk", type="fault", grade="general", project="")
    with pytest.raises(Refused, match="many people") as refused:
        tale.does("g.ren.yu", "grade", **{"answer.work": "stopped"})
    assert refused.value.field == "answer.many"
    tale.does("g.ren.yu", "grade", **{"answer.work": "stopped", "answer.many": "no"})
    assert tale.ticket.grade == "urgent"
    tale.does("g.ren.yu", "grade", **{"answer.many": "yes"})
    assert tale.ticket.grade == "critical"


def test_impact_and_urgency_grade_by_the_matrix():
    """B5"""
    tale = Tale(grade="")
    ticket = tale.does("li.wei", "classify", impact="department", urgency="stopped")
    assert (ticket.grade, ticket.impact, ticket.urgency, ticket.state) == ("P1", "department", "stopped", "classified")
    assert changed(tale)["impact"] == ("", "department")
    ticket = tale.does("li.wei", "grade", urgency="can_wait")
    assert (ticket.grade, ticket.milestones["graded"] < tale.now) == ("P3", True)


def test_a_classification_without_a_grade_or_answers_is_refused():
    """B6"""
    with pytest.raises(Refused, match="the grade"):
        Tale(grade="").does("li.wei", "classify", type="incident")
    with pytest.raises(Refused, match="urgency"):
        Tale(grade="").does("li.wei", "classify", impact="person")


@pytest.mark.parametrize(
    "values",
    [
        {"answer.weather": "bad"},
        {"answer.warnings": "perhaps"},
        {"impact": "company", "urgency": "stopped"},
        {"answer.": "yes"},
        {"answer.warnings": "x" * 5000},
        {"grade": "V"},
    ],
)
def test_what_the_desk_does_not_ask_is_refused(values):
    tale = Tale(LEVELS, type="fault", grade="IV", project="")
    with pytest.raises(Refused) as refused:
        tale.does(AGENT, "grade", reason="试", **values)
    assert len(refused.value.message) < 600
    assert tale.ticket.version == tale.events[-1].ticket.version


def test_only_those_who_judge_may_answer():
    """B6"""
    tale = Tale().to_engineer()
    with pytest.raises(Refused) as refused:
        tale.does("huang.lei", "update", impact="company", urgency="stopped")
    assert refused.value.code == "forbidden"


def test_answers_of_a_person_outside_the_profile_propose_purely():
    """B5"""
    assert propose(desk(LEVELS), {"data_lost": "yes"}).grade == "I"


def test_a_request_that_brings_its_answers_is_graded_on_arrival():
    """B5, B6"""
    ticket = opened(LEVELS, type="fault", fields={"answer.business_stopped": "yes"})
    assert (ticket.grade, ticket.fields["proposed_grade"]) == ("I", "I")
    ticket = opened(
        "itss_desk", type="incident", fields={"impact": "person", "urgency": "hindered", "order_number": "7"}
    )
    assert (ticket.grade, ticket.impact, dict(ticket.fields)) == (
        "P3",
        "person",
        {"order_number": "7", "proposed_grade": "P3"},
    )
    # What came past intake and is no answer grades nothing.
    assert opened("itss_desk", type="incident", fields={"impact": "planet"}).grade == ""


def _with_entry_defaults(profile: Profile) -> Desk:
    rules = desk("itss_desk")
    entries = tuple(
        each.model_copy(update={"grade": "P2"} if each.key == "erp" else {}) for each in rules.profile.entries
    )
    return Desk(profile.model_copy(update={"entries": entries}), "test", rules.roster)


def test_an_entry_brings_its_project_and_its_grade():
    """A18"""
    rules = _with_entry_defaults(desk("itss_desk").profile)
    request = model.Ticket(number="DS20250610-000009", profile="itss_desk", type="service_request", entry="erp_account")
    ticket = open_ticket(rules, request, MORNING, MORNING)[-1].ticket
    assert (ticket.entry, ticket.project, ticket.grade) == ("erp_account", "erp", "P2")


def test_no_ticket_is_dispatched_without_type_and_grade():
    """B4, B6: the class is mandatory before dispatch."""
    rules = desk("generic_desk")
    grading = rules.profile.grading.model_copy(update={"default": None})
    lifecycle = rules.profile.lifecycle
    rows = tuple(
        row.model_copy(update={"requires": ()}) if row.action == "classify" else row for row in lifecycle.transitions
    )
    loose = lifecycle.model_copy(update={"transitions": rows})
    strict = Desk(rules.profile.model_copy(update={"grading": grading, "lifecycle": loose}), "test", rules.roster)
    request = model.Ticket(number="DS20250610-000009", profile="generic_desk", type="fault", entry="network")
    ticket = open_ticket(strict, request, MORNING, MORNING)[-1].ticket
    assert (ticket.state, ticket.grade) == ("classified", "")
    agent = person("g.ren.yu", "generic_desk")
    with pytest.raises(Refused, match="classify it before") as refused:
        step(strict, ticket, model.Command("dispatch"), agent, MORNING)
    assert refused.value.field == "grade"
    graded = step(strict, ticket, model.Command("grade", values={"grade": "urgent"}), agent, MORNING)
    assert graded is not None
    sent = step(strict, graded.ticket, model.Command("dispatch"), agent, MORNING)
    assert sent is not None
    assert sent.ticket.state == "dispatched"


def test_an_extra_field_is_judged_by_the_form_and_its_change_is_kept():
    """B19, B9"""
    tale = Tale("generic_desk", type="fault", project="")
    ticket = tale.does("g.ren.yu", "update", affected_people="12", asset_number="A-7")
    assert (ticket.fields["affected_people"], ticket.fields["asset_number"]) == ("12", "A-7")
    assert changed(tale)["fields.affected_people"] == ("", "12")
    for wrong in ("many", "0", "1000001"):
        with pytest.raises(Refused) as refused:
            tale.does("g.ren.yu", "update", affected_people=wrong)
        assert refused.value.field == "affected_people"
        assert refused.value.faults[0].zh
    tale.does("g.ren.yu", "update", affected_people="")
    assert tale.ticket.fields["affected_people"] == ""


def test_a_choice_is_kept_by_its_key_however_it_is_written():
    """B19"""
    tale = Tale(type="complaint")
    ticket = tale.does("li.wei", "update", complaint_about="人员")
    assert ticket.fields["complaint_about"] == "person"


def test_a_draft_field_is_no_extra_field():
    """B19"""
    with pytest.raises(Refused, match="no such value"):
        Tale().does("li.wei", "update", department="财务部")


def test_type_and_entry_must_go_together():
    """A18"""
    tale = Tale()
    with pytest.raises(Refused, match="takes only") as refused:
        tale.does("li.wei", "update", entry="erp_account")
    assert refused.value.field == "entry"
    assert tale.does("li.wei", "update", entry="erp_account", type="service_request").entry == "erp_account"
    with pytest.raises(Refused, match="not a word of this desk"):
        tale.does("li.wei", "update", entry="fax")


def test_extra_fields_are_masked_for_those_without_need():
    """P1, B19: nobody can say what a desk's own field holds."""
    tale = Tale()
    tale.does("li.wei", "update", order_number="HT-2025-7", impact="person", urgency="can_wait", reason="核对")
    seen = wire.masked(wire.ticket_to(tale.ticket))
    assert dict(seen.fields) == {"order_number": "***", "proposed_grade": "P3"}
    assert wire.told_masked("fields.order_number", "HT-2025-7") == "***"
    assert wire.told_masked("fields.answer.warnings", "yes") == "yes"
    assert wire.told_masked("grade", "P3") == "P3"


def test_the_history_tells_questions_and_answers_in_words():
    """B5, B9: what was asked, answered, proposed and chosen, and why."""
    tale = Tale(LEVELS, type="fault", grade="", project="")
    tale.does(AGENT, "grade", reason="领导在场演示", grade="I", **{"answer.warnings": "yes"})
    told = history_of(tale.desk, written(tale), "zh-CN", lambda ticket: False).entries[-1].text
    for words in ("是否出现报错或警告？：无 → 是", "建议分级：无 → III 级", "分级：IV 级", "原因：领导在场演示"):
        assert words in told
    english = history_of(tale.desk, written(tale), "en", lambda ticket: False).entries[-1].text
    assert "Are there errors or warnings?: none -> Yes" in english
