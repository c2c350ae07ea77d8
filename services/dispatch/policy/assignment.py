"""Who gets a waiting ticket: on duty, qualified, below capacity, and whose turn it is (C13, C23, C28, M21, M28)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from services.dispatch.model import Ticket
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.routing import facts_of
from services.dispatch.policy.teamwork import Work
from services.profile.schema import Label, Person

NO_WORK = frozenset({"withdraw", "decline"})
"""Actions that end a ticket; who can do no more than these has nothing to do with it."""

_NEVER_BUSY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seat:
    """What one person holds, and when it was their turn."""

    load: int = 0
    """Sum of the weights of open tickets held, in whatever team."""
    channels: Mapping[str, int] = field(default_factory=dict)
    """How many of them came by which channel."""
    turn: int = 0
    """Ordinal of the last ticket given to them; 0: none yet."""
    idle_since: datetime | None = None
    """Since when they hold nothing, as far as it was seen."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets the ticket, and why in words."""

    person: str
    reason: Label
    weight: int


_EMPTY = Seat()


def choose(desk: Desk, ticket: Ticket, seats: Mapping[str, Seat], now: datetime) -> Choice | None:
    """Whom the ticket's team gives it to at this instant; None: nobody can take it, so it waits.

    People without a seat hold nothing. Never off duty, unskilled, above capacity, the accused, or who just let it go.
    """
    work = desk.work.get(ticket.team)
    if work is None:
        return None
    facts = facts_of(desk, ticket, now)
    wanted, weight = work.wanted(facts), work.weight(facts)
    roles = working_roles(desk, ticket)
    able = [
        person
        for person in desk.roster.on_duty(now, team=ticket.team)
        if all(person.skills.get(skill, 0) >= level for skill, level in wanted.items())
        and not desk.is_accused(ticket, person.id)
        and can_work(work, person, roles)
    ]
    free = [
        person for person in able if has_room(work, person.id, seats.get(person.id, _EMPTY), weight, ticket.channel)
    ]
    fresh = [person for person in free if person.id not in ticket.passed]
    # Once others had it, it may come back to the earlier ones, but never to the last.
    open_to = fresh or [person for person in free if person.id != ticket.passed[-1]]
    if not open_to:
        return None
    chosen = min(open_to, key=lambda person: _rank(work, person, seats.get(person.id, _EMPTY)))
    return Choice(chosen.id, _why(work, chosen, seats.get(chosen.id, _EMPTY), wanted, len(open_to)), weight)


def has_room(work: Work, person: str, seat: Seat, weight: int, channel: str) -> bool:
    """Whether one more ticket of that weight and channel keeps the person within capacity."""
    most = next((most for name, most in work.facet.capacity.channels.items() if name == channel), None)
    if most is not None and seat.channels.get(channel, 0) >= most:
        return False
    return seat.load + weight <= work.capacity(person)


def can_work(work: Work, person: Person, roles: frozenset[str]) -> bool:
    """Whether the person has something to do where these roles do. Substitutes act with the rights of the absent."""
    return person.id not in work.members or not roles.isdisjoint(person.roles)


def working_roles(desk: Desk, ticket: Ticket) -> frozenset[str]:
    """Roles that have something to do with the ticket as it stands."""
    rows = desk.flow(ticket).rows_from(ticket.state)
    return frozenset(role for row in rows if row.action not in NO_WORK for role in row.roles)


def _rank(work: Work, person: Person, seat: Seat) -> tuple[Any, ...]:
    """The smallest is chosen; the id breaks every tie, so that two replicas choose alike."""
    match work.facet.choose:
        case "round_robin":
            return seat.turn, person.id
        case "longest_idle":
            return int(seat.load > 0), seat.idle_since or _NEVER_BUSY, seat.turn, person.id
        case _:
            return Fraction(seat.load, work.capacity(person.id)), seat.turn, person.id


_METHOD: Mapping[str, tuple[str, str]] = {
    "least_loaded": ("负荷最低", "the least loaded"),
    "round_robin": ("轮到", "next in turn"),
    "longest_idle": ("空闲最久", "idle the longest"),
}


def _why(work: Work, person: Person, seat: Seat, wanted: Mapping[str, int], among: int) -> Label:
    load = f"{seat.load}/{work.capacity(person.id)}"
    skills_zh = "".join(f"，技能{name} {person.skills[name]}级（要求{level}级）" for name, level in _sorted(wanted))
    skills_en = "".join(f", skill {name} {person.skills[name]} ({level} wanted)" for name, level in _sorted(wanted))
    duty_zh, duty_en = ("当班", "on duty") if person.id in work.members else ("当班替班", "on duty as a substitute")
    zh, en = _METHOD[work.facet.choose]
    people = "person" if among == 1 else "people"
    return Label(
        zh=f"自动派给{person.name}（{person.id}）：{duty_zh}{skills_zh}，负荷{load}，{among}名可接人员中{zh}。",
        en=f"Given to {person.name} ({person.id}): {duty_en}{skills_en}, load {seat.load} of "
        f"{work.capacity(person.id)}, {en} of {among} {people} who could take it.",
    )


def _sorted(wanted: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    return sorted(wanted.items())
