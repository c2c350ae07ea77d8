"""What a spreadsheet gets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest

from services.reporting.export import kpi_file, ticket_file
from services.reporting.sheets import CHUNK_BYTES, csv_chunks, harmless
from services.reporting.wire import channel_name, satisfaction
from tests.reporting.world import NOON, Desk, callback, closed, number, profiles, ticket


def read(chunks: Iterable[bytes]) -> list[dict[str, str]]:
    content = b"".join(chunks)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def tickets(desk: Desk, language: str) -> list[dict[str, str]]:
    found = desk.reader.received("", "2026-11", NOON)
    zone = ZoneInfo("Asia/Shanghai")
    return read(ticket_file(found, profiles().default.profile, language, zone, channel_name, satisfaction))


def test_chinese_text_comes_back_from_the_file_as_it_was() -> None:
    """N12."""
    title = '三楼打印机“卡纸”，无法打印;\n第二行 "引号" 𠮷'
    desk = Desk().hears(closed(1, title=title), callback(1, satisfied=True, grade="very_satisfied"))
    (row,) = tickets(desk, "zh-CN")
    assert (row["工单编号"], row["标题"], row["渠道"], row["受理时间"]) == (
        number(1),
        title,
        "网站",
        "2026-11-10 12:00:00",
    )
    assert (row["是否及时"], row["满意度"]) == ("是", "very_satisfied")


def test_headers_are_english_when_asked_for() -> None:
    """N12."""
    (row,) = tickets(Desk().hears(ticket(1, title="Printer")), "en")
    assert (row["number"], row["title"], row["channel"]) == (number(1), "Printer", "web")


def test_exported_totals_equal_the_screen() -> None:
    """N12."""
    desk = Desk().hears([closed(n) for n in range(1, 8)], ticket(9))
    report = desk.report()
    assert len(tickets(desk, "zh-CN")) == report.tickets
    rows = {row["key"]: row for row in read(kpi_file(report, "en"))}
    for figure in report.figures:
        assert rows[figure.key]["value"] == figure.value
        assert float(rows[figure.key]["denominator"]) == figure.denominator
    assert rows["volume"]["part period"] == "yes"


@pytest.mark.parametrize("cell", ["=1+1", "+7", "-2+3", "@SUM(A1)", "\t=1", "＝1", " =cmd|' /C calc'!A0", "\u3000=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(cell: str) -> None:
    """N12, P-group: titles come from strangers."""
    assert harmless(cell) == "'" + cell
    rows = list(csv.reader(io.StringIO(b"".join(csv_chunks(["t"], [[cell]])).decode("utf-8-sig"), newline="")))
    assert rows[1] == ["'" + cell]


def test_numbers_and_plain_text_stay_as_they_are() -> None:
    assert [harmless(cell) for cell in (-5, "a=b", "", 3.5)] == [-5, "a=b", "", 3.5]


def test_a_long_file_is_sent_in_pieces_and_never_held_whole() -> None:
    """N12."""
    taken = []

    def rows():
        for n in range(20_000):
            taken.append(n)
            yield [n, "工单" * 10]

    chunks = csv_chunks(["n", "t"], rows())
    first = next(chunks)
    assert len(taken) < 20_000
    rest = list(chunks)
    assert all(len(chunk) < 4 * CHUNK_BYTES for chunk in (first, *rest))
    assert len(b"".join([first, *rest]).decode("utf-8-sig").splitlines()) == 20_001
