"""Months, quarters, half-years, years and ranges in the desk's own zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from services.kernel.errors import Refused
from services.reporting.periods import midnight, parse
from tests.reporting.world import Desk, closed, ticket

TODAY = date(2026, 11, 10)


@pytest.mark.parametrize(
    ("label", "kind", "first", "last"),
    [
        ("2026-11", "month", "2026-11-01", "2026-11-30"),
        ("2026-Q4", "quarter", "2026-10-01", "2026-12-31"),
        ("2026-H1", "half_year", "2026-01-01", "2026-06-30"),
        ("2024", "year", "2024-01-01", "2024-12-31"),
        ("2024-02", "month", "2024-02-01", "2024-02-29"),
        ("2026-01-01..2026-10-31", "range", "2026-01-01", "2026-10-31"),
        ("", "month", "2026-11-01", "2026-11-30"),
    ],
)
def test_a_label_names_a_period(label: str, kind: str, first: str, last: str) -> None:
    """N1, N11."""
    period = parse(label, TODAY)
    assert (period.kind, period.first.isoformat(), period.last.isoformat()) == (kind, first, last)
    assert period.label == (label or "2026-11")


@pytest.mark.parametrize(
    ("label", "part"),
    [
        ("2026-10", False),
        ("2026-11", True),
        ("2026-01-01..2026-10-31", True),
        ("2026-01-01..2026-06-30", False),
        ("2026-10-01..2026-10-31", False),
        ("2026-11-01..2026-11-30", True),
    ],
)
def test_a_period_that_is_not_over_or_not_a_whole_one_is_marked_part(label: str, part: bool) -> None:
    """N11: January to October is a part period, January to June a whole one under another name."""
    assert parse(label, TODAY).is_part(TODAY) is part


@pytest.mark.parametrize(
    "label",
    [
        "2026-13",
        "2026-Q5",
        "Nov",
        "2026-11-31..2026-12-01",
        "2026-12-01..2026-11-01",
        "0001",
        "9999-01-01..9999-12-31",
        "a..b",
    ],
)
def test_a_label_that_names_no_period_is_refused_with_the_remedy(label: str) -> None:
    with pytest.raises(Refused, match='write a month "2026-11"') as refused:
        parse(label, TODAY)
    assert refused.value.field == "period"


def test_the_period_before_is_of_the_same_kind() -> None:
    """N10."""
    found = [parse(label, TODAY).before() for label in ("2026-01", "2026-Q1", "2026-H2", "2026")]
    assert [period.label for period in found if period] == ["2025-12", "2025-Q4", "2026-H1", "2025"]
    assert parse("2026-01-01..2026-02-01", TODAY).before() is None


def test_the_months_of_a_period_cover_it_without_gap_or_overlap() -> None:
    for label in ("2026", "2026-Q1", "2026-01-15..2026-03-02", "2026-11"):
        period = parse(label, TODAY)
        months = period.months()
        assert (months[0].first, months[-1].last) == (period.first, period.last)
        assert all(a.last + timedelta(days=1) == b.first for a, b in pairwise(months))


def test_a_day_begins_at_midnight_of_the_desks_zone() -> None:
    assert (
        midnight(date(2026, 11, 1), ZoneInfo("Asia/Shanghai"))
        == int(datetime(2026, 10, 31, 16, tzinfo=UTC).timestamp()) * 10**6
    )
    # 23 hours long: the clocks go forward that day.
    berlin = ZoneInfo("Europe/Berlin")
    assert midnight(date(2026, 3, 30), berlin) - midnight(date(2026, 3, 29), berlin) == 23 * 3600 * 10**6


def test_a_ticket_of_the_last_local_second_of_a_month_belongs_to_it() -> None:
    edge = datetime(2026, 10, 31, 16, tzinfo=UTC)
    desk = Desk().hears(ticket(1, received=edge - timedelta(microseconds=1)), ticket(2, received=edge))
    assert [desk.report(label).tickets for label in ("2026-10", "2026-11", "2026-Q4")] == [1, 1, 2]


def test_a_quarter_is_the_recount_of_its_months() -> None:
    """N1: for every figure, though tickets are received in one month and closed in another."""
    start = datetime(2026, 7, 1, tzinfo=UTC)
    desk = Desk().hears(
        [closed(n, received=start + timedelta(hours=37 * n), after=timedelta(days=n % 20)) for n in range(1, 60)]
    )
    quarter = {figure.key: figure for figure in desk.report("2026-Q3").figures}
    months = [{f.key: f for f in desk.report(f"2026-0{month}").figures} for month in (7, 8, 9)]
    for key, figure in quarter.items():
        if key != "first_contact_resolution_mean":
            assert figure.numerator == sum(month[key].numerator for month in months), key
            assert figure.denominator == sum(month[key].denominator for month in months), key
    assert quarter["timeliness"].denominator > 50
