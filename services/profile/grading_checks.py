"""Does the grading answer every question it asks? (B4, B5, S5)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.grading import Degree, Grading, Matrix


def check_grading(grading: Grading, actions: frozenset[str]) -> Iterator[Finding]:
    """Unknown grades, questions and answers, questions without a rule, rules nobody reaches, holes in the matrix."""
    grades = [each.key for each in grading.grades]
    yield from duplicates(("grading", "grades"), "grade", grades)
    if grading.default is not None and grading.default not in grades:
        yield unknown(("grading", "default"), "grade", grading.default, grades)
    for index, action in enumerate(grading.mandatory_before):
        if action not in actions:
            yield unknown(("grading", "mandatory_before", index), "action", action, actions)
    if grading.model == "matrix" and grading.matrix is None:
        yield ("grading", "model"), "the model is matrix but there is no matrix; add it or choose another model"
    yield from _questions(grading)
    yield from _rules(grading, grades)
    if grading.matrix is not None:
        yield from _matrix(grading.matrix, grades)


def _questions(grading: Grading) -> Iterator[Finding]:
    used = {key for rule in grading.rules for key in rule.when}
    yield from duplicates(("grading", "questions"), "question", [each.key for each in grading.questions])
    for index, question in enumerate(grading.questions):
        here: Path = ("grading", "questions", index)
        if question.kind == "choice" and not question.options:
            yield (*here, "options"), "a choice needs options; list them or use kind: yes_no"
        if question.kind == "yes_no" and question.options:
            yield (*here, "options"), "yes or no are the only options here; remove these or use kind: choice"
        if question.default is not None and question.default not in question.answers:
            yield unknown((*here, "default"), "answer", question.default, question.answers)
        if question.key not in used:
            yield here, f'no rule looks at "{question.key}", so its answer changes nothing; add a rule or remove it'
        if question.key in ("impact", "urgency"):
            yield (*here, "key"), f'"{question.key}" is a side of the matrix; choose another key'
        yield from duplicates((*here, "options"), "option", [each.key for each in question.options])


def _rules(grading: Grading, grades: list[str]) -> Iterator[Finding]:
    questions = {each.key: each for each in grading.questions}
    caught = False
    for index, rule in enumerate(grading.rules):
        here: Path = ("grading", "rules", index)
        if rule.grade not in grades:
            yield unknown((*here, "grade"), "grade", rule.grade, grades)
        for key, wanted in rule.when.items():
            if key not in questions:
                yield unknown((*here, "when", key), "question", key, questions)
                continue
            for answer in wanted:
                if answer not in questions[key].answers:
                    yield unknown((*here, "when", key), "answer", answer, questions[key].answers)
        if caught:
            yield here, "a rule before this one always holds, so this one is never reached; move it up or remove it"
        caught = caught or not rule.when


def _matrix(matrix: Matrix, grades: list[str]) -> Iterator[Finding]:
    impacts, urgencies = _keys(matrix.impacts), _keys(matrix.urgencies)
    yield from duplicates(("grading", "matrix", "impacts"), "impact", impacts)
    yield from duplicates(("grading", "matrix", "urgencies"), "urgency", urgencies)
    here: Path = ("grading", "matrix", "grades")
    for impact, row in matrix.grades.items():
        if impact not in impacts:
            yield unknown((*here, impact), "impact", impact, impacts)
        for urgency, grade in row.items():
            if urgency not in urgencies:
                yield unknown((*here, impact, urgency), "urgency", urgency, urgencies)
            if grade not in grades:
                yield unknown((*here, impact, urgency), "grade", grade, grades)
    for impact in impacts:
        for urgency in urgencies:
            if urgency not in matrix.grades.get(impact, {}):
                yield (
                    (*here, impact) if impact in matrix.grades else here,
                    f"there is no grade for impact {impact} and urgency {urgency}; add it",
                )


def _keys(degrees: Iterable[Degree]) -> list[str]:
    return [each.key for each in degrees]
