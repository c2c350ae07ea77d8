"""Deadlines and elapsed time against an oracle that looks at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.calendar import BusinessCalendar
from services.kernel.errors import Refused

H = 3600
SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = ((9 * H, 12 * H), (13 * H + 1800, 18 * H))


def office(day: date):
    return OFFICE if day.weekday() < 5 else ()


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


calendar = BusinessCalendar("office", SHANGHAI, office)


def test_four_hours_from_friday_evening_end_on_monday_noon():
    """D10."""
    assert calendar.add(local("2025-03-07 17:00"), 4 * H) == local("2025-03-10 12:00")


def test_results_are_utc_and_keep_fractions_of_a_second():
    due = calendar.add(local("2025-03-07 11:59:59.500"), 1)
    assert due.tzinfo is UTC
    assert due == local("2025-03-07 13:30:00.500")


def test_a_start_outside_hours_counts_from_the_next_opening():
    assert calendar.add(local("2025-03-08 10:00"), 600) == local("2025-03-10 09:10")


def test_no_length_at_all_ends_at_the_next_opening():
    assert calendar.add(local("2025-03-07 12:00"), 0) == local("2025-03-07 13:30")
    assert calendar.add(local("2025-03-07 11:00"), 0) == local("2025-03-07 11:00")


def test_elapsed_time_leaves_out_lunch_and_has_a_sign():
    a, b = local("2025-03-07 11:30"), local("2025-03-07 14:00")
    assert calendar.between(a, b) == H
    assert calendar.between(b, a) == -H


def test_closing_instants_are_closed_and_opening_instants_open():
    assert not calendar.is_open(local("2025-03-07 12:00"))
    assert calendar.is_open(local("2025-03-07 13:30"))
    assert calendar.next_opening(local("2025-03-07 18:00")) == local("2025-03-10 09:00")


def test_working_days_end_with_the_business_of_the_last_and_do_not_count_the_first():
    """D11."""
    assert calendar.add_working_days(local("2025-03-06 10:00"), 3) == local("2025-03-11 18:00")
    assert calendar.add_working_days(local("2025-03-08 10:00"), 1) == local("2025-03-10 18:00")


def test_thirty_minutes_before_monday_morning_lie_on_friday_evening():
    """D10: `subtract` is the mirror of `add`."""
    assert calendar.subtract(local("2025-03-10 09:10"), 1800) == local("2025-03-07 17:40")
    assert calendar.subtract(local("2025-03-10 12:00"), 4 * H) == local("2025-03-07 17:00")


def test_a_length_that_fills_a_period_begins_at_its_opening():
    assert calendar.subtract(local("2025-03-07 13:30"), 3 * H) == local("2025-03-07 09:00")
    assert calendar.subtract(local("2025-03-10 08:00"), 0) == local("2025-03-07 18:00")


def test_working_days_before_an_instant_are_whole_days():
    """D11."""
    assert calendar.subtract_working_days(local("2025-03-11 18:00"), 3) == local("2025-03-06 09:00")


def test_the_close_of_a_day_that_daylight_saving_skips_is_the_jump():
    berlin = ZoneInfo("Europe/Berlin")
    nights = BusinessCalendar("nights", berlin, lambda day: ((22 * H, 26 * H + 1800),))
    assert nights.add_working_days(local("2025-03-28 12:00", berlin), 1) == local("2025-03-30 03:00", berlin)
    assert nights.between(local("2025-03-29 22:00", berlin), local("2025-03-30 12:00", berlin)) == 4 * H


def test_a_day_that_closes_in_the_repeated_hour_closes_the_second_time():
    """D11."""
    berlin = ZoneInfo("Europe/Berlin")
    nights = BusinessCalendar("nights", berlin, lambda day: ((0, 2 * H + 1800),))
    second = datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    assert nights.add_working_days(local("2025-10-25 12:00", berlin), 1) == second
    assert nights.subtract_working_days(local("2025-10-27 12:00", berlin), 1) == local("2025-10-26 00:00", berlin)


def test_a_pause_puts_off_the_deadline_by_the_open_time_it_takes():
    """D10: pauses are stretches outside which a length is counted; they may overlap and lie in any order."""
    lunch = (local("2025-03-07 11:00"), local("2025-03-07 14:00"))
    friday = local("2025-03-07 10:00")
    assert calendar.add(friday, 2 * H, [lunch]) == local("2025-03-07 15:00")
    assert calendar.add(friday, 2 * H, [lunch, (lunch[0], local("2025-03-07 13:00"))]) == local("2025-03-07 15:00")
    assert calendar.add(friday, H, [lunch]) == lunch[0]
    assert calendar.add(lunch[0], 0, [lunch]) == lunch[1]
    assert calendar.between(friday, local("2025-03-07 15:00"), [lunch]) == 2 * H
    assert calendar.open_within([lunch, lunch]) == H + 1800


def test_open_stretches_of_a_while_are_cut_at_its_edges():
    assert calendar.open_spans(local("2025-03-07 17:00"), local("2025-03-10 09:30")) == [
        (local("2025-03-07 17:00"), local("2025-03-07 18:00")),
        (local("2025-03-10 09:00"), local("2025-03-10 09:30")),
    ]


def test_around_the_clock_needs_no_table():
    always = BusinessCalendar("always", SHANGHAI, lambda day: (), always=True)
    assert always.add(local("2025-03-03 08:00"), 5 * 86_400) == local("2025-03-08 08:00")
    assert always.between(local("2025-03-03 08:00"), local("2025-03-04 08:00")) == 86_400


def test_a_night_shift_crosses_midnight():
    nights = BusinessCalendar("nights", SHANGHAI, lambda day: ((22 * H, 30 * H),))
    assert nights.add(local("2025-03-03 23:00"), 8 * H) == local("2025-03-04 23:00")
    assert nights.is_open(local("2025-03-04 05:59"))


def test_an_hour_skipped_by_daylight_saving_is_not_counted_and_a_repeated_one_counts_twice():
    berlin = ZoneInfo("Europe/Berlin")
    days = BusinessCalendar("days", berlin, lambda day: ((0, 86_400),))
    assert days.between(local("2025-03-30 00:00", berlin), local("2025-03-31 00:00", berlin)) == 23 * H
    assert days.between(local("2025-10-26 00:00", berlin), local("2025-10-27 00:00", berlin)) == 25 * H
    early = BusinessCalendar("early", berlin, lambda day: ((2 * H + 1800, 5 * H),))
    assert early.between(local("2025-03-30 00:00", berlin), local("2025-03-31 00:00", berlin)) == 2 * H
    assert early.between(local("2025-10-26 00:00", berlin), local("2025-10-27 00:00", berlin)) == 3 * H


def test_a_calendar_that_never_opens_is_refused_with_the_remedy():
    never = BusinessCalendar("never", SHANGHAI, lambda day: ())
    with pytest.raises(Refused, match="give it days and spans"):
        never.add(local("2025-03-03 08:00"), 1)
    with pytest.raises(Refused, match="give it days and spans"):
        never.add_working_days(local("2025-03-03 08:00"), 1)


def test_naive_instants_and_negative_lengths_are_programming_errors():
    with pytest.raises(ValueError, match="aware"):
        calendar.add(datetime(2025, 3, 3), 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="never negative"):
        calendar.add(local("2025-03-03 08:00"), -1)


def test_asking_far_ahead_and_far_back_gives_the_same_as_a_fresh_calendar():
    worn = BusinessCalendar("worn", SHANGHAI, office)
    for year in (2025, 2031, 2019, 2040):
        start = local(f"{year}-06-02 10:00")
        fresh = BusinessCalendar("fresh", SHANGHAI, office)
        assert worn.add(start, 3000 * H) == fresh.add(start, 3000 * H)
        assert worn.between(local("2025-01-01 00:00"), start) == fresh.between(local("2025-01-01 00:00"), start)


# Five-minute marks keep the minute-by-minute oracle quick and still hit every edge.
marks = st.integers(0, 36 * 12).map(lambda each: each * 300)


@st.composite
def weeks(draw):
    """Seven days of ascending, disjoint spans; the last of a day may run past midnight."""
    week = []
    for _ in range(7):
        points = sorted(draw(st.sets(marks, max_size=6)))
        spans = [(a, b) for a, b in zip(points[::2], points[1::2], strict=False) if a < 86_400]
        week.append(tuple(spans))
    return tuple(week)


ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# Around changes of the clocks, where mistakes live, and anywhere else.
STARTS = st.sampled_from(
    ["2025-03-09", "2025-03-30", "2025-04-06", "2025-10-05", "2025-10-26", "2025-11-02", "2024-12-31", "2025-06-11"]
)


def open_at(week, zone, at: datetime) -> bool:
    """The oracle: the wall clock of this instant lies in a span of its day, or in yesterday's past midnight."""
    wall = at.astimezone(zone)
    second = wall.hour * H + wall.minute * 60 + wall.second
    today, yesterday = week[wall.weekday()], week[(wall.weekday() - 1) % 7]
    return any(a <= second < b for a, b in today) or any(a <= second + 86_400 < b for a, b in yesterday)


@settings(max_examples=150, deadline=None)
@given(week=weeks(), zone=st.sampled_from(ZONES), day=STARTS, minute=st.integers(0, 3000), length=st.integers(0, 2000))
def test_every_minute_agrees_with_the_oracle(week, zone, day, minute, length):
    zone = ZoneInfo(zone)
    if not any(week):
        return
    subject = BusinessCalendar("any", zone, lambda each: week[each.weekday()])
    start = (datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC) - timedelta(days=1)) + timedelta(
        minutes=minute
    )
    at, left, first = start, length, None
    while left and at < start + timedelta(days=12):
        if open_at(week, zone, at):
            first = first or at
            left -= 1
        at += timedelta(minutes=1)
    if left == 0 and length:
        assert subject.add(start, length * 60) == at
        assert subject.between(start, at) == length * 60
        assert subject.next_opening(start) == first
    assert subject.is_open(start) == open_at(week, zone, start)


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(0, 10 * 365 * 86_400_000).map(
        lambda ms: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(0, 0, 0, ms)
    ),
    length=st.integers(1, 10**7),
)
def test_the_time_used_at_the_deadline_is_the_limit(start, length):
    assert calendar.between(start, calendar.add(start, length)) == length
