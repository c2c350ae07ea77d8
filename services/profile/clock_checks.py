"""Do clocks name what the profile has: milestones, grades, calendars, roles, other clocks?"""

from __future__ import annotations

from collections.abc import Iterator

from services.profile.condition_checks import check_condition
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.schema import Profile

PLATFORM_MILESTONES = frozenset({"received", "opened", "responded", "user_confirmed", "called_back", "restored"})
"""Set by the platform itself; every other milestone a clock names must be marked by a transition."""

SPECIAL_RECIPIENTS = frozenset(
    {"requester", "assignee", "project_manager", "engineer", "escalation_role", "team", "owner"}
)

_LONGEST_DAYS = 3 * 366
_LONGEST_SECONDS = _LONGEST_DAYS * 86_400


def check_clocks(profile: Profile) -> Iterator[Finding]:
    """Every fault of the facet of service levels."""
    yield from _clocks(profile)
    yield from _escalation(profile)


def _clocks(profile: Profile) -> Iterator[Finding]:
    clocks = profile.sla.clocks
    grades = {each.key for each in profile.grading.grades}
    marked = PLATFORM_MILESTONES | {mark for row in profile.transitions for mark in row.marks}
    names = ", ".join(sorted(marked))
    yield from duplicates(("sla", "clocks"), "clock", [clock.name for clock in clocks], key="name")
    for index, clock in enumerate(clocks):
        here: Path = ("sla", "clocks", index)
        yield from check_condition(profile, clock.when, (*here, "when"))
        for field, milestone in (("start", clock.start.milestone), ("stop", clock.stop.milestone)):
            if milestone is not None and milestone not in marked:
                yield (
                    (*here, field),
                    f'no transition marks the milestone "{milestone}"; mark it or name one of: {names}',
                )
        for grade, limit in clock.limit.items():
            if limit.seconds > _LONGEST_SECONDS or limit.working_days > _LONGEST_DAYS:
                yield (*here, "limit", grade), "the limit is longer than three years; write a shorter one"
            if grade != "default" and grade not in grades:
                yield unknown((*here, "limit", grade), "grade", grade, grades | {"default"})
        if clock.calendar not in profile.calendars:
            yield unknown((*here, "calendar"), "calendar", clock.calendar, profile.calendars)
        for position, fraction in enumerate(clock.warn):
            if not 0 < fraction < 1:
                yield (
                    (*here, "warn", position),
                    "a warning stands between 0 and 1; write 0.8 for four fifths",
                )
        if clock.only_if_breached is not None and (
            clock.only_if_breached == clock.name or clock.only_if_breached not in {each.name for each in clocks}
        ):
            yield unknown((*here, "only_if_breached"), "other clock", clock.only_if_breached, {c.name for c in clocks})


def _escalation(profile: Profile) -> Iterator[Finding]:
    escalation = profile.sla.escalation
    for index, role in enumerate(escalation.chain):
        if role not in profile.roles:
            yield unknown(("sla", "escalation", "chain", index), "role", role, profile.roles)
    if escalation.calendar not in profile.calendars:
        yield unknown(("sla", "escalation", "calendar"), "calendar", escalation.calendar, profile.calendars)
    if escalation.chain and escalation.every.seconds <= 0:
        yield ("sla", "escalation", "every"), "the chain needs a pause between rungs; write a duration such as 30m"
    for index, role in enumerate(profile.sla.warn_roles):
        if role not in profile.roles and role not in SPECIAL_RECIPIENTS:
            yield unknown(("sla", "warn_roles", index), "role", role, profile.roles)
