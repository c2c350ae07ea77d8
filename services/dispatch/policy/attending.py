"""Every event leaves on its ticket when dispatch must look at it again; and what dispatch then does by itself (C22)."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Caller, Command, Event, Ticket, replace
from services.dispatch.policy import actions, opening
from services.dispatch.policy.assignment import Choice, can_work, working_roles
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.routing import facts_of
from services.dispatch.policy.taking import said, wandered
from services.dispatch.policy.teamwork import Work

MOST_PASSED = 20
"""How many former holders are remembered."""


def step(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """As actions.step."""
    event = actions.step(desk, ticket, command, caller, now)
    return None if event is None else attended(desk, ticket, event)


def open_ticket(
    desk: Desk, request: Ticket, received_at: datetime, now: datetime, *, answered: bool = False
) -> tuple[Event, ...]:
    """As opening.open_ticket."""
    events: list[Event] = []
    before = request
    for event in opening.open_ticket(desk, request, received_at, now, answered=answered):
        events.append(attended(desk, before, event))
        before = events[-1].ticket
    return tuple(events)


def callback_heard(desk: Desk, ticket: Ticket, outcome: str, cycle: int, actor: Actor, now: datetime) -> Event | None:
    """As actions.callback_heard."""
    event = actions.callback_heard(desk, ticket, outcome, cycle, actor, now)
    return None if event is None else attended(desk, ticket, event)


def attended(desk: Desk, before: Ticket, event: Event) -> Event:
    """The event with its ticket's standing: since when it is where it is, who let it go, what it counts, when to look.

    Every event of a desk passes here once, whoever decided it.
    """
    ticket, work = event.ticket, desk.work.get(event.ticket.team)
    moved = (ticket.team, ticket.assignee, ticket.state, ticket.cycle) != (
        before.team,
        before.assignee,
        before.state,
        before.cycle,
    )
    ticket = replace(
        ticket,
        waits_since=event.at if moved or before.waits_since is None else before.waits_since,
        passed=_passed(before, ticket),
        weight=work.weight(facts_of(desk, ticket, event.at)) if work is not None and work.weights else 0,
    )
    return replace(event, ticket=replace(ticket, attend_at=attend(desk, ticket)))


def _passed(before: Ticket, after: Ticket) -> tuple[str, ...]:
    if (after.team, after.cycle) != (before.team, before.cycle):
        return ()
    if not before.assignee or after.assignee or after.phase not in ("new", "open"):
        return before.passed
    return (*(person for person in before.passed if person != before.assignee), before.assignee)[-MOST_PASSED:]


def attend(desk: Desk, ticket: Ticket) -> datetime | None:
    """When the time of an overflow or of a taking back is over; None when neither waits.

    Giving out has no instant: the queues of teams that push are looked at all the time.
    """
    work = desk.work.get(ticket.team)
    if work is None or ticket.waits_since is None or ticket.phase not in ("new", "open"):
        return None
    if ticket.assignee:
        back = work.facet.take_back
        silent = back is not None and ticket.state in (back.states or _untouched(desk, ticket))
        return work.after(ticket.waits_since, back.after) if back is not None and silent else None
    over = work.facet.overflow
    return work.after(ticket.waits_since, over.after) if over is not None and waits(desk, ticket, work) else None


def waits(desk: Desk, ticket: Ticket, work: Work) -> bool:
    """Whether it waits for somebody of the team: open, in nobody's hands, and a member has something to do with it."""
    if ticket.assignee or ticket.phase not in ("new", "open"):
        return False
    roles = working_roles(desk, ticket)
    return any(can_work(work, person, roles) for person in work.members.values())


def _untouched(desk: Desk, ticket: Ticket) -> frozenset[str]:
    """States in which its holder has done nothing yet: to be accepted, or where nobody accepts, to be begun."""
    flow = desk.flow(ticket)
    rows = flow.rows_of("accept") or flow.rows_of("begin")
    return frozenset(state for row in rows for state in row.from_)


_ACTOR = Actor(SYSTEM.id, "system")


def given(desk: Desk, ticket: Ticket, choice: Choice, now: datetime) -> Event:
    """ticket.assigned by the system: the ticket in the hands of the chosen, who has yet to accept it."""
    person, why = desk.people[choice.person], choice.reason.in_language(desk.profile.profile.language)
    routing = ticket.routing
    if routing is not None:
        routing = replace(routing, why_person=choice.reason.zh, why_person_en=choice.reason.en)
    engineer = person.id if "engineer" in person.roles else ticket.engineer
    after = replace(ticket, assignee=person.id, engineer=engineer, routing=routing)
    return attended(desk, ticket, said(ticket, after, "assigned", "assign", _ACTOR, now, why))


def overdue(desk: Desk, ticket: Ticket, now: datetime) -> Event | None:
    """What its time has brought: taken back from a silent holder, or over to the second team. None: nothing is due."""
    due, work = attend(desk, ticket), desk.work.get(ticket.team)
    if due is None or work is None or due > now:
        return None
    if ticket.assignee:
        return _taken_back(desk, ticket, now)
    over = work.facet.overflow
    return None if over is None else _overflowed(desk, ticket, over.to, now)


def _taken_back(desk: Desk, ticket: Ticket, now: datetime) -> Event:
    """M28: back into the queue; others come first from now on."""
    after = replace(ticket, assignee="", reassignments=ticket.reassignments + 1)
    why = _in_words(
        desk,
        f"{ticket.assignee}逾时未接单，收回工单，重新分派。",
        f"{ticket.assignee} did not take it up in time; it went back into the queue for others.",
    )
    told = said(ticket, after, "taken_back", "take_back", _ACTOR, now, why, wandered(desk, ticket, after))
    return attended(desk, ticket, told)


def _overflowed(desk: Desk, ticket: Ticket, to: str, now: datetime) -> Event:
    after = replace(ticket, team=to, assignee="", reassignments=ticket.reassignments + 1)
    here, there = desk.teams[ticket.team].name, desk.teams[to].name
    why = _in_words(
        desk,
        f"{here.zh}逾时无人接单，转{there.zh}。",
        f"Nobody of {here.en} took it in time; it went to {there.en}.",
    )
    told = said(ticket, after, "overflowed", "overflow", _ACTOR, now, why, wandered(desk, ticket, after))
    return attended(desk, ticket, told)


def _in_words(desk: Desk, zh: str, en: str) -> str:
    return en if desk.profile.profile.language == "en" else zh
