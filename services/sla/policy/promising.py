"""Judgement of promises: what a time means, who may promise it, and what becomes of one (D8, section 5.9). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import NamedTuple, Protocol

from services.kernel.clock import to_milliseconds
from services.kernel.errors import Missing, Refused
from services.profile.commitments import CommitmentKind, Reminding
from services.profile.facet import Span, parse_span
from services.sla.model import Commitment, Facts, Rules

LONGEST_TEXT = 500
"""Characters of what is promised, and of why it changed."""
LONGEST_GIVEN = 64
"""Characters of a time; they are kept as they were given."""
MANAGERS = frozenset({"team_leader", "desk_manager", "supervisor", "project_manager", "operations_manager"})

_FARTHEST = timedelta(days=3 * 366)
_LENGTH = re.compile(r"^\d{1,6}(?:s|m|h|d|wd)$")
_CLOCK = re.compile(r"^(?:today\s+|今天\s*)?([01]?\d|2[0-3]):([0-5]\d)(?:\s+today)?$")
_REMEDY = 'write a length such as "2h" or "3wd", a time of today such as "17:00", or an instant "2025-03-04T17:00"'


class Caller(Protocol):
    """Who promises; runtime's Principal."""

    @property
    def id(self) -> str: ...
    @property
    def roles(self) -> Collection[str]: ...
    @property
    def teams(self) -> Collection[str]: ...


class Due(NamedTuple):
    """An instant, and the calendar that its length was counted on; empty where an instant was given."""

    at: datetime
    calendar: str


def kind_of(key: str, rules: Rules) -> CommitmentKind:
    """The kind of the profile. Refuses with the kinds there are."""
    promises = rules.levels.commitments
    kind = promises.kind(key)
    if kind is None:
        names = ", ".join(each.key for each in promises.kinds)
        remedy = f"name one of: {names}" if names else "add sla.commitments.kinds to the desk's policy"
        raise Refused(f'"{key}" is nothing this desk promises; {remedy}.', field="kind")
    return kind


def due_of(text: str, kind: CommitmentKind, rules: Rules, now: datetime) -> Due:
    """What the words of a promise mean now; in milliseconds. Refuses what is past, too far or unreadable."""
    words = text.strip()
    if len(words) > LONGEST_GIVEN:
        raise Refused(f"A time has up to {LONGEST_GIVEN} characters; {_REMEDY}.", field="due")
    due = _length(words, kind, rules, now) if _LENGTH.match(words) else Due(_instant(words, rules, now), "")
    at = to_milliseconds(due.at)
    if at <= now:
        local = at.astimezone(rules.calendar(rules.service_hours).zone)
        raise Refused(f"{local:%Y-%m-%d %H:%M} has passed; promise a time that is still to come.", field="due")
    if at - now > _FARTHEST:
        raise Refused("That is more than three years ahead; promise an earlier time.", field="due")
    return Due(at, due.calendar)


def check_authority(
    kind: CommitmentKind, due: datetime, facts: Facts, caller: Caller, rules: Rules, now: datetime
) -> None:
    """Refuses ("forbidden") whoever may not promise this kind, so far ahead, or anything in this ticket (C18)."""
    promises = rules.levels.commitments
    wide = promises.authority.roles
    if not set(wide).isdisjoint(caller.roles):
        return
    allowed = kind.roles or promises.roles
    if set(allowed).isdisjoint(caller.roles):
        raise Refused(f"{kind.label.en} may be promised by: {', '.join(allowed)}; ask one of them.", code="forbidden")
    raised = next((flag for flag in promises.authority.flags if flag in flags_of(facts)), "")
    # A measure is owed within the desk: it commits nobody to the customer (H17).
    if raised and not kind.measure:
        raise Refused(
            f'Ticket {facts.newest.number} is marked "{raised}"; only {", ".join(wide)} may promise anything in it, '
            "so ask them.",
            code="forbidden",
            field="due",
        )
    if promises.authority.ahead is not None and due > _ahead(promises.authority.ahead, rules, now):
        raise Refused(
            f"That is further ahead than you may promise; name an earlier time or ask: {', '.join(wide)}.",
            code="forbidden",
            field="due",
        )


def flags_of(facts: Facts) -> tuple[str, ...]:
    """Flags that stand on the ticket as far as is known."""
    return max(facts.trail, key=lambda moment: moment.version).flags if facts.trail else ()


def remind_at(made: datetime, due: datetime, reminding: Reminding) -> datetime:
    """When the owner is reminded: always after it was made and before it is due (O4). In milliseconds."""
    at = due - reminding.before.as_timedelta if reminding.before is not None else made
    if at <= made:
        at = made + (due - made) * reminding.fraction
    return to_milliseconds(at)


def bounded(text: str, field: str, *, needed: bool = True) -> str:
    """The text without blanks around it. Refuses an empty or over-long one."""
    words = text.strip()
    if needed and not words:
        raise Refused(f"Say in words what the {field} is.", field=field)
    if len(words) > LONGEST_TEXT:
        raise Refused(f"The {field} is longer than {LONGEST_TEXT} characters; shorten it.", field=field)
    return words


def make(kind: CommitmentKind, text: str, given: str, owner: str, facts: Facts, caller: Caller, rules: Rules,
         now: datetime) -> Commitment:  # fmt: skip
    """A new promise, the last of its ticket. Refuses what the policy does not let the caller promise."""
    promises = rules.levels.commitments
    if len(facts.commitments) >= promises.most:
        raise Refused(
            f"Ticket {facts.newest.number} has {promises.most} promises already; keep those.", code="conflict"
        )
    due = due_of(given, kind, rules, now)
    check_authority(kind, due.at, facts, caller, rules, now)
    return Commitment(
        id=f"c{len(facts.commitments) + 1}",
        kind=kind.key,
        text=text,
        owner=owner,
        made_by=caller.id,
        made_at=now,
        due_at=due.at,
        given=given.strip(),
        remind_at=remind_at(now, due.at, kind.remind or promises.remind),
        cycle=facts.newest.cycle,
        calendar=due.calendar,
        measure=kind.measure,
    )


def find(facts: Facts, commitment_id: str) -> tuple[int, Commitment]:
    """Place and promise. Missing when the ticket has none of that id."""
    for place, each in enumerate(facts.commitments):
        if each.id == commitment_id:
            return place, each
    raise Missing(f'Ticket {facts.newest.number} has no promise "{commitment_id[:64]}".')


def changed(facts: Facts, place: int, after: Commitment) -> Facts:
    """The facts with another word on one promise."""
    return replace(facts, commitments=(*facts.commitments[:place], after, *facts.commitments[place + 1 :]))


def check_may_change(commitment: Commitment, facts: Facts, caller: Caller, rules: Rules) -> None:
    """Refuses ("forbidden") everybody but its owner, who made it, the ticket's team and those in charge."""
    if caller.id in (commitment.owner, commitment.made_by) or not MANAGERS.isdisjoint(caller.roles):
        return
    promises = rules.levels.commitments
    kind = promises.kind(commitment.kind)
    roles = (kind.roles if kind is not None else ()) or promises.roles
    if facts.newest.team in caller.teams and not set(roles).isdisjoint(caller.roles):
        return
    raise Refused(
        f"Only {commitment.owner}, the team of the ticket or a manager may change this promise; ask one of them.",
        code="forbidden",
    )


def _length(words: str, kind: CommitmentKind, rules: Rules, now: datetime) -> Due:
    span = parse_span(words)
    assert isinstance(span, Span)  # noqa: S101 - the pattern let nothing else through
    if span.working_days > _FARTHEST.days or span.seconds > _FARTHEST.total_seconds():
        raise Refused("That is more than three years ahead; promise an earlier time.", field="due")
    name = (kind.working_days or rules.service_hours) if span.working_days else kind.calendar
    calendar = rules.calendar(name)
    if span.working_days:
        return Due(calendar.add_working_days(now, span.working_days), name)
    return Due(calendar.add(now, span.seconds), name)


def _instant(words: str, rules: Rules, now: datetime) -> datetime:
    """A time of today, or an instant, in the desk's zone unless it names another."""
    zone = rules.calendar(rules.service_hours).zone
    try:
        if found := _CLOCK.match(words):
            today = now.astimezone(zone).date()
            at = datetime.combine(today, time(int(found[1]), int(found[2])), tzinfo=zone)
        else:
            at = datetime.fromisoformat(words)
            at = at.replace(tzinfo=zone) if at.tzinfo is None else at
            # No zone can show the edges of time.
            at.astimezone(zone)
        return at.astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise Refused(f'"{words[:40]}" is no time to promise; {_REMEDY}.', field="due") from None


def _ahead(span: Span, rules: Rules, now: datetime) -> datetime:
    if span.working_days:
        return rules.calendar(rules.service_hours).add_working_days(now, span.working_days)
    return now + span.as_timedelta
