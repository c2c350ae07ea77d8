"""Queues by name: "team:<name>", "person:<id>", "role:<neutral role>", "all" (C22); as ranges of an index."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import model
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

    def holds(self, ticket: model.Ticket) -> bool:
        """Whether the ticket as it stands is in the queue."""
        where = ticket.place if self.field == "place" else ticket.stage
        return where is not None and where.partition("|")[0] in self.prefixes


def queue_named(name: str, desks: Desks) -> Queue:
    """Refused, with the forms there are, when the name has none of them."""
    kind, _, rest = name.partition(":")
    if kind in ("team", "person") and rest and "|" not in rest:
        return Queue(name, "place", (name,))
    if kind == "role" and rest:
        stages = (f"{desk.name}/{state}" for desk in desks.all() for state in desk.states_for(rest))
        return Queue(name, "stage", tuple(stages))
    if name == "all":
        return Queue(name, "stage", tuple(f"{d.name}/{state}" for d in desks.all() for state in d.open_states))
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
        yield from (ticket for _, ticket in found)
        after = found[-1][0]
        if len(found) < MOST:
            return
