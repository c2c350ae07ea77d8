"""Calendars of the facets: lunch gap, seasons, holidays, make-up days (D10, A5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.calendars import CHINA_COVERED_UNTIL, business_calendar, day_spans
from services.profile.load import load
from services.profile.schema import Calendar, Season
from tests.profile.folders import POLICY

SHANGHAI = ZoneInfo("Asia/Shanghai")
GENERIC = load(POLICY / "generic_desk").calendars["duty"]
ITSS = load(POLICY / "itss_desk")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def span(text: str) -> tuple[int, int]:
    start, end = text.split("-")
    return tuple(int(part[:2]) * 3600 + int(part[3:]) * 60 for part in (start, end))  # type: ignore[return-value]


def test_four_hours_from_friday_five_end_on_monday_at_noon() -> None:
    """The case of D10."""
    assert GENERIC.add(at("2025-03-14T17:00"), 4 * 3600) == at("2025-03-17T12:00")


def test_half_past_twelve_is_out_of_hours_at_the_generic_desk_and_in_hours_around_the_clock() -> None:
    """The case of A5."""
    noon = at("2025-03-12T12:30")
    assert not load(POLICY / "generic_desk").roster.in_hours(noon)
    assert ITSS.calendars["always"].is_open(noon)


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2025-06-03T17:29", True),
        ("2025-06-03T17:31", False),  # summer closes at half past five
        ("2025-11-03T17:31", True),  # winter at six
        ("2025-01-02T17:59", True),  # the winter season runs over New Year
        ("2025-10-01T10:00", False),  # National Day, a Wednesday
        ("2025-09-28T10:00", True),  # a Sunday worked in its place
        ("2025-10-11T17:45", True),  # a Saturday worked in its place, winter hours
        ("2025-10-12T10:00", False),  # an ordinary Sunday
    ],
)
def test_duty_hours_of_the_itss_desk(instant: str, is_open: bool) -> None:
    """000 section 8.6 with 调休."""
    assert ITSS.calendars["duty"].is_open(at(instant)) is is_open


def test_a_calendar_says_how_far_its_holidays_are_known() -> None:
    assert ITSS.calendars["duty"].covered_until == CHINA_COVERED_UNTIL
    assert CHINA_COVERED_UNTIL.year >= 2026
    assert ITSS.calendars["always"].covered_until is None


def test_after_the_known_holidays_ordinary_weeks_are_counted() -> None:
    day = CHINA_COVERED_UNTIL + timedelta(days=1)
    while day.weekday() != 2:
        day += timedelta(days=1)
    assert day_spans(Calendar(spans=("09:00-18:00",), holidays="CN"))(day) == (span("09:00-18:00"),)


def test_a_closure_closes_even_a_make_up_day() -> None:
    facet = Calendar(spans=("09:00-18:00",), holidays="CN", closures=(date(2025, 9, 28),))
    assert day_spans(facet)(date(2025, 9, 28)) == ()


def test_a_weekend_shift_does_not_come_in_on_a_make_up_day_of_the_working_week() -> None:
    facet = Calendar(days=("sat",), spans=("10:00-16:00",), holidays="CN")
    assert day_spans(facet)(date(2025, 9, 28)) == ()


def test_a_calendar_may_have_a_zone_of_its_own() -> None:
    london = business_calendar("london", Calendar(spans=("09:00-17:00",)), "Europe/London")
    assert london.is_open(datetime(2025, 7, 1, 8, 30, tzinfo=UTC))
    assert not london.is_open(datetime(2025, 12, 1, 8, 30, tzinfo=UTC))


@given(st.dates(date(2010, 1, 1), CHINA_COVERED_UNTIL))
def test_a_five_day_week_agrees_with_the_official_calendar_on_every_day(day: date) -> None:
    is_open = bool(day_spans(Calendar(spans=("09:00-18:00",), holidays="CN"))(day))
    assert is_open == chinese_calendar.is_workday(day)


@given(st.dates(date(2000, 1, 1), date(2060, 12, 31)))
def test_every_day_belongs_to_exactly_one_of_two_seasons(day: date) -> None:
    summer = Season(first="05-01", last="09-30", spans=("08:00-17:30",))
    winter = Season(first="10-01", last="04-30", spans=("08:00-18:00",))
    every_day = Calendar(days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), seasons=(summer, winter))
    [found] = day_spans(every_day)(day)
    assert found == (span("08:00-17:30") if 5 <= day.month <= 9 else span("08:00-18:00"))
