"""Saved views: a filter, an order and columns by name, of one person or shared with a team."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from services.contracts.deskstream.v1 import common_pb2, queues_pb2, ticket_pb2
from services.dispatch import model, wire
from services.dispatch.handlers import Desks
from services.dispatch.model import replace
from services.dispatch.queries import NEED, shown
from services.dispatch.queues.queue import Queue, queue_named
from services.dispatch.search.filters import found_by, wanted
from services.dispatch.search.search import sort_of
from services.kernel.errors import Missing, Refused

MOST_VIEWS = 50
"""Of one person, and of one team."""
MOST_COLUMNS = 30
LONGEST_NAME = 80
MOST_BYTES = 32_000
"""Of a view whole, as it is kept."""

_LEADERS = ("team_leader", "desk_manager", "supervisor", "operations_manager", "administrator")
"""Who may change a view of their team that somebody else made."""
_COLUMNS = frozenset(
    {
        *(part.name for part in ticket_pb2.Ticket.DESCRIPTOR.fields),
        *(f"requester.{part.name}" for part in common_pb2.Requester.DESCRIPTOR.fields),
    }
)
_OPEN = ("fields.", "milestones.")
"""Columns whose second part the profile names."""


class KeepsViews(Protocol):
    """Where views are kept; `owner` is "person:<id>" or "team:<name>"."""

    def of(self, owner: str) -> Sequence[queues_pb2.TicketView]:
        """All views of the owner."""

    def load(self, view: str) -> queues_pb2.TicketView | None:
        """One view."""

    def insert(self, owner: str, view: queues_pb2.TicketView) -> None:
        """A new one."""

    def replace(self, owner: str, view: queues_pb2.TicketView) -> bool:
        """In the place of version `view.version - 1`; False when it has another by now."""

    def delete(self, view: str) -> None:
        """Gone, also when it was gone before."""


class Views:
    """What people do with views."""

    def __init__(self, kept: KeepsViews, desks: Desks) -> None:
        self._kept = kept
        self._desks = desks

    def save(self, view: queues_pb2.TicketView, caller: model.Caller, now: datetime) -> queues_pb2.TicketView:
        """A new view, or the next version of one; Refused names the field."""
        self._check(view, caller)
        before = self._mine(view.view_id, caller) if view.view_id else None
        # A leader who takes a view out of the team gives it back to who made it.
        owner = f"team:{view.team}" if view.team else f"person:{before.owner if before else caller.id}"
        made = queues_pb2.TicketView()
        made.CopyFrom(view)
        made.name = " ".join(view.name.split())
        made.updated_at.CopyFrom(wire.stamp(now))
        others = [each for each in self._kept.of(owner) if each.view_id != view.view_id]
        if any(each.name == made.name for each in others):
            raise Refused(f'There is a view "{made.name}" already; choose another name.', field="name")
        if len(others) >= MOST_VIEWS:
            raise Refused(f"There are {MOST_VIEWS} views already; delete one first.", field="name")
        if before is None:
            made.view_id, made.owner, made.version = uuid4().hex, caller.id, 1
            self._kept.insert(owner, made)
            return made
        made.owner, made.version = before.owner, before.version + 1
        if view.version != before.version or not self._kept.replace(owner, made):
            raise Refused(f'The view "{before.name}" has changed meanwhile; load it and change it again.', code="stale")
        return made

    def seen_by(self, caller: model.Caller) -> list[queues_pb2.TicketView]:
        """The caller's own and those of the caller's teams, by name."""
        owners = [f"person:{caller.id}", *(f"team:{team}" for team in sorted(self._teams(caller)))]
        found = [view for owner in owners for view in self._kept.of(owner)]
        return sorted(found, key=lambda view: (view.name, view.view_id))

    def get(self, view: str, caller: model.Caller) -> queues_pb2.TicketView:
        """A view that the caller sees; Missing otherwise."""
        found = self._kept.load(view)
        if found is None or not (found.team in self._teams(caller) if found.team else found.owner == caller.id):
            raise Missing("There is no such view for you; list your views.")
        return found

    def queue(self, name: str, caller: model.Caller) -> Queue:
        """A queue by name, or "view:<id>": the open tickets that the view shows this caller."""
        kind, _, view = name.partition(":")
        if kind != "view":
            return queue_named(name, self._desks)
        asked = wanted(self.get(view, caller).filter, need=bool(caller.role_among(NEED)), open_states=frozenset())
        every = queue_named("all", self._desks)
        return replace(every, name=name, keep=lambda ticket: asked.holds(found_by(shown(ticket, caller, self._desks))))

    def delete(self, view: str, caller: model.Caller) -> None:
        """Only the view goes; tickets stay."""
        self._mine(view, caller)
        self._kept.delete(view)

    def _mine(self, view: str, caller: model.Caller) -> queues_pb2.TicketView:
        found = self.get(view, caller)
        if found.owner != caller.id and not caller.role_among(_LEADERS):
            raise Refused(
                f'The view "{found.name}" was made by {found.owner}; ask them or a team leader, or save your own.',
                code="forbidden",
            )
        return found

    def _teams(self, caller: model.Caller) -> frozenset[str]:
        own = (desk.people[caller.id].teams for desk in self._desks.all() if caller.id in desk.people)
        return caller.teams.union(*own)

    def _check(self, view: queues_pb2.TicketView, caller: model.Caller) -> None:
        if view.ByteSize() > MOST_BYTES:
            raise Refused(f"A view takes at most {MOST_BYTES} bytes; name fewer values in its filter.", field="filter")
        name = " ".join(view.name.split())
        if not name or len(name) > LONGEST_NAME:
            raise Refused(f"A view needs a name of at most {LONGEST_NAME} characters.", field="name")
        if view.team and view.team not in self._teams(caller):
            raise Refused(f"Only members of team {view.team} share views with it; leave the team out.", field="team")
        if len(view.columns) > MOST_COLUMNS:
            raise Refused(f"A view has at most {MOST_COLUMNS} columns; choose fewer.", field="columns")
        for column in view.columns:
            if column not in _COLUMNS and not (column.startswith(_OPEN) and len(column) <= LONGEST_NAME):
                raise Refused(f'"{column[:80]}" is no field of a ticket; name one.', field="columns")
        sort_of(view.sort)
        wanted(view.filter, need=bool(caller.role_among(NEED)), open_states=frozenset())
