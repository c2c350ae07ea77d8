"""Who is on duty, who stands in, who is recognised (M21, C23, A6, A10)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Missing
from services.profile.duty import on_duty
from services.profile.load import load
from services.profile.lookups import normal_phone
from tests.profile.folders import POLICY

SHANGHAI = ZoneInfo("Asia/Shanghai")
ITSS = load(POLICY / "itss_desk")
PROFILE, LOOKUPS = ITSS.profile, ITSS.lookups


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def names(when: str, role: str | None = None, team: str | None = None) -> list[str]:
    return [person.id for person in on_duty(PROFILE, at(when), role, team)]


def test_on_a_working_morning_the_desk_is_staffed() -> None:
    assert names("2025-03-12T10:00", role="specialist") == ["li.wei", "zhou.min", "wu.hao", "wang.fang"]


def test_on_a_sunday_only_the_emergency_seat_sits_at_the_desk() -> None:
    """A6."""
    assert names("2025-03-16T10:00", role="specialist") == ["wu.hao"]
    assert names("2025-03-16T10:00", team="emergency") == ["wu.hao"]
    assert not ITSS.roster.in_hours(at("2025-03-16T10:00"))


def test_an_absent_engineer_is_replaced_for_exactly_the_days_of_the_absence() -> None:
    """M21, Q6: the days are those of the profile's zone."""
    assert "xu.ling" in names("2025-05-05T23:59", role="engineer")
    assert "xu.ling" not in names("2025-05-06T00:00", role="engineer")
    assert "xu.ling" not in names("2025-05-09T23:59", role="engineer")
    assert "xu.ling" in names("2025-05-10T00:00", role="engineer")


def test_the_substitute_is_named_once_even_when_on_duty_too() -> None:
    assert names("2025-05-07T10:00", role="engineer").count("huang.lei") == 1


def test_the_substitute_stands_in() -> None:
    """C23."""
    assert ITSS.roster.stand_in("xu.ling", at("2025-05-07T10:00")) == "huang.lei"
    assert ITSS.roster.stand_in("xu.ling", at("2025-05-12T10:00")) == "xu.ling"


def test_somebody_is_always_there_for_every_step_of_a_project() -> None:
    """The response is 7x24 (000 section 4)."""
    for hour in range(0, 24 * 7, 5):
        when = datetime(2025, 3, 10, tzinfo=UTC).replace(day=10 + hour // 24, hour=hour % 24)
        for role in ("specialist", "project_manager", "engineer", "operations_manager"):
            assert on_duty(PROFILE, when, role), (when, role)


@pytest.mark.parametrize(
    "raw", ["13800138001", "+86 138 0013 8001", "0086-13800138001", "138-0013-8001", " 13800138001 "]
)
def test_a_caller_is_recognised_however_the_number_is_written(raw: str) -> None:
    """A10."""
    found = LOOKUPS.customer_by_phone(raw)
    assert found is not None
    assert found.name == "何洁"


def test_a_landline_and_a_foreign_number_are_recognised_too() -> None:
    landline, foreign = LOOKUPS.customer_by_phone("(010) 6555 1001"), LOOKUPS.customer_by_phone("0044 20 7946 0123")
    assert landline is not None
    assert landline.id == "c.he.jie"
    assert foreign is not None
    assert foreign.id == "c.smith"


@pytest.mark.parametrize("raw", ["", "anonymous", "13800138999", "110", "+", "0" * 400])
def test_an_unknown_or_unreadable_number_recognises_nobody(raw: str) -> None:
    assert LOOKUPS.customer_by_phone(raw) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_number(raw: str) -> None:
    normal = normal_phone(raw)
    assert normal == "" or normal.startswith("+")


@given(st.sampled_from(PROFILE.organisation.customers))
def test_every_customer_is_found_by_every_address(customer: object) -> None:
    for phone in customer.phones:  # type: ignore[attr-defined]
        assert LOOKUPS.customer_by_phone(phone) == customer
    for email in customer.emails:  # type: ignore[attr-defined]
        assert LOOKUPS.customer_by_email(email.upper()) == customer
    for address in customer.ims:  # type: ignore[attr-defined]
        assert LOOKUPS.customer_by_im(address) == customer


def test_labels_are_told_in_the_language_asked_for() -> None:
    assert LOOKUPS.label("grade", "P1") == "高"
    assert LOOKUPS.label("state", "awaiting_desk", "en") == "Awaiting the desk"
    assert LOOKUPS.label("clock", "resolve", "en-GB") == "Resolve"
    assert LOOKUPS.label("type", "gone") == "gone"


def test_unknown_people_projects_and_calendars_are_missing() -> None:
    for look in (LOOKUPS.person, LOOKUPS.project, LOOKUPS.calendar):
        with pytest.raises(Missing):
            look("nobody")


def test_absences_of_the_shipped_desk_lie_in_the_past() -> None:
    """A demo must not be surprised by them."""
    assert all(absence.last < date(2026, 1, 1) for absence in PROFILE.organisation.absences)
