"""Which clocks a ticket has, and how each stands: a pure function of facts, rules and the present."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from services.profile.schema import ClockRule, Condition, Span
from services.sla.model import Clock, Cycle, Facts, Rules, Status
from services.sla.policy.runs import runs

Key = tuple[str, int, int]
_OVERDUE = (Status.BREACHED, Status.MET_LATE)


def derive(facts: Facts, rules: Rules, before: Mapping[Key, Clock], now: datetime) -> tuple[Clock, ...]:
    """All clocks of all cycles in the order of the rules (D9); what `before` had earned or said is carried over.

    A deadline once given stays as it was although the policy changed meanwhile (D18).
    """
    clocks: list[Clock] = []
    for index, cycle in enumerate(facts.cycles):
        over = facts.cycles[index + 1].begun_at if index + 1 < len(facts.cycles) else _ending(facts, cycle)
        for rule in rules.clocks:
            clocks.extend(_of_rule(rule, facts, cycle, over, rules, before, clocks, now))
    derived = {clock.key[:2] for clock in clocks}
    for key, clock in before.items():
        # A generation too many was a guess made before the message that declares the change of grade was heard.
        if key[:2] not in derived:
            # Its condition no longer holds; consumers have heard of it, so they hear that it ended.
            gone = replace(clock, status=Status.CANCELLED, stopped_at=facts.newest.updated_at, note="not_applicable")
            clocks.append(gone if clock.live else clock)
    return tuple(clocks)


def applies(condition: Condition, facts: Facts, grade: str, rules: Rules) -> bool:
    """Whether a condition of the profile holds for the ticket."""
    if condition.grade and grade not in condition.grade:
        return False
    traits = facts.newest.traits
    for name in ("type", "entry", "channel", "project", "unit", "path"):
        wanted: tuple[str, ...] = getattr(condition, name)
        if wanted and traits.get(name, "") not in wanted:
            return False
    if condition.major is not None and (traits.get("major", "") == "true") != condition.major:
        return False
    if condition.in_hours is not None:
        received = facts.newest.milestones.get("received", facts.newest.updated_at)
        return rules.calendar(rules.service_hours).is_open(received) == condition.in_hours
    return True


def deadline(rule: ClockRule, span: Span, start: datetime, rules: Rules) -> tuple[datetime, int]:
    """Due instant of a limit and its length in seconds of the clock's calendar (D10, D11)."""
    calendar = rules.calendar(rule.calendar)
    if span.working_days:
        due = calendar.add_working_days(start, span.working_days)
        return due, calendar.between(start, due)
    return calendar.add(start, span.seconds), span.seconds


def _ending(facts: Facts, cycle: Cycle) -> datetime | None:
    """When the newest cycle was over for good, else None."""
    ended = cycle.ended_at or facts.newest.updated_at
    return cycle.milestones.get("closed", ended) if facts.newest.ended else None


def _of_rule(
    rule: ClockRule,
    facts: Facts,
    cycle: Cycle,
    over: datetime | None,
    rules: Rules,
    before: Mapping[Key, Clock],
    others: list[Clock],
    now: datetime,
) -> Iterator[Clock]:
    generation = 0
    for run in runs(rule, facts, cycle):
        if over is not None and run.start > over:
            continue
        known = max(run.start, cycle.begun_at)
        # "received" and "opened" are the first cycle's; a reopening starts every clock anew.
        start = known if cycle.number > 0 else run.start
        if rule.only_if_breached:
            missed = [each.due_at for each in others if _missed(each, rule.only_if_breached, cycle.number)]
            if not missed:
                return
            known = max(known, min(missed))
        stop = max(run.stop, start) if run.stop is not None else None
        begun = max(start, run.since) if run.since else start
        spans = _limits(rule, facts, begun, stop or run.until or over, rules)
        for index, (changed, grade, span) in enumerate(spans):
            if span is None:
                continue
            since = changed or run.since
            superseded = spans[index + 1][0] if index + 1 < len(spans) else run.until
            earlier = before.get((rule.name, cycle.number, generation))
            due, length = _given(rule, cycle, start, grade, before) or deadline(rule, span, start, rules)
            status, stopped, note = _standing(due, stop, over, superseded, now)
            if generation and not note and since is not None and due <= since:
                note = "grade_changed" if changed else "taken_up_again"
            yield Clock(
                name=rule.name,
                cycle=cycle.number,
                generation=generation,
                grade=grade,
                calendar=rule.calendar,
                started_at=start,
                known_at=max(known, since) if since else known,
                limit_seconds=length,
                due_at=due,
                status=status,
                stopped_at=stopped,
                used_seconds=rules.calendar(rule.calendar).between(start, stopped) if stopped else 0,
                note=note,
                taken=earlier.taken if earlier else (),
                family=rule.family,
                breach_told=earlier.breach_told if earlier else False,
                told=earlier.told if earlier else None,
            )
            generation += 1


def _given(
    rule: ClockRule, cycle: Cycle, start: datetime, grade: str, before: Mapping[Key, Clock]
) -> tuple[datetime, int] | None:
    """The deadline this clock was given before for this start and grade (D18), in whatever generation."""
    for clock in before.values():
        if (clock.name, clock.cycle, clock.started_at, clock.grade) == (rule.name, cycle.number, start, grade):
            return clock.due_at, clock.limit_seconds
    return None


def _missed(clock: Clock, name: str, cycle: int) -> bool:
    return clock.name == name and clock.cycle == cycle and clock.status in _OVERDUE


def _limits(
    rule: ClockRule, facts: Facts, start: datetime, stop: datetime | None, rules: Rules
) -> list[tuple[datetime | None, str, Span | None]]:
    """The limits that held between start and stop, each with the grade and since when (None: from the start)."""
    spans: list[tuple[datetime | None, str, Span | None]] = []
    for since, grade in facts.grades():
        if spans and stop is not None and since is not None and since >= stop:
            break
        limit = rule.limit.get(grade) or rule.limit.get("default")
        span = limit if limit is not None and applies(rule.when, facts, grade, rules) else None
        if since is None or since <= start:
            spans = [(None, grade, span)]
        elif spans and spans[-1][2] == span:
            spans[-1] = (spans[-1][0], spans[-1][1], span)
        else:
            spans.append((since, grade, span))
    return spans


def _standing(
    due: datetime, stop: datetime | None, over: datetime | None, superseded: datetime | None, now: datetime
) -> tuple[Status, datetime | None, str]:
    """Status, when it stopped, note. A limit is kept up to and including its last instant."""
    if superseded is not None:
        return (Status.BREACHED if due <= superseded else Status.CANCELLED), superseded, "superseded"
    if stop is not None and (over is None or stop <= over):
        return (Status.MET if stop <= due else Status.MET_LATE), stop, ""
    if over is not None:
        return (Status.BREACHED if due <= over else Status.CANCELLED), over, "ended"
    return (Status.BREACHED if due <= now else Status.RUNNING), None, ""
