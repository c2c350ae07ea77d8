"""What the profile's questions accept."""

from __future__ import annotations

import pytest

from services.callbacks.questionnaire import judge
from services.kernel.errors import Refused
from services.profile.schema import Survey
from tests.callbacks.world import profiles

FOUR_GRADES = profiles().default.profile.survey

HEATING = Survey.model_validate(
    {
        "scale": "score",
        "questions": [
            {"key": "solved", "label": {"zh": "解决", "en": "Solved"}, "kind": "yes_no"},
            {
                "key": "attitude",
                "label": {"zh": "态度", "en": "Attitude"},
                "kind": "choice",
                "options": [
                    {"key": "satisfied", "label": {"zh": "满意", "en": "Satisfied"}},
                    {"key": "average", "label": {"zh": "一般", "en": "Average"}},
                ],
            },
            {
                "key": "satisfaction",
                "label": {"zh": "评分", "en": "Score"},
                "kind": "int",
                "min": 1,
                "max": 10,
                "options": [
                    {"key": str(n), "label": {"zh": str(n), "en": str(n)}, "satisfied": n > 6} for n in range(1, 11)
                ],
            },
            {"key": "suggestions", "label": {"zh": "建议", "en": "Suggestions"}, "kind": "text", "required": False},
            {"key": "payment_reminder", "label": {"zh": "缴费", "en": "Pay"}, "kind": "statement"},
        ],
    }
)


def answers(**given: str) -> list[tuple[str, str]]:
    return list({"solved": "yes", "attitude": "average", "satisfaction": "8", **given}.items())


@pytest.mark.parametrize("score", ["0", "11", "-1", "7.5", "seven", "１", "99999999999"])
def test_a_score_outside_one_to_ten_is_refused(score):
    """F7."""
    with pytest.raises(Refused) as refused:
        judge(HEATING, answers(satisfaction=score))
    assert [fault.field for fault in refused.value.faults] == ["satisfaction"]


@pytest.mark.parametrize(("score", "satisfied"), [("1", False), ("6", False), ("7", True), ("10", True)])
def test_a_score_counts_as_satisfied_by_the_profiles_own_mapping(score, satisfied):
    """F17."""
    assert judge(HEATING, answers(satisfaction=score)).satisfied is satisfied


@pytest.mark.parametrize(
    ("grade", "satisfied"),
    [("very_satisfied", True), ("satisfied", True), ("basically_satisfied", True), ("dissatisfied", False)],
)
def test_exactly_four_grades_are_accepted(grade, satisfied):
    """F5, AM4."""
    assert judge(FOUR_GRADES, [("solved", "yes"), ("satisfaction", grade)]).satisfied is satisfied
    with pytest.raises(Refused):
        judge(FOUR_GRADES, [("solved", "yes"), ("satisfaction", "average")])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"attitude": "rude"}, "attitude"),
        ({"solved": "maybe"}, "solved"),
        ({"solved": " "}, "solved"),
        ({"payment_reminder": "yes"}, "payment_reminder"),
        ({"favourite_colour": "blue"}, "favourite_colour"),
        ({"suggestions": "长" * 2001}, "suggestions"),
    ],
)
def test_a_wrong_or_missing_answer_is_refused_by_name_in_both_languages(given, field):
    """F7, F12."""
    with pytest.raises(Refused) as refused:
        judge(HEATING, answers(**given))
    [fault] = refused.value.faults
    assert fault.field == field
    assert fault.zh
    assert fault.en


def test_all_faults_are_told_at_once():
    with pytest.raises(Refused) as refused:
        judge(HEATING, [("satisfaction", "11"), ("satisfaction", "5")])
    assert {fault.field for fault in refused.value.faults} == {"solved", "attitude", "satisfaction"}


def test_one_question_is_answered_once():
    with pytest.raises(Refused):
        judge(HEATING, [*answers(), ("satisfaction", "5")])


def test_answers_keep_the_order_of_the_questions():
    verdict = judge(HEATING, answers(suggestions="更快一些")[::-1])
    assert [one.question for one in verdict.answers] == ["solved", "attitude", "satisfaction", "suggestions"]
