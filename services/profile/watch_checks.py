"""Does everything the watch facet names exist, and does every schedule fit its own rhythm? (H4, H5, H8, H12, H16)"""

from __future__ import annotations

from collections.abc import Iterator

from services.profile.facet import Span
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.schema import Profile

WATCH_EVENTS = frozenset(
    {
        *("outage_started", "outage_recovering", "outage_ended", "contact_owed", "notice_published", "notice_ended"),
        *("finding", "missed", "recorded_late", "surge_began", "surge_ended"),
    }
)
"""What watch says that a notice may follow."""

_DAY = 86_400
_SURGE = 6 * 3600
_NOTICE = 90 * _DAY


def check_watch(profile: Profile) -> Iterator[Finding]:
    """Unknown roles and persons, spans that are none, days that do not fit the rhythm."""
    rules = profile.watch
    if rules is None:
        return
    roles: list[tuple[Path, tuple[str, ...]]] = [
        (("watch", "outage", "switched_by"), rules.outage.switched_by),
        (("watch", "notices", "published_by"), rules.notices.published_by),
        (("watch", "findings", "logged_by"), rules.findings.logged_by),
        (("watch", "findings", "tell"), (rules.findings.tell,)),
    ]
    people = {person.id for person in profile.organisation.people}
    yield from duplicates(("watch", "outage", "form"), "field", [each.key for each in rules.outage.form])
    yield from duplicates(("watch", "schedules"), "schedule", [each.key for each in rules.schedules])
    yield from _span(("watch", "notices", "longest"), rules.notices.longest, _NOTICE)
    if rules.surge is not None:
        yield from _span(("watch", "surge", "within"), rules.surge.within, _SURGE)
    for index, schedule in enumerate(rules.schedules):
        here: Path = ("watch", "schedules", index)
        roles.append(((*here, "tell"), schedule.tell))
        yield from _span((*here, "within"), schedule.within, _DAY)
        if (schedule.weekday is not None) != (schedule.every == "week"):
            yield (*here, "weekday"), "a weekday belongs to a weekly schedule and to no other; give it or drop it"
        if (schedule.day is not None) != (schedule.every == "month"):
            yield (*here, "day"), "a day of the month belongs to a monthly schedule only; give it or drop it"
        for position, person in enumerate(schedule.persons):
            if person not in people:
                yield unknown((*here, "persons", position), "person", person, people)
    for path, named in roles:
        for role in named:
            if role not in profile.roles:
                yield unknown(path, "role", role, profile.roles)


def _span(path: Path, span: Span, most: int) -> Iterator[Finding]:
    if span.working_days or not 60 <= span.seconds <= most:
        yield path, f"the time is between 1m and {most // 3600}h, without working days; correct it"
