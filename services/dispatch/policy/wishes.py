"""What a step of a clock asks of dispatch: raise the grade, reassign; under dispatch's own rules (D13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Change, Event, Ticket, replace
from services.dispatch.policy.attending import attended
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.grading import regraded
from services.dispatch.policy.taking import ALERT, said, wandered
from services.kernel.errors import Refused

NOT_DONE = "step_not_done"
"""Alert of a wish that could not be granted: a supervisor has to see to it."""

_ACTOR = Actor(SYSTEM.id, "system")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked, by which step of which clock, and the grade the ticket had then."""

    action: str
    target: str
    clock: str
    step: str
    cycle: int
    grade: str


def granted(desk: Desk, ticket: Ticket, wish: Wish, now: datetime) -> Event | None:
    """What comes of a wish: done, or noted with the reason why not. None: it is void, as the ticket went on meanwhile.

    Void when the ticket has ended, is in another cycle, has another grade than the step saw (to raise it), is in the
    highest grade, or is already where it should go.
    """
    if ticket.ended or ticket.cycle != wish.cycle:
        return None
    judge = _WISHES.get(wish.action)
    if judge is None:
        return _noted(desk, ticket, wish, f'dispatch knows no "{wish.action}"', now)
    try:
        return judge(desk, ticket, wish, now)
    except Refused as refused:
        return _noted(desk, ticket, wish, refused.message, now)


def _raise_grade(desk: Desk, ticket: Ticket, wish: Wish, now: datetime) -> Event | None:
    """One grade up (改级), over what the matrix or the answers proposed; the reason says why."""
    if ticket.grade != wish.grade:
        return None
    if not ticket.grade:
        raise Refused(f"Ticket {ticket.number} has no grade that could be raised; grade it.")
    higher = [key for key, rank in desk.priorities.items() if rank < desk.priority(ticket.grade)]
    if not higher:
        return None
    grade = max(higher, key=desk.priority)
    why = _why(desk, wish, f"级别由{_grade(desk, ticket.grade, 'zh')}升为{_grade(desk, grade, 'zh')}",
               f"raised from {_grade(desk, ticket.grade, 'en')} to {_grade(desk, grade, 'en')}")  # fmt: skip
    after = replace(ticket, **regraded(desk, ticket, grade, {}, why, now))
    return _told(desk, ticket, after, "graded", "grade", why, now)


def _reassign_team(desk: Desk, ticket: Ticket, wish: Wish, now: datetime) -> Event | None:
    team = desk.teams.get(wish.target)
    if team is None:
        raise Refused(f'This desk has no team "{wish.target}".')
    if ticket.team == wish.target:
        return None
    after = replace(ticket, team=wish.target, assignee="", reassignments=ticket.reassignments + 1)
    why = _why(desk, wish, f"转给{team.name.zh}", f"went to {team.name.en}")
    return _told(desk, ticket, after, "reassigned", "reassign", why, now)


def _reassign_role(desk: Desk, ticket: Ticket, wish: Wish, now: datetime) -> Event | None:
    """To the first of the role on duty, never to the accused (C28); whoever has the role keeps what they hold."""
    holder = desk.people.get(ticket.assignee)
    if holder is not None and wish.target in holder.roles:
        return None
    present = (person.id for person in desk.roster.on_duty(now, role=wish.target))
    chosen = desk.people.get(next((each for each in present if not desk.is_accused(ticket, each)), ""))
    if chosen is None:
        raise Refused(f"Nobody who is {desk.role_label(wish.target)} is on duty and can take it.")
    after = replace(
        ticket,
        assignee=chosen.id,
        engineer=chosen.id if "engineer" in chosen.roles else ticket.engineer,
        team=ticket.team if ticket.team in chosen.teams or not chosen.teams else chosen.teams[0],
        reassignments=ticket.reassignments + 1,
    )
    why = _why(desk, wish, f"转派{chosen.name}", f"given to {chosen.name}")
    return _told(desk, ticket, after, "reassigned", "reassign", why, now)


_WISHES: Mapping[str, Callable[[Desk, Ticket, Wish, datetime], Event | None]] = {
    "raise_grade": _raise_grade,
    "reassign_team": _reassign_team,
    "reassign_role": _reassign_role,
}


def _told(desk: Desk, ticket: Ticket, after: Ticket, name: str, action: str, why: str, now: datetime) -> Event:
    alarms = wandered(desk, ticket, after)
    return attended(desk, ticket, said(ticket, after, name, action, _ACTOR, now, why, alarms))


def _noted(desk: Desk, ticket: Ticket, wish: Wish, trouble: str, now: datetime) -> Event:
    """A wish that cannot be granted waits for a person, not in a queue of parked messages."""
    why = _why(
        desk, wish, f"系统未能执行，请主管处理（{trouble}）", f"could not be done; a supervisor has to ({trouble})"
    )
    told = said(ticket, ticket, "noted", "step_not_done", _ACTOR, now, why, (Change(ALERT, "", NOT_DONE),))
    return attended(desk, ticket, told)


def _why(desk: Desk, wish: Wish, zh: str, en: str) -> str:
    """In both languages, as it stays in the history and reaches readers of both."""
    label = next((each.label for each in desk.profile.sla.clocks if each.name == wish.clock), None)
    clock_zh, clock_en = (label.zh, label.en) if label else (wish.clock, wish.clock)
    return f"“{clock_zh}”时限到达{wish.step}：{zh}。 At {wish.step} of {clock_en}: {en}."


def _grade(desk: Desk, key: str, language: str) -> str:
    label = next((each.label for each in desk.profile.grading.grades if each.key == key), None)
    return label.in_language(language) if label else key
