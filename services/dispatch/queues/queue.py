"""Queues by name: "team:<name>", "person:<id>", "role:<neutral role>", "all" (C22); as ranges of an index."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import wire
from services.dispatch.handlers import Desks, Tickets
from services.kernel.errors import Refused

DEFAULT_PAGE = 50
MOST = 500


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as parts of an index: a ticket is in it when its `field` starts with one of the prefixes."""

    name: str
    field: str
    prefixes: tuple[str, ...]
    keep: Callable[[ticket_pb2.Ticket], bool] | None = None
    """Of a saved view: which of these tickets it shows."""

    def holds(self, ticket: ticket_pb2.Ticket) -> bool:
        """Whether the ticket as it stands is in the queue."""
        known = wire.ticket_from(ticket)
        where = known.place if self.field == "place" else known.stage
        return where is not None and where.partition("|")[0] in self.prefixes and self.shows(ticket)

    def shows(self, ticket: ticket_pb2.Ticket) -> bool:
        """Whether the view, if it is one, shows this open ticket."""
        return self.keep is None or self.keep(ticket)


def queue_named(name: str, desks: Desks) -> Queue:
    """Refused, with the forms there are, when the name has none of them."""
    kind, _, rest = name.partition(":")
    if kind in ("team", "person") and rest and "|" not in rest:
        return Queue(name, "place", (name,))
    if kind == "role" and rest:
        stages = (f"{desk.name}/{stage}" for desk in desks.all() for stage in desk.stages_for(rest))
        return Queue(name, "stage", tuple(stages))
    if name == "all":
        return Queue(name, "stage", tuple(f"{d.name}/{stage}" for d in desks.all() for stage in d.open_stages))
    raise Refused(f'"{name}" names no queue; write team:<name>, person:<id>, role:<role> or all.', field="queue")


def page(tickets: Tickets, queue: Queue, after: str, limit: int) -> list[tuple[str, ticket_pb2.Ticket]]:
    """(position, ticket) behind `after`, by priority, then longest waiting first."""
    parts = (tickets.page(queue.field, prefix, after, limit) for prefix in queue.prefixes)
    merged: Iterator[tuple[str, ticket_pb2.Ticket]] = heapq.merge(*parts, key=lambda found: found[0])
    return [found for _, found in zip(range(limit), merged, strict=False)]


def whole(tickets: Tickets, queue: Queue) -> Iterator[ticket_pb2.Ticket]:
    """The queue from end to end, page by page."""
    after = ""
    while found := page(tickets, queue, after, MOST):
        yield from (ticket for _, ticket in found if queue.shows(ticket))
        after = found[-1][0]
        if len(found) < MOST:
            return
