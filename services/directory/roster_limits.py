"""The limits of leave and swaps, each once; each refuses with a sentence of its own. Pure (M6 to M9, M17, M21)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from services.directory.roster_model import Book, Request
from services.kernel.errors import Refused
from services.profile.duty import midnight
from services.profile.roster import RosterRules
from services.profile.schema import Profile
from services.profile.shifts import Work, rules_of

HOUR = 3600
_MOST_REQUESTS = 2_000
_MOST_OF_ONE = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for; `books` are those of the month, the one before and the one after, oldest first."""

    id: str
    person: str
    now: datetime
    reason: str = ""
    evidence: str = ""
    acute: bool = False
    insist: bool = False


def short(text: str, field: str, longest: int) -> None:
    """Refused when the text has more characters than may be kept."""
    if len(text) > longest:
        raise Refused(f"The {field} is longer than {longest} characters; shorten it.", field=field)


def bounded(requests: Sequence[Request], person: str) -> None:
    """Refused when these months hold as many requests as they may, of all and of this person; withdrawn ones count."""
    if sum(each.person == person for each in requests) >= _MOST_OF_ONE:
        raise Refused(f"You have made {_MOST_OF_ONE} requests in these months; ask the desk manager.", code="conflict")
    if len(requests) >= _MOST_REQUESTS:
        raise Refused(f"There are {_MOST_REQUESTS} requests in these months; ask the desk manager.", code="conflict")


def in_time(wish: Wish, start: int, notice: int, zone: ZoneInfo, extended: str, requests: Sequence[Request]) -> None:
    """M8: a day ahead unless acute; an extension a day before the leave's last day is over."""
    today = wish.now.astimezone(zone).date()
    begin = datetime.fromtimestamp(start, zone).date()
    if extended:
        leave_ = next((each for each in requests if each.id == extended and each.person == wish.person), None)
        if leave_ is None or leave_.kind != "leave" or leave_.state != "approved":
            raise Refused(
                f"You have no approved leave {extended[:60]}; give the id of the one to extend.", field="extends"
            )
        begin = datetime.fromtimestamp(leave_.end - 1, zone).date()
    if not wish.acute and (begin - today).days < notice:
        raise Refused(
            f"Leave and swaps are asked for {notice} day(s) ahead (提前一天); for sudden illness mark it acute.",
            field="acute",
        )
    if wish.acute and (today - begin).days > 1:
        raise Refused("Sudden illness is told within a day; ask for the days that are left.", field="start")


def covered(profile: Profile, requests: Sequence[Request], wish: Wish, start: int, end: int, other: str) -> None:
    """M17, M21: somebody of the desk who is there, not away themselves, or nobody in an emergency."""
    if not other:
        if rules_of(profile).leave.cover_required and not wish.acute:
            raise Refused("A leave names who stands in (防止空岗); name the substitute.", field="substitute")
        return
    if other == wish.person or other not in {person.id for person in profile.organisation.people}:
        raise Refused(f'"{other[:60]}" cannot stand in; name somebody else of this desk.', field="substitute")
    away = [each for each in requests if each.lives and each.kind == "leave" and each.overlaps(start, end)]
    if any(each.person == other for each in away):
        raise Refused(f"{other} is away in that time too; name another substitute.", field="substitute")
    zone = ZoneInfo(profile.profile.timezone)
    for absence in profile.organisation.absences:
        if absence.person == other and (
            midnight(absence.first, zone) < end and start < midnight(absence.last + timedelta(days=1), zone)
        ):
            raise Refused(
                f"{other} is absent from {absence.first} to {absence.last}; name another.", field="substitute"
            )


def days_between(start: int, end: int, zone: ZoneInfo) -> list[date]:
    """The local days that a time in epoch seconds touches."""
    first = datetime.fromtimestamp(start, zone).date()
    last = datetime.fromtimestamp(end - 1, zone).date()
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def over_quota(
    rules: RosterRules, requests: Sequence[Request], person: str, start: int, end: int, zone: ZoneInfo
) -> int:
    """Days of this leave beyond those that each month allows (M9). Shorter leaves than half a day count none."""
    used: dict[str, int] = {}
    for each in requests:
        if each.lives and each.kind == "leave" and each.person == person and each.days:
            for day in days_between(each.start, each.end, zone):
                used[f"{day:%Y-%m}"] = used.get(f"{day:%Y-%m}", 0) + 1
    over = 0
    for day in days_between(start, end, zone):
        month = f"{day:%Y-%m}"
        used[month] = used.get(month, 0) + 1
        over += used[month] > rules.leave.per_month_days
    return over


def crowded_shift(
    rules: RosterRules, books: Sequence[Book], requests: Sequence[Request], person: str, start: int, end: int
) -> bool:
    """Whether a shift of this person then has as many on leave or swapped as it may (一个班次一名, M7)."""
    live = [each for each in requests if each.lives and each.person != person]
    for book in books:
        mine = {each.key for each in book.work if each.person == person and each.start < end and start < each.end}
        for key in mine:
            mates = {each.person: each for each in book.work if each.key == key and each.person != person}
            gone = {
                each.person
                for each in live
                if (each.kind == "swap" and key in (each.shift, each.other_shift))
                or (each.person in mates and each.overlaps(mates[each.person].start, mates[each.person].end))
            }
            if len(gone) >= rules.shift_limit.leave_or_swap:
                return True
    return False


def insisted(rules: RosterRules, crowded: bool, wish: Wish) -> list[str]:
    """The flag of a second leave of one shift; Refused when it was not insisted on (M7)."""
    if crowded and not wish.insist:
        raise Refused(
            f"{rules.shift_limit.leave_or_swap} of this shift is on leave or swapped already (一个班次一名); choose "
            f"another time, or insist, with a deduction of {rules.shift_limit.second_yuan} yuan on record.",
            code="conflict",
            field="insist",
        )
    return ["second_of_shift"] if crowded else []


def rested(rules: RosterRules, books: Sequence[Book], work: Iterable[Work], people: Sequence[str]) -> bool:
    """Whether each of them has the rest between any two shifts (M6); months beside count too."""
    listed = list(work)
    months = {each.day.strftime("%Y-%m") for each in listed}
    listed += [each for book in books if book.month not in months for each in book.work]
    for person in people:
        mine = sorted((each.start, each.end) for each in listed if each.person == person)
        for (_, before), (after, _) in pairwise(mine):
            if after - before < rules.swap.rest_hours * HOUR:
                return False
    return True
