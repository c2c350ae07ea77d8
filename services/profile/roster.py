"""The roster facet (排班): shifts, patterns, filing, leave, swaps, qualification (M1 to M9, M16 to M19, X19)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from services.profile.facet import Facet, Label, Name, PersonId

REST = "rest"
"""The day of a cycle on which a group does not work (休)."""

MonthDay = Annotated[str, Field(pattern=r"^\d\d-\d\d$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Shift(Facet):
    """A kind of shift (班次): fixed spans, or the open periods of a calendar with seasons and holidays (M2, M23)."""

    key: Name
    label: Label
    spans: tuple[str, ...] = Field(default=(), max_length=6)
    """ "HH:MM-HH:MM" of the day it begins; one that ends at or before its beginning ends tomorrow ("20:00-08:00",
    "08:00-08:00" is 24 hours). Two spans are a split day (两头班)."""
    calendar: Name | None = None


class Member(Facet):
    """A person of a pattern and the post they hold there; without dates for as long as the pattern runs."""

    person: PersonId
    post: Name = "agent"
    group: Name | None = None
    """Group of a rotation; weekly patterns have none."""
    first: date | None = None
    last: date | None = None


class Pattern(Facet):
    """How months are made (M2): a rotation of groups over a cycle of days, or a week that repeats."""

    key: Name
    label: Label
    kind: Literal["rotation", "weekly"]
    members: tuple[Member, ...] = Field(min_length=1, max_length=400)
    shift: Name | None = None
    """Weekly: the shift worked on `days`, where its calendar has hours."""
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    cycle: tuple[Name, ...] = Field(default=(), max_length=60)
    """Rotation: shift or "rest" of each day of the cycle; the second group is one `step` behind the first."""
    groups: tuple[Name, ...] = Field(default=(), max_length=30)
    step: int = Field(default=1, ge=1, le=30)
    anchor: date | None = None
    """Rotation: the day on which the first group begins its cycle."""
    season_first: MonthDay | None = None
    season_last: MonthDay | None = None
    """Part of the year in which it runs, both inclusive, may run over New Year (供暖季); empty: all year."""
    staffed: Name | None = None
    """Calendar whose every hour must be covered by the required posts; null: no such promise."""
    required: dict[Name, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    """Post to the least number of people on every shift (M3: one information and one communication watcher)."""


class Filing(Facet):
    """When and by whom next month's roster is filed (每月25日之前, 备案, M1)."""

    day: int = Field(default=25, ge=1, le=28)
    receiver: Name
    """Role of the service management that keeps it."""
    makers: tuple[Name, ...] = Field(min_length=1)
    min_period_days: int = Field(default=0, ge=0, le=31)
    """Shortest continuous service (M4); a shorter one needs the consent of `consent`."""
    consent: Name | None = None


class LeaveRules(Facet):
    """Leave (请假): M8, M9, M17, M18, M21."""

    approver: Name
    half_day_approver: Name | None = None
    half_day_hours: float = Field(default=4, gt=0, le=24)
    """From this length on `half_day_approver` decides."""
    per_month_days: int = Field(default=2, ge=0, le=31)
    beyond: tuple[Name, ...] = ()
    """Roles that must all agree beyond the days of the month (M9)."""
    instead: Name | None = None
    """Decides in the place of a role that the person who asks holds alone (M5)."""
    long_days: int = Field(default=15, ge=1, le=366)
    """A single leave longer than this is one of `beyond` too, whatever is left of the month (长期离岗)."""
    notice_days: int = Field(default=1, ge=0, le=60)
    cover_required: bool = True
    """A substitute must be named, so that no post is empty (防止空岗)."""
    over_quota_yuan_per_day: int = Field(default=0, ge=0)
    """Only recorded; the desk pays nobody."""


class SwapRules(Facet):
    """Swaps (换班): M5 to M8, X19."""

    approver: Name
    half_day_approver: Name | None = None
    half_day_hours: float = Field(default=4, gt=0, le=24)
    instead: Name | None = None
    """Decides in the place of a role that the person who asks holds alone (M5)."""
    per_month: int = Field(default=2, ge=0, le=60)
    consecutive: Literal["refuse", "personal_leave", "allow"] = "refuse"
    """What becomes of a swap after which somebody works two shifts without a rest between (严禁连续上班)."""
    rest_hours: float = Field(default=8, ge=0, le=48)
    notice_days: int = Field(default=1, ge=0, le=60)


class ShiftLimit(Facet):
    """How many of one shift may be on leave or swapped (一个班次一名, M7)."""

    leave_or_swap: int = Field(default=1, ge=1)
    second_yuan: int = Field(default=0, ge=0)


class Qualified(Facet):
    """A person's way to the seat (M19): examination passed, manager's confirmation, filed."""

    person: PersonId
    exam: date | None = None
    confirmed_by: PersonId | None = None
    filed: date | None = None


class Qualification(Facet):
    """What a person needs before being rostered; empty `required`: nothing."""

    required: tuple[Literal["exam", "manager_confirm", "filed"], ...] = ()
    people: tuple[Qualified, ...] = Field(default=(), max_length=2000)


class Handover(Facet):
    """Handing over (交接班, M16)."""

    arrive_early_minutes: int = Field(default=10, ge=0, le=120)


class RosterRules(Facet):
    """Everything the roster of a profile follows."""

    shifts: tuple[Shift, ...] = Field(min_length=1, max_length=60)
    patterns: tuple[Pattern, ...] = Field(min_length=1, max_length=30)
    filing: Filing
    leave: LeaveRules
    swap: SwapRules
    shift_limit: ShiftLimit = ShiftLimit()
    qualification: Qualification = Qualification()
    handover: Handover = Handover()
    establishment: dict[Name, int | None] = Field(default_factory=dict)
    """Role to the number of posts (编制, M29); null: not settled."""
