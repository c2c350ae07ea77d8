"""The filed roster goes before the profile's pattern, from its first second to its last (M28, M21, Q6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.duty import Away, DutyTable, Filed, Stint
from services.profile.duty import Roster
from services.profile.load import load
from tests.profile.folders import POLICY

ITSS = load(POLICY / "itss_desk")
PROFILE, CALENDARS = ITSS.profile, ITSS.calendars
PEOPLE = {person.id: person for person in PROFILE.organisation.people}
MARCH = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
HOUR = 3600
MONTH = 31 * 24 * HOUR


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(MARCH + seconds, UTC)


def ids(roster: Roster, seconds: int, role: str | None = None, team: str | None = None) -> list[str]:
    return [person.id for person in roster.on_duty(at(seconds), role, team)]


def table(*stints: Stint, people: str = "", away: tuple[Away, ...] = (), version: int = 1) -> DutyTable:
    month = Filed(MARCH, MARCH + MONTH, frozenset(people.split()) | {stint.person for stint in stints})
    return DutyTable("itss_desk", version, (month,), stints, away)


def stint(person: str, first: int, last: int) -> Stint:
    return Stint(person, MARCH + first, MARCH + last)


def test_duty_changes_at_the_second_of_the_shift_boundary() -> None:
    """M28."""
    roster = Roster(PROFILE, CALENDARS)
    assert ids(roster, 4 * HOUR, team="emergency") == ["wu.hao"]
    roster.adopt(table(stint("wu.hao", 0, 4 * HOUR), stint("wang.fang", 4 * HOUR, 9 * HOUR)))
    assert ids(roster, 4 * HOUR - 1, team="emergency") == ["wu.hao"]
    assert ids(roster, 4 * HOUR, team="emergency") == ["wang.fang"]
    assert ids(roster, 9 * HOUR, team="emergency") == []


def test_who_is_not_on_the_roster_keeps_the_pattern() -> None:
    roster = Roster(PROFILE, CALENDARS)
    before = ids(roster, 100 * HOUR, role="engineer")
    roster.adopt(table(stint("wu.hao", 0, HOUR)))
    assert ids(roster, 100 * HOUR, role="engineer") == before != []


def test_after_the_filed_month_the_pattern_returns() -> None:
    roster = Roster(PROFILE, CALENDARS)
    roster.adopt(table(people="wu.hao"))
    assert "wu.hao" not in ids(roster, MONTH - 1)
    assert "wu.hao" in ids(roster, MONTH)


def test_an_older_table_that_comes_late_changes_nothing() -> None:
    roster = Roster(PROFILE, CALENDARS)
    assert roster.adopt(table(people="wu.hao", version=7))
    assert not roster.adopt(table(people="", version=6))
    assert not roster.adopt(table(people="", version=7))
    assert "wu.hao" not in ids(roster, HOUR)
    assert roster.version == 7


def test_a_substitute_has_the_rights_of_the_absent_for_the_span_only() -> None:
    """M21, Q6."""
    roster = Roster(PROFILE, CALENDARS)
    roster.adopt(table(away=(Away("sun.ning", MARCH + HOUR, MARCH + 3 * HOUR, "zheng.yan"),)))
    nothing = (frozenset(), frozenset())
    assert roster.acting_roles("zheng.yan", at(HOUR - 1)) == nothing
    assert roster.acting_roles("zheng.yan", at(HOUR)) == (
        frozenset(PEOPLE["sun.ning"].roles),
        frozenset(PEOPLE["sun.ning"].teams),
    )
    assert roster.stand_in("sun.ning", at(3 * HOUR - 1)) == "zheng.yan"
    assert roster.acting_roles("zheng.yan", at(3 * HOUR)) == nothing
    assert roster.stand_in("sun.ning", at(3 * HOUR)) == "sun.ning"


def test_an_absence_without_substitute_leaves_the_place_empty() -> None:
    roster = Roster(PROFILE, CALENDARS)
    roster.adopt(table(away=(Away("wu.hao", MARCH, MARCH + HOUR),)))
    assert ids(roster, 0, team="emergency") == []
    assert roster.is_absent("wu.hao", at(0))
    assert not roster.is_absent("wu.hao", at(HOUR))


def test_people_whom_the_profile_does_not_know_are_passed_over() -> None:
    roster = Roster(PROFILE, CALENDARS)
    roster.adopt(table(stint("nobody", 0, HOUR), away=(Away("wu.hao", MARCH, MARCH + HOUR, "nobody"),)))
    assert "nobody" not in ids(roster, 0)
    assert "wu.hao" not in ids(roster, 0)


def test_absences_in_a_circle_end_and_leave_nobody() -> None:
    roster = Roster(PROFILE, CALENDARS)
    both = (
        Away("wu.hao", MARCH, MARCH + HOUR, "wang.fang"),
        Away("wang.fang", MARCH, MARCH + HOUR, "wu.hao"),
    )
    roster.adopt(table(away=both))
    assert ids(roster, 0, team="emergency") == []


NAMES = ("wu.hao", "wang.fang", "li.wei", "huang.lei", "xu.ling", "nobody")
moments = st.integers(-50 * HOUR, 80 * HOUR)
names = st.sampled_from(NAMES)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    first = draw(moments)
    return MARCH + first, MARCH + first + draw(st.integers(1, 40 * HOUR))


tables = st.builds(
    lambda months, stints, away: DutyTable(
        "itss_desk",
        1,
        tuple(Filed(first, last, people) for (first, last), people in months),
        tuple(Stint(person, first, last) for person, (first, last) in stints),
        tuple(Away(person, first, last, other) for person, (first, last), other in away),
    ),
    st.lists(st.tuples(spans(), st.frozensets(names)), max_size=2),
    st.lists(st.tuples(names, spans()), max_size=8),
    st.lists(st.tuples(names, spans(), st.sampled_from((*NAMES, ""))), max_size=4),
)


def naive(filed: DutyTable, when: datetime, role: str | None) -> set[str]:
    """Looks at everything for one instant, as slowly as it is plain. The pattern has no absences of its own then."""
    moment = int(when.timestamp() // 1)
    rostered = {name for month in filed.months if month.start <= moment < month.end for name in month.people}
    places = [
        name
        for duty in PROFILE.organisation.duty
        if CALENDARS[duty.calendar].is_open(when)
        for name in duty.people
        if name not in rostered
    ]
    places += [each.person for each in filed.stints if each.start <= moment < each.end]
    present = set()
    for place in places:
        if place not in PEOPLE or (role and role not in PEOPLE[place].roles):
            continue
        standing, passed = place, set()
        while standing not in passed:
            passed.add(standing)
            absent = [each for each in filed.absences if each.person == standing and each.start <= moment < each.end]
            if not absent or standing not in PEOPLE:
                break
            standing = absent[0].substitute
        else:
            continue
        if standing in PEOPLE:
            present.add(standing)
    return present


@given(tables, st.lists(moments, min_size=1, max_size=12), st.sampled_from((None, "specialist", "engineer")))
@settings(deadline=None, max_examples=150)
def test_a_look_up_finds_whom_a_naive_scan_finds(filed: DutyTable, when: list[int], role: str | None) -> None:
    roster = Roster(PROFILE, CALENDARS)
    roster.adopt(filed)
    bounds = [(each.start, each.end) for each in filed.stints]
    bounds += [(each.start, each.end) for each in filed.absences]
    bounds += [(each.start, each.end) for each in filed.months]
    edges = [edge - MARCH for bound in bounds for edge in bound]
    for seconds in {*when, *edges, *(edge - 1 for edge in edges)}:
        assert set(ids(roster, seconds, role)) == naive(filed, at(seconds), role)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_fractions_of_a_second_belong_to_the_second_before(microsecond: int) -> None:
    roster = Roster(PROFILE, CALENDARS)
    roster.adopt(table(stint("wu.hao", 0, HOUR)))
    last = at(HOUR - 1) + timedelta(microseconds=microsecond)
    assert "wu.hao" in [person.id for person in roster.on_duty(last)]
