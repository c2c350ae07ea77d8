"""Merging a ticket into another one, and taking that back when the other had ended meanwhile (A20)."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Caller, Command, Event, Link, Ticket, replace
from services.dispatch.policy.between import acting, other_end_of, target_of
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.ends import check_room, targets, without_link
from services.dispatch.policy.taking import said
from services.dispatch.policy.values import demand
from services.kernel.errors import Refused

_GUARDED = frozenset({"complaint", "whistle_blowing"})
"""Never disappear in a ticket of another type (C28)."""


def merge(desk: Desk, ticket: Ticket, command: Command, caller: Caller, now: datetime) -> Event:
    """A20: this one ends as a duplicate of the target, which carries its contacts and its count from now on."""
    actor = acting(desk, ticket, command, caller)
    demand(ticket, "merge", ("target",), command)
    target = other_end_of(ticket, target_of(command), command, "ticket it is merged into")
    further = targets(target, "duplicate_of")
    if further:
        raise Refused(f"Ticket {target.number} was merged into {further[0]}; merge into that one.", code="conflict")
    if target.ended:
        raise Refused(f"Ticket {target.number} has ended; merge into an open ticket.", code="conflict")
    if target.profile != ticket.profile:
        raise Refused(
            f"Ticket {target.number} belongs to the desk {target.profile}; link it as related instead.", code="conflict"
        )
    kinds = {target.neutral_type, ticket.neutral_type}
    if target.accused != ticket.accused or (len(kinds) == 2 and kinds & _GUARDED):
        raise Refused(
            f"Tickets {ticket.number} and {target.number} are not complaints (投诉) about the same person; "
            "link them as related instead.",
            code="conflict",
        )
    check_room(target, Link("duplicate", ticket.number))
    reason = f"并入工单 {target.number}。Merged into {target.number}. {command.reason}".strip()
    after = replace(ticket, links=(*ticket.links, Link("duplicate_of", target.number, "", now)))
    return said(ticket, _ended(desk, after), "merged", "merge", actor, now, reason)


def _ended(desk: Desk, ticket: Ticket) -> Ticket:
    flow = desk.flow(ticket)
    state = "merged" if "merged" in flow.states else flow.cancelled_state
    if not state:
        raise Refused("This desk has no state for merged tickets; add one to its lifecycle.", code="conflict")
    return replace(ticket, state=state, phase="cancelled", assignee="")


def restored(desk: Desk, ticket: Ticket, state: str, holder: str, now: datetime) -> Event | None:
    """The ticket as it stood before it was merged into one that had ended by then: nobody's matter is lost.

    None when that is done already or the profile has no such state any more. A new cycle, as after any reopening:
    clocks and the callback of the earlier one are over for good.

    Two tickets merged into each other in the same moment are both open again.
    """
    target = next(iter(targets(ticket, "duplicate_of")), "")
    if not target or state not in desk.states:
        return None
    after = replace(
        without_link(ticket, "duplicate_of", target),
        state=state,
        phase=desk.states[state].phase,
        assignee=holder,
        cycle=ticket.cycle + 1,
        callback="",
    )
    why = f"工单 {target} 已结束，合并撤销。Ticket {target} had ended, so this one is open again."
    return said(ticket, after, "reopened", "restore", Actor(SYSTEM.id, "system"), now, why)
