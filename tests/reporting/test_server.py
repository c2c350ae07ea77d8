"""ReportingService over a real gRPC connection."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from services.contracts.deskstream.v1 import reporting_pb2 as pb
from services.contracts.deskstream.v1 import reporting_pb2_grpc as stubs
from services.kernel.clock import FixedClock
from services.reporting.server import ALLOW, NAME, Servicer, add
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import Service, channel, serve
from services.runtime.settings import Settings
from tests.reporting.world import NOON, Desk, call, callback, clock, closed, number, ticket

Sign = Callable[[str], stubs.ReportingServiceStub]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def as_role(tmp_path: Path, desk: Desk) -> Iterator[Sign]:
    """A client signed in with one role."""
    make_keys(tmp_path)
    verifier = Verifier.from_file(tmp_path / "token.pub.jwk")
    signer = Signer.from_file(tmp_path / "token.jwk")
    servicer = Servicer(desk.reader, FixedClock(NOON))
    running = serve([Service(add, servicer, NAME, ALLOW)], Settings(), verifier, bind="127.0.0.1:0")
    channels: list[grpc.Channel] = []

    def sign_in(role: str) -> stubs.ReportingServiceStub:
        token = signer.sign(Principal("chen.jing", "陈静", frozenset({role})), timedelta(minutes=5))
        channels.append(channel(f"127.0.0.1:{running.port}", token))
        return stubs.ReportingServiceStub(channels[-1])

    yield sign_in
    for each in channels:
        each.close()
    running.stop(0.5)


def test_a_report_reader_gets_figures_with_numerator_denominator_target_and_verdict(as_role: Sign, desk: Desk) -> None:
    """N1-N10, N21, A16."""
    desk.hears([closed(n) for n in (1, 2, 3)], clock(3, "BREACHED"), call("c", answered_after=3))
    answer = as_role("reporter").GetReport(pb.GetReportRequest(period="2026-Q4", language="zh-CN"))
    assert (answer.profile, answer.period.label, answer.period.part) == ("itss_desk", "2026-Q4", True)
    assert (answer.tickets, answer.contacts) == (3, 1)
    timeliness = next(kpi for kpi in answer.kpis if kpi.key == "timeliness")
    assert (timeliness.numerator, timeliness.denominator, timeliness.value, timeliness.unit) == (2, 3, "66.67", "%")
    assert (timeliness.name, timeliness.verdict, timeliness.definition_version) == ("及时率", "none", "timeliness/1")
    dispatched = next(kpi for kpi in answer.kpis if kpi.key == "dispatch_success")
    assert (dispatched.target, dispatched.verdict, dispatched.value) == (">= 95.00%", "no_data", "")
    assert answer.computed_at.ToDatetime(NOON.tzinfo) == NOON


def test_the_records_behind_a_figure_come_in_pages(as_role: Sign, desk: Desk) -> None:
    """N20."""
    desk.hears([closed(n) for n in range(1, 8)], clock(7, "BREACHED"), callback(1, satisfied=True, grade="satisfied"))
    reader = as_role("quality")
    seen: list[str] = []
    token = ""
    while True:
        request = pb.ListRecordsRequest(
            period="2026-11", kpi="timeliness", numerator=True, page_size=4, page_token=token
        )
        page = reader.ListRecords(request)
        seen += [line.number for line in page.lines]
        token = page.next_page_token
        if not token:
            break
    assert seen == [number(n) for n in range(1, 7)]
    (line,) = reader.ListRecords(pb.ListRecordsRequest(period="2026-11", kpi="satisfaction")).lines
    assert (line.satisfaction, line.breaches) == ("satisfied", 0)


def test_the_wallboard_is_watched_and_shows_the_newest_state(as_role: Sign, desk: Desk) -> None:
    """N23."""
    desk.hears(ticket(1, team="desk"))
    watch = as_role("specialist").WatchWallboard(pb.WatchWallboardRequest(), timeout=20)
    assert next(watch).wallboard.open == 1
    desk.hears(ticket(2, channel="PHONE"))
    board = next(watch).wallboard
    watch.cancel()
    assert (board.open, board.received_today, dict(board.by_channel)) == (2, 2, {"web": 1, "phone": 1})
    assert [line.number for line in board.latest] == [number(2), number(1)]


def test_an_export_is_a_file_with_byte_order_mark_in_the_readers_language(as_role: Sign, desk: Desk) -> None:
    """N12."""
    desk.hears(ticket(1, title="三楼打印机"), ticket(2, title="=HYPERLINK(1)"))
    request = pb.ExportRequest(period="2026-11", what="tickets", language="zh-CN")
    content = b"".join(part.chunk for part in as_role("supervisor").Export(request))
    assert content.startswith(b"\xef\xbb\xbf")
    rows = {
        row["工单编号"]: row["标题"] for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    }
    assert rows == {number(1): "三楼打印机", number(2): "'=HYPERLINK(1)"}


@pytest.mark.parametrize("role", ["engineer", "requester", "channel_adapter", "system"])
def test_who_is_no_report_reader_is_refused(as_role: Sign, role: str) -> None:
    """P-group, decision 15: figures of people are for those the rule book names."""
    with pytest.raises(grpc.RpcError) as refused:
        as_role(role).GetReport(pb.GetReportRequest())
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.RpcError) as watching:
        next(as_role(role).WatchWallboard(pb.WatchWallboardRequest(), timeout=5))
    assert watching.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_every_method_has_its_line_in_the_table_of_roles() -> None:
    methods = pb.DESCRIPTOR.services_by_name["ReportingService"].methods_by_name
    assert set(ALLOW) == set(methods)


@pytest.mark.parametrize(
    ("call_it", "code", "words"),
    [
        (lambda s: s.GetReport(pb.GetReportRequest(period="November")), "INVALID_ARGUMENT", 'a month "2026-11"'),
        (lambda s: s.GetReport(pb.GetReportRequest(profile="nobody")), "NOT_FOUND", "itss_desk"),
        (lambda s: s.ListRecords(pb.ListRecordsRequest(kpi="luck")), "NOT_FOUND", "timeliness"),
        (
            lambda s: s.ListRecords(pb.ListRecordsRequest(kpi="volume", page_token="x")),
            "INVALID_ARGUMENT",
            "page token",
        ),
        (lambda s: list(s.Export(pb.ExportRequest(what="all"))), "INVALID_ARGUMENT", '"tickets"'),
    ],
)
def test_a_wrong_question_is_answered_with_the_remedy(
    as_role: Sign, call_it: Callable[[stubs.ReportingServiceStub], object], code: str, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call_it(as_role("desk_manager"))
    assert refused.value.code().name == code
    assert words in (refused.value.details() or "")
