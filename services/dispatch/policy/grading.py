"""Grading a ticket: by name, by answers to questions, or by impact and urgency (分级, B4, B5, B6, D17)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.dispatch.model import Ticket, replace
from services.dispatch.policy.desk import Desk
from services.kernel.errors import Fault, Refused
from services.profile.grading import ANSWER, PROPOSED, SIDES, Proposal, answers_in, given_in
from services.profile.grading import propose as proposed


def propose(desk: Desk, answers: Mapping[str, str]) -> Proposal:
    """The grade that answers by question, or "impact" and "urgency", propose; Refused for unknown ones."""
    return proposed(desk.profile.grading, answers)


def is_answer(desk: Desk, name: str) -> bool:
    """Whether a value of an action is an answer that grades: "answer.<question>", or a side of the matrix."""
    return name.startswith(ANSWER) or (name in SIDES and desk.profile.grading.matrix is not None)


def prepared(desk: Desk, request: Ticket) -> Ticket:
    """A new request with what its catalogue entry and its answers say where it says nothing itself (A18, B5)."""
    catalogue = desk.profile.catalogue
    answers = given_in(desk.profile.grading, request.fields)
    try:
        proposal = propose(desk, answers).grade if answers else ""
    except Refused:
        # Intake refuses such answers; what came past it is graded by a person.
        answers, proposal = {}, ""
    fields = {name: text for name, text in request.fields.items() if not (name in SIDES and name in answers)}
    if proposal:
        fields[PROPOSED] = proposal
    return replace(
        request,
        project=request.project or catalogue.default_of(request.entry, "project"),
        grade=request.grade or proposal or catalogue.default_of(request.entry, "grade"),
        impact=answers.get("impact", request.impact),
        urgency=answers.get("urgency", request.urgency),
        fields=fields,
    )


def regraded(
    desk: Desk, ticket: Ticket, chosen: str | None, answers: Mapping[str, str], reason: str, now: datetime
) -> dict[str, Any]:
    """What grading changes on the ticket. `chosen`: the grade the action names, None: the one the answers propose.

    Another grade than the proposed one needs a reason, and so does another one than the ticket has; the answers
    themselves are reason enough for what they propose. Proposal, answers and grade are all kept in the history (B5).
    """
    updates: dict[str, Any] = {}
    proposal = Proposal("", _NOTHING)
    if answers:
        told = {**_earlier(desk, ticket), **answers}
        proposal = propose(desk, told)
        updates |= {name: told[name] for name in SIDES if name in answers}
        kept = {f"{ANSWER}{name}": text for name, text in answers.items() if name not in SIDES}
        updates["fields"] = {**ticket.fields, **kept, **({PROPOSED: proposal.grade} if proposal.grade else {})}
    if chosen is None and not proposal.grade:
        name = proposal.open[0] if proposal.open else "grade"
        field = name if name in (*SIDES, "grade") else f"{ANSWER}{name}"
        fault = Fault(field, proposal.because.zh, proposal.because.en)
        raise Refused(
            f"Ticket {ticket.number} cannot be graded by these answers: {proposal.because.en}",
            field=field,
            faults=(fault,),
        )
    grade = chosen or proposal.grade
    if grade not in desk.priorities:
        words = ", ".join(sorted(desk.priorities))
        raise Refused(
            f'"grade" cannot be taken because "{grade}" is not a word of this desk; use one of: {words}.', field="grade"
        )
    if proposal.grade and grade != proposal.grade and not reason.strip():
        raise Refused(
            f"The answers propose {proposal.grade} for ticket {ticket.number} ({proposal.because.en.rstrip('.')}); "
            f"give a reason for {grade}, or take {proposal.grade}.",
            field="reason",
        )
    if grade == ticket.grade:
        return updates
    if ticket.grade and grade != proposal.grade and not reason.strip():
        raise Refused(
            f"Ticket {ticket.number} is graded {ticket.grade} already; give a reason for another grade.", field="reason"
        )
    milestones = {"graded": now, **ticket.milestones}
    return {**updates, "grade": grade, "priority": desk.priority(grade), "milestones": milestones}


def because(desk: Desk, ticket: Ticket) -> str:
    """Why the answers kept with a ticket propose what they propose, in the profile's language; empty without any."""
    told = _earlier(desk, ticket)
    return propose(desk, told).because.in_language(desk.profile.profile.language) if told else ""


def check_graded(desk: Desk, ticket: Ticket, action: str) -> None:
    """Refuses the actions before which the profile wants type and grade (B4, B6)."""
    if action not in desk.profile.grading.mandatory_before:
        return
    for name, zh in (("type", "类型"), ("grade", "分级")):
        if not getattr(ticket, name):
            raise Refused(
                f"Ticket {ticket.number} has no {name} ({zh}) yet; classify it before you {action} it.",
                code="conflict",
                field=name,
                faults=(Fault(name, f"请先确定{zh}。", f"Set the {name} first."),),
            )


def _earlier(desk: Desk, ticket: Ticket) -> dict[str, str]:
    """Answers kept with the ticket, as far as the profile still asks for them."""
    rules = desk.profile.grading
    known = {question.key: question.answers for question in rules.questions}
    told = {key: text for key, text in answers_in(ticket.fields) if text in known.get(key, ())}
    sides = {name: getattr(ticket, name) for name in SIDES if getattr(ticket, name)}
    return {**told, **(sides if rules.matrix is not None else {})}


_NOTHING = Proposal.nothing().because
