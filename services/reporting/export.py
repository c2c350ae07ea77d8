"""What goes into an exported file: headers in either language, rows from the same answers as the screen (N12). Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo

from services.kernel.errors import Refused
from services.profile.schema import Profile
from services.reporting.model import Facts
from services.reporting.policy import timely
from services.reporting.queries import Report, at
from services.reporting.sheets import csv_chunks

_KPI_HEADERS = {
    "zh": (
        "指标",
        "名称",
        "公式",
        "分子",
        "分母",
        "值",
        "单位",
        "目标",
        "是否达标",
        "趋势",
        "定义版本",
        "统计周期",
        "是否部分周期",
    ),
    "en": (
        *("key", "name", "formula", "numerator", "denominator", "value", "unit", "target", "verdict", "trend"),
        *("definition version", "period", "part period"),
    ),
}
_TICKET_HEADERS = {
    "zh": (
        *(
            "工单编号",
            "渠道",
            "类型",
            "分级",
            "状态",
            "班组",
            "受派人",
            "受理时间",
            "解决时间",
            "关闭时间",
            "超时次数",
            "预警次数",
        ),
        *("升级次数", "是否及时", "回访结果", "满意度", "标题", "转回次数", "重开次数", "服务目录项"),
    ),
    "en": (
        *(
            "number",
            "channel",
            "type",
            "grade",
            "state",
            "team",
            "assignee",
            "received",
            "resolved",
            "closed",
            "breaches",
        ),
        *("warnings", "escalations", "timely", "callback", "satisfaction", "title", "hand-backs", "reopenings"),
        "catalogue entry",
    ),
}
_WORDS = {
    "zh": {
        **{"met": "达标", "missed": "未达标", "none": "无", "no_data": "无数据", "yes": "是", "no": "否"},
        **{"rising": "上升", "falling": "下降", "steady": "持平", "mixed": "波动"},
        **{"phone": "电话", "email": "邮件", "web": "网站", "im": "即时通讯", "on_site": "现场", "monitoring": "监控"},
        **{"completed": "已回访", "unreachable": "无法接通", "unsolved": "未解决"},
    },
    "en": {},
}


def kpi_file(report: Report, language: str) -> Iterator[bytes]:
    """The figures of a report, as the screen shows them."""
    tongue = _tongue(language)
    say = _WORDS[tongue]
    part = "yes" if report.part else "no"
    rows = (
        (
            *(figure.key, figure.name, figure.formula, figure.numerator.normalize().__format__("f")),
            *(figure.denominator, figure.value, figure.unit, figure.target),
            *(say.get(figure.verdict, figure.verdict), say.get(figure.trend, figure.trend), figure.definition_version),
            *(report.period.label, say.get(part, part)),
        )
        for figure in report.figures
    )
    return csv_chunks(_KPI_HEADERS[tongue], rows)


def ticket_file(
    tickets: Iterable[Facts],
    profile: Profile,
    language: str,
    zone: tzinfo,
    channel_name: Callable[[int], str],
    satisfaction: Callable[[Facts], str],
) -> Iterator[bytes]:
    """One row a ticket, times in the profile's zone, words in the reader's language."""
    tongue = _tongue(language)
    say = _WORDS[tongue]
    types = {each.key: each.label.in_language(language) for each in profile.types}
    grades = {each.key: each.label.in_language(language) for each in profile.grading.grades}
    teams = {each.id: each.name.in_language(language) for each in profile.organisation.teams}
    entries = {key: profile.catalogue.entry_label(key).in_language(language) for key in profile.catalogue.entries}
    states = {key: state.en if tongue == "en" else state.zh for key, state in profile.states.items()}

    def local(instant: int) -> str:
        return f"{at(instant).astimezone(zone):%Y-%m-%d %H:%M:%S}" if instant else ""

    def rows() -> Iterator[tuple[object, ...]]:
        for facts in tickets:
            ticket = facts.snapshot
            if ticket is None:
                continue
            channel = channel_name(ticket.channel)
            judged = ("yes" if timely(facts) else "no") if ticket.closed else ""
            yield (
                facts.number,
                say.get(channel, channel),
                types.get(ticket.type, ticket.type),
                grades.get(ticket.grade, ticket.grade),
                states.get(ticket.state, ticket.state),
                teams.get(ticket.team, ticket.team),
                ticket.assignee,
                local(ticket.received),
                local(ticket.resolved),
                local(ticket.closed),
                sum(outcome.missed for outcome in facts.outcomes.values()),
                len(facts.warned),
                len(facts.escalations),
                say.get(judged, judged),
                say.get(ticket.callback, ticket.callback),
                satisfaction(facts),
                ticket.title,
                ticket.hand_backs,
                ticket.cycle,
                entries.get(ticket.entry, ticket.entry),
                *_extra_cells(profile, ticket.fields, language),
            )

    return csv_chunks((*_TICKET_HEADERS[tongue], *_extra_headers(profile, tongue)), rows())


def _extra_headers(profile: Profile, tongue: str) -> list[str]:
    """The labels of the profile's extra fields; one that is a column already has its name beside it (B19)."""
    taken, found = set(_TICKET_HEADERS[tongue]), list[str]()
    for name, field in profile.catalogue.extra.items():
        label = field.label.in_language(tongue)
        found.append(f"{label} ({name})" if label in taken else label)
        taken.add(label)
    return found


def _extra_cells(profile: Profile, fields: str, language: str) -> Iterator[str]:
    told: dict[str, str] = json.loads(fields) if fields else {}
    catalogue = profile.catalogue
    for name, field in catalogue.extra.items():
        text = told.get(name, "")
        label = catalogue.options(field).get(text)
        if field.personal and text:
            yield f"{text[0]}***"
        else:
            yield label.in_language(language) if label else text


def refuse_unknown(what: str) -> Refused:
    """The answer to an export of something we do not have."""
    return Refused(f'"{what}" cannot be exported: ask for "kpis" or "tickets".', field="what")


def _tongue(language: str) -> str:
    return "en" if language.startswith("en") else "zh"
