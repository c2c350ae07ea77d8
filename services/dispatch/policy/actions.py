"""May this caller do this to this ticket now, and what comes of it: the lifecycle and what every desk has."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Caller, Change, Command, Event, Ticket, replace
from services.dispatch.policy.acting import acting
from services.dispatch.policy.between import may_link
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.everywhere import EVERYWHERE as PLAIN
from services.dispatch.policy.everywhere import STAFF, claim, may_everywhere, may_record
from services.dispatch.policy.guards import GUARDS, Wish
from services.dispatch.policy.links import LINKING
from services.dispatch.policy.taking import ALERT, passed_down, said, take, wandered
from services.dispatch.policy.values import LONGEST
from services.kernel.errors import Fault, Refused
from services.profile.lifecycle import Transition

_LONGEST_TARGET = 200
_LONGEST_NAME = 100
_MOST_VALUES = 100

EVERYWHERE = {**PLAIN, **LINKING}
"""Actions every desk has, whatever its lifecycle."""


def step(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """The event of the action, or Refused with the sentence that names what is missing. None: nothing to change.

    Codes: "forbidden" (no role that may), "conflict" (not from this state, or a guard), "invalid" (values missing).
    """
    check_bounds(command)
    caller = acting(desk, caller, now)
    flow = desk.flow(ticket)
    rows = flow.rows_of(command.action)
    if desk.is_accused(ticket, caller.id) and command.action != "note":
        raise Refused(
            f"You are the person complained about in ticket {ticket.number} (被投诉人); somebody else must "
            f"{command.action} it.",
            code="forbidden",
        )
    if command.action == "claim":
        return _claimed(desk, ticket, command, caller, now)
    if not rows:
        if command.action not in EVERYWHERE:
            known = sorted(flow.actions | set(EVERYWHERE))
            raise Refused(
                f'This desk knows no action "{command.action}"; use one of: {", ".join(known)}.', field="action"
            )
        return EVERYWHERE[command.action](desk, ticket, command, caller, now)
    if not any(caller.role_among(row.roles) for row in rows):
        who = ", ".join(desk.role_label(role) for role in _roles(rows))
        raise Refused(f"Only {who} may {command.action} a ticket; ask one of them.", code="forbidden")
    here = flow.rows(ticket.state, command.action)
    if not here:
        raise Refused(_not_from_here(desk, ticket, command.action, rows), code="conflict")
    mine = [row for row in here if caller.role_among(row.roles)]
    if not mine:
        who = ", ".join(desk.role_label(role) for role in _roles(here))
        raise Refused(
            f"Ticket {ticket.number} is {desk.state_label(ticket.state)}; "
            f"from there only {who} may {command.action} it; ask one of them.",
            code="forbidden",
        )
    return _first(desk, ticket, _chosen(ticket, mine, command), command, caller, now)


def check_bounds(command: Command) -> None:
    """Reasons stay in the history for good and travel with the event; what is refused is quoted in the refusal."""
    if len(command.action) > _LONGEST_NAME:
        raise Refused("No action has so long a name; see the actions that GetTicket lists.", field="action")
    if len(command.values) > _MOST_VALUES or any(len(name) > _LONGEST_NAME for name in command.values):
        raise Refused(
            f"An action takes at most {_MOST_VALUES} values, with names of {_LONGEST_NAME} characters; send fewer.",
            field="values",
        )
    for name, value in command.values.items():
        if len(value.strip()) > LONGEST:
            raise Refused(
                f'"{name}" cannot be taken because it is longer than {LONGEST} characters; '
                "shorten it or attach it as a file.",
                field=name,
            )
    for field, text, most in (("reason", command.reason, LONGEST), ("target", command.target, _LONGEST_TARGET)):
        if len(text) > most:
            raise Refused(f"The {field} is longer than {most} characters; shorten it or attach it.", field=field)


def _chosen(ticket: Ticket, rows: list[Transition], command: Command) -> list[Transition]:
    """The rows that the given values choose, such as the one for technical defects (B7, E6)."""
    found = [
        row for row in rows if all(command.values.get(name, "").strip() in words for name, words in row.given.items())
    ]
    if found:
        return found
    name = next(iter(rows[0].given))
    known = ", ".join(dict.fromkeys(word for row in rows for word in row.given.get(name, ())))
    zh, en = f"请选择：{known}。", f"choose one of: {known}."
    raise Refused(
        f'To {command.action} ticket {ticket.number}, give "{name}"; {en}', field=name, faults=(Fault(name, zh, en),)
    )


def _first(
    desk: Desk, ticket: Ticket, rows: list[Transition], command: Command, caller: Caller, now: datetime
) -> Event:
    """The first row whose guards hold; else the refusal of the first."""
    refusal: Refused | None = None
    for row in rows:
        try:
            after = take(desk, ticket, row, command, caller, now)
        except Refused as refused:
            refusal = refusal or refused
            continue
        actor = Actor(caller.id, caller.role_among(row.roles))
        extra = (*wandered(desk, ticket, after), *passed_down(desk.records.get(row.writes or "")))
        return said(ticket, after, row.event, row.action, actor, now, command.reason, extra)
    assert refusal is not None  # noqa: S101 - rows is never empty
    raise refusal


def _claimed(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event | None:
    """接单: accept where the lifecycle has it, else what puts it into the caller's hands, else plain taking."""
    if ticket.assignee and ticket.assignee != caller.id:
        raise Refused(f"Ticket {ticket.number} is held by {ticket.assignee} already; claim another.", code="conflict")
    rows = desk.flow(ticket).rows_from(ticket.state)
    takes = [row for row in rows if row.action == "accept"] or [row for row in rows if "assign_caller" in row.effects]
    mine = [row for row in takes if caller.role_among(row.roles)]
    if mine:
        return _first(desk, ticket, mine, replace(command, action=mine[0].action), caller, now)
    if ticket.phase == "resolved" and not any(
        row.action != "withdraw" and caller.role_among(row.roles) for row in rows
    ):
        # It stands in the team's queue until its callback; whoever asks for work must not be given it.
        raise Refused(
            f"Ticket {ticket.number} is {desk.state_label(ticket.state)}; nothing is left for you; claim another.",
            code="conflict",
        )
    return claim(desk, ticket, command, caller, now)


def _may_claim(desk: Desk, ticket: Ticket, caller: Caller, now: datetime) -> bool:
    try:
        return not ticket.assignee and _claimed(desk, ticket, Command("claim"), caller, now) is not None
    except Refused:
        return False


def _not_from_here(desk: Desk, ticket: Ticket, action: str, rows: tuple[Transition, ...]) -> str:
    states = dict.fromkeys(state for row in rows for state in row.from_)
    first = ", ".join(desk.state_label(state) for state in states)
    missing = ""
    if action == "close" and not ticket.ended and ticket.callback not in ("completed", "unreachable"):
        missing = "; still missing: the confirmation of the solution and the callback (回访)"
    now = "ended as" if ticket.ended else "now"
    return (
        f"Ticket {ticket.number} is {now} {desk.state_label(ticket.state)}; "
        f"{action} is possible only when it is: {first}{missing}."
    )


def _roles(rows: tuple[Transition, ...]) -> list[str]:
    return [role for role in dict.fromkeys(role for row in rows for role in row.roles) if role != "system"]


def possible(desk: Desk, ticket: Ticket, caller: Caller, now: datetime) -> tuple[str, ...]:
    """Actions the caller may take now; what needs values is listed too, as the values come with the action."""
    found: dict[str, None] = {}
    caller = acting(desk, caller, now)
    if desk.is_accused(ticket, caller.id):
        return ("note",) if caller.role_among(STAFF) else ()
    flow = desk.flow(ticket)
    for row in flow.rows_from(ticket.state):
        if not caller.role_among(row.roles):
            continue
        wish = Wish(desk, row, Command(row.action), caller, now)
        try:
            for guard in row.guards:
                if not guard.startswith(("target_", "project_")):
                    GUARDS[guard](wish, ticket)
        except Refused:
            continue
        found[row.action] = None
    for action in (*may_everywhere(ticket, caller), *may_link(ticket, caller)):
        if action not in flow.actions:
            found[action] = None
    if may_record(desk, ticket, caller):
        found["add_record"] = None
    if _may_claim(desk, ticket, caller, now):
        found["claim"] = None
    return tuple(found)


_TOO_LATE = (
    "用户在工单关闭后反馈未解决；已关闭的工单不再重开，请联系用户并开新工单。"
    "The requester says it is not solved, after the ticket was closed; it stays closed: call them and open a new one."
)


def joined(ticket: Ticket, told: str, now: datetime) -> Event:
    """A20: the requester came back about this ticket; counted, noted, and the owner hears of it."""
    after = replace(ticket, repeat_contacts=ticket.repeat_contacts + 1)
    return said(ticket, after, "updated", "join", Actor(SYSTEM.id, "system"), now, told)


def callback_heard(desk: Desk, ticket: Ticket, outcome: str, cycle: int, actor: Actor, now: datetime) -> Event | None:
    """The callback's outcome on the ticket (F2, F13): "completed", "unreachable" or "unsolved", which reopens it.

    None when it is about an earlier cycle, already known, or the ticket has ended otherwise. An answer that comes after
    the ticket was closed is kept and told to a manager: closed is an end (section 5.1), so a new ticket is due.
    """
    if cycle != ticket.cycle or ticket.callback == outcome:
        return None
    if ticket.ended:
        if outcome != "unsolved" or ticket.phase != "closed":
            return None
        by, told = Actor(actor.id or SYSTEM.id, "system"), Change(ALERT, "", "unsolved_after_close")
        return said(
            ticket, replace(ticket, callback=outcome), "noted", "callback_unsolved", by, now, _TOO_LATE, (told,)
        )
    reached = outcome in ("completed", "unreachable")
    marks = {"called_back": now} if reached else {}
    if outcome == "completed":
        marks["user_confirmed"] = now
    after = replace(ticket, callback=outcome, milestones={**ticket.milestones, **marks})
    name, action = "called_back", f"callback_{outcome}"
    flow = desk.flow(ticket)
    for heard in flow.hears.get(f"callback.{outcome}", ()):
        rows = [row for row in flow.rows(after.state, heard) if "system" in row.roles]
        if not rows:
            continue
        after = take(desk, after, rows[0], Command(heard, reason="callback"), SYSTEM, now)
        if "new_cycle" in rows[0].effects:
            name, action = rows[0].event, rows[0].action
    return said(ticket, after, name, action, Actor(actor.id or SYSTEM.id, "system"), now, f"callback {outcome}")
