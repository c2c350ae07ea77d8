"""REST over the desk's own state: outages, notices, findings, inspections (H-group), and what the public sees."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import watch_pb2 as pb
from services.gateway import public
from services.gateway.edge import as_json, edge_of, language_of, token_of
from services.gateway.operation import Operation

doors = APIRouter()


def _operation(verb: str, path: str, method: str, summary: str) -> Operation:
    asked, told = getattr(pb, f"{method}Request"), getattr(pb, f"{method}Response")
    return Operation(verb, f"/api/v1/{path}", "watch", method, asked, told, summary)


WATCH_OPERATIONS = (
    _operation(
        "GET", "desk-state/{profile}", "GetDeskState", "Outage mode, surge, notices, and what to tell callers (H8, J15)"
    ),
    _operation("POST", "outages/{profile}", "SwitchOutage", "Switch outage mode on, or over to recovering (H8)"),
    _operation("GET", "outages/{profile}", "ListOutages", "Outages of the desk, newest first"),
    _operation("GET", "outage/{outage_id}", "GetOutage", "One outage: entered, on paper, waiting (H9)"),
    _operation("POST", "outage/{outage_id}/paper-count", "SetPaperCount", "How many contacts stand on paper (H9)"),
    _operation(
        "GET", "outage/{outage_id}/contacts", "ListContacts", "Who was entered and who is owed a call (H9, H10)"
    ),
    _operation(
        "POST", "owed-contacts/{contact_id:path}/outcome", "SettleContact", "Settle a contact by other means (H10)"
    ),
    _operation("POST", "notices/{profile}", "PublishNotice", "Publish a notice with area and window (H12)"),
    _operation("GET", "notices/{profile}", "ListNotices", "All notices, newest first (H12)"),
    _operation("POST", "notice/{notice_id}/withdrawal", "WithdrawNotice", "End a notice before its time (H12)"),
    _operation("POST", "findings/{profile}", "LogFinding", "Log what monitoring or a patrol found (H4)"),
    _operation("GET", "findings/{profile}", "ListFindings", "Findings, or those with open tasks (H4)"),
    _operation(
        "POST", "finding/{finding_id}/tasks/{key}", "SetFindingTask", "Take a finding's task, or have it done (H4)"
    ),
    _operation("POST", "inspections/{profile}/{schedule}", "RecordInspection", "Record a patrol or backup (H5, H11)"),
    _operation("GET", "inspections/{profile}", "ListInspections", "Turns of all schedules, newest first (H5)"),
)


@doors.get("/api/v1/public/notices", summary="Notices shown now, for websites and IVR (H12)")
async def notices(request: Request, profile: str = "", channel: str = "web") -> Any:
    """Nobody signs in for these; an address that asks too often is told to wait."""
    edge = edge_of(request)
    edge.slow_down(request, "notices")
    asked = pb.ListPublicNoticesRequest(profile=profile, channel=channel, language=language_of(request))
    return as_json(await edge.peers.ask("watch", "ListPublicNotices", asked))


@doors.get("/notices", include_in_schema=False)
async def page(request: Request, profile: str = "") -> Response:
    """The same as a page that anybody may read."""
    edge, language = edge_of(request), language_of(request)
    edge.slow_down(request, "notices")
    asked = pb.ListPublicNoticesRequest(profile=profile, channel="web", language=language)
    told = await edge.peers.ask("watch", "ListPublicNotices", asked)
    zone = ZoneInfo(told.timezone or "UTC")

    def local(at: Timestamp) -> str:
        return f"{at.ToDatetime(UTC).astimezone(zone):%Y-%m-%d %H:%M}"

    shown = [
        {"area": each.area, "text": each.text, "starts": local(each.starts_at), "ends": local(each.ends_at)}
        for each in told.notices
    ]
    return public.page(request, "notices.html", notices=shown, zone=told.timezone)


@doors.get("/api/v1/offline-form/{profile}.{format}", summary="The form for paper as csv or html, to be printed (H8)")
async def offline_form(request: Request, profile: str, format: str) -> Response:  # noqa: A002 - the address's own word
    """To be kept where it is found when nothing works."""
    asked = pb.GetOfflineFormRequest(profile=profile, language=language_of(request), format=format)
    told = await edge_of(request).peers.ask("watch", "GetOfflineForm", asked, token_of(request))
    return Response(told.body, media_type=told.media_type, headers=_as_file(told.name))


@doors.get("/api/v1/watch-log/{profile}/{what}.csv", summary="Log of inspections or findings as CSV (H5, H11)")
async def log(request: Request, profile: str, what: str, first: str = "", last: str = "") -> Response:
    """From the first day to the last, both included."""
    asked = pb.ExportWatchLogRequest(profile=profile, what=what, first=first, last=last, language=language_of(request))
    pieces = edge_of(request).peers.stream("watch", "ExportWatchLog", asked, token_of(request))
    # The first piece is awaited here, so that a refusal is still a status and not a torn file.
    head = await anext(pieces, None)

    async def rest() -> Any:
        if head is not None:
            yield head.chunk
        async for piece in pieces:
            yield piece.chunk

    headers = _as_file(f"{profile}-{what}-{first}-{last}.csv")
    return StreamingResponse(rest(), media_type="text/csv; charset=utf-8", headers=headers)


def _as_file(name: str) -> dict[str, str]:
    # What stands in the address may be anything; a header may not.
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return {"Content-Disposition": f'attachment; filename="{safe}"'}
