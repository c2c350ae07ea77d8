"""Times promised, in the report: per person, and for work orders passed to the second line (D8, D22, H17)."""

from __future__ import annotations

from datetime import timedelta

from services.contracts.deskstream.v1.sla_pb2 import ClockStatus, SlaEvent
from services.reporting.model import Facts
from services.runtime.message import Heard
from tests.reporting.world import DESK, NOON, Desk, heard, number, ticket

NAMES = {"MET": "met", "MET_LATE": "met", "BREACHED": "breached", "CANCELLED": "renegotiated"}


def promise(
    sequence: int, outcome: str, *, owner: str = "li.wei", place: int = 0, version: int = 2, measure: bool = False
) -> Heard:
    """What becomes of a promise due at noon; the newest word lists the clock without saying whose it is, too."""
    body = SlaEvent(ticket_version=version)
    body.ticket.number, body.ticket.profile = number(sequence), DESK
    body.clock.clock, body.clock.family, body.clock.generation = "commitment", "commitment", place
    body.clock.status = ClockStatus.Value(f"CLOCK_STATUS_{outcome}")
    body.clock.due_at.FromDatetime(NOON)
    body.clocks.append(body.clock)
    body.clock.commitment.owner, body.clock.commitment.measure = owner, measure
    return heard(f"sla.{NAMES[outcome]}", body, number(sequence))


def another(sequence: int, version: int) -> Heard:
    """A later word about another clock, which lists the promise as it stands."""
    body = SlaEvent(ticket_version=version)
    body.ticket.number, body.ticket.profile = number(sequence), DESK
    body.clock.clock, body.clock.status = "response", ClockStatus.CLOCK_STATUS_MET
    listed = body.clocks.add(clock="commitment", family="commitment", status=ClockStatus.CLOCK_STATUS_BREACHED)
    listed.due_at.FromDatetime(NOON)
    return heard("sla.met", body, number(sequence))


def escalated(sequence: int, outcome: str, clock: str = "promised_reply") -> Heard:
    """What becomes of the reply promised with a work order to the second line, or of another clock."""
    body = SlaEvent(ticket_version=3)
    body.ticket.number, body.ticket.profile = number(sequence), DESK
    body.clock.clock, body.clock.status = clock, ClockStatus.Value(f"CLOCK_STATUS_{outcome}")
    body.clock.due_at.FromDatetime(NOON)
    return heard(f"sla.{NAMES[outcome]}", body, number(sequence))


def shares(desk: Desk, label: str = "2026-11") -> dict[tuple[str, str], int]:
    found = {(each.by, each.key): each.count for each in desk.report(label).shares}
    return {key: count for key, count in found.items() if key[0].partition("_")[0] in ("promise", "measure")}


def test_kept_late_and_broken_promises_are_counted_for_each_person():
    """D8: each where it was due; one renegotiated in time is nobody's failure."""
    desk = Desk().hears(
        *(ticket(each, received=NOON - timedelta(days=40)) for each in range(6)),
        promise(0, "MET"),
        promise(1, "BREACHED"),
        promise(1, "MET_LATE"),
        promise(2, "BREACHED"),
        promise(3, "BREACHED", owner="zhou.min"),
        promise(4, "CANCELLED"),
        promise(5, "MET", place=1),
        another(2, 9),
    )
    assert shares(desk) == {
        ("promise_kept", "li.wei"): 2,
        ("promise_late", "li.wei"): 1,
        ("promise_broken", "li.wei"): 1,
        ("promise_broken", "zhou.min"): 1,
    }
    assert shares(desk, "2026-10") == {}, "promised for November, though received before"


def test_overdue_measures_against_recurrence_stand_in_the_report_of_the_period():
    """H17"""
    desk = Desk().hears(ticket(1), promise(1, "BREACHED", owner="huang.lei", measure=True))
    assert shares(desk) == {("measure_broken", "huang.lei"): 1}


def test_nine_of_ten_escalated_work_orders_answered_by_the_promised_time_are_ninety_percent():
    """D22: a promise given anew counts by what became of the last."""
    desk = Desk().hears(
        *(ticket(each) for each in range(11)),
        *(escalated(each, "MET") for each in range(9)),
        escalated(9, "MET_LATE"),
        escalated(10, "CANCELLED"),
    )
    found = desk.figure("escalation_timeliness")
    assert (found.numerator, found.denominator, found.value) == (9, 10, "90.00")


def test_callbacks_made_within_their_limit_are_counted():
    """F10: of complex matters and of complaints."""
    desk = Desk().hears(
        *(ticket(each) for each in range(3)),
        escalated(0, "MET", "callback"),
        escalated(1, "MET_LATE", "callback"),
        escalated(2, "MET", "complaint_callback"),
    )
    found = desk.figure("callback_timeliness")
    assert (found.numerator, found.denominator, found.value) == (2, 3, "66.67")


def test_what_was_kept_before_promises_had_owners_is_read_as_it_was():
    """D8: outcomes of the release before."""
    kept = ["DS1", None, {"response/0/1": [2, 2, 3, 600, 100, 0, 0, "P2"]}, [], {}, {}, []]
    assert Facts.read(kept).outcomes["response/0/1"].owner == ""
