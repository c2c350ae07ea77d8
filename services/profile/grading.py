"""The grading facet, and what answers or impact and urgency propose as a grade (分级, B4, B5). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from services.kernel.errors import Refused
from services.profile.facet import Facet, Label, Name
from services.profile.forms import YES_NO, Option

GradeKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,20}$")]

ANSWER = "answer."
"""A value "answer.<question>" of an action answers a question of the grading; the ticket keeps it under this name."""

SIDES = ("impact", "urgency")
"""Sides of the matrix: values of an action, and fields of the ticket."""

PROPOSED = "proposed_grade"
"""Extra field that keeps what the answers proposed, beside the grade that was chosen."""


def _texts(told: object) -> object:
    # YAML reads yes and no as truth values.
    if isinstance(told, bool):
        return ("yes",) if told else ("no",)
    if isinstance(told, str):
        return (told,)
    if isinstance(told, list):
        return tuple(("yes" if each else "no") if isinstance(each, bool) else each for each in told)
    return told


def _text(told: object) -> object:
    return ("yes" if told else "no") if isinstance(told, bool) else told


Answers = Annotated[tuple[Name, ...], BeforeValidator(_texts)]
"""Answers of which one must have been given; a single one may stand without brackets."""


class Grade(Facet):
    """A class of urgency, fault level or priority (B4, B5); priority 1 is served first."""

    key: GradeKey
    label: Label
    priority: int = Field(ge=1, le=9)
    help: Label | None = None


class GradingQuestion(Facet):
    """What the agent asks or observes to grade a ticket: "Has business stopped?" (B5)."""

    key: Name
    label: Label
    help: Label | None = None
    kind: Literal["yes_no", "choice"] = "yes_no"
    options: tuple[Option, ...] = ()
    default: Annotated[Name | None, BeforeValidator(_text)] = None
    """What counts when it is left open; none: the grade cannot be proposed before somebody answers."""

    @property
    def answers(self) -> Mapping[str, Label]:
        """What may be answered."""
        return YES_NO if self.kind == "yes_no" else {one.key: one.label for one in self.options}


class GradingRule(Facet):
    """Answers that propose a grade; the first rule that holds proposes. Without answers it always holds."""

    when: dict[Name, Answers] = Field(default_factory=dict)
    grade: GradeKey
    why: Label


class Degree(Facet):
    """A degree of impact or of urgency, a side of the matrix."""

    key: Name
    label: Label
    help: Label | None = None


class Matrix(Facet):
    """Grade by impact and urgency (影响度 × 紧急度)."""

    impacts: tuple[Degree, ...] = Field(min_length=1)
    urgencies: tuple[Degree, ...] = Field(min_length=1)
    grades: dict[Name, dict[Name, GradeKey]]
    """grades[impact][urgency]; every pair has one."""


class Grading(Facet):
    """How tickets are graded (分级)."""

    model: Literal["priority", "urgency", "fault_level", "matrix"]
    grades: tuple[Grade, ...] = Field(min_length=1)
    default: str | None = None
    """Grade of a request that came without one; null: a person must grade it."""
    questions: tuple[GradingQuestion, ...] = ()
    rules: tuple[GradingRule, ...] = ()
    matrix: Matrix | None = None
    mandatory_before: tuple[Name, ...] = ()
    """Actions that a ticket without type and grade is refused (B4, B6)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the answers say. grade is empty while `open` questions could still change it, or when no rule holds."""

    grade: str
    because: Label
    open: tuple[str, ...] = ()

    @classmethod
    def nothing(cls) -> Proposal:
        """What no rule has an opinion on."""
        return cls("", Label(zh="这些回答没有对应的规则，请直接选择分级。", en="No rule fits; choose the grade."))


def propose(grading: Grading, answers: Mapping[str, str]) -> Proposal:
    """The proposed grade for answers by question, or for "impact" and "urgency". Refused: unknown question or answer.

    A question left open has its default. An open one without a default stops the search at the first rule that it
    could make true: what comes after would propose too little.
    """
    known = {question.key: question for question in grading.questions}
    given = {key: text for key, text in answers.items() if text}
    _check(grading, known, given)
    if grading.matrix is not None and given.keys() & set(SIDES):
        return _by_matrix(grading.matrix, given)
    told = {key: question.default for key, question in known.items() if question.default} | given
    for rule in grading.rules:
        if any(key in told and told[key] not in wanted for key, wanted in rule.when.items()):
            continue
        still = tuple(key for key in rule.when if key not in told)
        if still:
            asked = [known[key].label for key in still]
            return Proposal("", Label(zh=_asked(asked, "zh"), en=_asked(asked, "en")), still)
        return Proposal(rule.grade, rule.why)
    return Proposal.nothing()


def _by_matrix(matrix: Matrix, given: Mapping[str, str]) -> Proposal:
    open_ = tuple(side for side in SIDES if side not in given)
    if open_:
        missing = open_[0]
        zh = "影响度" if missing == "impact" else "紧急度"
        return Proposal("", Label(zh=f"请同时给出{zh}。", en=f"Give the {missing} as well."), open_)
    impact = next(one.label for one in matrix.impacts if one.key == given["impact"])
    urgency = next(one.label for one in matrix.urgencies if one.key == given["urgency"])
    because = Label(
        zh=f"影响度“{impact.zh}”，紧急度“{urgency.zh}”。",
        en=f"Impact: {impact.en}; urgency: {urgency.en}.",
    )
    return Proposal(matrix.grades[given["impact"]][given["urgency"]], because)


def _check(grading: Grading, known: Mapping[str, GradingQuestion], given: Mapping[str, str]) -> None:
    matrix = grading.matrix
    sides: dict[str, list[str]] = {}
    if matrix is not None:
        sides = {"impact": [one.key for one in matrix.impacts], "urgency": [one.key for one in matrix.urgencies]}
    for key, text in given.items():
        allowed = list(known[key].answers) if key in known else sides.get(key)
        if allowed is None:
            names = ", ".join((*known, *sides)) or "none"
            raise Refused(
                f'This desk asks no question "{key[:60]}" for grading; it asks: {names}.', field=f"{ANSWER}{key[:60]}"
            )
        if text not in allowed:
            raise Refused(
                f'"{text[:60]}" is no answer to "{key}"; answer one of: {", ".join(allowed)}.',
                field=key if key in sides else f"{ANSWER}{key}",
            )


def answers_in(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The answers among the values of an action or the extra fields of a ticket, by question."""
    for name, text in values.items():
        if name.startswith(ANSWER):
            yield name.removeprefix(ANSWER), text.strip()


def given_in(grading: Grading, fields: Mapping[str, str]) -> dict[str, str]:
    """The answers among the extra fields of a request, with impact and urgency where the profile has a matrix."""
    sides = {name: fields[name] for name in SIDES if grading.matrix is not None and fields.get(name)}
    return {**{key: text for key, text in answers_in(fields) if text}, **sides}


def _asked(labels: list[Label], tongue: str) -> str:
    if tongue == "zh":
        return f"请先回答：{'；'.join(label.zh for label in labels)}"
    return f"Answer first: {'; '.join(label.en for label in labels)}"
