"""Does everything the assignment facet names exist, and can its rules be met (S5)?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from services.profile.assignment import MOST_RULES, TeamWork, circles
from services.profile.conditions import Condition
from services.profile.facet import Span
from services.profile.faults import Finding, Path
from services.profile.schema import Profile

_LONGEST = 90 * 86_400

CheckCondition = Callable[[Profile, Condition, Path], Iterator[Finding]]


def check_assignment(profile: Profile, check_condition: CheckCondition) -> Iterator[Finding]:
    """Every fault of the facet, with its place."""
    teams = {team.id for team in profile.organisation.teams}
    for team, work in profile.assignment.items():
        here: Path = ("assignment", team)
        if team not in teams:
            yield _unknown(here, "team", team, teams)
            continue
        yield from _names(profile, work, here, teams)
        yield from _skills(profile, team, work, here)
        conditions = {"skills": [each.when for each in work.skills], "weights": [each.when for each in work.weights]}
        for kind, listed in conditions.items():
            if len(listed) > MOST_RULES:
                yield (*here, kind), f"more than {MOST_RULES} entries; write fewer, wider conditions"
            for index, when in enumerate(listed):
                yield from check_condition(profile, when, (*here, kind, index, "when"))
    for team in circles(profile.assignment):
        yield (
            ("assignment", team, "overflow", "to"),
            "the overflow leads back to this team, so nothing would stay anywhere; end the chain at another team",
        )


def _names(profile: Profile, work: TeamWork, here: Path, teams: set[str]) -> Iterator[Finding]:
    if work.calendar not in profile.calendars:
        yield _unknown((*here, "calendar"), "calendar", work.calendar, profile.calendars)
    people = {person.id for person in profile.organisation.people}
    for person in work.capacity.people:
        if person not in people:
            yield _unknown((*here, "capacity", "people", person), "person", person, people)
    for channel in work.capacity.channels:
        if channel not in profile.channels:
            yield _unknown((*here, "capacity", "channels", channel), "channel", channel, profile.channels)
    if work.overflow is not None:
        if work.overflow.to not in teams:
            yield _unknown((*here, "overflow", "to"), "team", work.overflow.to, teams)
        yield from _after(work.overflow.after, (*here, "overflow", "after"))
    if work.take_back is not None:
        yield from _after(work.take_back.after, (*here, "take_back", "after"))
        for index, state in enumerate(work.take_back.states):
            if state not in profile.states:
                yield _unknown((*here, "take_back", "states", index), "state", state, profile.states)


def _after(after: Span, path: Path) -> Iterator[Finding]:
    if after.working_days or not 0 < after.seconds <= _LONGEST:
        yield path, "write a time between 1s and 90d in s, m, h or d, such as 30m"


def _skills(profile: Profile, team: str, work: TeamWork, here: Path) -> Iterator[Finding]:
    members = [person for person in profile.organisation.people if team in person.teams]
    if work.mode == "push" and not members:
        yield (*here, "mode"), "nobody is in this team, so nothing can be pushed; add people or write pull"
    for index, wanted in enumerate(work.skills):
        if not any(person.skills.get(wanted.skill, 0) >= wanted.level for person in members):
            yield (
                (*here, "skills", index, "skill"),
                f'nobody of the team has "{wanted.skill}" at level {wanted.level}, so such a ticket waits for ever; '
                "give the skill to a member or lower the level",
            )
    heaviest = max((each.weight for each in work.weights), default=1)
    most = max((work.capacity.people.get(person.id, work.capacity.default) for person in members), default=heaviest)
    if work.mode == "push" and heaviest > most:
        yield (
            (*here, "capacity", "default"),
            f"nobody of the team may hold a ticket of weight {heaviest}; allow somebody that much or weigh it less",
        )


def _unknown(path: Path, kind: str, name: str, known: Iterable[str]) -> Finding:
    return path, f'there is no {kind} "{name}"; add it or name one of: {", ".join(sorted(known)) or "none yet"}'
