"""What leaves the service as a file: the form for paper (H8), the log of inspections and findings (H5, H11)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from services.profile.watch import OutageRules
from services.watch.model import Entry, Finding, Inspection

_ROWS = 20
"""Empty rows of a sheet."""
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def offline_csv(rules: OutageRules, language: str) -> bytes:
    """The sheet to take contacts down on, with a byte order mark for spreadsheets."""
    head = ["#", *(each.label.in_language(language) for each in rules.form)]
    return "\ufeff".encode() + rows_csv([head, *([str(row), *[""] * len(rules.form)] for row in range(1, _ROWS + 1))])


def offline_html(rules: OutageRules, language: str) -> bytes:
    """The same for printing: no script, no other file needed, so that it can lie on a disk beforehand."""
    head = "".join(f"<th>{escape(each.label.in_language(language))}</th>" for each in rules.form)
    row = "<td></td>" * len(rules.form)
    body = "".join(f"<tr><td>{number}</td>{row}</tr>" for number in range(1, _ROWS + 1))
    title = "Offline form" if language.startswith("en") else "应急登记表"
    page = (
        f'<!doctype html><html lang="{escape(language or "zh-CN", quote=True)}"><head><meta charset="utf-8">'
        f"<title>{title}</title></head><body><h1>{title}</h1><p>{escape(rules.prompt.in_language(language))}</p>"
        f'<table border="1" width="100%"><thead><tr><th>#</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</body></html>"
    )
    return page.encode()


def log_rows(entries: Iterable[Entry], zone: ZoneInfo, language: str) -> Iterable[list[str]]:
    """One row an entry, times in the desk's zone."""
    for entry in entries:
        about = entry.about
        if isinstance(about, Inspection):
            label = about.en if language.startswith("en") else about.zh
            persons, by = " ".join(about.persons), about.by.id if about.by else ""
            yield [
                *(entry.id, about.sort, label, _local(about.opens_at, zone), _local(about.due_at, zone), about.state),
                *(persons, _local(about.done_at, zone), by, "yes" if about.abnormal else "no", about.note),
            ]
        elif isinstance(about, Finding):
            tasks = " ".join(f"{task.key}={task.state}:{task.owner}" for task in about.tasks)
            yield [
                *(entry.id, about.source, about.system, _local(about.at, zone), about.by.id),
                *("yes" if about.abnormal else "no", about.what, tasks),
            ]


def log_head(kind: str, language: str) -> list[str]:
    """The columns of a log."""
    heads = {
        ("inspection", True): "ID,Kind,Schedule,Opens,Due,State,Persons,Recorded,By,Abnormal,Note",
        ("inspection", False): "编号,类别,计划,开始,截止,状态,责任人,登记时间,登记人,异常,说明",
        ("finding", True): "ID,Source,System,Found,By,Abnormal,What,Tasks",
        ("finding", False): "编号,来源,系统,发现时间,登记人,异常,情况,任务",
    }
    return heads[kind, language.startswith("en")].split(",")


def rows_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """RFC 4180; a text that a spreadsheet would run as a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([f"'{each}" if each.startswith(_STARTS_A_FORMULA) else each for each in row])
    return out.getvalue().encode()


def _local(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else ""
