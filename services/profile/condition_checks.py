"""Does everything that rules ask for exist? Conditions of clocks and notices, and the routing facet (C2, C24, A6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from services.profile.condition_tree import tests
from services.profile.conditions import DEEPEST, MOST_NODES, Condition, RuleCondition, Weekday
from services.profile.expressions import FLAGS, TEXTS, parse
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.forms import FormField
from services.profile.schema import Profile, RequestType

MOST_RULES = 2000


def asked_fields(profile: Profile) -> Mapping[str, FormField]:
    """Extra fields that rules may ask about: choices only, as what a person writes may identify somebody (P1)."""
    return {
        field.name: field
        for field in profile.catalogue.listing
        if field.is_extra and not field.personal and profile.catalogue.options(field)
    }


def check_condition(profile: Profile, when: Condition, path: Path) -> Iterator[Finding]:
    """Every value a condition compares with must exist."""
    known = _known(profile)
    for field in TEXTS:
        yield from _values(known, field, getattr(when, field, ()), (*path, field))
    if isinstance(when, RuleCondition):
        yield from _further(profile, known, when, path)
        for place, part in when.inner:
            yield from check_condition(profile, part, (*path, *place))


def check_routing(profile: Profile) -> Iterator[Finding]:
    """Rules name what exists, can all be reached, and are not too many or too deep."""
    routing = profile.routing
    teams = [team.id for team in profile.organisation.teams]
    people = {person.id: person for person in profile.organisation.people}
    yield from duplicates(("routing", "rules"), "rule", [rule.id for rule in routing.rules], key="id")
    if len(routing.rules) > MOST_RULES:
        yield ("routing", "rules"), f"there are {len(routing.rules)} rules; keep to {MOST_RULES}"
    for index, rule in enumerate(routing.rules):
        here: Path = ("routing", "rules", index)
        yield from _size(rule.when, (*here, "when"))
        yield from check_condition(profile, rule.when, (*here, "when"))
        if routing.mode == "first" and rule.when == RuleCondition() and index < len(routing.rules) - 1:
            after = routing.rules[index + 1].id
            yield (*here, "id"), f'"{rule.id}" matches every ticket, so "{after}" after it never can; put it last'
        if rule.to.team not in teams:
            yield unknown((*here, "to", "team"), "team", rule.to.team, teams)
        if rule.to.person is not None and rule.to.person not in people:
            yield unknown((*here, "to", "person"), "person", rule.to.person, people)
    for field in ("unmatched_team", "out_of_hours_team"):
        team = getattr(routing, field)
        if team is not None and team not in teams:
            yield unknown(("routing", field), "team", team, teams)


def _size(when: RuleCondition, path: Path) -> Iterator[Finding]:
    if when.depth > DEEPEST:
        yield path, f"the condition is {when.depth} deep; keep to {DEEPEST}, or split the rule"
    if when.nodes > MOST_NODES:
        yield path, f"the rule has {when.nodes} conditions; keep to {MOST_NODES}, or split it"


def _known(profile: Profile) -> Mapping[str, Iterable[str]]:
    matrix = profile.grading.matrix
    return {
        "type": [each.key for each in profile.types],
        "neutral_type": get_args(RequestType.model_fields["neutral"].annotation),
        "grade": [each.key for each in profile.grading.grades],
        "entry": [each.key for each in profile.entries],
        "channel": profile.channels,
        "project": [each.id for each in profile.organisation.projects],
        "path": ("online", "dispatched"),
        "lead_team": [team.id for team in profile.organisation.teams],
        "flow": profile.flows,
        "impact": [each.key for each in matrix.impacts] if matrix else (),
        "urgency": [each.key for each in matrix.urgencies] if matrix else (),
        "language": ("en", "zh"),
        "weekday": get_args(Weekday),
    }


def _values(known: Mapping[str, Iterable[str]], fact: str, values: Iterable[str], path: Path) -> Iterator[Finding]:
    if fact in known:
        for index, value in enumerate(values):
            if value not in known[fact]:
                yield unknown((*path, index), fact, value, known[fact])


def _further(
    profile: Profile, known: Mapping[str, Iterable[str]], when: RuleCondition, path: Path
) -> Iterator[Finding]:
    for name in when.calendar:
        if name not in profile.calendars:
            yield unknown((*path, "calendar", name), "calendar", name, profile.calendars)
    for name, values in when.fields.items():
        yield from _field(profile, name, values, (*path, "fields", name))
    if when.expr is not None:
        for test in tests(parse(when.expr)):
            if test.fact not in FLAGS:
                for _, message in _values(known, test.fact, sorted(test.allowed), ()):
                    yield (*path, "expr"), message


def _field(profile: Profile, name: str, values: Iterable[str], path: Path) -> Iterator[Finding]:
    asked = asked_fields(profile)
    if name not in asked:
        if name in profile.catalogue.by_name:
            yield path, f'"{name}" is no list of choices, and no rule may keep what a person wrote; make it a choice'
        else:
            yield unknown(path, "field with choices", name, asked)
        return
    choices = profile.catalogue.options(asked[name])
    for index, value in enumerate(values):
        if value not in choices:
            yield unknown((*path, index), f'choice of "{name}"', value, choices)
