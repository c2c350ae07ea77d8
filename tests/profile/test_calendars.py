"""Calendars of the facets: lunch gap, seasons, holidays, make-up days (D10, A5)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.cli import app
from services.profile.calendars import CHINA_COVERED_UNTIL, business_calendar, covered_until, day_spans
from services.profile.load import load
from services.profile.schema import Calendar
from tests.profile.folders import POLICY

SHANGHAI = ZoneInfo("Asia/Shanghai")
GENERIC = load(POLICY / "generic_desk").calendars["duty"]
ITSS = load(POLICY / "itss_desk")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def facet(**words: object) -> Calendar:
    """As the YAML has it."""
    return Calendar.model_validate(words)


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
    assert day_spans(facet(spans=("09:00-18:00",), holidays="CN"))(day) == (span("09:00-18:00"),)


def test_a_closure_closes_even_a_make_up_day() -> None:
    made = facet(spans=("09:00-18:00",), holidays="CN", closures=(date(2025, 9, 28),))
    assert day_spans(made)(date(2025, 9, 28)) == ()


def test_a_weekend_shift_does_not_come_in_on_a_make_up_day_of_the_working_week() -> None:
    made = facet(days=("sat",), spans=("10:00-16:00",), holidays="CN")
    assert day_spans(made)(date(2025, 9, 28)) == ()


def test_a_calendar_may_have_a_zone_of_its_own() -> None:
    london = business_calendar("london", facet(spans=("09:00-17:00",)), "Europe/London")
    assert london.is_open(datetime(2025, 7, 1, 8, 30, tzinfo=UTC))
    assert not london.is_open(datetime(2025, 12, 1, 8, 30, tzinfo=UTC))


@given(st.dates(date(2010, 1, 1), CHINA_COVERED_UNTIL))
def test_a_five_day_week_agrees_with_the_official_calendar_on_every_day(day: date) -> None:
    is_open = bool(day_spans(facet(spans=("09:00-18:00",), holidays="CN"))(day))
    assert is_open == chinese_calendar.is_workday(day)


@given(st.dates(date(2000, 1, 1), date(2060, 12, 31)))
def test_every_day_belongs_to_exactly_one_of_two_seasons(day: date) -> None:
    summer = {"first": "05-01", "last": "09-30", "spans": ("08:00-17:30",)}
    winter = {"first": "10-01", "last": "04-30", "spans": ("08:00-18:00",)}
    every_day = facet(days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), seasons=(summer, winter))
    [found] = day_spans(every_day)(day)
    assert found == (span("08:00-17:30") if 5 <= day.month <= 9 else span("08:00-18:00"))


# The State Council's notices for these years: Saturdays and Sundays worked, and working weekdays that are off.
MADE_UP = {
    2024: ["02-04", "02-18", "04-07", "04-28", "05-11", "09-14", "09-29", "10-12"],
    2025: ["01-26", "02-08", "04-27", "09-28", "10-11"],
    2026: ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
}


@pytest.mark.parametrize("year", MADE_UP)
def test_the_weekend_days_worked_in_china_are_those_of_the_notice(year: int) -> None:
    """D10: 2024 to 2026, day by day."""
    spans = day_spans(facet(spans=("09:00-18:00",), holidays="CN"))
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366 if year == 2024 else 365))
    assert [f"{day:%m-%d}" for day in days if day.weekday() > 4 and spans(day)] == MADE_UP[year]


def test_a_deadline_over_spring_festival_counts_the_day_worked_before_and_after_it() -> None:
    """D10: 14 and 28 February 2026 are Saturdays at work, 16 to 23 February are off."""
    assert GENERIC.add(at("2026-02-13T17:00"), 4 * 3600) == at("2026-02-14T12:00")
    assert GENERIC.add(at("2026-02-14T17:00"), 4 * 3600) == at("2026-02-24T12:00")
    assert GENERIC.add(at("2026-02-27T17:00"), 4 * 3600) == at("2026-02-28T12:00")


def test_a_part_of_a_country_keeps_its_own_holidays() -> None:
    """D10: Epiphany is kept in Bavaria and not in Berlin."""
    hours = ("09:00-17:00",)
    bavaria = day_spans(facet(spans=hours, holidays={"country": "DE", "subdivision": "BY"}))
    berlin = day_spans(facet(spans=hours, holidays={"country": "DE", "subdivision": "BE"}))
    assert (bool(bavaria(date(2026, 1, 6))), bool(berlin(date(2026, 1, 6)))) == (False, True)
    assert not berlin(date(2026, 10, 3)) and not bavaria(date(2026, 12, 25))  # noqa: PT018


def test_make_up_days_of_another_country_are_worked_where_the_library_has_them() -> None:
    """D10: Hungary worked on Saturday 18 October 2025 for Friday the 24th."""
    hungary = day_spans(facet(spans=("09:00-17:00",), holidays="HU"))
    assert hungary(date(2025, 10, 18)) == (span("09:00-17:00"),)
    assert hungary(date(2025, 10, 24)) == ()


def test_hours_may_differ_by_weekday_and_a_make_up_day_has_those_of_a_monday() -> None:
    week = {"mon": ("09:00-18:00",), "fri": ("09:00-15:00",), "sat": ("10:00-12:00",)}
    spans = day_spans(facet(spans=week, holidays="CN"))
    assert spans(date(2025, 3, 7)) == (span("09:00-15:00"),)  # Friday
    assert spans(date(2025, 3, 8)) == (span("10:00-12:00"),)  # Saturday
    assert spans(date(2025, 3, 4)) == ()  # Tuesday, which is not named
    assert spans(date(2025, 2, 8)) == (span("09:00-18:00"),)  # Saturday worked for Spring Festival


def test_a_closure_may_leave_hours_and_opens_no_day_that_is_off_anyway() -> None:
    row = {"first": date(2026, 5, 21), "last": date(2026, 5, 24), "spans": ("09:00-12:00",)}
    spans = day_spans(facet(spans=("09:00-18:00",), closures=(row,)))
    assert spans(date(2026, 5, 22)) == (span("09:00-12:00"),)
    assert spans(date(2026, 5, 23)) == ()  # Saturday
    assert spans(date(2026, 5, 25)) == (span("09:00-18:00"),)


def test_an_opening_is_worked_whatever_the_country_says() -> None:
    """A make-up day entered by hand for a year that no library has yet."""
    rows = ({"date": date(2027, 2, 7)}, {"date": date(2026, 10, 1), "spans": ("10:00-11:00",)})
    spans = day_spans(facet(spans=("09:00-18:00",), holidays="CN", openings=rows))
    assert spans(date(2027, 2, 7)) == (span("09:00-18:00"),)  # Sunday
    assert spans(date(2026, 10, 1)) == (span("10:00-11:00"),)  # National Day


def test_days_entered_by_hand_make_the_calendar_known_for_longer() -> None:
    later = date(CHINA_COVERED_UNTIL.year + 1, 12, 31)
    made = facet(spans=("09:00-18:00",), holidays="CN", known_until=later)
    assert business_calendar("duty", made, "Asia/Shanghai").covered_until == later
    assert covered_until(facet(spans=("09:00-18:00",), holidays="DE")) is None


def test_a_calendar_takes_over_the_days_of_another_and_its_own_rows_come_first() -> None:
    """D10: days of the company, for the calendar of each site."""
    company = facet(
        spans=("09:00-10:00",),
        holidays="CN",
        closures=(date(2026, 5, 20), date(2026, 5, 21)),
        openings=(date(2026, 5, 23),),
    )
    site = facet(spans=("08:00-16:00",), extends="company", openings=(date(2026, 5, 21),))
    spans = day_spans(site, {"company": company, "site": site})
    assert spans(date(2026, 5, 19)) == (span("08:00-16:00"),)
    assert spans(date(2026, 5, 20)) == ()
    assert spans(date(2026, 5, 21)) == (span("08:00-16:00"),)
    assert spans(date(2026, 5, 23)) == (span("08:00-16:00"),)  # Saturday
    assert spans(date(2026, 10, 1)) == ()
    assert covered_until(site, {"company": company}) == CHINA_COVERED_UNTIL


def test_policy_check_warns_of_calendars_that_end_soon_and_finds_no_fault(tmp_path: Path) -> None:
    """D10: the remedy stands in the warning."""
    clock = tmp_path / "clock.json"
    ahead = datetime(CHINA_COVERED_UNTIL.year, 12, 1, tzinfo=UTC) - datetime.now(UTC)
    clock.write_text(json.dumps({"offset_seconds": ahead.total_seconds()}))
    told = CliRunner(env={"DESKSTREAM_CLOCK_FILE": str(clock)}).invoke(app, ["policy", "check", str(POLICY)])
    assert told.exit_code == 0
    assert f'generic_desk: holidays of calendar "duty" are known until {CHINA_COVERED_UNTIL}' in told.stderr
    assert "set known_until" in told.stderr
    assert "munich" not in told.output
