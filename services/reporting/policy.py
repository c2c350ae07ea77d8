"""What counts where: the definitions of the figures (section 4.2, AM1-AM8). Pure.

A record says: at this instant, this much of the numerator and this much of the denominator. A record belongs to exactly
one instant, so that a quarter is the recount of its months (N1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from services.reporting.model import (
    CANCELLED,
    MET,
    MET_LATE,
    PHASE_CLOSED,
    PHASE_OPEN,
    PHASE_RESOLVED,
    PHONE,
    REACHED,
    TIMED_BY_CLOCK,
    UNREACHABLE,
    Contact,
    Facts,
)

SATISFACTION = "satisfaction/"
"""Prefix of the figure of one scale: scales are never mixed (F17)."""


class Record(NamedTuple):
    """One part of one figure."""

    figure: str
    at: int
    numerator: int
    denominator: int


def ticket_records(facts: Facts) -> Iterator[Record]:
    """Every part this ticket has in any figure, whenever it was."""
    ticket = facts.snapshot
    if ticket is None:
        return
    received = ticket.received
    solved = ticket.phase in (PHASE_RESOLVED, PHASE_CLOSED)
    statuses = {task.status for task in facts.callbacks.values()}
    reached = REACHED in statuses
    # A ticket counts once (AM6): reached in any cycle is reached.
    unreachable = not reached and UNREACHABLE in statuses
    yield Record("volume", received, 1, 1)
    yield Record("completion", received, solved, 1)
    yield Record("callback_rate", received, reached or unreachable, 1)
    yield Record("callback_reached", received, reached, 1)
    yield Record("callback_unreachable", received, unreachable, 1)
    yield Record("first_contact_resolution", received, solved and solved_at_first_contact(facts), 1)
    if solved and ticket.resolved:
        yield Record("mean_resolution_time", ticket.resolved, ticket.resolved - received, 1)
    if ticket.phase == PHASE_CLOSED and ticket.closed:
        yield Record("timeliness", ticket.closed, timely(facts), 1)
    for key, outcome in facts.outcomes.items():
        figure = TIMED_BY_CLOCK.get(key.partition("/")[0])
        if figure and outcome.due and outcome.status != CANCELLED:
            yield Record(figure, outcome.due, outcome.status == MET, 1)
    if facts.dispatches:
        yield from _dispatch_records(facts)
    if facts.callbacks:
        yield from _rating_records(facts)


def timely(facts: Facts) -> bool:
    """Whether no limit that ever applied was missed (AM2).

    A limit missed before a re-grading stays missed (D17 keeps the earlier result): grading down cannot mend a figure.
    """
    return not any(outcome.missed for outcome in facts.outcomes.values())


def team_results(facts: Facts) -> Iterator[str]:
    """What counts for each team that undertook it (C26, N17): accepted, and on time once solved, or overdue."""
    yield "team_accepted"
    if not timely(facts):
        yield "team_overdue"
    elif facts.snapshot is not None and facts.snapshot.phase in (PHASE_RESOLVED, PHASE_CLOSED):
        yield "team_on_time"


def promise_results(facts: Facts) -> Iterator[tuple[int, str, str]]:
    """When it was due, what became of it and whose it was, of each promise (D8) and measure (H17).

    One that was replaced or withdrawn in time is nobody's failure and counts nowhere.
    """
    for outcome in facts.outcomes.values():
        if outcome.owner and outcome.status != CANCELLED:
            word = {MET: "kept", MET_LATE: "late"}.get(outcome.status, "broken")
            yield outcome.due, f"{'measure' if outcome.measure else 'promise'}_{word}", outcome.owner


def solved_at_first_contact(facts: Facts) -> bool:
    """Whether the desk itself solved it, without dispatch, repeat contact or reopening (N6)."""
    ticket = facts.snapshot
    if ticket is None or ticket.cycle or ticket.repeats or ticket.hand_backs:
        return False
    # Rejected as wrongly sent: it went elsewhere first, although the desk solved it in the end.
    if any(dispatch.failed for dispatch in facts.dispatches.values()):
        return False
    return ticket.path == "online" or (not ticket.path and not ticket.dispatched)


def at_risk(facts: Facts) -> bool:
    """Whether a limit was warned of and its clock has not ended yet, either way."""
    return any(key not in facts.outcomes for key in facts.warned)


def unsolved(facts: Facts) -> bool:
    """Whether somebody still has to solve it: the wallboard's open tickets."""
    return facts.snapshot is not None and facts.snapshot.phase <= PHASE_OPEN


def contact_records(contact: Contact, answer_seconds: int) -> Iterator[Record]:
    """Every part this contact has in any figure. Answered after exactly `answer_seconds` counts as within (I4)."""
    yield Record("contacts", contact.started, 1, 1)
    if contact.channel != PHONE or not (contact.to_human or (contact.answered and contact.agent)):
        return
    answered = contact.answered > 0
    in_time = answered and contact.answered - contact.started <= answer_seconds * 1_000_000
    yield Record("connection_rate", contact.started, answered, 1)
    yield Record("service_level", contact.started, in_time, 1)


def _dispatch_records(facts: Facts) -> Iterator[Record]:
    failed_before = 0
    for _, dispatch in sorted(facts.dispatches.items(), key=lambda item: int(item[0])):
        rejected = dispatch.failed > failed_before
        failed_before = max(failed_before, dispatch.failed)
        yield Record("dispatch_success", dispatch.at, bool(dispatch.accepted) and not rejected, 1)


def _rating_records(facts: Facts) -> Iterator[Record]:
    rated = [task for task in facts.callbacks.values() if task.satisfied >= 0 and task.completed]
    # One rating a ticket and scale: the last word counts.
    for scale in sorted({task.scale for task in rated}):
        last = max((task for task in rated if task.scale == scale), key=lambda task: (task.completed, task))
        yield Record(SATISFACTION + scale, last.completed, last.satisfied, 1)
