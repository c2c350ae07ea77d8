"""Do chains, alarms, quiet hours and pauses name what the profile has? (D14-D16)"""

from __future__ import annotations

from collections.abc import Iterator

from services.profile.clock_checks import SPECIAL_RECIPIENTS, check_clock_condition
from services.profile.clocks import Chain
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.occasion_checks import OccasionChecks
from services.profile.schema import Profile


def check_escalation(profile: Profile) -> Iterator[Finding]:
    """Every fault of what follows from clocks, and of who may hold them."""
    levels = profile.sla
    here: Path = ("sla", "escalation")
    clocks = {each.name for each in levels.clocks}
    yield from _chain(profile, levels.escalation, here)
    for index, choice in enumerate(levels.escalation.chains):
        place = (*here, "chains", index)
        yield from _chain(profile, choice, place)
        yield from check_clock_condition(profile, choice.when, (*place, "when"))
        for position, name in enumerate(choice.clocks):
            if name not in clocks:
                yield unknown((*place, "clocks", position), "clock", name, clocks)
    quiet = levels.escalation.quiet
    if quiet is not None:
        grades = {each.key for each in profile.grading.grades}
        for index, grade in enumerate(quiet.grades):
            if grade not in grades:
                yield unknown((*here, "quiet", "grades", index), "grade", grade, grades)
        yield from _calendar(profile, quiet.calendar, (*here, "quiet", "calendar"))
    for index, role in enumerate(levels.warn_roles):
        if role not in profile.roles and role not in SPECIAL_RECIPIENTS:
            yield unknown(("sla", "warn_roles", index), "role", role, profile.roles)
    yield from _alarms(profile)
    yield from _pausing(profile)


def _chain(profile: Profile, chain: Chain, here: Path) -> Iterator[Finding]:
    for index, role in enumerate(chain.chain):
        if role not in profile.roles:
            yield unknown((*here, "chain", index), "role", role, profile.roles)
    yield from _calendar(profile, chain.calendar, (*here, "calendar"))
    if chain.chain and chain.every.seconds <= 0 and not chain.every.working_days:
        yield (*here, "every"), "the chain needs a pause between rungs; write a duration such as 30m"
    if chain.repeat is not None and chain.repeat.seconds <= 0 and not chain.repeat.working_days:
        yield (*here, "repeat"), "a rung is told again after a while; write a duration such as 15m, or leave it out"


def _alarms(profile: Profile) -> Iterator[Finding]:
    alarms, occasions = profile.sla.alarms, OccasionChecks(profile)
    clocks = {each.name for each in profile.sla.clocks}
    yield from duplicates(("sla", "alarms"), "alarm", [alarm.name for alarm in alarms], key="name")
    for index, alarm in enumerate(alarms):
        here: Path = ("sla", "alarms", index)
        if alarm.name in clocks:
            yield (*here, "name"), f'"{alarm.name}" is the name of a clock; give the alarm another'
        if not alarm.chain:
            yield (*here, "chain"), "an alarm that nobody hears is none; name at least one role"
        yield from _chain(profile, alarm, here)
        yield from occasions.occasion(alarm.on, (*here, "on"))
        if alarm.until is not None:
            yield from occasions.occasion(alarm.until, (*here, "until"))
        yield from check_clock_condition(profile, alarm.when, (*here, "when"))


def _pausing(profile: Profile) -> Iterator[Finding]:
    pausing = profile.sla.pause
    here: Path = ("sla", "pause")
    for index, role in enumerate(pausing.roles):
        if role not in profile.roles:
            yield unknown((*here, "roles", index), "role", role, profile.roles)
    yield from duplicates((*here, "reasons"), "reason", [reason.key for reason in pausing.reasons])
    if pausing.longest is not None and (pausing.longest.working_days or pausing.longest.seconds <= 0):
        yield (*here, "longest"), "a hold ends after a length of wall clock; write hours or days such as 72h or 5d"


def _calendar(profile: Profile, name: str, path: Path) -> Iterator[Finding]:
    if name not in profile.calendars:
        yield unknown(path, "calendar", name, profile.calendars)
