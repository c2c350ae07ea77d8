"""Where each step of an emergency stands: done, owed, due or overdue by the profile's own limits. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.dispatch.model import Actor, Ticket
from services.dispatch.playbook.limits import Limits
from services.dispatch.playbook.story import Happened, marked_by
from services.dispatch.policy import records
from services.profile.clocks import ClockRule, Occasion
from services.profile.emergency import PlaybookStep

Standing = Literal["done", "owed", "due", "overdue"]


@dataclass(frozen=True, slots=True)
class StepView:
    """One step with what is known of it."""

    step: PlaybookStep
    standing: Standing
    due_at: datetime | None = None
    done_at: datetime | None = None
    done_by: Actor | None = None


def standing_of(
    step: PlaybookStep, ticket: Ticket, story: Sequence[Happened], limits: Limits, now: datetime
) -> StepView:
    """How a step stands now. What was done and is due again, as bulletins are, tells its next instant, too."""
    done_at, done_by = _done(step, ticket, story)
    rule = limits.clocks.get(step.clock or "")
    due_at = None if rule is None or ticket.ended else _due(rule, ticket, story, limits)
    if due_at is not None and due_at < now:
        return StepView(step, "overdue", due_at, done_at, done_by)
    if done_at is not None:
        return StepView(step, "done", due_at, done_at, done_by)
    return StepView(step, "owed" if due_at is None else "due", due_at)


def _done(step: PlaybookStep, ticket: Ticket, story: Sequence[Happened]) -> tuple[datetime | None, Actor | None]:
    if step.milestone is not None:
        at = ticket.milestones.get(step.milestone)
        return at, marked_by(story, step.milestone, at) if at else None
    found = records.record(ticket, step.record or "")
    return (found.at, found.by) if found else (None, None)


def _due(rule: ClockRule, ticket: Ticket, story: Sequence[Happened], limits: Limits) -> datetime | None:
    """Until when the rule's clock runs; None when it does not run, or the ticket's grade has no limit."""
    start = ticket.milestones.get(rule.start.milestone or "")
    limit = limits.limit_of(rule, ticket)
    if start is None or limit is None or (rule.stop.milestone or "") in ticket.milestones:
        return None
    for happened in story:
        if happened.at > start and any(_is(occasion, happened) for occasion in rule.reset):
            start = happened.at
    calendar = limits.calendar_of(rule, ticket)
    if limit.working_days:
        return calendar.add_working_days(start, limit.working_days)
    return calendar.add(start, limit.seconds)


def _is(occasion: Occasion, happened: Happened) -> bool:
    """Whether an event is the occasion, as far as event, record and state tell; a wider one is left to sla."""
    if occasion.milestone or occasion.team or occasion.flag or occasion.by:
        return False
    event = happened.event
    return (
        (not occasion.event or event.event in occasion.event)
        and (not occasion.record or not happened.records.isdisjoint(occasion.record))
        and (not occasion.state or (event.ticket.state in occasion.state and event.from_state != event.ticket.state))
    )
