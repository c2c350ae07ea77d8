"""When a clock would be due, before there is a ticket (D4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from services.kernel.errors import Refused
from services.sla.model import Clock, Cycle, Facts, News, Rules, Status
from services.sla.policy.stepping import instant_of, steps_of
from services.sla.policy.terms import calendar_of, deadline, limit_of

_FACTS = frozenset(
    {
        *("type", "neutral_type", "entry", "channel", "project", "unit", "customer", "path", "flow"),
        *("backfilled", "major"),
    }
)
_FIELD = "fields."


class Preview(NamedTuple):
    """A deadline, its steps in order, and a sentence when it lies beyond the known holidays."""

    due_at: datetime
    calendar: str
    limit_seconds: int
    covered_until: date | None
    steps: tuple[tuple[str, datetime], ...]
    warning: str


def preview(rules: Rules, name: str, grade: str, told: Mapping[str, str], start: datetime) -> Preview:
    """What the clock of that name would be for a ticket with these facts. Refused for what the policy does not have."""
    rule = rules.by_name.get(name)
    if rule is None:
        raise Refused(f'There is no clock "{name}"; name one of: {", ".join(rules.by_name)}.', field="clock")
    if unknown := sorted(each for each in told if each not in _FACTS and not each.startswith(_FIELD)):
        known = ", ".join((*sorted(_FACTS), "fields.<name>"))
        raise Refused(f'No limit differs by "{unknown[0]}"; facts are: {known}.', field="facts")
    if rule.due is not None:
        raise Refused(f'Clock "{name}" is due when it was promised; there is nothing to count.', field="clock")
    facts = _facts(rules, grade, told, start)
    # Who names no facts asks for the rule itself, whomever it is for.
    span = limit_of(rule, facts, grade, rules) if told else rule.limit.get(grade) or rule.limit.get("default")
    if span is None:
        raise Refused(f'Clock "{name}" has no limit for grade "{grade}" and these facts.', field="grade")
    on = calendar_of(rule, facts, grade, rules)
    due, length = deadline(rule, span, start, rules, on)
    clock = Clock(name, 0, 0, grade, on, start, start, length, due, Status.RUNNING)
    steps = [
        (step.text, at) for step in steps_of(name, rules) if (at := instant_of(step, clock, facts, rules)) is not None
    ]
    calendar = rules.calendar(on)
    covered = calendar.covered_until
    warning = ""
    if covered is not None and due.astimezone(calendar.zone).date() > covered:
        warning = (
            f"The holidays of calendar {on} are known up to {covered.isoformat()}; this deadline lies beyond them and "
            "may move once later ones are published."
        )
    return Preview(due, on, length, covered, tuple(sorted(steps, key=lambda each: each[1])), warning)


def _facts(rules: Rules, grade: str, told: Mapping[str, str], start: datetime) -> Facts:
    milestones = {"received": start}
    newest = News(
        number="",
        version=1,
        profile="",
        profile_version=rules.version,
        grade=grade,
        ended=False,
        cycle=0,
        milestones=milestones,
        updated_at=start,
        traits=told,
    )
    return Facts(newest, 1, grade, (Cycle(0, 1, start, 1, milestones),))
