"""The records that figures are counted from."""

from __future__ import annotations

from tests.reporting.world import NOON, Desk, call, clock, closed, number, ticket


def test_a_late_opening_that_is_older_than_what_is_known_changes_nothing() -> None:
    desk = Desk().hears(closed(1, 9))
    before = desk.report()
    assert desk.hears(ticket(1, 1)).report() == before


def test_the_records_behind_numerator_and_denominator_are_listed() -> None:
    """N20."""
    desk = Desk().hears([closed(n) for n in range(1, 4)], clock(2, "BREACHED"), call("x", answered_after=21))
    both = desk.reader.lines("", "2026-11", "timeliness", numerator=False, now=NOON)
    good = desk.reader.lines("", "2026-11", "timeliness", numerator=True, now=NOON)
    assert [line.order[1] for line in both] == [number(1), number(2), number(3)]
    assert [line.order[1] for line in good] == [number(1), number(3)]
    assert [line.order[1] for line in desk.reader.lines("", "2026-11", "service_level", numerator=False, now=NOON)] == [
        "x"
    ]
    assert desk.reader.lines("", "2026-11", "service_level", numerator=True, now=NOON) == []
