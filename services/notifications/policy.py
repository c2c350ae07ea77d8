"""Judgement: who is told of an event by which rule, and when a failed message is tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.notifications.model import Delivery, Facts, Recipient, Result, Way, delivery_id
from services.profile.lookups import Lookups
from services.profile.schema import Condition, NoticeCondition, NoticeRule, Person

OnDuty = Callable[[str, datetime], Iterable[Person]]
"""People with a neutral role who are on duty at an instant."""

MOST_ATTEMPTS = 10
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
MOST_RECIPIENTS = 50
"""Of one event: a rule for a crowd must not become a flood."""


_HELD_BY = ("assignee", "project_manager", "engineer", "team")
"""Words that a step of a clock may name besides roles."""


def matches(when: Condition, facts: Facts, in_hours: Callable[[], bool]) -> bool:
    """Whether all facts that the condition names hold (O5). "major" is priority 1."""
    if isinstance(when, NoticeCondition) and not _is_about(when, facts):
        return False
    listed = (
        (when.type, facts.type),
        (when.grade, facts.grade),
        (when.entry, facts.entry),
        (when.channel, facts.channel),
        (when.project, facts.project),
        (when.unit, facts.unit),
        (when.path, facts.path),
    )
    if any(allowed and value not in allowed for allowed, value in listed):
        return False
    if when.major is not None and when.major != (facts.priority == 1):
        return False
    return when.in_hours is None or when.in_hours == in_hours()


def recipients(name: str, facts: Facts, people: Lookups, on_duty: OnDuty) -> Iterator[Recipient]:
    """The people behind a word of a rule: requester, holder of the ticket, escalation_role, or a role on duty."""
    if name == "requester":
        yield _requester(facts, people)
    elif name == "assignee":
        yield from _named(facts.assignee, people)
    elif name == "project_manager" and (holder := facts.project_manager or _manager(facts.project, people)):
        yield from _named(holder, people)
    elif name == "engineer" and facts.engineer:
        yield from _named(facts.engineer, people)
    elif name == "team":
        for person in people.members(facts.team):
            yield _staff(person)
    elif name == "leaders":
        for role in emergency.leaders_of(facts.grade) if (emergency := people.profile.emergency) else ():
            yield from _holders(role, facts, people, on_duty)
    elif name == "unit_contacts":
        yield from _contacts(facts, people)
    elif name == "escalation_role":
        for role in facts.roles:
            if role in _HELD_BY:
                yield from recipients(role, facts, people, on_duty)
            else:
                yield from _holders(role, facts, people, on_duty)
    elif name == "owner":
        yield from _named(facts.owner, people)
    else:
        yield from _holders(name, facts, people, on_duty)


def addressed(
    rules: Sequence[NoticeRule], facts: Facts, people: Lookups, on_duty: OnDuty, in_hours: Callable[[], bool]
) -> Iterator[tuple[NoticeRule, Recipient, Way]]:
    """Rule, recipient and way of everything the event sends: the first matching rule that reaches a recipient (O10).

    Nobody is told about a complaint against themselves (P12, C28).
    """
    if facts.clock and not facts.family and (family := people.family(facts.clock)):
        facts = replace(facts, family=family)
    told: set[str] = set()
    for rule in rules:
        if not matches(rule.when, facts, in_hours):
            continue
        for name in rule.to:
            for recipient in recipients(name, facts, people, on_duty):
                # Somebody without an address for the rule's ways is told by another rather than not at all.
                wanted = recipient.addresses if facts.page and recipient.staff else rule.ways
                ways = [way for way in wanted if recipient.addresses.get(way)] or list(recipient.addresses)[:1]
                accused = recipient.staff and facts.accused and facts.accused in (recipient.id, recipient.name)
                if not ways or accused or recipient.id in told or len(told) >= MOST_RECIPIENTS:
                    continue
                told.add(recipient.id)
                for way in ways:
                    yield rule, recipient, way


def judge(result: Result, now: datetime) -> Delivery:
    """What a try makes of a delivery: sent, tried again with a growing pause, or failed (O9)."""
    delivery = result.delivery
    if result.ok:
        return delivery.sent(now)
    if result.final or delivery.attempts + 1 >= MOST_ATTEMPTS:
        return delivery.failed(result.error)
    pause = min(FIRST_PAUSE * 2**delivery.attempts, LONGEST_PAUSE)
    return delivery.put_off(result.error, now + pause)


def instead_of(failed: Delivery, now: datetime) -> Delivery | None:
    """The same message by the recipient's next way; None when there is none left."""
    if failed.status != "failed" or not failed.fallback:
        return None
    (way, address), *rest = failed.fallback
    return replace(
        failed,
        id=delivery_id(failed.cause, failed.recipient, way),
        way=way,
        address=address,
        fallback=tuple(rest),
        status="pending",
        attempts=0,
        last_error="",
        created_at=now,
        next_at=now,
    )


def _is_about(when: NoticeCondition, facts: Facts) -> bool:
    if when.clock and facts.clock not in when.clock:
        return False
    if when.family and facts.family not in when.family:
        return False
    return when.alarm is None or when.alarm == facts.alarm


def _requester(facts: Facts, people: Lookups) -> Recipient:
    known = people.customers.get(facts.requester_id)
    language = facts.requester_language or (known.language if known else people.profile.profile.language)
    address = facts.requester_email or (known.emails[0] if known and known.emails else "")
    return Recipient(
        id=facts.requester_id or "requester",
        name=facts.requester_name,
        language="en" if language.startswith("en") else "zh-CN",
        addresses={"smtp": address} if address else {},
        staff=False,
    )


def _contacts(facts: Facts, people: Lookups) -> Iterator[Recipient]:
    """Customers who hear for the units that the record names (O6)."""
    emergency = people.profile.emergency
    for key in emergency.contacts_of(facts.record.get("units", "")) if emergency else ():
        known = people.customers[key]
        yield Recipient(
            id=known.id,
            name=known.name,
            language=known.language,
            addresses={"smtp": known.emails[0]} if known.emails else {},
            staff=False,
        )


def _manager(project: str, people: Lookups) -> str:
    known = people.projects.get(project)
    return known.manager if known else ""


def _named(person: str, people: Lookups) -> Iterator[Recipient]:
    if person in people.people:
        yield _staff(people.people[person])


def _holders(role: str, facts: Facts, people: Lookups, on_duty: OnDuty) -> Iterator[Recipient]:
    """Those on duty; where nobody is, everybody with the role: an escalation at night must reach somebody."""
    present = tuple(on_duty(role, facts.at)) or people.holders(role)
    for person in present:
        yield _staff(person)


def _staff(person: Person) -> Recipient:
    return Recipient(person.id, person.name, person.language, dict(person.addresses))
