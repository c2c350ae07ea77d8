"""The facets of a profile, as the YAML under deploy/policy must have them (S1, S5; architecture decision 10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from services.profile.assignment import Assignment
from services.profile.calendar_facet import Calendar as Calendar
from services.profile.calendar_facet import Season as Season
from services.profile.callback import Callback as Callback
from services.profile.callback import Choice as Choice
from services.profile.callback import Question as Question
from services.profile.callback import Survey as Survey
from services.profile.catalogue import Catalogue
from services.profile.clocks import ChainChoice as ChainChoice
from services.profile.clocks import ClockCondition as ClockCondition
from services.profile.clocks import ClockRule as ClockRule
from services.profile.clocks import Escalation as Escalation
from services.profile.clocks import Family as Family
from services.profile.clocks import Occasion as Occasion
from services.profile.clocks import ServiceLevels as ServiceLevels
from services.profile.clocks import Standing as Standing
from services.profile.conditions import Condition as Condition
from services.profile.conditions import RuleCondition as RuleCondition
from services.profile.conditions import Weekday as Weekday
from services.profile.emergency import Emergency as Emergency
from services.profile.facet import Duration as Duration
from services.profile.facet import Facet as Facet
from services.profile.facet import Label as Label
from services.profile.facet import Name as Name
from services.profile.facet import PersonId as PersonId
from services.profile.facet import Span as Span
from services.profile.facet import parse_span as parse_span
from services.profile.forms import Entry as Entry
from services.profile.forms import FormField as FormField
from services.profile.grading import Grade as Grade
from services.profile.grading import Grading as Grading
from services.profile.lifecycle import Lifecycle
from services.profile.lifecycle import State as State
from services.profile.lifecycle import Transition as Transition
from services.profile.organisation import Absence as Absence
from services.profile.organisation import Customer as Customer
from services.profile.organisation import Duty as Duty
from services.profile.organisation import Organisation as Organisation
from services.profile.organisation import Person as Person
from services.profile.organisation import Project as Project
from services.profile.organisation import Team as Team
from services.profile.records import Flag as Flag
from services.profile.records import RecordForm as RecordForm
from services.profile.roster import RosterRules
from services.profile.telephony import Telephony as Telephony
from services.profile.watch import WatchRules


class Document(Facet):
    """Who answers for this rule book (文件编制, S3)."""

    author: str
    reviewer: str
    approver: str
    effective_from: date
    change: str = ""


class About(Facet):
    """Name and version of the profile; the version is pinned on every ticket (D18)."""

    name: Name
    title: Label
    version: str
    timezone: str = "Asia/Shanghai"
    language: Literal["zh-CN", "en"] = "zh-CN"
    document: Document


class RequestType(Facet):
    """A type in the profile's words and the neutral one (B2, B3)."""

    key: Name
    label: Label
    neutral: Literal[
        "incident",
        "service_request",
        "consultation",
        "defect",
        "complaint",
        "suggestion",
        "praise",
        "whistle_blowing",
    ]
    flow: Name | None = None
    """The flow its tickets run under; null: the profile's own lifecycle."""
    offered: bool = True
    """Whether requesters' own forms offer it; false: the desk and monitoring name it, as emergencies."""


class Target(Facet):
    """Where a routing rule sends a ticket."""

    team: Name
    person: PersonId | None = None


class RoutingRule(Facet):
    """One rule; the first that matches wins, or the target with the highest sum of scores (C2)."""

    id: Name
    when: RuleCondition = RuleCondition()
    score: int = Field(default=1, ge=1, le=1000)
    """Counts in the mode "scored" only."""
    to: Target
    why: Label


class Routing(Facet):
    """Preset rules (预设的分流规则) and where the unmatched go (C24)."""

    mode: Literal["first", "scored"] = "first"
    """"first": the first rule that matches decides. "scored": every matching rule speaks for its target, the highest
    sum wins, and among equals the target whose rule stands first."""
    rules: tuple[RoutingRule, ...] = ()
    unmatched_team: Name
    out_of_hours_team: Name | None = None
    """Emergency seat (应急坐席, A6) for requests outside service hours; null: rules decide alone."""
    hand_back_limit: int = 3


class NoticeCondition(Condition):
    """A condition of a notice: of the ticket, and of the clock or alarm that the event is about."""

    clock: tuple[str, ...] = ()
    """Names of clocks or alarms."""
    family: tuple[Family, ...] = ()
    alarm: bool | None = None
    """Whether an escalation was raised by an alarm instead of a breach (D15)."""


class NoticeRule(Facet):
    """Event to roles (O5). The first matching rule per recipient and event sends."""

    on: str
    """Routing key, e.g. "ticket.assigned" or "sla.breached"; or an alert that any event of a ticket may raise:
    "alert.unmatched" (C24), "alert.seat_empty" (A6), "alert.hand_back_limit" (C25), "alert.unsolved_after_close"."""
    when: NoticeCondition = NoticeCondition()
    to: tuple[str, ...]
    """"requester", "assignee", "project_manager", "engineer", "team" (members of the ticket's team),
    "owner" (of the promise that the event is about), "escalation_role" (those the event itself names: a rung, who is
    warned, who calls back), or a neutral role (those on duty)."""
    template: Name
    ways: tuple[Literal["smtp", "webhook"], ...] = ("smtp",)


class Text(Facet):
    """Subject and body of a message, Jinja2 in a sandbox."""

    subject: str
    text: str


class Notices(Facet):
    """Messages the desk sends."""

    sender: str
    rules: tuple[NoticeRule, ...] = ()
    templates: dict[Name, dict[Literal["zh-CN", "en"], Text]] = Field(default_factory=dict)


class KpiTarget(Facet):
    """Target of a figure (X22): met when value >= target, or <= for durations in seconds."""

    key: Name
    target: float | None
    op: Literal[">=", "<="] = ">="
    periods: tuple[Literal["month", "quarter", "half_year", "year"], ...]


class Kpis(Facet):
    """Targets and the choices that definitions leave open (section 4.2, section 7)."""

    targets: tuple[KpiTarget, ...] = ()
    answer_seconds: int = 20
    rings_target: int = 3


class Profile(Facet):
    """A whole rule book."""

    profile: About
    channels: tuple[Literal["phone", "email", "web", "im", "on_site", "monitoring"], ...]
    contact_points: dict[Name, str]
    """hotline, email, web ... (A4)."""
    calendars: dict[Name, Calendar]
    service_hours: Name
    types: tuple[RequestType, ...]
    default_type: Name
    entries: tuple[Entry, ...] = ()
    form: tuple[FormField, ...]
    grading: Grading
    lifecycle: Lifecycle
    flows: dict[Name, Lifecycle] = Field(default_factory=dict)
    """Further lifecycles, for the types that name them (sections 5.3 to 5.5)."""
    records: tuple[RecordForm, ...] = ()
    flags: tuple[Flag, ...] = ()
    routing: Routing
    assignment: Assignment = Field(default_factory=dict)
    sla: ServiceLevels = ServiceLevels()
    survey: Survey | None = None
    callback: Callback | None = None
    notices: Notices
    kpi: Kpis = Kpis()
    roles: dict[Name, Label]
    organisation: Organisation
    emergency: Emergency | None = None
    """Situations, preventive entries, plans and who is told; null: the desk handles no emergencies (section 5.10)."""
    roster: RosterRules | None = None
    """Shifts, filing, leave and swaps; null: duty is the pattern of the organisation alone."""
    watch: WatchRules | None = None
    """Outage mode, notices, findings, schedules, surges; null: the desk keeps no watch."""
    telephony: Telephony | None = None
    """Times on the telephone, for adapters and consoles; null: the rule book has none."""

    @cached_property
    def catalogue(self) -> Catalogue:
        """Entries and form fields, prepared for judging."""
        return Catalogue(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Profile:
        """A copy, which prepares its own catalogue."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("catalogue", None)
        return copy

    @property
    def lifecycles(self) -> dict[str, Lifecycle]:
        """Every lifecycle by the name tickets carry it under (`Ticket.flow`); the profile's own under ""."""
        return {"": self.lifecycle, **self.flows}

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """Rows of all lifecycles."""
        return tuple(row for each in self.lifecycles.values() for row in each.transitions)

    @property
    def states(self) -> dict[str, State]:
        """States of all lifecycles; one that stands in two means the same in both."""
        return {key: state for each in self.lifecycles.values() for key, state in each.states.items()}
