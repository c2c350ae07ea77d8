"""What those who oversee the work do: urge the holder, name the departments."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.model import Caller, Change, Command, Event, Ticket, replace
from services.dispatch.policy.between import acting
from services.dispatch.policy.departments import departments_named
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.taking import ALERT, said


def urge(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    """E14 (督促): counted and told to the holder, or to the team while nobody holds it; no answer to the requester."""
    actor = acting(desk, ticket, command, caller)
    after = replace(ticket, urges=ticket.urges + 1)
    alarm = () if ticket.assignee else (Change(ALERT, "", "urged_unheld"),)
    return said(ticket, after, "urged", "urge", actor, now, command.reason, alarm, answers=False)


def set_departments(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """B16, C11: the supervisor names the one department that leads and those that support it."""
    actor = acting(desk, ticket, command, caller)
    after = departments_named(desk, ticket, command)
    return (
        None if after == ticket else said(ticket, after, "departments_set", command.action, actor, now, command.reason)
    )
