"""gRPC QueueService: one line per method and the mapping around it."""

from __future__ import annotations

from typing import Any

from services.contracts.deskstream.v1 import queues_pb2 as pb
from services.contracts.deskstream.v1.queues_pb2_grpc import QueueServiceServicer, add_QueueServiceServicer_to_server
from services.dispatch import model, wire
from services.dispatch.handlers import Desks
from services.dispatch.policy.everywhere import STAFF
from services.dispatch.queries import NEED, READERS, Queries, shown
from services.dispatch.queues.counting import Count, Counting
from services.dispatch.queues.presence import AGAIN_IN, Onlooker, Presence
from services.dispatch.queues.views import Views
from services.dispatch.search.filters import narrowed, wanted
from services.dispatch.search.search import Finds, search, sort_of
from services.kernel.clock import Clock
from services.kernel.errors import Refused
from services.runtime.rpc import Allow, caller

NAME = "deskstream.v1.QueueService"
add = add_QueueServiceServicer_to_server

_READERS = frozenset(READERS)
ALLOW: dict[str, Allow] = {
    "SearchTickets": _READERS,
    "SaveView": _READERS,
    "ListViews": _READERS,
    "DeleteView": _READERS,
    "CountQueues": frozenset(STAFF),
    "ReportPresence": frozenset(STAFF),
}

_MODES = {
    pb.PRESENCE_MODE_VIEWING: "viewing",
    pb.PRESENCE_MODE_EDITING: "editing",
    pb.PRESENCE_MODE_GONE: "gone",
}


def _who() -> model.Caller:
    principal = caller()
    return model.Caller(principal.id, principal.roles, principal.teams)


class QueueServicer(QueueServiceServicer):
    """Search, views, counts and who else is looking."""

    def __init__(
        self,
        finds: Finds,
        views: Views,
        counting: Counting,
        presence: Presence,
        queries: Queries,
        desks: Desks,
        clock: Clock,
    ) -> None:
        self._finds = finds
        self._views = views
        self._counting = counting
        self._presence = presence
        self._queries = queries
        self._desks = desks
        self._clock = clock

    def SearchTickets(self, request: pb.SearchTicketsRequest, context: Any) -> pb.SearchTicketsResponse:
        who, filter_, sort = _who(), request.filter, request.sort
        if request.view:
            view = self._views.get(request.view, who)
            filter_, sort = narrowed(view.filter, filter_), sort or view.sort
        open_states = frozenset(state for desk in self._desks.all() for state in desk.open_states)
        asked = wanted(filter_, need=bool(who.role_among(NEED)), open_states=open_states)
        page = search(
            self._finds,
            asked,
            sort_of(sort),
            request.page_size,
            request.page_token,
            lambda ticket: shown(ticket, who, self._desks),
        )
        told = pb.SearchTicketsResponse(tickets=page.tickets, next_page_token=page.token)
        if page.back_to is not None:
            told.looked_back_to.CopyFrom(wire.stamp(page.back_to))
        return told

    def SaveView(self, request: pb.SaveViewRequest, context: Any) -> pb.SaveViewResponse:
        return pb.SaveViewResponse(view=self._views.save(request.view, _who(), self._clock.now()))

    def ListViews(self, request: pb.ListViewsRequest, context: Any) -> pb.ListViewsResponse:
        return pb.ListViewsResponse(views=self._views.seen_by(_who()))

    def DeleteView(self, request: pb.DeleteViewRequest, context: Any) -> pb.DeleteViewResponse:
        self._views.delete(request.view_id, _who())
        return pb.DeleteViewResponse()

    def CountQueues(self, request: pb.CountQueuesRequest, context: Any) -> pb.CountQueuesResponse:
        return pb.CountQueuesResponse(queues=map(_count, self._counting.of(_who(), self._clock.now())))

    def ReportPresence(self, request: pb.ReportPresenceRequest, context: Any) -> pb.ReportPresenceResponse:
        if request.mode not in _MODES:
            raise Refused("Say whether the ticket is viewed, edited, or closed again (gone).", field="mode")
        who, now = _who(), self._clock.now()
        last = self._queries.last_entry(request.number, who)
        others = self._presence.report(request.number, who.id, caller().name, _MODES[request.mode], now)
        event = last.event()
        return pb.ReportPresenceResponse(
            others=map(_onlooker, others),
            version=event.ticket.version,
            changed_by=event.actor.id,
            again_in=AGAIN_IN,
        )


def _count(count: Count) -> pb.QueueCount:
    told = pb.QueueCount(
        queue=count.queue, tickets=count.tickets, highest_priority=count.priority, first_number=count.first
    )
    if count.oldest is not None:
        told.oldest_received_at.CopyFrom(wire.stamp(count.oldest))
    return told


def _onlooker(other: Onlooker) -> pb.Onlooker:
    mode = pb.PRESENCE_MODE_EDITING if other.editing else pb.PRESENCE_MODE_VIEWING
    return pb.Onlooker(person=other.person, name=other.name, mode=mode, since=wire.stamp(other.since))
