"""Instants as people write them: ISO 8601, or "HH:MM" today in the profile's zone (C16)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from services.kernel.errors import Fault, Refused

FARTHEST = timedelta(days=366)

_CLOCK = re.compile(r"^([01]?\d|2[0-3])[:：]([0-5]\d)$")


def moment(name: str, text: str, zone: tzinfo, now: datetime) -> datetime:
    """The instant in UTC. Refused, naming the field, when it cannot be read or lies more than a year away."""
    clock = _CLOCK.match(text.strip())
    if clock is not None:
        local = now.astimezone(zone)
        at = local.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    else:
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError as fault:
            raise _unreadable(name, text) from fault
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
    try:
        told = at.astimezone(UTC)
    except (OverflowError, ValueError) as fault:
        raise _unreadable(name, text) from fault
    if abs(told - now) > FARTHEST:
        raise Refused(f'"{name}" lies more than a year away from now; write a nearer time.', field=name)
    return told


def future(name: str, text: str, zone: tzinfo, now: datetime) -> datetime:
    """The same, and still to come: a promise about the past binds nobody."""
    at = moment(name, text, zone, now)
    if at <= now:
        en = f"{at.astimezone(zone):%Y-%m-%d %H:%M} has passed; give a time that is still to come"
        raise Refused(f'"{name}": {en}.', field=name, faults=(Fault(name, "请填写将来的时间。", f"{en}."),))
    return at


def _unreadable(name: str, text: str) -> Refused:
    en = f'"{text[:40]}" is no time; write 2025-06-10T15:30 or 15:30 for today'
    return Refused(
        f'"{name}": {en}.',
        field=name,
        faults=(Fault(name, "时间格式不对；请写 2025-06-10T15:30，或 15:30 表示今天。", f"{en}."),),
    )
