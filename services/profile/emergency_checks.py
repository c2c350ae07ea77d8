"""Does the facet of emergencies name what the profile has: records, milestones, clocks, people, plans? (H1-H3, H15)"""

from __future__ import annotations

from collections.abc import Iterator

from services.profile.emergency import Emergency
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.schema import Profile

HERE: Path = ("emergency",)
LEADERS = "leaders"
"""Recipient of notices: the roles that the facet lists for the ticket's severity (H6)."""
UNIT_CONTACTS = "unit_contacts"
"""Recipient of notices: customers who hear for the units that the bulletin names (O6)."""


def check_emergency(profile: Profile) -> Iterator[Finding]:
    """Every name that leads nowhere, every key that stands twice."""
    facet = profile.emergency
    if facet is None:
        for index, rule in enumerate(profile.notices.rules):
            for position, name in enumerate(rule.to):
                if name in (LEADERS, UNIT_CONTACTS):
                    path: Path = ("notices", "rules", index, "to", position)
                    yield path, f'"{name}" stands in the emergency facet, which is missing; add it or name roles'
        return
    types = {each.key: each.flow for each in profile.types}
    if facet.type not in types:
        yield unknown((*HERE, "type"), "type", facet.type, types)
    for listed in ("situations", "prevention_types", "prevention", "plans", "steps"):
        yield from duplicates((*HERE, listed), listed, [each.key for each in getattr(facet, listed)])
    yield from _records(profile, facet)
    yield from _entries(facet)
    yield from _people(profile, facet)
    yield from _steps(profile, facet)


def _records(profile: Profile, facet: Emergency) -> Iterator[Finding]:
    forms = {form.key: form for form in profile.records}
    for name, kind in facet.records.model_dump().items():
        if kind not in forms:
            yield unknown((*HERE, "records", name), "record", kind, forms)
    chosen = forms[facet.records.strategy].field("situation") if facet.records.strategy in forms else None
    offered = {choice.key for choice in chosen.choices} if chosen else set()
    for index, situation in enumerate(facet.situations):
        if situation.key not in offered:
            yield (
                (*HERE, "situations", index, "key"),
                f'the record "{facet.records.strategy}" offers no situation "{situation.key}"; add it to its choices',
            )
    known = {situation.key for situation in facet.situations}
    for key in sorted(offered - known):
        yield (*HERE, "situations"), f'the record "{facet.records.strategy}" offers "{key}"; add it here'


def _entries(facet: Emergency) -> Iterator[Finding]:
    kinds = [each.key for each in facet.prevention_types]
    for index, entry in enumerate(facet.prevention):
        if entry.type not in kinds:
            yield unknown((*HERE, "prevention", index, "type"), "type of prevention", entry.type, kinds)
    plans = [each.key for each in facet.plans]
    for index, situation in enumerate(facet.situations):
        if situation.plan is not None and situation.plan not in plans:
            yield unknown((*HERE, "situations", index, "plan"), "plan", situation.plan, plans)


def _people(profile: Profile, facet: Emergency) -> Iterator[Finding]:
    people = [each.id for each in profile.organisation.people]
    customers = {each.id: each.unit for each in profile.organisation.customers}
    grades = [each.key for each in profile.grading.grades]
    for index, plan in enumerate(facet.plans):
        if plan.owner not in people:
            yield unknown((*HERE, "plans", index, "owner"), "person", plan.owner, people)
    for index, listed in enumerate(facet.leaders):
        here: Path = (*HERE, "leaders", index)
        for position, grade in enumerate(listed.grades):
            if grade not in grades:
                yield unknown((*here, "grades", position), "grade", grade, grades)
        for position, role in enumerate(listed.roles):
            if role not in profile.roles:
                yield unknown((*here, "roles", position), "role", role, profile.roles)
    if not any(not listed.grades for listed in facet.leaders):
        yield (*HERE, "leaders"), "nobody is told of an emergency without a grade; add a list without grades"
    for unit, contacts in facet.unit_contacts.items():
        if unit not in customers.values():
            yield unknown((*HERE, "unit_contacts", unit), "unit", unit, sorted({*customers.values()} - {""}))
        for position, person in enumerate(contacts):
            if person not in customers:
                yield unknown((*HERE, "unit_contacts", unit, position), "customer", person, customers)


def _steps(profile: Profile, facet: Emergency) -> Iterator[Finding]:
    kinds = [form.key for form in profile.records]
    marks = {mark for row in profile.transitions for mark in row.marks}
    clocks = [clock.name for clock in profile.sla.clocks]
    for index, step in enumerate(facet.steps):
        here: Path = (*HERE, "steps", index)
        if (step.record is None) == (step.milestone is None):
            yield here, "a step is done by its record or by its milestone; name one of them"
        if step.record is not None and step.record not in kinds:
            yield unknown((*here, "record"), "record", step.record, kinds)
        if step.milestone is not None and step.milestone not in marks:
            yield unknown((*here, "milestone"), "milestone", step.milestone, marks)
        if step.clock is not None and step.clock not in clocks:
            yield unknown((*here, "clock"), "clock", step.clock, clocks)
        for position, role in enumerate(step.roles):
            if role not in profile.roles:
                yield unknown((*here, "roles", position), "role", role, profile.roles)
