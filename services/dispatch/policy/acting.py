"""Rights that come with standing in for somebody: for the span of the absence only (M21, Q6)."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.model import Caller, replace
from services.dispatch.policy.desk import Desk


def acting(desk: Desk, caller: Caller, now: datetime) -> Caller:
    """The caller with the roles and teams of those they stand in for at this desk now (临时替代)."""
    roles, teams = desk.roster.acting_roles(caller.id, now)
    if roles <= caller.roles and teams <= caller.teams:
        return caller
    return replace(caller, roles=caller.roles | roles, teams=caller.teams | teams)


def holds(desk: Desk, caller: Caller, holder: str, now: datetime) -> bool:
    """Whether the caller is the holder, or stands in for the absent one."""
    return bool(holder) and caller.id in (holder, desk.roster.stand_in(holder, now))
