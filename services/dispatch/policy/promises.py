"""Flags of a ticket and the reply time promised for it: who may set them (C16, C18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.dispatch.model import Caller, Command, Ticket, replace
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.moments import future
from services.kernel.errors import Refused

PROMISE = "promised_at"
BEYOND_AUTHORITY = "beyond_authority"
"""Flag of a matter in which only the supervisor may commit the desk (超出权限, C18)."""
COMMITTER = "supervisor"

_WORDS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "1", "是"), True),
    **dict.fromkeys(("false", "no", "0", "否", ""), False),
}


def flagged(ticket: Ticket, flag: str) -> bool:
    """Whether the flag is set."""
    return ticket.fields.get(flag) == "true"


def raised(ticket: Ticket, flag: str, *, up: bool = True) -> Ticket:
    """The ticket with the flag set or taken back."""
    fields = {name: text for name, text in ticket.fields.items() if name != flag}
    return replace(ticket, fields={**fields, flag: "true"} if up else fields)


def check_authority(desk: Desk, ticket: Ticket, caller: Caller) -> None:
    """C18: refused unless the supervisor commits the desk, once the matter is beyond the agent's authority."""
    if flagged(ticket, BEYOND_AUTHORITY) and COMMITTER not in caller.roles:
        raise Refused(
            f"Ticket {ticket.number} is beyond the desk's authority (超出权限); only {desk.role_label(COMMITTER)} "
            "may promise or decide anything in it, so ask them.",
            code="forbidden",
            field=PROMISE,
        )


def set_aside(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> tuple[Ticket, Command]:
    """The ticket with the flags and the promise that the action brings, and the action with the rest of its values."""
    values = dict(command.values)
    after = ticket
    for name in [name for name in values if name in desk.flags]:
        text = values.pop(name).strip().lower()
        if text not in _WORDS:
            raise Refused(f'"{name}" is a yes or a no; write one of them.', field=name)
        up = _WORDS[text]
        if up != flagged(after, name):
            if name == BEYOND_AUTHORITY and not up:
                # Whoever could take the flag back could promise the moment after (C18).
                check_authority(desk, after, caller)
            flag = desk.flags[name]
            if not caller.role_among(flag.roles) and "system" not in caller.roles:
                who = ", ".join(desk.role_label(role) for role in flag.roles)
                raise Refused(f'"{name}" may be changed by: {who}; ask one of them.', code="forbidden", field=name)
            after = raised(after, name, up=up)
    if PROMISE in values:
        text = values.pop(PROMISE)
        check_authority(desk, after, caller)
        after = replace(after, promised_at=future(PROMISE, text, desk.zone, now))
    return (after, replace(command, values=values)) if len(values) != len(command.values) else (ticket, command)
