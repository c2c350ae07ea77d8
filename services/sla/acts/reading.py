"""Who may read what of clocks: the desk's people all, requesters their own, and lists without names."""

from __future__ import annotations

from services.contracts.deskstream.v1 import sla_pb2 as pb
from services.kernel.errors import Missing
from services.runtime.identity import Principal
from services.sla.model import Timeline
from services.sla.words import brief_of

STAFF = frozenset(
    {
        *("specialist", "engineer", "project_manager", "team_leader", "desk_manager", "supervisor"),
        *("operations_manager", "quality", "administrator"),
    }
)
"""Roles that work at the desk."""
READERS = STAFF | {"reporter"}
_INSIDE = READERS | {"channel_adapter", "system"}


def readable(timeline: Timeline | None, number: str, person: Principal) -> bool:
    """Whether the caller is told all of the ticket; False for requesters, who are told of their own without the desk's
    inside. Missing for what they may not see: whether it exists is nobody's business (P1), nor is a complaint that of
    the person complained about (C28)."""
    if timeline is None:
        raise Missing(f'No clocks are kept for ticket "{number}".')
    brief = brief_of(timeline)
    if is_about(brief, person):
        raise Missing(f'No clocks are kept for ticket "{number}".')
    if person.has(*_INSIDE):
        return True
    if not person.id or brief.requester.id != person.id:
        raise Missing(f'No clocks are kept for ticket "{number}".')
    return False


def is_about(brief: pb.TicketBrief, person: Principal) -> bool:
    """Whether it is a complaint about the caller, who is told nothing of it (C28)."""
    return bool(brief.accused) and brief.accused in (person.id, person.name)


def outside(told: pb.Commitment) -> pb.Commitment:
    """What customers are told of a promise: what, by when and how it stands; not by whom, nor the desk's own words."""
    for field in ("owner", "made_by", "kept_by", "note", "remind_at"):
        told.ClearField(field)
    return told


def nameless(brief: pb.TicketBrief) -> pb.TicketBrief:
    """A list of limits needs nobody's name or address (P1)."""
    for field in ("name", "email"):
        brief.requester.ClearField(field)
    brief.ClearField("accused")
    return brief
