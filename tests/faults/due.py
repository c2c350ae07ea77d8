"""Tickets whose first warning is due at a given instant, and what was told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from services.sla.timers.leases import LIFETIME
from tests.sla.stage import Stage, Told, ticket_event
from tests.waiting import wait_for

WARNED_AFTER = timedelta(minutes=24)
"""From receipt to the first warning of the profile's clock "response"."""
LATEST = LIFETIME + timedelta(seconds=5)
"""How late a step may be although the holder of its lease died."""


def arm(clocks: Stage, numbers: Collection[str], first: datetime, within: timedelta) -> dict[str, datetime]:
    """Opens tickets whose warnings are due one after the other from `first` on; number -> due."""
    gap = within / max(len(numbers), 1)
    dues = {number: _whole(first + gap * place) for place, number in enumerate(numbers)}
    clocks.say(ticket_event(number, 1, due - WARNED_AFTER, received=due - WARNED_AFTER) for number, due in dues.items())
    return dues


def numbers(start: int, count: int) -> list[str]:
    return [f"DS20250303-{n:06d}" for n in range(start, start + count)]


def warnings(clocks: Stage) -> Sequence[Told]:
    """Each warning told so far, once for each id."""
    said = {each.id: each for each in clocks.listen() if each.key == "sla.warned" and each.clock == "response"}
    return list(said.values())


def told_all(clocks: Stage, dues: Collection[str], timeout: float, what: str) -> None:
    """Waits until a warning of each ticket has been told."""
    wait_for(lambda: len(warnings(clocks)) >= len(dues), timeout, what)


def lateness(told: Sequence[Told]) -> list[float]:
    """Seconds from due to taken, each."""
    return [
        (each.body.at.ToDatetime(tzinfo=UTC) - each.body.due_at.ToDatetime(tzinfo=UTC)).total_seconds() for each in told
    ]


def once_each_and_when_due(told: Sequence[Told], dues: dict[str, datetime]) -> None:
    """Every step under one id, none skipped, none early, each with the instant it was due."""
    times = Counter(each.number for each in told)
    missing = [number for number in dues if not times[number]]
    assert not missing, f"{len(missing)} steps were skipped, such as {missing[:3]}"
    twice = [number for number, count in times.items() if count > 1]
    assert not twice, f"said under two ids: {twice[:3]}"
    assert {each.number: each.body.due_at.ToDatetime(tzinfo=UTC) for each in told} == dues
    assert min(lateness(told)) >= 0, "nothing is early"


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
