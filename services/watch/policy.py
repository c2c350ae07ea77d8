"""Judgement: turns of schedules, ends of outages, what may be written. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.kernel.errors import Fault, Refused
from services.profile.watch import Schedule
from services.watch.model import Entry, Finding, FindingTask, Inspection, Outage, TaskState, Who

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_BACK = timedelta(days=62)
"""How far back turns are laid out that opened while nobody looked; two turns of a monthly schedule lie in it."""
LONGEST_TEXT = 1_000


def turns(schedule: Schedule, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[tuple[date, datetime]]:
    """Local day and first instant of every turn that opens in (after, until], oldest first (H5, H11)."""
    hour, minute = (int(part) for part in schedule.at.split(":"))
    day = after.astimezone(zone).date()
    while day <= until.astimezone(zone).date():
        if _falls_on(schedule, day):
            opens = datetime.combine(day, time(hour, minute), zone).astimezone(UTC)
            if after < opens <= until:
                yield day, opens
        day += timedelta(days=1)


def next_turn(schedule: Schedule, zone: ZoneInfo, after: datetime) -> datetime:
    """When the schedule opens next."""
    # A month is the longest rhythm there is.
    return next(opens for _, opens in turns(schedule, zone, after, after + timedelta(days=63)))


def _falls_on(schedule: Schedule, day: date) -> bool:
    if schedule.every == "week":
        return _WEEKDAYS[day.weekday()] == schedule.weekday
    return schedule.every == "day" or day.day == schedule.day


def turn_of(schedule: Schedule, opens: datetime) -> Inspection:
    """A turn as it is laid out."""
    return Inspection(
        schedule=schedule.key,
        sort=schedule.kind,
        zh=schedule.label.zh,
        en=schedule.label.en,
        opens_at=opens,
        due_at=opens + schedule.within.as_timedelta,
        persons=schedule.persons,
        tell=schedule.tell,
    )


def recorded(turn: Inspection, by: Who, abnormal: bool, note: str, now: datetime) -> Inspection:
    """The turn with what was found; late when it was missed or its time is over (H5)."""
    if not turn.open:
        raise Refused("This turn was recorded already; log what else there is as a finding.", code="conflict")
    if now < turn.opens_at:
        raise Refused(f"This turn opens at {turn.opens_at:%Y-%m-%d %H:%M} UTC; record it then.", code="conflict")
    late = turn.state == "missed" or now > turn.due_at
    return replace(turn, state="late" if late else "done", done_at=now, by=by, abnormal=abnormal, note=note)


def next_number(newest: Iterable[Entry]) -> int:
    """The number after those of outages or surges; a clock put back lets the last one not stand last by its time."""
    return 1 + max((int(entry.id.rpartition("-")[2]) for entry in newest), default=0)


def agrees(outage: Outage, entered: int) -> bool:
    """Whether what was entered is what stands on paper, or the difference is explained (H9)."""
    return outage.paper is not None and (outage.paper == entered or bool(outage.explanation))


def may_end(outage: Outage, entered: int, waiting: int) -> bool:
    """Recovering, nobody waits for a call, and the counts agree (5.11)."""
    return outage.mode == "recovering" and not waiting and agrees(outage, entered)


def with_task(finding: Finding, key: str, state: TaskState, by: Who, note: str, now: datetime) -> Finding:
    """The finding after somebody took one of its tasks or did it (H4)."""
    task = next((each for each in finding.tasks if each.key == key), None)
    if task is None:
        raise refusal(
            "key", "没有这项任务，请按清单填写", f"name one of its tasks: {', '.join(t.key for t in finding.tasks)}"
        )
    if task.state == "done":
        raise Refused(f"The task {key} is done already.", code="conflict")
    if state == "done":
        if not note:
            raise refusal("note", "请填写办理结果", "say what came of it")
        new = FindingTask(key, "done", task.owner or by.id, now, note)
    else:
        new = replace(task, state="taken", owner=by.id, note=note)
    return replace(finding, tasks=tuple(new if each is task else each for each in finding.tasks))


def role_of(allowed: Collection[str], roles: Collection[str]) -> str:
    """The role under which the caller may do it; Refused("forbidden") names those that may."""
    for role in allowed:
        if role in roles:
            return role
    raise Refused(f"This is done by {' or '.join(allowed)}; ask somebody who has that role.", code="forbidden")


def text(value: str, field: str, *, most: int = LONGEST_TEXT, needed: bool = True) -> str:
    """A clean text within its bound."""
    clean = value.strip()
    if (needed and not clean) or len(clean) > most:
        raise refusal(
            field,
            f"请填写{'1至' if needed else '至多'}{most}个字",
            f"write {'1 to' if needed else 'up to'} {most} characters",
        )
    return clean


def refusal(field: str, zh: str, en: str) -> Refused:
    """One faulty field."""
    return Refused(f"{field}: {en}.", field=field, faults=(Fault(field, f"{zh}。", f"{en[:1].upper()}{en[1:]}."),))
