"""The desk this instant, from the same facts as the reports (N23). Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from services.reporting.model import BREACHED, PHASE_CLOSED, Facts
from services.reporting.policy import at_risk, ticket_records, unsolved

LATEST = 10
"""Tickets shown by name."""


@dataclass
class Board:
    """Counts of one profile. Open are the tickets nobody has solved yet."""

    open: int = 0
    unassigned: int = 0
    at_risk: int = 0
    breached: int = 0
    resolved_today: int = 0
    received_today: int = 0
    callbacks_due: int = 0
    by_channel: Counter[str] = field(default_factory=Counter)
    by_team: Counter[str] = field(default_factory=Counter)
    latest: list[Facts] = field(default_factory=list)


def board(facts: Iterable[Facts], profile: str, today: tuple[int, int], channel_name: Callable[[int], str]) -> Board:
    """The board of a profile; `today`: first instant of the local day and of the next, in microseconds."""
    made = Board()
    newest: list[tuple[int, str, Facts]] = []
    for each in facts:
        made.callbacks_due += sum(1 for task in each.callbacks.values() if task.outstanding and task.profile == profile)
        ticket = each.snapshot
        if ticket is None or ticket.profile != profile:
            continue
        for record in ticket_records(each):
            if today[0] <= record.at < today[1]:
                made.received_today += record.figure == "volume"
                made.resolved_today += record.figure == "mean_resolution_time"
        heapq.heappush(newest, (ticket.received, each.number, each))
        if len(newest) > LATEST:
            heapq.heappop(newest)
        if unsolved(each):
            made.open += 1
            made.unassigned += not ticket.assignee
            made.at_risk += at_risk(each)
            made.by_channel[channel_name(ticket.channel)] += 1
            if ticket.team:
                made.by_team[ticket.team] += 1
        # A missed limit concerns the desk until the ticket is closed.
        if ticket.phase < PHASE_CLOSED:
            made.breached += any(outcome.missed and outcome.status == BREACHED for outcome in each.outcomes.values())
    made.latest = [each for _, _, each in sorted(newest, key=lambda item: item[:2], reverse=True)]
    return made
