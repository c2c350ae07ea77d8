"""The facet of service levels: clocks over ticket events, their steps, escalation, alarms, pauses (D-group, O5)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from services.profile.commitments import Commitments
from services.profile.conditions import Condition, Values
from services.profile.facet import Duration, Facet, Label, Name, Span, parse_span

Family = Literal[
    "response",
    "dispatch",
    "start",
    "next_reply",
    "progress",
    "plan",
    "resolve",
    "emergency_plan",
    "report",
    "bulletin",
    "callback",
    "commitment",
    "operational",
    "supplier",
    "other",
]
"""What a limit is about, whatever the profile calls its clock: reports and lists go by it."""

_POINT = re.compile(r"^(?:(\d{1,4})%|([+-])(\d+(?:s|m|h|d|wd)))$")


class ClockCondition(Condition):
    """A condition on a ticket's newest facts, with what limits and calendars differ by: customer, site, flow."""

    customer: Values = ()
    """Ids of requesters."""
    neutral_type: Values = ()
    flow: Values = ()
    backfilled: bool | None = None
    fields: dict[Name, Annotated[Values, Field(min_length=1)]] = Field(default_factory=dict)
    """Extra fields of the form that have a list of choices, such as the site."""


class Occasion(Facet):
    """What happens on a ticket; everything named must hold of one version of it. A plain text names a milestone.

    A milestone keeps its instant although other words of its version are long gone; the rest is read from the trail of
    the ticket's versions.
    """

    milestone: Name | None = None
    event: Values = ()
    """Past-tense names as said on the stream: noted, contact_joined, handed_back ..."""
    record: Values = ()
    """Kinds of record that the event added."""
    state: Values = ()
    """States that the ticket enters with this version."""
    team: Values = ()
    """Teams that get it with this version."""
    flag: Values = ()
    """Flags raised with this version: major, or one of the profile's."""
    by: tuple[Literal["customer", "staff", "system"], ...] = ()
    """Who did it."""

    @model_validator(mode="after")
    def _says_something(self) -> Occasion:
        if not any((self.milestone, self.event, self.record, self.state, self.team, self.flag, self.by)):
            raise ValueError("an occasion needs a milestone, or event, record, state, team, flag or by")
        if self.milestone and any((self.event, self.record, self.state, self.team, self.flag, self.by)):
            raise ValueError("a milestone stands alone; write two occasions")
        return self


def _occasion(text: object) -> object:
    return {"milestone": text} if isinstance(text, str) else text


OccasionText = Annotated[Occasion, BeforeValidator(_occasion)]


class Standing(Facet):
    """How a ticket stands for a while; everything named must hold."""

    state: Values = ()
    team: Values = ()
    flag: Values = ()

    @model_validator(mode="after")
    def _says_something(self) -> Standing:
        if not any((self.state, self.team, self.flag)):
            raise ValueError("name states, teams or flags")
        return self


class Point(Facet):
    """Where on a clock a step lies: a fraction of the limit, or a length before or after the due instant."""

    fraction: float | None = None
    before: Span | None = None
    after: Span | None = None


def parse_point(text: object) -> object:
    """Reads "80%" (of the limit; over 100% lies after the breach), "-30m" (before the due instant) or "+2h" (after)."""
    if not isinstance(text, str):
        return text
    match = _POINT.match(text)
    if match is None:
        raise ValueError(f'"{text}" is no point of a clock; write "80%", "-30m" (before it) or "+15m" (after it)')
    if match[1] is not None:
        return Point(fraction=int(match[1]) / 100)
    span = Span.model_validate(parse_span(match[3]))
    return Point(before=span) if match[2] == "-" else Point(after=span)


class Action(Facet):
    """What a step does; several may stand in one step."""

    notify: tuple[Name, ...] = ()
    """Roles, "assignee", "project_manager" or "team": told by the ways of notices.yaml."""
    page: tuple[Name, ...] = ()
    """The same, by every way at once and outside quiet hours, too."""
    raise_grade: bool = False
    """One grade up (改级); dispatch does it, and the reason names the clock."""
    reassign_team: Name | None = None
    reassign_role: Name | None = None
    """To somebody of the role who is on duty; dispatch does it."""


class Step(Facet):
    """A threshold of a clock and what is done there (D13)."""

    at: Annotated[Point, BeforeValidator(parse_point)]
    do: Action


class LimitRow(Facet):
    """Another limit for tickets that meet a condition: a customer with a contract of its own, an entry, a type."""

    when: ClockCondition
    limit: dict[str, Duration] = Field(min_length=1)
    """By grade; "default" for the rest."""


class ClockRule(Facet):
    """One clock of a ticket (D9): from one occasion to another, on a calendar, less its pauses."""

    name: Name
    label: Label
    family: Family = "other"
    """Of a clock that is called after a family, that family."""
    start: OccasionText
    """What starts it. A milestone starts it once in a cycle; an event starts it anew whenever it has stopped."""
    stop: OccasionText
    limit: dict[str, Duration] = Field(default_factory=dict)
    """By grade; "default" for the rest. A grade without a limit has no such clock. "0s" means at once."""
    limits: tuple[LimitRow, ...] = ()
    """The first whose condition holds comes before `limit`."""
    due: Literal["promised_at"] | None = None
    """The due instant is the ticket's own field instead of a length: what was promised (C16, D22)."""
    calendar: Name
    when: ClockCondition = ClockCondition()
    warn: tuple[float, ...] = (0.8,)
    """Fractions at which the warn_roles are notified: short for steps."""
    steps: tuple[Step, ...] = ()
    escalate: bool = True
    reset: tuple[OccasionText, ...] = ()
    """Occasions that begin its time anew while it runs, such as word to the customer (D19)."""
    cancel: tuple[OccasionText, ...] = ()
    pause_while: tuple[Standing, ...] = ()
    """It rests while one of these holds; only where the profile permits pauses (D16)."""
    pausable: bool = False
    """People may hold it, with a reason, where the profile permits (D16)."""
    only_if_breached: Name | None = None
    """Exists only once the named clock of the ticket was breached (D5); starts at this rule's own start."""
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _called_after_a_family(cls, told: Any) -> Any:
        if isinstance(told, dict) and "family" not in told and told.get("name") in get_args(Family):
            return {**told, "family": told["name"]}
        return told

    @model_validator(mode="after")
    def _has_a_limit(self) -> ClockRule:
        if self.due is None and not self.limit and not self.limits:
            raise ValueError("a clock without a limit never runs; give one by grade or a default")
        return self


class Quiet(Facet):
    """Low grades wake nobody (免打扰): what would be told outside the calendar waits for its next opening."""

    grades: tuple[str, ...] = Field(min_length=1)
    calendar: Name


class Chain(Facet):
    """Rungs that a breach climbs until acknowledged (D14)."""

    chain: tuple[Name, ...] = ()
    every: Duration = Span(seconds=1800)
    calendar: Name = "always"
    repeat: Duration | None = None
    """The rung is told again after each such length until somebody acknowledges or the next rung has it."""


class ChainChoice(Chain):
    """Another chain for some clocks or tickets; the first that fits is taken."""

    clocks: tuple[Name, ...] = ()
    when: ClockCondition = ClockCondition()


class Escalation(Chain):
    """The profile's chain, others for some clocks, and quiet hours."""

    chains: tuple[ChainChoice, ...] = ()
    quiet: Quiet | None = None


class Alarm(Chain):
    """An occasion that is told at once to the first rung and has to be acknowledged, clock or no clock (D15)."""

    name: Name
    label: Label
    on: OccasionText
    when: ClockCondition = ClockCondition()
    until: OccasionText | None = None
    """Ends it, acknowledged or not; the end of the ticket does so in any case."""
    source: str = ""


class PauseReason(Facet):
    """Why a clock may be held."""

    key: Name
    label: Label


class Pausing(Facet):
    """Whether clocks may rest, and who may hold one (D16). No rule book mentions it, so the default is no."""

    allowed: bool = False
    roles: tuple[Name, ...] = ()
    reasons: tuple[PauseReason, ...] = ()
    """Empty: any reason in words."""
    longest: Duration | None = None
    """A hold ends by itself after this wall-clock length."""


class CalendarChoice(Facet):
    """Another calendar for some tickets: of a customer, of a site (客户日历、现场日历)."""

    when: ClockCondition
    instead_of: Name
    use: Name


class ServiceLevels(Facet):
    """The clocks and what follows from them."""

    clocks: tuple[ClockRule, ...] = ()
    escalation: Escalation = Escalation()
    alarms: tuple[Alarm, ...] = ()
    pause: Pausing = Pausing()
    calendars: tuple[CalendarChoice, ...] = ()
    """The first that fits a ticket replaces a clock's calendar."""
    warn_roles: tuple[Name, ...] = ("specialist",)
    commitments: Commitments = Commitments()
