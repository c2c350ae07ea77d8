"""ReportingService: one-line bodies; mapping in wire.py, rows in export.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import grpc

from services.contracts.deskstream.v1 import reporting_pb2 as pb
from services.contracts.deskstream.v1 import reporting_pb2_grpc as rpc
from services.kernel.clock import Clock
from services.reporting.export import kpi_file, refuse_unknown, ticket_file
from services.reporting.queries import Reader, page
from services.reporting.wire import board_answer, channel_name, line_answer, report_answer, satisfaction
from services.runtime.rpc import Allow

NAME = pb.DESCRIPTOR.services_by_name["ReportingService"].full_name

_READERS = frozenset(
    {"reporter", "desk_manager", "team_leader", "supervisor", "operations_manager", "quality", "administrator"}
)
ALLOW: Mapping[str, Allow] = {
    "GetReport": _READERS,
    "ListRecords": _READERS,
    "Export": _READERS,
    # The board hangs on the wall of the desk; it shows no figures of persons.
    "GetWallboard": _READERS | {"specialist"},
    "WatchWallboard": _READERS | {"specialist"},
}

_PACE = 1.0
"""Seconds between two boards of one profile, at least (N23)."""
_SHARE_OF_TIME = 0.1
"""Making boards takes at most this share of the time, however many tickets are open."""
_STILL_ALIVE = 15.0
"""Seconds after which an unchanged board is sent again."""


class Servicer(rpc.ReportingServiceServicer):
    """Answers report readers."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._boards: dict[str, tuple[float, pb.Wallboard]] = {}
        self._making = threading.Lock()

    def GetReport(self, request: pb.GetReportRequest, context: grpc.ServicerContext) -> pb.GetReportResponse:
        return report_answer(self._reader.report(request.profile, request.period, request.language, self._clock.now()))

    def ListRecords(self, request: pb.ListRecordsRequest, context: grpc.ServicerContext) -> pb.ListRecordsResponse:
        lines = self._reader.lines(
            request.profile, request.period, request.kpi, numerator=request.numerator, now=self._clock.now()
        )
        shown, token = page(lines, request.page_size, request.page_token)
        return pb.ListRecordsResponse(lines=[line_answer(line) for line in shown], next_page_token=token)

    def GetWallboard(self, request: pb.GetWallboardRequest, context: grpc.ServicerContext) -> pb.GetWallboardResponse:
        return pb.GetWallboardResponse(wallboard=self._board(request.profile))

    def WatchWallboard(
        self, request: pb.WatchWallboardRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchWallboardResponse]:
        gone = threading.Event()
        context.add_callback(gone.set)
        shown, sent_at = b"", 0.0
        while not gone.is_set():
            board = self._board(request.profile)
            seen = _without_time(board)
            if seen != shown or time.monotonic() - sent_at > _STILL_ALIVE:
                shown, sent_at = seen, time.monotonic()
                yield pb.WatchWallboardResponse(wallboard=board)
            gone.wait(_PACE)

    def Export(self, request: pb.ExportRequest, context: grpc.ServicerContext) -> Iterator[pb.ExportResponse]:
        now = self._clock.now()
        profile = self._reader.profile(request.profile)
        language = request.language or profile.profile.language
        if request.what == "kpis":
            chunks = kpi_file(self._reader.report(request.profile, request.period, language, now), language)
        elif request.what == "tickets":
            tickets = self._reader.received(request.profile, request.period, now)
            zone = ZoneInfo(profile.profile.timezone)
            chunks = ticket_file(tickets, profile, language, zone, channel_name, satisfaction)
        else:
            raise refuse_unknown(request.what)
        for chunk in chunks:
            yield pb.ExportResponse(chunk=chunk)

    def _board(self, profile: str) -> pb.Wallboard:
        """The board, made once for all who look at it in the same moment."""
        name = self._reader.profile(profile).profile.name
        with self._making:
            until, known = self._boards.get(name, (0.0, None))
            begun = time.monotonic()
            if known is not None and begun < until:
                return known
            now = self._clock.now()
            answer = pb.Wallboard()
            answer.at.FromDatetime(now)
            board_answer(self._reader.wallboard(name, now), answer)
            took = time.monotonic() - begun
            self._boards[name] = (begun + max(_PACE * 0.9, took / _SHARE_OF_TIME), answer)
            return answer


def _without_time(board: pb.Wallboard) -> bytes:
    copy = pb.Wallboard()
    copy.CopyFrom(board)
    copy.ClearField("at")
    return copy.SerializeToString(deterministic=True)


def add(servicer: Any, server: grpc.Server) -> None:
    """Registers the servicer."""
    rpc.add_ReportingServiceServicer_to_server(servicer, server)
