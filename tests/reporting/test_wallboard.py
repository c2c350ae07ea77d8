"""The wallboard shows the desk this instant, from what the reports count."""

from __future__ import annotations

from datetime import timedelta

from tests.reporting.world import NOON, Desk, callback, clock, closed, number, ticket

TODAY = "2026-11-10..2026-11-10"


def test_the_wallboard_counts_what_the_report_of_today_counts() -> None:
    """N23."""
    desk = Desk().hears(
        [ticket(n) for n in (1, 2)], closed(3), closed(4, received=NOON - timedelta(days=40), after=timedelta(days=40))
    )
    board = desk.reader.wallboard("", NOON)
    assert board.received_today == desk.report(TODAY).tickets == 3
    assert board.resolved_today == desk.figure("mean_resolution_time", TODAY).denominator == 2


def test_open_tickets_are_shown_by_channel_and_team_however_old_they_are() -> None:
    old = NOON - timedelta(days=300)
    desk = Desk().hears(
        ticket(1, received=old, team="desk", channel="PHONE"),
        ticket(2, team="erp", assignee="li.wei", phase="OPEN"),
        closed(3),
        ticket(4, phase="RESOLVED", marks={"resolved": NOON}),
    )
    board = desk.reader.wallboard("", NOON)
    assert (board.open, board.unassigned) == (2, 1)
    assert dict(board.by_channel) == {"phone": 1, "web": 1}
    assert dict(board.by_team) == {"desk": 1, "erp": 1}
    assert [facts.number for facts in board.latest][-1] == number(1)


def test_a_ticket_is_at_risk_from_its_warning_until_its_clock_ends() -> None:
    desk = Desk().hears([ticket(n) for n in (1, 2, 3)], [clock(n, "RUNNING") for n in (1, 2, 3)])
    assert desk.reader.wallboard("", NOON).at_risk == 3
    desk.hears(clock(1, "MET"), clock(2, "BREACHED"))
    board = desk.reader.wallboard("", NOON)
    assert (board.at_risk, board.breached) == (1, 1)


def test_callbacks_owed_are_counted_until_they_are_made() -> None:
    desk = Desk().hears(ticket(1, phase="RESOLVED", marks={"resolved": NOON}), callback(1, "DUE", version=1))
    assert desk.reader.wallboard("", NOON).callbacks_due == 1
    assert desk.hears(callback(1)).reader.wallboard("", NOON).callbacks_due == 0


def test_another_desks_tickets_are_not_on_this_wallboard() -> None:
    desk = Desk().hears(ticket(1, profile="generic_desk"), ticket(2))
    assert desk.reader.wallboard("", NOON).open == 1
    assert desk.reader.wallboard("generic_desk", NOON).open == 1
