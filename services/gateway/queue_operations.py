"""REST over queues: search, saved views, counts, who else looks, and one action on many tickets (B22, C22)."""

from __future__ import annotations

from services.contracts.deskstream.v1 import bulk_pb2, queues_pb2
from services.gateway.operation import Operation

QUEUE_OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/tickets/bulk",
        "bulk",
        "BulkAct",
        bulk_pb2.BulkActRequest,
        bulk_pb2.BulkActResponse,
        "The same action on up to 200 tickets, each judged on its own",
    ),
    Operation(
        "POST",
        "/api/v1/search",
        "queues",
        "SearchTickets",
        queues_pb2.SearchTicketsRequest,
        queues_pb2.SearchTicketsResponse,
        "Find tickets by their values and by words, Chinese included (B22)",
    ),
    Operation(
        "GET",
        "/api/v1/views",
        "queues",
        "ListViews",
        queues_pb2.ListViewsRequest,
        queues_pb2.ListViewsResponse,
        "Saved views: one's own and those of one's teams",
    ),
    Operation(
        "POST",
        "/api/v1/views",
        "queues",
        "SaveView",
        queues_pb2.SaveViewRequest,
        queues_pb2.SaveViewResponse,
        "Save a view, or the next version of one",
    ),
    Operation(
        "DELETE",
        "/api/v1/views/{view_id}",
        "queues",
        "DeleteView",
        queues_pb2.DeleteViewRequest,
        queues_pb2.DeleteViewResponse,
        "Delete a view",
    ),
    Operation(
        "GET",
        "/api/v1/queue-counts",
        "queues",
        "CountQueues",
        queues_pb2.CountQueuesRequest,
        queues_pb2.CountQueuesResponse,
        "One's own queues, those of one's teams and roles, in figures",
    ),
    Operation(
        "POST",
        "/api/v1/tickets/{number}/presence",
        "queues",
        "ReportPresence",
        queues_pb2.ReportPresenceRequest,
        queues_pb2.ReportPresenceResponse,
        "Say every 20 s that one has the ticket open; who else has",
    ),
)
