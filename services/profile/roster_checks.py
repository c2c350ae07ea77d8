"""Does the roster facet hang together? Unknown people and roles, shifts that overlap, patterns that cannot be made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from services.profile.faults import Finding, Path
from services.profile.roster import REST, Pattern, RosterRules
from services.profile.shifts import ShiftTimes, span_of, work_of
from services.profile.spans import parse_day

if TYPE_CHECKING:
    from services.profile.schema import Profile

_HERE: Path = ("roster",)
_LOOKED_AT_DAYS = 62


def check_roster(profile: Profile) -> Iterator[Finding]:
    """Every cross fault of the facet; nothing for a profile without one."""
    rules = profile.roster
    if rules is None:
        return
    found = [*_shifts(profile, rules), *_patterns(profile, rules), *_roles(profile, rules), *_qualified(profile, rules)]
    yield from found
    if found:
        return
    try:
        overlaps = list(_overlaps(profile, rules))
    except (ValueError, KeyError):
        # A calendar or the zone cannot be read; its own check says so, and only what can be read can be laid out.
        return
    yield from overlaps


def _shifts(profile: Profile, rules: RosterRules) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, shift in enumerate(rules.shifts):
        here: Path = (*_HERE, "shifts", index)
        if shift.key in seen or shift.key == REST:
            yield (*here, "key"), f'the shift "{shift.key}" appears twice or is called rest; give it a name of its own'
        seen.add(shift.key)
        if bool(shift.spans) == bool(shift.calendar):
            yield here, "a shift has either spans or a calendar; keep one of the two"
        if shift.calendar is not None and shift.calendar not in profile.calendars:
            known = ", ".join(profile.calendars)
            yield (*here, "calendar"), f'there is no calendar "{shift.calendar}"; name one of: {known}'
        end = 0
        for position, text in enumerate(shift.spans):
            try:
                start, until = span_of(text)
            except ValueError as error:
                yield (*here, "spans", position), str(error)
                continue
            if start < end:
                yield (*here, "spans", position), f'"{text}" begins before the one before it ends; write them in order'
            end = until


def _patterns(profile: Profile, rules: RosterRules) -> Iterator[Finding]:
    shifts = {shift.key for shift in rules.shifts}
    people = {person.id for person in profile.organisation.people}
    for index, pattern in enumerate(rules.patterns):
        here: Path = (*_HERE, "patterns", index)
        if any(other.key == pattern.key for other in rules.patterns[:index]):
            yield (*here, "key"), f'the pattern "{pattern.key}" appears twice; give each its own key'
        yield from _kind(pattern, shifts, here)
        if pattern.staffed is not None and pattern.staffed not in profile.calendars:
            known = ", ".join(profile.calendars)
            yield (*here, "staffed"), f'there is no calendar "{pattern.staffed}"; name one of: {known}'
        posts = {member.post for member in pattern.members}
        for post in pattern.required:
            if post not in posts:
                yield (*here, "required", post), f'nobody of the pattern has the post "{post}"; give it to a member'
        for position, member in enumerate(pattern.members):
            place: Path = (*here, "members", position)
            if member.person not in people:
                yield (
                    (*place, "person"),
                    f'there is no person "{member.person}"; add them to organisation.people or correct the id',
                )
            if pattern.kind == "rotation" and member.group not in pattern.groups:
                yield (*place, "group"), f'there is no group "{member.group}"; name one of: {", ".join(pattern.groups)}'
            if member.first and member.last and member.last < member.first:
                yield (*place, "last"), "the time ends before it begins; exchange first and last"


def _kind(pattern: Pattern, shifts: set[str], here: Path) -> Iterator[Finding]:
    named = ", ".join(sorted(shifts))
    if pattern.kind == "weekly":
        if pattern.shift not in shifts:
            yield (*here, "shift"), f"a weekly pattern works one shift; name one of: {named}"
    else:
        for position, key in enumerate(pattern.cycle):
            if key not in shifts and key != REST:
                yield (*here, "cycle", position), f'there is no shift "{key}"; name one of: {named}, {REST}'
        if not pattern.cycle or not pattern.groups or pattern.anchor is None:
            yield here, "a rotation needs cycle, groups and anchor; add what is missing"
    if (pattern.season_first is None) != (pattern.season_last is None):
        yield (*here, "season_first"), "a season has a first and a last day; give both or none"
    for field in ("season_first", "season_last"):
        text = getattr(pattern, field)
        if text is not None:
            try:
                parse_day(text)
            except ValueError as error:
                yield (*here, field), str(error)


def _roles(profile: Profile, rules: RosterRules) -> Iterator[Finding]:
    named: list[tuple[Path, str | None]] = [
        (("filing", "receiver"), rules.filing.receiver),
        (("filing", "consent"), rules.filing.consent),
        (("leave", "approver"), rules.leave.approver),
        (("leave", "half_day_approver"), rules.leave.half_day_approver),
        (("leave", "instead"), rules.leave.instead),
        (("swap", "instead"), rules.swap.instead),
        (("swap", "approver"), rules.swap.approver),
        (("swap", "half_day_approver"), rules.swap.half_day_approver),
        *((("filing", "makers", index), role) for index, role in enumerate(rules.filing.makers)),
        *((("leave", "beyond", index), role) for index, role in enumerate(rules.leave.beyond)),
        *((("establishment", role), role) for role in rules.establishment),
    ]
    for path, role in named:
        if role is not None and role not in profile.roles:
            known = ", ".join(sorted(profile.roles))
            yield (*_HERE, *path), f'there is no role "{role}"; add it to roles or name one of: {known}'
    if rules.filing.min_period_days and rules.filing.consent is None:
        yield (*_HERE, "filing", "consent"), "a shortest period needs somebody who may consent to less; name the role"


def _qualified(profile: Profile, rules: RosterRules) -> Iterator[Finding]:
    people = {person.id for person in profile.organisation.people}
    seen: set[str] = set()
    for index, each in enumerate(rules.qualification.people):
        here: Path = (*_HERE, "qualification", "people", index)
        for field, person in (("person", each.person), ("confirmed_by", each.confirmed_by)):
            if person is not None and person not in people:
                yield (
                    (*here, field),
                    f'there is no person "{person}"; add them to organisation.people or correct the id',
                )
        if each.person in seen:
            yield (*here, "person"), f"{each.person} appears twice; merge the two"
        if each.confirmed_by == each.person:
            yield (*here, "confirmed_by"), "nobody confirms themselves; name their manager"
        seen.add(each.person)


def _overlaps(profile: Profile, rules: RosterRules) -> Iterator[Finding]:
    """One finding a person whose shifts, of one pattern or two, lie on each other within two months of any pattern."""
    times = ShiftTimes(profile)
    told: set[str] = set()
    for begin in _beginnings(profile, rules):
        taken: dict[str, list[tuple[int, int, str]]] = {}
        for index, pattern in enumerate(rules.patterns):
            for offset in range(_LOOKED_AT_DAYS):
                for work in work_of(times, pattern, begin + timedelta(days=offset)):
                    for start, end in work.spans:
                        before = taken.setdefault(work.person, [])
                        clash = next((each for each in before if each[0] < end and start < each[1]), None)
                        if clash is not None and work.person not in told:
                            told.add(work.person)
                            position = next(i for i, m in enumerate(pattern.members) if m.person == work.person)
                            yield (
                                (*_HERE, "patterns", index, "members", position),
                                f"{work.person} has two shifts at once on {work.day} ({clash[2]} and {work.shift}); "
                                "take them out of one pattern or give first and last days",
                            )
                        before.append((start, end, work.shift))


def _beginnings(profile: Profile, rules: RosterRules) -> list[date]:
    """Days from which to look: when the rule book begins to hold, and where seasons begin."""
    begin = profile.profile.document.effective_from
    seasons = {parse_day(pattern.season_first) for pattern in rules.patterns if pattern.season_first}
    return [begin, *(date(begin.year, month, day) for month, day in sorted(seasons))]
