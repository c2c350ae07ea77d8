"""What a rule may ask of a ticket: flat lists everywhere, whole trees in routing rules (C2, C14)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from services.profile.condition_tree import All, Node, Not, OneOf, Some, equality, flag, time_of_day
from services.profile.expressions import FLAGS, TEXTS, parse
from services.profile.facet import Facet, Name

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Values = tuple[str, ...]

MOST_NODES = 100
DEEPEST = 6


class Condition(Facet):
    """Facts of a ticket that must all hold; a list means "one of". Empty: always."""

    type: Values = ()
    grade: Values = ()
    entry: Values = ()
    channel: Values = ()
    project: Values = ()
    unit: Values = ()
    path: Values = ()
    in_hours: bool | None = None
    major: bool | None = None


class RuleCondition(Condition):
    """A condition of a routing rule: more facts, and `all`, `any`, `not` around further conditions.

    Everything in one condition must hold, whatever its kind. At most 6 deep and 100 conditions in one rule.
    """

    neutral_type: Values = ()
    flow: Values = ()
    lead_team: Values = ()
    customer: Values = ()
    """Ids of requesters."""
    department: Values = ()
    language: tuple[Literal["en", "zh"], ...] = ()
    """Of the requester, without region: "en", "zh"."""
    impact: Values = ()
    urgency: Values = ()
    external: bool | None = None
    backfilled: bool | None = None
    fields: dict[Name, Annotated[Values, Field(min_length=1)]] = Field(default_factory=dict)
    """Extra fields of the form that have a list of choices; free texts may hold what must not be kept as a fact."""
    weekday: tuple[Weekday, ...] = ()
    time: Values = ()
    """"HH:MM-HH:MM" of the profile's zone, the end not included; "22:00-06:00" runs over midnight."""
    calendar: dict[Name, Literal["open", "closed"]] = Field(default_factory=dict)
    all: Annotated[tuple[RuleCondition, ...], Field(min_length=1)] | None = None
    any: Annotated[tuple[RuleCondition, ...], Field(min_length=1)] | None = None
    not_: RuleCondition | None = Field(default=None, alias="not")
    expr: str | None = None
    """One text such as 'grade == "P1" and channel in ["phone", "im"]'; the words are in expressions.py."""

    @field_validator("time")
    @classmethod
    def _readable_spans(cls, spans: Values) -> Values:
        for span in spans:
            time_of_day(span)
        return spans

    @field_validator("expr")
    @classmethod
    def _readable_text(cls, text: str | None) -> str | None:
        if text is not None:
            parse(text)
        return text

    @property
    def inner(self) -> tuple[tuple[tuple[str | int, ...], RuleCondition], ...]:
        """The conditions directly inside, each with its place."""
        found: list[tuple[tuple[str | int, ...], RuleCondition]] = []
        for name, parts in (("all", self.all), ("any", self.any)):
            found.extend(((name, index), part) for index, part in enumerate(parts or ()))
        if self.not_ is not None:
            found.append((("not",), self.not_))
        return tuple(found)

    @property
    def depth(self) -> int:
        """1 for a flat one."""
        return 1 + max((part.depth for _, part in self.inner), default=0)

    @property
    def nodes(self) -> int:
        """This one and all inside."""
        return 1 + sum(part.nodes for _, part in self.inner)


def tree_of(when: RuleCondition) -> Node:
    """The condition as tests on facts."""
    parts: list[Node] = [equality(name, values) for name in TEXTS if (values := getattr(when, name))]
    parts.extend(flag(name, wanted) for name in FLAGS if (wanted := getattr(when, name)) is not None)
    parts.extend(equality(f"fields.{name}", values) for name, values in when.fields.items())
    parts.extend(OneOf(f"calendar.{name}", frozenset({wanted})) for name, wanted in when.calendar.items())
    if when.time:
        parts.append(Some(tuple(time_of_day(span) for span in when.time)))
    if when.expr is not None:
        parts.append(parse(when.expr))
    parts.extend(tree_of(part) for part in when.all or ())
    if when.any is not None:
        parts.append(Some(tuple(tree_of(part) for part in when.any)))
    if when.not_ is not None:
        parts.append(Not(tree_of(when.not_)))
    return parts[0] if len(parts) == 1 else All(tuple(parts))
