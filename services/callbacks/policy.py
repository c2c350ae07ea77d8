"""Judgement: who is owed a call, and what an attempt makes of a task. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.callbacks.model import Attempt, Kind, Task, Who
from services.kernel.errors import Fault, Refused
from services.profile.schema import Callback, Profile

FAILED = frozenset({"no_answer", "busy", "wrong_number"})
OUTCOMES = frozenset({"reached", "inconvenient"}) | FAILED

OWING = frozenset({"ticket.call_owed", "ticket.call_transferred"})
"""Ticket events of records that may owe the requester a call (E20, C20)."""

_LONGEST_BOOKING = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What this service reads of a ticket."""

    number: str
    cycle: int
    path: str
    phase: Literal["new", "open", "resolved", "closed", "cancelled"]
    complaint: bool
    milestones: Collection[str]

    @property
    def ended(self) -> bool:
        """Closed, withdrawn or declined."""
        return self.phase in ("closed", "cancelled")


def telling_events(profile: Profile) -> frozenset[str]:
    """Names of the ticket events that can open or end a callback; all others need not even be decoded."""
    return frozenset(
        row.event
        for lifecycle in profile.lifecycles.values()
        for row in lifecycle.transitions
        if {"confirmed", "resolved"} & set(row.marks)
        or "new_cycle" in row.effects
        or profile.states[row.to].phase in ("resolved", "closed", "cancelled")
    )


def owed_kind(ticket: TicketFacts, profile: Profile) -> Kind | None:
    """Which callback the ticket is owed in this cycle, if any (F1, X10).

    Online: as soon as the desk has solved it. Dispatched: when the desk has confirmed, or, where the lifecycle knows no
    such step, when it is resolved.
    """
    rules = profile.callback
    if rules is None or not rules.covers(ticket.complaint, ticket.path):
        return None
    if ticket.ended:
        return None
    if ticket.path == "online":
        owed = ticket.phase == "resolved"
    elif any("confirmed" in row.marks for row in profile.transitions):
        owed = "confirmed" in ticket.milestones
    else:
        owed = ticket.phase == "resolved"
    if not owed:
        return None
    return "complaint" if ticket.complaint else "after_resolution"


def past_cycles(ticket: TicketFacts) -> range:
    """Cycles in which no call is owed any more: those before, and this one when the ticket has ended."""
    return range(ticket.cycle + 1 if ticket.ended else ticket.cycle)


def roles_for(rules: Callback, path: str) -> tuple[str, ...]:
    """Who may call (F3, F14); the roles of the dispatched path for a ticket without one."""
    chosen = rules.roles.get("online") if path == "online" else rules.roles.get("dispatched")
    return (
        chosen if chosen is not None else tuple(dict.fromkeys(role for roles in rules.roles.values() for role in roles))
    )


def check_role(task: Task, roles: Collection[str]) -> str:
    """The role under which the caller may do the task; Refused("forbidden") names the ones that may (F3)."""
    for role in task.roles:
        if role in roles:
            return role
    raise Refused(
        f"This callback is made by {' or '.join(task.roles)}; ask somebody who has that role.", code="forbidden"
    )


def check_version(task: Task, expected: int) -> None:
    """Refused("stale") unless the caller saw the task as it stands."""
    if task.version != expected:
        raise Refused(
            f"The callback has changed: it is at version {task.version}, not {expected}; load it again.", code="stale"
        )


def check_open(task: Task) -> None:
    """Refused("conflict") when the task has ended."""
    if not task.open:
        raise Refused(f"The callback is {task.status} already; nothing more is to be done.", code="conflict")


def after_attempt(
    task: Task, rules: Callback, outcome: str, by: Who, note: str, again_at: datetime | None, now: datetime
) -> Task:
    """What an attempt makes of the task (section 5.6).

    Refused for an unknown outcome, for "inconvenient" without a time to come (F9), and on an ended or waiting task.
    """
    check_open(task)
    if outcome not in OUTCOMES:
        raise _fault(
            "outcome",
            f"结果只能是 {'、'.join(sorted(OUTCOMES))}",
            f"the outcome is one of {', '.join(sorted(OUTCOMES))}",
        )
    attempt = Attempt(now, outcome, by, note)
    if outcome == "reached":
        return task.attempted(attempt)
    if outcome == "inconvenient":
        if again_at is None or not now < again_at <= now + _LONGEST_BOOKING:
            raise _fault(
                "call_again_at",
                "用户不便时须约定回访时间：将来 90 天之内的日期和时间",
                "give the date and time to call again, within the next 90 days",
            )
        return task.postponed(attempt, again_at)
    failures = sum(1 for earlier in task.attempts if earlier.outcome in FAILED) + 1
    if failures >= rules.attempts:
        return task.given_up(attempt)
    return task.postponed(attempt, now + rules.retry_after.as_timedelta)


def _fault(field: str, zh: str, en: str) -> Refused:
    return Refused(f"{field}: {en}.", field=field, faults=(Fault(field, zh, en),))
