"""Do clocks name what the profile has: milestones, grades, calendars, roles, other clocks?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain as joined

from services.profile.clocks import ClockCondition, ClockRule, Step
from services.profile.condition_checks import asked_fields, check_condition
from services.profile.facet import Span
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.occasion_checks import PLATFORM_MILESTONES as PLATFORM_MILESTONES
from services.profile.occasion_checks import OccasionChecks
from services.profile.schema import Profile

SPECIAL_RECIPIENTS = frozenset({"requester", "assignee", "project_manager", "engineer", "escalation_role", "team"})
_TOLD_BY_STEPS = frozenset({"assignee", "project_manager", "team"})

_LONGEST_DAYS = 3 * 366
_LONGEST_SECONDS = _LONGEST_DAYS * 86_400


def check_clocks(profile: Profile) -> Iterator[Finding]:
    """Every fault of the clocks: what follows from them is checked by `escalation_checks`."""
    clocks = profile.sla.clocks
    occasions = OccasionChecks(profile)
    yield from duplicates(("sla", "clocks"), "clock", [clock.name for clock in clocks], key="name")
    for index, clock in enumerate(clocks):
        here: Path = ("sla", "clocks", index)
        yield from check_clock_condition(profile, clock.when, (*here, "when"))
        yield from _occasions(occasions, clock, here)
        yield from _limits(profile, clock, here)
        yield from _known_calendar(profile, clock.calendar, (*here, "calendar"))
        yield from _steps(profile, clock, here)
        yield from _pauses(profile, occasions, clock, here)
        yield from _order(profile, clock, here)
    for index, choice in enumerate(profile.sla.calendars):
        here = ("sla", "calendars", index)
        yield from check_clock_condition(profile, choice.when, (*here, "when"))
        yield from _known_calendar(profile, choice.instead_of, (*here, "instead_of"))
        yield from _known_calendar(profile, choice.use, (*here, "use"))
        if choice.instead_of not in {clock.calendar for clock in clocks}:
            yield (*here, "instead_of"), f'no clock counts on "{choice.instead_of}"; name the calendar of a clock'


def check_clock_condition(profile: Profile, when: ClockCondition, path: Path) -> Iterator[Finding]:
    """Every value a condition of a clock compares with must exist."""
    yield from check_condition(profile, when, path)
    asked = asked_fields(profile)
    for name, values in when.fields.items():
        here = (*path, "fields", name)
        if name not in asked:
            yield unknown(here, "field with choices", name, asked)
            continue
        choices = profile.catalogue.options(asked[name])
        for index, value in enumerate(values):
            if value not in choices:
                yield unknown((*here, index), f'choice of "{name}"', value, choices)
    customers = {each.id for each in profile.organisation.customers}
    for index, customer in enumerate(when.customer if customers else ()):
        if customer not in customers:
            yield unknown((*path, "customer", index), "customer", customer, customers)


def _occasions(occasions: OccasionChecks, clock: ClockRule, here: Path) -> Iterator[Finding]:
    yield from occasions.occasion(clock.start, (*here, "start"))
    yield from occasions.occasion(clock.stop, (*here, "stop"))
    for field, several in (("reset", clock.reset), ("cancel", clock.cancel)):
        for index, occasion in enumerate(several):
            yield from occasions.occasion(occasion, (*here, field, index))


def _limits(profile: Profile, clock: ClockRule, here: Path) -> Iterator[Finding]:
    yield from _lengths(profile, clock.limit, (*here, "limit"))
    for index, row in enumerate(clock.limits):
        yield from check_clock_condition(profile, row.when, (*here, "limits", index, "when"))
        yield from _lengths(profile, row.limit, (*here, "limits", index, "limit"))
        if row.when == ClockCondition() and index < len(clock.limits) - 1 and "default" in row.limit:
            yield (*here, "limits", index, "when"), "the row fits every ticket, so none after it ever does; put it last"
    if clock.due is not None and (clock.limit or clock.limits):
        yield (*here, "due"), "the clock is due at what was promised and needs no limit; leave out due or the limits"


def _lengths(profile: Profile, limits: Mapping[str, Span], path: Path) -> Iterator[Finding]:
    grades = {each.key for each in profile.grading.grades} | {"default"}
    for grade, limit in limits.items():
        if limit.seconds > _LONGEST_SECONDS or limit.working_days > _LONGEST_DAYS:
            yield (*path, grade), "the limit is longer than three years; write a shorter one"
        if grade not in grades:
            yield unknown((*path, grade), "grade", grade, grades)


def _known_calendar(profile: Profile, name: str, path: Path) -> Iterator[Finding]:
    if name not in profile.calendars:
        yield unknown(path, "calendar", name, profile.calendars)


def _steps(profile: Profile, clock: ClockRule, here: Path) -> Iterator[Finding]:
    for position, fraction in enumerate(clock.warn):
        if not 0 < fraction < 1:
            yield (*here, "warn", position), "a warning stands between 0 and 1; write 0.8 for four fifths"
    lengths = list(joined(clock.limit.values(), *(row.limit.values() for row in clock.limits)))
    shortest = min((each.seconds for each in lengths if not each.working_days), default=None)
    for index, step in enumerate(clock.steps):
        yield from _step(profile, step, shortest, (*here, "steps", index))


def _step(profile: Profile, step: Step, shortest: int | None, here: Path) -> Iterator[Finding]:
    if step.at.fraction == 0:
        yield (*here, "at"), "nothing is used of the limit at 0%; write 1% or more, or a notice on sla.armed"
    if step.at.before is not None and shortest is not None and step.at.before.seconds > shortest:
        yield (
            (*here, "at"),
            "it lies before the start of the shortest limit; write a shorter length or a fraction",
        )
    known = _TOLD_BY_STEPS | frozenset(profile.roles)
    do = step.do
    for field, roles in (("notify", do.notify), ("page", do.page)):
        for index, role in enumerate(roles):
            if role not in known:
                yield unknown((*here, "do", field, index), "role", role, known)
    teams = [team.id for team in profile.organisation.teams]
    if do.reassign_team is not None and do.reassign_team not in teams:
        yield unknown((*here, "do", "reassign_team"), "team", do.reassign_team, teams)
    if do.reassign_role is not None and do.reassign_role not in profile.roles:
        yield unknown((*here, "do", "reassign_role"), "role", do.reassign_role, profile.roles)
    if do.reassign_team is not None and do.reassign_role is not None:
        yield (*here, "do", "reassign_role"), "a step gives the ticket to a team or to a role; leave out one"
    if not (do.notify or do.page or do.raise_grade or do.reassign_team or do.reassign_role):
        yield (*here, "do"), "the step does nothing; give it notify, page, raise_grade, reassign_team or reassign_role"


def _pauses(profile: Profile, occasions: OccasionChecks, clock: ClockRule, here: Path) -> Iterator[Finding]:
    pausing = profile.sla.pause
    field = "pausable" if clock.pausable else "pause_while"
    if (clock.pausable or clock.pause_while) and not pausing.allowed:
        yield (*here, field), "the profile permits no pauses (D16); set sla.pause.allowed to true, or leave it out"
    elif (clock.pausable or clock.pause_while) and clock.due is not None:
        yield (*here, field), "what was promised does not wait; leave it out"
    elif clock.pausable and not pausing.roles:
        yield (*here, field), "nobody may hold it; name roles in sla.pause.roles, or leave it out"
    for index, standing in enumerate(clock.pause_while):
        yield from occasions.standing(standing, (*here, "pause_while", index))


def _order(profile: Profile, clock: ClockRule, here: Path) -> Iterator[Finding]:
    """A clock that waits for another's breach must not wait for its own, however many stand between."""
    by_name = {each.name: each for each in profile.sla.clocks}
    wanted = clock.only_if_breached
    if wanted is None:
        return
    path = (*here, "only_if_breached")
    if wanted == clock.name or wanted not in by_name:
        yield unknown(path, "other clock", wanted, by_name)
        return
    seen = [clock.name]
    while wanted is not None and wanted in by_name:
        if wanted in seen:
            yield path, f"the clocks wait for each other ({' -> '.join((*seen, wanted))}); leave out one of them"
            return
        seen.append(wanted)
        wanted = by_name[wanted].only_if_breached
