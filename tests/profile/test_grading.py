"""What answers, or impact and urgency, propose as a grade (B4, B5)."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Refused
from services.profile.grading import Grading, propose
from services.profile.load import load
from tests.profile.folders import NAMES, POLICY

GRADINGS: dict[str, Grading] = {name: load(POLICY / name).profile.grading for name in NAMES}
LEVELS = GRADINGS["it_callcentre_levels"]
CONDITIONS = ("business_stopped", "data_lost", "parts_failed", "performance_down", "warnings")

# 003-01 section 1.1 (3), row by row: what is observed, and the level.
TABLE = [
    (("business_stopped",), "I"),
    (("data_lost",), "I"),
    (("business_stopped", "data_lost", "parts_failed", "warnings"), "I"),
    (("data_lost", "warnings"), "I"),
    (("parts_failed",), "II"),
    (("performance_down",), "II"),
    (("parts_failed", "performance_down", "warnings"), "II"),
    (("warnings",), "III"),
    ((), "IV"),
]


@pytest.mark.parametrize(("observed", "level"), TABLE)
def test_observed_conditions_propose_the_level(observed: tuple[str, ...], level: str) -> None:
    """B5, AM15"""
    told = {name: "yes" if name in observed else "no" for name in CONDITIONS}
    assert propose(LEVELS, told).grade == level
    # What is not observed counts as no.
    assert propose(LEVELS, dict.fromkeys(observed, "yes")).grade == level
    assert propose(LEVELS, told).because.zh


@given(st.fixed_dictionaries(dict.fromkeys(CONDITIONS, st.sampled_from(["yes", "no"]))))
def test_more_that_is_wrong_never_proposes_a_milder_level(told: dict[str, str]) -> None:
    """B5"""
    order = [grade.key for grade in LEVELS.grades]
    before = order.index(propose(LEVELS, told).grade)
    for name in CONDITIONS:
        assert order.index(propose(LEVELS, told | {name: "yes"}).grade) <= before


def test_an_open_question_that_could_raise_the_grade_is_asked_first() -> None:
    """B5: nothing too mild is proposed."""
    grading = GRADINGS["generic_desk"]
    told = propose(grading, {"work": "stopped"})
    assert (told.grade, told.open) == ("", ("many",))
    assert "多人" in told.because.zh
    assert propose(grading, {"work": "stopped", "many": "no"}).grade == "urgent"
    assert propose(grading, {"work": "goes_on"}).grade == "general"
    assert propose(grading, {}).open == ("work", "many")


def test_the_urgencies_are_three() -> None:
    """B4"""
    assert [grade.key for grade in GRADINGS["generic_desk"].grades] == ["critical", "urgent", "general"]


@pytest.mark.parametrize(
    "told", [{"weather": "bad"}, {"warnings": "perhaps"}, {"impact": "company"}, {"x" * 5000: "yes"}]
)
def test_an_unknown_question_or_answer_is_refused_with_those_there_are(told: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r"asks|answer") as refused:
        propose(LEVELS, told)
    assert len(refused.value.message) < 400
    assert refused.value.field.startswith("answer.")


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_of_a_matrix_has_a_grade_and_a_worse_pair_never_a_milder_one(name: str) -> None:
    """B5: no hole; degrees stand from the worst to the mildest."""
    grading = GRADINGS[name]
    matrix = grading.matrix
    if matrix is None:
        return
    rank = {grade.key: grade.priority for grade in grading.grades}
    sides = [[one.key for one in side] for side in (matrix.impacts, matrix.urgencies)]

    def priority(i: int, u: int) -> int:
        return rank[propose(grading, {"impact": sides[0][i], "urgency": sides[1][u]}).grade]

    for i, u in product(range(len(sides[0])), range(len(sides[1]))):
        assert i == 0 or priority(i - 1, u) <= priority(i, u)
        assert u == 0 or priority(i, u - 1) <= priority(i, u)


def test_one_side_of_the_matrix_asks_for_the_other() -> None:
    told = propose(GRADINGS["itss_desk"], {"impact": "company"})
    assert (told.grade, told.open) == ("", ("urgency",))


@pytest.mark.parametrize("name", NAMES)
def test_every_question_has_a_help_text_to_read_out(name: str) -> None:
    """B23"""
    assert all(question.help for question in GRADINGS[name].questions)
