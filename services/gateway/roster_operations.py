"""REST over rosters: months, leave and swaps, handovers, logs (M-group), and the feed for calendar programs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.contracts.deskstream.v1 import roster_pb2 as pb
from services.gateway.edge import edge_of
from services.gateway.operation import Operation

feed = APIRouter()

ROSTER_OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/rosters/{profile}/{month}",
        "roster",
        "GetRoster",
        pb.GetRosterRequest,
        pb.GetRosterResponse,
        "A month's roster, what stands against it, and posts not filled (M1 to M4, M29)",
    ),
    Operation(
        "POST",
        "/api/v1/rosters/{profile}/{month}",
        "roster",
        "MakeRoster",
        pb.MakeRosterRequest,
        pb.MakeRosterResponse,
        "Make a month from the patterns, or change it (M2)",
    ),
    Operation(
        "POST",
        "/api/v1/rosters/{profile}/{month}/filing",
        "roster",
        "FileRoster",
        pb.FileRosterRequest,
        pb.FileRosterResponse,
        "File a month's roster (M1)",
    ),
    Operation(
        "GET",
        "/api/v1/roster-requests/{profile}",
        "roster",
        "ListRequests",
        pb.ListRequestsRequest,
        pb.ListRequestsResponse,
        "Leave and swaps of a month",
    ),
    Operation(
        "POST",
        "/api/v1/roster-requests/{profile}/leave",
        "roster",
        "RequestLeave",
        pb.RequestLeaveRequest,
        pb.RequestLeaveResponse,
        "Ask for leave (M7 to M9, M17)",
    ),
    Operation(
        "POST",
        "/api/v1/roster-requests/{profile}/swap",
        "roster",
        "RequestSwap",
        pb.RequestSwapRequest,
        pb.RequestSwapResponse,
        "Ask for a swap (M5, M6, X19)",
    ),
    Operation(
        "POST",
        "/api/v1/roster-requests/{id:path}/decision",
        "roster",
        "DecideRequest",
        pb.DecideRequestRequest,
        pb.DecideRequestResponse,
        "Agree to a request, refuse it, or withdraw one's own (M5)",
    ),
    Operation(
        "POST",
        "/api/v1/handovers/{profile}",
        "roster",
        "AddHandover",
        pb.AddHandoverRequest,
        pb.AddHandoverResponse,
        "Hand a shift over (M16)",
    ),
    Operation(
        "POST",
        "/api/v1/handovers/{id:path}/signature",
        "roster",
        "SignHandover",
        pb.SignHandoverRequest,
        pb.SignHandoverResponse,
        "Take a shift over (M16)",
    ),
    Operation(
        "POST",
        "/api/v1/duty-log/{profile}",
        "roster",
        "AddDutyLog",
        pb.AddDutyLogRequest,
        pb.AddDutyLogResponse,
        "Write into the log of one's shift (M22, M31)",
    ),
    Operation(
        "GET",
        "/api/v1/duty-log/{profile}/{day}",
        "roster",
        "ListDutyRecords",
        pb.ListDutyRecordsRequest,
        pb.ListDutyRecordsResponse,
        "Log and handovers of a day, and shifts without a log (M31)",
    ),
    Operation(
        "GET",
        "/api/v1/substitutes/{profile}/{person}",
        "roster",
        "ListSubstitutes",
        pb.ListSubstitutesRequest,
        pb.ListSubstitutesResponse,
        "Who could stand in for somebody who cannot come (H19)",
    ),
    Operation(
        "POST",
        "/api/v1/roster-feeds/{profile}",
        "roster",
        "MakeFeed",
        pb.MakeFeedRequest,
        pb.MakeFeedResponse,
        "An address for calendar programs: put the token into /api/v1/roster-feeds/<token>.ics",
    ),
)


@feed.get("/api/v1/roster-feeds/{token}.ics", summary="A roster as iCalendar; the token is the proof")
async def calendar(request: Request, token: str) -> Response:
    """Calendar programs cannot sign in: the address is signed, shows one roster and can be ended."""
    edge = edge_of(request)
    edge.slow_down(request, "feed")
    told = await edge.peers.ask("roster", "GetFeed", pb.GetFeedRequest(token=token))
    return Response(told.calendar, media_type="text/calendar; charset=utf-8")
