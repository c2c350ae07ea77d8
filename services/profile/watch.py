"""The watch facet: the desk's own state (H4, H5, H8 to H12, H16). A profile without it keeps no watch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.profile.conditions import Weekday
from services.profile.facet import Duration, Facet, Label, Name, PersonId


class OfflineField(Facet):
    """A field that is taken down on paper while the desk's system is away (H8)."""

    key: Name
    label: Label


class OutageRules(Facet):
    """Outage mode (应急处理): who switches it, what callers are told, what is written on paper."""

    switched_by: tuple[Name, ...] = Field(min_length=1)
    prompt: Label
    form: tuple[OfflineField, ...] = Field(min_length=1, max_length=40)


class SurgeRules(Facet):
    """Calls offered within the window from which callers hear that the desk is busy (H16)."""

    calls: int = Field(ge=2, le=100_000)
    within: Duration
    prompt: Label


class NoticeRules(Facet):
    """Notices to the public (停电信息公告, H12)."""

    published_by: tuple[Name, ...] = Field(min_length=1)
    longest: Duration
    """How long a window may be at most."""


class FindingRules(Facet):
    """Findings of watchers (实时监视, 周期巡视, H4): who logs them, who is told of an abnormal one at once."""

    logged_by: tuple[Name, ...] = Field(min_length=1)
    tell: Name
    """Neutral role, the shift leader (值长)."""


class Schedule(Facet):
    """A patrol, backup or maintenance that is due again and again, by named persons (巡检, 备份, 定期系统维护)."""

    key: Name
    label: Label
    kind: Literal["patrol", "incremental_backup", "full_backup", "maintenance"]
    every: Literal["day", "week", "month"]
    weekday: Weekday | None = None
    """Of a weekly one."""
    day: int | None = Field(default=None, ge=1, le=28)
    """Of a monthly one; every month has these."""
    at: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """Local time from which it may be recorded."""
    within: Duration
    """How long after that it is missed, at most a day."""
    persons: tuple[PersonId, ...] = Field(min_length=1)
    tell: tuple[Name, ...] = Field(min_length=1)
    """Neutral roles that are told when it is missed."""


class WatchRules(Facet):
    """What is watched, and who may say so."""

    outage: OutageRules
    notices: NoticeRules
    findings: FindingRules
    surge: SurgeRules | None = None
    schedules: tuple[Schedule, ...] = Field(default=(), max_length=100)
