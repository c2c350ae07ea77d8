"""Makes a month of shifts from the patterns, and judges one: coverage, posts, rests, qualification. Pure (M2 to M4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.kernel.calendar import BusinessCalendar
from services.profile.calendars import calendars_of, day_spans
from services.profile.duty import midnight
from services.profile.roster import REST, Pattern, Qualified, RosterRules, Shift
from services.profile.spans import parse_day

if TYPE_CHECKING:
    from services.profile.schema import Profile

_SPAN = re.compile(r"^(\d\d):(\d\d)-(\d\d):(\d\d)$")
_DAY = 86_400
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Work:
    """One shift of one person: the local day it begins, epoch seconds of its spans."""

    day: date
    shift: str
    pattern: str
    person: str
    post: str
    spans: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        return self.spans[0][0]

    @property
    def end(self) -> int:
        return self.spans[-1][1]

    @property
    def key(self) -> str:
        """Names the shift all its people share, "2025-03-12/day/desk"."""
        return f"{self.day}/{self.shift}/{self.pattern}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands against a month (`faults`, each with the remedy) and what needs a consent (`warnings`, M4)."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def span_of(text: str) -> tuple[int, int]:
    """ "20:00-08:00" to seconds of the day it begins, the end possibly tomorrow; ValueError with the remedy."""
    match = _SPAN.match(text)
    if match is None:
        raise ValueError(f'"{text}" is no span of a shift; write it as 20:00-08:00')
    hours = [int(match[1]), int(match[3])]
    minutes = [int(match[2]), int(match[4])]
    start, end = hours[0] * 3600 + minutes[0] * 60, hours[1] * 3600 + minutes[1] * 60
    if max(minutes) > 59 or start >= _DAY or end > _DAY:
        raise ValueError(f'"{text}" is no span of a shift; write hours from 00:00 to 24:00')
    return start, end if end > start else end + _DAY


class ShiftTimes:
    """When the shifts of a profile are, day by day."""

    def __init__(self, profile: Profile) -> None:
        self.zone = ZoneInfo(profile.profile.timezone)
        rules = rules_of(profile)
        self.shifts = {shift.key: shift for shift in rules.shifts}
        self._days = {name: day_spans(facet, profile.calendars) for name, facet in profile.calendars.items()}

    def of(self, key: str, day: date) -> tuple[tuple[int, int], ...]:
        """Epoch seconds of the spans of a shift that begins on the day; empty when it is not worked then (M23)."""
        shift = self.shifts[key]
        return tuple((self._epoch(day, start), self._epoch(day, end)) for start, end in self._spans(shift, day))

    def _spans(self, shift: Shift, day: date) -> Sequence[tuple[int, int]]:
        if shift.calendar is not None:
            return self._days[shift.calendar](day)
        return [span_of(text) for text in shift.spans]

    def _epoch(self, day: date, seconds: int) -> int:
        # By the wall clock: a shift that daylight saving shortens still ends when the clock says so.
        days, left = divmod(seconds, _DAY)
        wall = datetime.combine(day + timedelta(days=days), datetime.min.time()) + timedelta(seconds=left)
        return int(wall.replace(tzinfo=self.zone).timestamp())


def rules_of(profile: Profile) -> RosterRules:
    """The roster facet of a profile that has one."""
    if profile.roster is None:
        raise ValueError(f"profile {profile.profile.name} has no roster facet")
    return profile.roster


def bounds(zone: ZoneInfo, year: int, month: int) -> tuple[int, int]:
    """Epoch seconds of a local month."""
    after = date(year + month // 12, month % 12 + 1, 1)
    return midnight(date(year, month, 1), zone), midnight(after, zone)


def days_of(year: int, month: int) -> list[date]:
    """The days of a month."""
    first = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    return [first + timedelta(days=offset) for offset in range((after - first).days)]


def make_month(profile: Profile, year: int, month: int) -> tuple[Work, ...]:
    """The draft that the patterns give for a month: shifts that begin in it, by day, pattern and member (M2)."""
    times, rules = ShiftTimes(profile), rules_of(profile)
    return tuple(
        work for day in days_of(year, month) for pattern in rules.patterns for work in work_of(times, pattern, day)
    )


def work_of(times: ShiftTimes, pattern: Pattern, day: date) -> Iterator[Work]:
    """The shifts of one pattern that begin on a day."""
    if not runs(pattern, day):
        return
    for member in pattern.members:
        if (member.first and day < member.first) or (member.last and day > member.last):
            continue
        key = shift_on(pattern, member.group, day)
        spans = times.of(key, day) if key else ()
        if spans and key:
            yield Work(day, key, pattern.key, member.person, member.post, spans)


def shift_on(pattern: Pattern, group: str | None, day: date) -> str | None:
    """The shift a group (or the weekly pattern) works on a day; None: it rests."""
    if pattern.kind == "weekly":
        return pattern.shift if _WEEK[day.weekday()] in pattern.days else None
    if pattern.anchor is None or group is None:
        return None
    place = (day - pattern.anchor).days - pattern.groups.index(group) * pattern.step
    key = pattern.cycle[place % len(pattern.cycle)]
    return None if key == REST else key


def runs(pattern: Pattern, day: date) -> bool:
    """Whether the day lies in the season of the pattern."""
    if pattern.season_first is None or pattern.season_last is None:
        return True
    first, last, here = parse_day(pattern.season_first), parse_day(pattern.season_last), (day.month, day.day)
    return first <= here <= last if first <= last else here >= first or here <= last


def judge(profile: Profile, year: int, month: int, work: Iterable[Work]) -> Verdict:
    """What stands against the month: shifts at once, unknown or unqualified people, missing posts, empty hours."""
    listed = sorted(work, key=lambda each: (each.start, each.person))
    faults = [
        *_strangers(profile, listed),
        *_unqualified(profile, listed, date(year, month, 1)),
        *_at_once(listed),
        *_posts(profile, listed),
        *_empty(profile, year, month, listed),
    ]
    return Verdict(tuple(faults[:_MOST_TOLD]), tuple(_short(profile, year, month, listed)[:_MOST_TOLD]))


def _strangers(profile: Profile, work: Sequence[Work]) -> Iterator[str]:
    known = {person.id for person in profile.organisation.people}
    for person in sorted({each.person for each in work} - known):
        yield f'There is no person "{person}"; add them to the profile or correct the id.'


def _unqualified(profile: Profile, work: Sequence[Work], first: date) -> Iterator[str]:
    rules = rules_of(profile).qualification
    by_person = {each.person: each for each in rules.people}
    for person in sorted({each.person for each in work}):
        lacking = missing_proofs(by_person.get(person), rules.required, first)
        if lacking:
            yield (
                f"{person} may not be rostered (上岗资格): {', '.join(lacking)} missing; record it under "
                "roster.qualification or take them off."
            )


_WORDS = {"exam": "examination (考核)", "manager_confirm": "manager's confirmation (确认)", "filed": "filing (备案)"}


def missing_proofs(proofs: Qualified | None, required: Sequence[str], first: date) -> list[str]:
    """What is lacking before the first day (M19), in words."""
    has = {
        "exam": proofs is not None and proofs.exam is not None and proofs.exam <= first,
        "manager_confirm": proofs is not None and proofs.confirmed_by is not None,
        "filed": proofs is not None and proofs.filed is not None and proofs.filed <= first,
    }
    return [_WORDS[each] for each in required if not has[each]]


def _at_once(work: Sequence[Work]) -> Iterator[str]:
    busy: dict[str, Work] = {}
    for each in work:
        before = busy.get(each.person)
        if before is not None and each.start < before.end:
            yield (
                f"{each.person} has two shifts at once: {before.shift} of {before.day} and {each.shift} of {each.day}; "
                "remove one."
            )
        if before is None or each.end > before.end:
            busy[each.person] = each


def _posts(profile: Profile, work: Sequence[Work]) -> Iterator[str]:
    """M3, shift by shift, for the shifts that somebody works."""
    together: dict[str, list[Work]] = {}
    for each in work:
        together.setdefault(each.key, []).append(each)
    required = {pattern.key: pattern.required for pattern in rules_of(profile).patterns}
    for on_shift in together.values():
        one = on_shift[0]
        for post, least in required.get(one.pattern, {}).items():
            present = sum(each.post == post for each in on_shift)
            if present < least:
                yield (
                    f"Shift {one.shift} of {one.day} ({one.pattern}) has {present} of {least} {post}; "
                    "put somebody with that post on it."
                )


def _empty(profile: Profile, year: int, month: int, work: Sequence[Work]) -> Iterator[str]:
    """Hours that the profile staffs and nobody works (M2). What last month's night shift brings over is counted."""
    times, calendars = ShiftTimes(profile), calendars_of(profile)
    first, last = bounds(times.zone, year, month)
    eve = date(year, month, 1) - timedelta(days=1)
    for pattern in rules_of(profile).patterns:
        if pattern.staffed is None:
            continue
        calendar = calendars[pattern.staffed]
        spans = [span for each in work if each.pattern == pattern.key for span in each.spans]
        spans += [span for each in work_of(times, pattern, eve) for span in each.spans]
        free = first
        for start, end in [*sorted(spans), (last, last)]:
            hole = (free, min(start, last))
            if hole[0] < hole[1] and _needed(calendar, pattern, times.zone, *hole):
                yield (
                    f"Nobody of {pattern.key} works from {_wall(hole[0], times.zone)} to {_wall(hole[1], times.zone)}, "
                    f"which calendar {pattern.staffed} staffs; put somebody on."
                )
            free = max(free, end)


def _needed(calendar: BusinessCalendar, pattern: Pattern, zone: ZoneInfo, start: int, end: int) -> bool:
    at = start
    while at < end:
        day = datetime.fromtimestamp(at, zone).date()
        until = min(end, midnight(day + timedelta(days=1), zone))
        open_for = calendar.between(datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(until, UTC))
        if open_for and runs(pattern, day):
            return True
        at = until
    return False


def _short(profile: Profile, year: int, month: int, work: Sequence[Work]) -> list[str]:
    """M4: who serves for fewer days together than the rule asks. A service that reaches an end of the month goes on."""
    least = rules_of(profile).filing.min_period_days
    days = days_of(year, month)
    margin = timedelta(days=least)
    found = []
    for person in sorted({each.person for each in work}):
        mine = [each.day for each in work if each.person == person]
        first, last = min(mine), max(mine)
        inside = first - days[0] >= margin and days[-1] - last >= margin
        if inside and (last - first).days + 1 < least:
            found.append(
                f"{person} serves from {first} to {last} only, less than {least} days together (连续服务周期); "
                "lengthen it, or file with the consent of the department manager."
            )
    return found


def _wall(moment: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(moment, zone):%m-%d %H:%M}"
