"""Months, requests and shifts by their names, and the changes of a draft. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from services.kernel.errors import Missing, Refused
from services.profile.load import LoadedProfile
from services.profile.shifts import ShiftTimes, Work

_MONTH = re.compile(r"^20\d\d-(0[1-9]|1[0-2])$")


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody off a shift, somebody on it, or one for the other."""

    shift: str
    remove: str = ""
    add: str = ""
    post: str = ""


def changed(loaded: LoadedProfile, work: Sequence[Work], changes: Sequence[Change], month: str) -> tuple[Work, ...]:
    """The shifts after the changes; Refused names the first that does not fit."""
    listed = list(work)
    for index, change in enumerate(changes):
        here = f"changes[{index}]"
        mates = [each for each in listed if each.key == change.shift]
        gone = next((each for each in mates if each.person == change.remove), None)
        if change.remove and gone is None:
            raise Refused(
                f"{change.remove} has no part in {change.shift[:80]}; look at the draft.", field=f"{here}.remove"
            )
        if gone is not None:
            listed.remove(gone)
        if change.add:
            if change.add not in loaded.lookups.people:
                raise Refused(f'There is no person "{change.add[:60]}"; correct the id.', field=f"{here}.add")
            place = gone or (mates[0] if mates else _new_place(loaded, change.shift, month, here))
            listed.append(replace(place, person=change.add, post=change.post or (gone.post if gone else "agent")))
    return tuple(sorted(listed, key=lambda each: (each.start, each.pattern, each.post, each.person)))


def _new_place(loaded: LoadedProfile, key: str, month: str, here: str) -> Work:
    """A shift that nobody works yet."""
    times = ShiftTimes(loaded.profile)
    day, _, rest = key.partition("/")
    shift, _, pattern = rest.partition("/")
    patterns = {each.key for each in loaded.profile.roster.patterns} if loaded.profile.roster else set()
    try:
        date = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a local day, no instant.
    except ValueError:
        date = None
    spans = times.of(shift, date) if date is not None and shift in times.shifts else ()
    if date is None or pattern not in patterns or not spans or not day.startswith(month):
        raise Refused(f'"{key[:80]}" is no shift of {month}; write it as 2025-03-12/day/desk.', field=f"{here}.shift")
    return Work(date, shift, pattern, "", "", spans)


def month_checked(month: str) -> str:
    """The month itself; Refused when it is none."""
    if not _MONTH.match(month):
        raise Refused(f'"{month[:20]}" is no month; write it as 2025-03.', field="month")
    return month


def this_month(loaded: LoadedProfile, now: datetime) -> str:
    """The local month of the profile."""
    return f"{now.astimezone(ZoneInfo(loaded.profile.profile.timezone)):%Y-%m}"


def place_of(request: str) -> tuple[str, str]:
    """Profile and month of a request's id, "itss_desk/2025-03/<id>"; Missing when it is no such id."""
    profile, _, rest = request.partition("/")
    month = rest.partition("/")[0]
    if not _MONTH.match(month):
        raise Missing(f'There is no request "{request[:80]}"; look at the list of the month.')
    return profile, month
