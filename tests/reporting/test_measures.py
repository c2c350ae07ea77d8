"""What a promise and a measure make of the ticket that they stand on (AM2, D8, H17)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.contracts.deskstream.v1.sla_pb2 import ClockStatus, SlaEvent
from services.reporting.model import Facts
from services.runtime.message import Heard
from tests.reporting.test_promises import promise, shares
from tests.reporting.world import DESK, NOON, Desk, closed, heard, number, ticket


def reminded(sequence: int, *, measure: bool) -> Heard:
    """The reminder of a promise or a measure."""
    body = SlaEvent(ticket_version=2)
    body.ticket.number, body.ticket.profile = number(sequence), DESK
    body.clock.clock, body.clock.status = "commitment", ClockStatus.CLOCK_STATUS_RUNNING
    body.clock.commitment.owner, body.clock.commitment.measure = "li.wei", measure
    return heard("sla.warned", body, number(sequence))


@pytest.mark.parametrize("outcome", ["BREACHED", "MET_LATE"])
def test_a_measure_that_is_late_makes_no_ticket_untimely_and_a_broken_promise_does(outcome):
    """AM2, D8, H17: a measure is owed after the work is done, a promise was given to the customer."""
    desk = Desk().hears(
        closed(0),
        closed(1),
        promise(0, outcome, measure=True),
        promise(1, outcome, place=1),
    )
    found = desk.figure("timeliness")
    assert (found.numerator, found.denominator) == (1, 2)
    good = desk.reader.lines("", "2026-11", "timeliness", numerator=True, now=NOON)
    assert [each.of.number for each in good if isinstance(each.of, Facts)] == [number(0)]
    word = {"BREACHED": "broken", "MET_LATE": "late"}[outcome]
    assert shares(desk) == {(f"measure_{word}", "li.wei"): 1, (f"promise_{word}", "li.wei"): 1}


def test_a_measure_puts_its_ticket_at_no_risk_and_in_no_breach_on_the_wallboard():
    """H17, AM2: the report of the period shows it."""
    desk = Desk().hears(
        *(ticket(each, received=NOON - timedelta(hours=2), phase="OPEN") for each in range(4)),
        reminded(0, measure=True),
        reminded(1, measure=False),
        promise(2, "BREACHED", measure=True),
        promise(3, "BREACHED"),
    )
    board = desk.reader.wallboard("", NOON)
    assert (board.open, board.at_risk, board.breached) == (4, 1, 1)
