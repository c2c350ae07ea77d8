"""Any calendar, in any zone, around any change of the clocks, with any pauses, against the oracle (D10, D11).

DESKSTREAM_CALENDARS says how many calendars are tried.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import BusinessCalendar
from services.profile.calendars import business_calendar
from services.profile.schema import Calendar
from tests.kernel.oracle import WEEKDAYS, Oracle

COUNT = int(os.environ.get("DESKSTREAM_CALENDARS", "150"))
pytestmark = pytest.mark.timeout(max(300, COUNT // 5))

# Days near which each zone changes its clocks: by an hour, by half of one, by two, at midnight, by a whole day.
ZONES = {
    "Asia/Shanghai": ("2025-10-01", "2025-02-05", "2024-09-28"),
    "Europe/Berlin": ("2025-03-30", "2025-10-26", "2024-12-31", "2025-10-18"),
    "America/New_York": ("2025-03-09", "2025-11-02", "2026-07-03"),
    "America/St_Johns": ("2010-03-14", "2010-11-07"),
    "America/Santiago": ("2024-09-08", "2024-04-07"),
    "Africa/Cairo": ("2024-04-26", "2024-11-01"),
    "Africa/Casablanca": ("2025-02-23", "2025-04-06"),
    "Antarctica/Troll": ("2025-03-30", "2025-10-26"),
    "Australia/Lord_Howe": ("2025-04-06", "2025-10-05"),
    "Pacific/Chatham": ("2025-04-06", "2025-09-28"),
    "Pacific/Apia": ("2011-12-30", "2020-04-05"),
    "Asia/Kathmandu": ("2025-06-11", "1986-01-01"),
    "UTC": ("2025-06-11", "2024-02-29"),
}


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


marks = st.one_of(st.integers(0, 288).map(lambda each: each * 5), st.integers(0, 1440))
DAY = [
    ["00:00-24:00"],
    ["09:00-12:00", "13:30-18:00"],
    ["00:00-02:30", "02:45-03:00", "23:30-24:00"],
    ["00:00-02:30"],
    ["00:15-01:45"],
]


@st.composite
def any_spans(draw, least=0):
    if draw(st.booleans()):
        return draw(st.sampled_from(DAY))
    points = sorted(draw(st.sets(marks, min_size=least * 2, max_size=6)))
    return [f"{clock(a)}-{clock(b)}" for a, b in zip(points[::2], points[1::2], strict=False)]


@st.composite
def any_hours(draw):
    if draw(st.integers(0, 2)):
        return draw(any_spans(least=1))
    if draw(st.integers(0, 3)) == 0:
        return {"sat": draw(any_spans(least=1)), "sun": draw(any_spans(least=1))}
    named = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=5, unique=True))
    return {day: draw(any_spans(least=int(day == named[0]))) for day in named}


@st.composite
def single_days(draw, near: date):
    days = draw(st.lists(st.integers(-4, 5), max_size=4, unique=True))
    closures, openings = [], []
    for offset in days:
        day = near + timedelta(days=offset)
        spans = draw(any_spans(least=1)) if draw(st.booleans()) else []
        if draw(st.booleans()):
            openings.append({"date": day, "spans": spans})
        elif draw(st.booleans()) and offset + 1 not in days and not any("first" in row for row in closures):
            closures.append({"first": day, "last": day + timedelta(days=1), "spans": spans})
        else:
            closures.append({"date": day, "spans": spans})
    taken = {row["last"] for row in closures if "last" in row}
    return {
        "closures": [row for row in closures if row.get("date") not in taken],
        "openings": [row for row in openings if row["date"] not in taken],
    }


COUNTRIES = st.sampled_from(
    [None, "CN", "CN", {"country": "DE", "subdivision": "BY"}, {"country": "HU"}, {"country": "US"}]
)


@st.composite
def books(draw, near: date):
    """Calendars as YAML has them; "subject" is asked about and may extend "company"."""
    subject = {"spans": draw(any_hours())} | draw(single_days(near))
    if draw(st.integers(0, 2)) == 0:
        subject["days"] = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True))
        if isinstance(subject["spans"], dict):
            del subject["days"]
    if draw(st.booleans()):
        edge = near + timedelta(days=draw(st.integers(-2, 3)))
        first = f"{edge:%m-%d}"
        other = f"{edge + timedelta(days=draw(st.integers(1, 200))):%m-%d}"
        if "02-29" not in (first, other):
            subject["seasons"] = [{"first": first, "last": other, "spans": draw(any_hours())}]
            if "days" in subject and isinstance(subject["seasons"][0]["spans"], dict):
                del subject["days"]
    book = {"subject": subject}
    country = draw(COUNTRIES)
    if country is not None:
        subject["holidays"] = country
    if draw(st.integers(0, 3)) == 0:
        company = draw(single_days(near)) | {"spans": ["09:00-10:00"]}
        upper = draw(COUNTRIES)
        if upper is not None:
            company["holidays"] = upper
        subject["extends"], book["company"] = "company", company
    return book


@st.composite
def worlds(draw):
    zone = draw(st.sampled_from(sorted(ZONES)))
    near = date.fromisoformat(draw(st.sampled_from(ZONES[zone])))
    if draw(st.integers(0, 4)) == 0:
        near = draw(st.dates(date(2006, 1, 10), date(2029, 12, 20)))
    book = draw(books(near))
    noon = int(datetime(near.year, near.month, near.day, 12, tzinfo=ZoneInfo(zone)).timestamp()) // 60 * 60
    first, last = noon - 3 * 86_400, noon + 4 * 86_400
    seconds = st.integers(first + 1, last - 1)
    pauses = [tuple(sorted((draw(seconds), draw(seconds)))) for _ in range(draw(st.integers(0, 3)))]
    return book, zone, first, last, pauses, draw(seconds), draw(seconds)


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def engine(book, zone):
    facets = {name: Calendar.model_validate(each) for name, each in book.items()}
    return business_calendar("subject", facets["subject"], zone, facets)


@settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    world=worlds(),
    length=st.one_of(st.integers(0, 4 * 86_400), st.integers(0, 7200)),
    days=st.integers(0, 3),
    edge=st.integers(0, 40),
)
def test_any_calendar_agrees_with_the_oracle(world, length, days, edge):
    """D10, D11."""
    book, zone, first, last, pauses, a, b = world
    subject = engine(book, zone)
    plain = Oracle(book, "subject", zone, first, last)
    paused = plain.with_pauses(pauses)
    outside = [(at(begin), at(end)) for begin, end in pauses]
    a, b = min(a, b), max(a, b)
    assert subject.is_open(at(a)) == plain.is_open(a)
    assert subject.between(at(a), at(b)) == plain.between(a, b)
    assert subject.between(at(a), at(b), outside) == paused.between(a, b)
    assert subject.open_within(outside) == plain.between(first, last) - paused.between(first, last)
    spans = subject.open_spans(at(a), at(b))
    assert sum(int((end - begin).total_seconds()) for begin, end in spans) == plain.between(a, b)
    assert all(begin < end for begin, end in spans)
    if (due := plain.add(a, length)) is not None:
        assert subject.add(at(a), length) == at(due)
    if (opening := plain.add(a, 0)) is not None:
        assert subject.next_opening(at(a)) == at(opening)
    if (due := paused.add(a, length)) is not None:
        assert subject.add(at(a), length, outside) == at(due)
    if (begin := plain.subtract(b, length)) is not None:
        assert subject.subtract(at(b), length) == at(begin)
    if edges := plain.edges:
        # Lengths that end or begin exactly where a period does.
        at_edge = edges[edge % len(edges)]
        if (due := plain.add(a, length := plain.between(a, at_edge))) is not None:
            assert subject.add(at(a), length) == at(due)
        if (begin := plain.subtract(b, length := plain.between(at_edge, b))) is not None:
            assert subject.subtract(at(b), length) == at(begin)
    if (end := plain.close_of_business(a, days)) is not None:
        assert subject.add_working_days(at(a), days) == at(end)


@settings(max_examples=max(100, COUNT // 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(), length=st.integers(1, 30 * 86_400), micro=st.integers(0, 999_999))
def test_fractions_of_a_second_are_neither_lost_nor_won(world, length, micro):
    """D10: add, subtract and between are inverse to each other, at any fraction of a second, with any pauses."""
    book, zone, _, _, pauses, a, _ = world
    subject = engine(book, zone)
    if not plausible(subject):
        return
    fraction = timedelta(microseconds=micro)
    outside = [(at(begin) + fraction * 0.5, at(end) + fraction) for begin, end in pauses]
    start = at(a) + fraction
    due = subject.add(start, length, outside)
    assert subject.between(start, due, outside) == length
    assert subject.between(start, due - timedelta(microseconds=1), outside) == length - 1
    due = subject.add(start, length)
    begin = subject.subtract(due, length)
    assert begin >= start
    assert subject.between(begin, due) == length
    assert subject.between(begin + timedelta(microseconds=1), due) == length - 1


def plausible(subject: BusinessCalendar) -> bool:
    """Whether it opens at all in an ordinary year."""
    return subject.between(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC)) > 86_400


def test_an_offset_of_seconds_is_walked_by_seconds():
    """D10: Monrovia was 44 minutes and 30 seconds behind until January 1972."""
    book = {"subject": {"spans": ["09:00-12:00"], "days": WEEKDAYS}}
    noon = int(datetime(1971, 5, 5, 12, 44, 30, tzinfo=UTC).timestamp())
    oracle = Oracle(book, "subject", "Africa/Monrovia", noon - 14_400, noon + 14_400, step=1)
    subject = engine(book, "Africa/Monrovia")
    for second in (noon - 10_801, noon - 10_800, noon - 1, noon):
        assert subject.is_open(at(second)) == oracle.is_open(second)
    assert subject.add(at(noon - 14_400), 3600) == at(oracle.add(noon - 14_400, 3600) or 0)
