"""The facets of a profile, as the YAML under deploy/policy must have them (S1, S5; architecture decision 10)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.profile.lifecycle import Lifecycle

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""Identifier inside a profile: lower case, digits, underscores."""

PersonId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")]

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_DURATION = re.compile(r"^(\d+)(s|m|h|d|wd)$")


class Facet(BaseModel):
    """Part of a profile: immutable, and a misspelt key is an error, not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Facet):
    """A length of time: seconds of the clock's calendar, or whole working days (D11)."""

    seconds: int = 0
    working_days: int = 0

    @property
    def as_timedelta(self) -> timedelta:
        """Wall-clock length; only for spans without working days."""
        return timedelta(seconds=self.seconds)


def parse_span(text: object) -> object:
    """Reads "90s", "30m", "2h", "5d" (calendar days of 24 h) or "3wd" (working days)."""
    if not isinstance(text, str):
        return text
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f'"{text}" is no duration; write a number and s, m, h, d or wd, such as "30m"')
    count, unit = int(match[1]), match[2]
    if unit == "wd":
        return Span(working_days=count)
    return Span(seconds=count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit])


Duration = Annotated[Span, BeforeValidator(parse_span)]


class Label(Facet):
    """A text that people read, in both languages of the product."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text for a BCP 47 tag; Chinese unless the tag starts with "en"."""
        return self.en if language.startswith("en") else self.zh


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


class Season(Facet):
    """Spans of a part of the year, "MM-DD" both inclusive; may run over New Year (冬夏令时)."""

    first: str = Field(pattern=r"^\d\d-\d\d$")
    last: str = Field(pattern=r"^\d\d-\d\d$")
    spans: tuple[str, ...]


class Calendar(Facet):
    """When a clock counts (D10): always, or periods of the day with seasons, holidays and make-up days (调休)."""

    always: bool = False
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    spans: tuple[str, ...] = ()
    """"HH:MM-HH:MM", ascending, not overlapping; the gap between two is the lunch gap. "00:00-24:00" is a whole day."""
    seasons: tuple[Season, ...] = ()
    holidays: Literal["CN"] | None = None
    closures: tuple[date, ...] = ()
    timezone: str | None = None


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


class Entry(Facet):
    """An entry of the service catalogue (受理范围, A18)."""

    key: Name
    label: Label


class FormField(Facet):
    """A field of the request form (A7, B19). Names of draft fields, or of extra fields kept in Ticket.fields."""

    name: Name
    label: Label
    kind: Literal["text", "long_text", "choice", "time", "phone", "email"] = "text"
    required: bool = False
    choices: tuple[Entry, ...] = ()
    help: Label | None = None
    any_of: tuple[Name, ...] = ()
    """Given as soon as one of these draft fields is: "contact" is phone, email or im (A7)."""


class Grade(Facet):
    """A class of urgency, fault level or priority (B4, B5); priority 1 is served first."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,20}$")]
    label: Label
    priority: int = Field(ge=1, le=9)


class Grading(Facet):
    """How tickets are graded (分级)."""

    model: Literal["priority", "urgency", "fault_level"]
    grades: tuple[Grade, ...] = Field(min_length=1)
    default: str | None = None
    """Grade of a request that came without one; null: a person must grade it."""


class Condition(Facet):
    """Facts of a ticket that must all hold; a list means "one of". Empty: always."""

    type: tuple[str, ...] = ()
    grade: tuple[str, ...] = ()
    entry: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    in_hours: bool | None = None
    major: bool | None = None


class Target(Facet):
    """Where a routing rule sends a ticket."""

    team: Name
    person: PersonId | None = None


class RoutingRule(Facet):
    """One rule; the first that matches wins and its id is stored (C2)."""

    id: Name
    when: Condition = Condition()
    to: Target
    why: Label


class Routing(Facet):
    """Preset rules (预设的分流规则) and where the unmatched go (C24)."""

    rules: tuple[RoutingRule, ...] = ()
    unmatched_team: Name
    out_of_hours_team: Name | None = None
    """Emergency seat (应急坐席, A6) for requests outside service hours; null: rules decide alone."""
    hand_back_limit: int = 3


class ClockRule(Facet):
    """One clock of a ticket (D9): runs from one milestone to another on a calendar."""

    name: Name
    label: Label
    start: str
    """Milestone that starts it; the clock exists once the ticket has it."""
    stop: str
    limit: dict[str, Duration]
    """By grade; "default" for the rest. A grade without a limit has no such clock. "0s" means at once."""
    calendar: Name
    when: Condition = Condition()
    warn: tuple[float, ...] = (0.8,)
    escalate: bool = True
    only_if_breached: Name | None = None
    """Exists only once the named clock of the ticket was breached (D5); starts at this rule's own start milestone."""
    source: str = ""


class Escalation(Facet):
    """Chain of roles that a breach climbs until acknowledged (D14)."""

    chain: tuple[Name, ...] = ()
    every: Duration = Span(seconds=1800)
    calendar: Name = "always"


class ServiceLevels(Facet):
    """The clocks and their escalation."""

    clocks: tuple[ClockRule, ...] = ()
    escalation: Escalation = Escalation()
    pause_allowed: bool = False
    warn_roles: tuple[Name, ...] = ("specialist",)


class Choice(Facet):
    """One option of a question; satisfied says how it counts (F17, AM4), null where it does not."""

    key: str
    label: Label
    satisfied: bool | None = None


class Question(Facet):
    """One question of the callback (F7, F12)."""

    key: Name
    label: Label
    kind: Literal["yes_no", "choice", "int", "text", "statement"]
    options: tuple[Choice, ...] = ()
    required: bool = True
    min: int = 0
    max: int = 0


class Survey(Facet):
    """Satisfaction scale of the profile and the questions; the question with key "satisfaction" is on the scale."""

    scale: Name
    questions: tuple[Question, ...]


class Callback(Facet):
    """Who is called back, by whom, until when (F-group)."""

    scope: Literal["all", "complaint", "none"] = "all"
    roles: dict[Literal["online", "dispatched"], tuple[Name, ...]]
    due: Duration
    attempts: int = Field(default=3, ge=1)
    retry_after: Duration = Span(seconds=7200)
    missed_over_rings: int | None = None
    seconds_per_ring: int = 5


class NoticeRule(Facet):
    """Event to roles (O5). The first matching rule per recipient and event sends."""

    on: str
    """Routing key, e.g. "ticket.assigned" or "sla.breached"."""
    when: Condition = Condition()
    to: tuple[str, ...]
    """"requester", "assignee", "project_manager", "engineer", "team" (members of the ticket's team),
    "escalation_role" (the roles the event itself names: a rung, who is warned, who calls back), or a neutral
    role (those on duty)."""
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
    templates: dict[Name, dict[Literal["zh-CN", "en"], Text]] = {}


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


class Team(Facet):
    id: Name
    name: Label
    lead: PersonId | None = None


class Person(Facet):
    """Someone who works at the desk; roles are neutral names (Q1)."""

    id: PersonId
    name: str
    roles: tuple[Name, ...]
    teams: tuple[Name, ...] = ()
    unit: str = ""
    skills: dict[str, int] = {}
    language: Literal["zh-CN", "en"] = "zh-CN"
    addresses: dict[Literal["smtp", "webhook"], str] = {}


class Customer(Facet):
    """A known requester, recognised by phone, email or IM address (A10)."""

    id: PersonId
    name: str
    department: str = ""
    unit: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    ims: tuple[str, ...] = ()
    external: bool = False
    language: Literal["zh-CN", "en"] = "zh-CN"


class Project(Facet):
    """A project has a manager and engineers (Q3, C3)."""

    id: Name
    name: Label
    manager: PersonId
    engineers: tuple[PersonId, ...] = ()
    team: Name


class Duty(Facet):
    """Who is on duty while a calendar is open (first roster); an absence names its substitute (M21)."""

    calendar: Name
    people: tuple[PersonId, ...]


class Absence(Facet):
    person: PersonId
    first: date
    last: date
    substitute: PersonId


class Organisation(Facet):
    """People of the desk (Q-group)."""

    teams: tuple[Team, ...]
    people: tuple[Person, ...]
    customers: tuple[Customer, ...] = ()
    projects: tuple[Project, ...] = ()
    duty: tuple[Duty, ...] = ()
    absences: tuple[Absence, ...] = ()


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
    routing: Routing
    sla: ServiceLevels = ServiceLevels()
    survey: Survey | None = None
    callback: Callback | None = None
    notices: Notices
    kpi: Kpis = Kpis()
    roles: dict[Name, Label]
    organisation: Organisation
