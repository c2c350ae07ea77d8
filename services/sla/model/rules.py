"""What a profile says of clocks, made ready for judging."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC

from services.kernel.calendar import BusinessCalendar
from services.kernel.errors import Refused
from services.profile.clocks import ClockRule, ServiceLevels
from services.profile.facet import Span


@dataclass(frozen=True, slots=True)
class Threshold:
    """A step of a clock (阈值, D13): where it lies, who is told, what dispatch is asked for."""

    place: int
    """Among the steps of its rule in the order declared, warnings first; `Clock.taken` names it."""
    text: str
    """As the rule writes it: "80%", "-30m", "+2h"."""
    fraction: float | None = None
    before: Span | None = None
    after: Span | None = None
    roles: tuple[str, ...] = ()
    """Who is told: roles, "assignee", "project_manager" or "team"."""
    page: bool = False
    """By every way at once, in quiet hours, too."""
    asks: tuple[str, ...] = ()
    """"raise_grade", "reassign_team:<id>", "reassign_role:<role>"."""

    @property
    def follows(self) -> bool:
        """Whether it lies at the due instant or after it."""
        return self.after is not None or (self.fraction is not None and self.fraction >= 1)


@dataclass(frozen=True, slots=True)
class Rules:
    """The clock facets of a profile, made ready: rules that depend on another's breach stand after it (D5)."""

    clocks: tuple[ClockRule, ...]
    calendars: Mapping[str, BusinessCalendar]
    service_hours: str = ""
    chain: tuple[str, ...] = ()
    every: Span = Span(seconds=1800)  # noqa: RUF009 - immutable
    chain_calendar: str = ""
    warn_roles: tuple[str, ...] = ()
    levels: ServiceLevels = field(default_factory=ServiceLevels)
    """Alarms, pauses, choices of chains and calendars, quiet hours."""
    version: str = ""
    """Policy version these rules are of."""
    choices: frozenset[str] = frozenset()
    """Extra fields with a list of choices; conditions may ask for them."""
    other: Callable[[str], Rules | None] = field(default=lambda version: None, compare=False, repr=False)
    """Rules of another version of the same profile, None when they are not known (D18)."""
    by_name: Mapping[str, ClockRule] = field(init=False)
    thresholds: dict[str, tuple[Threshold, ...]] = field(init=False, default_factory=dict, compare=False, repr=False)
    """Steps by clock, made when first asked for."""

    def __post_init__(self) -> None:
        names = {rule.name: rule for rule in self.clocks}
        object.__setattr__(self, "by_name", names)
        object.__setattr__(self, "clocks", tuple(sorted(self.clocks, key=lambda rule: _depth(rule, names))))

    def calendar(self, name: str) -> BusinessCalendar:
        """The named calendar; "always" and "" are there without being declared."""
        return self.calendars.get(name) or _ALWAYS


_ALWAYS = BusinessCalendar("always", UTC, lambda _: ((0, 86_400),), always=True)


def _depth(rule: ClockRule, names: Mapping[str, ClockRule]) -> int:
    depth, seen = 0, {rule.name}
    while rule.only_if_breached and rule.only_if_breached in names:
        rule = names[rule.only_if_breached]
        if rule.name in seen:
            raise Refused(f'clock "{rule.name}" waits for its own breach; correct only_if_breached', field="sla.clocks")
        seen.add(rule.name)
        depth += 1
    return depth
