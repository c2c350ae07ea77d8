"""Under which terms a clock runs: whether it applies, which limit it has and on which calendar, since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.profile.clocks import ClockRule
from services.profile.conditions import Condition
from services.profile.facet import Span
from services.sla.model import Facts, Rules

Graded = Sequence[tuple[datetime | None, str]]
"""`Facts.grades()`: the grades in order and since when each holds."""
_FLAGS = ("major", "backfilled")


class Terms(NamedTuple):
    """What holds from an instant on."""

    since: datetime | None
    """None: from the start."""
    grade: str
    limit: Span | datetime | None
    """A length, the instant promised, or None where no such clock runs."""
    calendar: str


def applies(condition: Condition, facts: Facts, grade: str, rules: Rules) -> bool:
    """Whether a condition of the profile holds for the ticket."""
    traits = facts.newest.traits
    # Every clock of every message passes here, and a condition names one or two facts of the many it could.
    for name in condition.model_fields_set:
        wanted = getattr(condition, name)
        if name in _FLAGS:
            if wanted is not None and (traits.get(name, "") == "true") != wanted:
                return False
        elif name == "in_hours":
            received = facts.newest.milestones.get("received", facts.newest.updated_at)
            if wanted is not None and rules.calendar(rules.service_hours).is_open(received) != wanted:
                return False
        elif name == "fields":
            if not all(traits.get(f"fields.{field}", "") in values for field, values in wanted.items()):
                return False
        elif wanted and (grade if name == "grade" else traits.get(name, "")) not in wanted:
            return False
    return True


def limit_of(rule: ClockRule, facts: Facts, grade: str, rules: Rules) -> Span | None:
    """The rule's length for the ticket at this grade: of the first row whose condition holds, else its own."""
    if not applies(rule.when, facts, grade, rules):
        return None
    for row in rule.limits:
        if applies(row.when, facts, grade, rules):
            found = row.limit.get(grade) or row.limit.get("default")
            if found is not None:
                return found
    return rule.limit.get(grade) or rule.limit.get("default")


def calendar_of(rule: ClockRule, facts: Facts, grade: str, rules: Rules) -> str:
    """The name of the calendar that the rule's clock counts on for this ticket: of a customer, of a site (D10)."""
    for choice in rules.levels.calendars:
        if choice.instead_of == rule.calendar and applies(choice.when, facts, grade, rules):
            return choice.use
    return rule.calendar


def deadline(
    rule: ClockRule, span: Span, start: datetime, rules: Rules, calendar: str | None = None
) -> tuple[datetime, int]:
    """Due instant of a limit and its length in seconds of the clock's calendar (D10, D11)."""
    counted = rules.calendar(rule.calendar if calendar is None else calendar)
    if span.working_days:
        due = counted.add_working_days(start, span.working_days)
        return due, counted.between(start, due)
    return counted.add(start, span.seconds), span.seconds


def terms_of(
    rule: ClockRule, facts: Facts, grades: Graded, start: datetime, stop: datetime | None, rules: Rules
) -> list[Terms]:
    """The terms that held between start and stop, oldest first; only what differs stands apart."""
    if rule.due is None and len(grades) == 1:
        grade = grades[0][1]
        limit = limit_of(rule, facts, grade, rules)
        calendar = calendar_of(rule, facts, grade, rules) if rules.levels.calendars else rule.calendar
        return [Terms(None, grade, limit, calendar)]
    return _changing(rule, facts, grades, start, stop, rules)


def _changing(
    rule: ClockRule, facts: Facts, grades: Graded, start: datetime, stop: datetime | None, rules: Rules
) -> list[Terms]:
    found: list[Terms] = []
    for since, grade in grades if rule.due is None else _points(facts, grades):
        if found and stop is not None and since is not None and since >= stop:
            break
        limit: Span | datetime | None
        if rule.due is None:
            limit = limit_of(rule, facts, grade, rules)
        else:
            limit = _promised(facts, since) if applies(rule.when, facts, grade, rules) else None
        calendar = calendar_of(rule, facts, grade, rules) if rules.levels.calendars else rule.calendar
        if since is None or since <= start:
            found = [Terms(None, grade, limit, calendar)]
        elif not found or (found[-1].limit, found[-1].calendar) != (limit, calendar):
            found.append(Terms(since, grade, limit, calendar))
    return found


def _points(facts: Facts, grades: Graded) -> Graded:
    """The grades, and each instant at which another time was promised."""
    changes: list[tuple[datetime, str]] = []
    promised: datetime | None = None
    for moment in facts.trail:
        if moment.promised_at != promised:
            promised = moment.promised_at
            grade = next(each for since, each in reversed(grades) if since is None or since <= moment.at)
            changes.append((moment.at, grade))
    later = [each for each in grades if each[0] is not None]
    return [grades[0], *sorted((*later, *changes), key=lambda each: each[0] or facts.newest.updated_at)]


def _promised(facts: Facts, at: datetime | None) -> datetime | None:
    """What was promised then: the ticket's newest word where no trail tells."""
    if not facts.trail:
        return facts.newest.promised_at
    if at is None:
        return None
    return next((each.promised_at for each in reversed(facts.trail) if each.at <= at), None)
