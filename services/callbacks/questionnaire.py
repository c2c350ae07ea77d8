"""Judgement on answers: what the profile's questions accept and what the answers say (F5, F7, F12, F17). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from services.callbacks.model import Answer, Verdict
from services.kernel.errors import Fault, Refused
from services.profile.schema import Question, Survey

LONGEST_TEXT = 2_000
"""Characters of a free answer."""


def judge(survey: Survey | None, given: Iterable[tuple[str, str]]) -> Verdict:
    """Checks answers (question key, value) and reads the verdict; Refused carries one fault per wrong answer.

    Values: yes_no "yes" or "no"; choice the key of an option; int a whole number within bounds; text up to 2,000
    characters. A statement is read out and takes no answer.
    """
    questions = {question.key: question for question in (survey.questions if survey else ())}
    answers: dict[str, str] = {}
    faults: list[Fault] = []
    for key, value in given:
        question = questions.get(key)
        value = value.strip()
        if question is None or question.kind == "statement":
            faults.append(Fault(key, "问卷没有这个问题", "the questionnaire does not ask this"))
        elif key in answers:
            faults.append(Fault(key, "同一问题只能回答一次", "answer each question once"))
        elif value and (fault := _fault(question, value)):
            faults.append(fault)
        elif value:
            answers[key] = value if question.kind != "int" else str(int(value))
    faulty = {fault.field for fault in faults}
    faults += [
        Fault(key, "必须回答", "an answer is required")
        for key, question in questions.items()
        if question.required and question.kind != "statement" and key not in answers and key not in faulty
    ]
    if faults:
        told = "; ".join(f"{fault.field}: {fault.en}" for fault in faults)
        raise Refused(f"The answers cannot be taken: {told}.", field=faults[0].field, faults=tuple(faults))
    solved = answers.get("solved")
    grade = answers.get("satisfaction", "")
    return Verdict(
        answers=tuple(Answer(key, answers[key]) for key in questions if key in answers),
        solved=None if solved is None else solved == "yes",
        satisfaction=grade,
        satisfied=_counts_as_satisfied(questions.get("satisfaction"), grade),
    )


def _counts_as_satisfied(question: Question | None, grade: str) -> bool | None:
    """By the profile's own mapping (F17, AM4); None where it says nothing."""
    if question is None:
        return None
    return next((option.satisfied for option in question.options if option.key == grade), None)


def _fault(question: Question, value: str) -> Fault | None:
    if question.kind == "yes_no" and value not in ("yes", "no"):
        return Fault(question.key, "只能回答 yes 或 no", 'answer "yes" or "no"')
    if question.kind == "choice":
        keys = [option.key for option in question.options]
        if value not in keys:
            return Fault(question.key, f"只能选择 {'、'.join(keys)}", f"choose one of {', '.join(keys)}")
    if question.kind == "int":
        whole = value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 9
        if not whole or not question.min <= int(value) <= question.max:
            return Fault(
                question.key,
                f"只能是 {question.min} 到 {question.max} 的整数",
                f"give a whole number from {question.min} to {question.max}",
            )
    if question.kind == "text" and len(value) > LONGEST_TEXT:
        return Fault(question.key, f"最多 {LONGEST_TEXT} 个字", f"at most {LONGEST_TEXT} characters")
    return None
