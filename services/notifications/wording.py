"""Templates: compiled once, checked at start, rendered in a sandbox (O9, O11).

A template sees `ticket` (number, title, type, grade, state, team, project, priority, requester, assignee, engineer,
project_manager, solution, urges), `clock`, `promise` (id, text, owner), `due_at` (local text), `role`, `reason`,
`satisfaction`, `desk`, `hotline`, `recipient`, `alert`, `record` (fields of the record just written) and `survey_link`,
each a text in the recipient's language, empty when the event says nothing of it. No telephone number, address or
description is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.kernel.errors import Refused
from services.notifications.model import Facts, Recipient
from services.profile.lookups import Lookups

LONGEST_TEXT = 10_000
LONGEST_SUBJECT = 200

_ALERTS = {
    "unmatched": ("没有分流规则命中，请指派。", "No routing rule matched; please assign it."),
    "seat_empty": (
        "非服务时间且应急坐席无人值班，请安排人员。",
        "Nobody is on duty at the emergency seat; please send somebody.",
    ),
    "hand_back_limit": (
        "转回或转派次数已达上限，请协调。",
        "It has been handed back or reassigned too often; please coordinate.",
    ),
    "new_fault": (
        "处理中发现新的故障，已另开工单。",
        "A new fault was found while working on it; it has a ticket of its own.",
    ),
    "problem_resolved": (
        "所属问题已解决，请据此处理本单并单独确认。",
        "The problem it belongs to is resolved; please resolve and confirm this ticket on its own.",
    ),
    "merged_in": ("用户再次反映：另一工单已并入本单。", "Reported once more: another ticket was merged into this one."),
    "merged_resolved": ("所并入的工单已处理完毕。", "The ticket it was merged into has been resolved."),
    "merged_withdrawn": (
        "所并入的工单已撤销，请确认本单的事项是否仍需处理。",
        "The ticket it was merged into was withdrawn; please see whether its own matter is still open.",
    ),
    "bulletin_of_parent": ("上级应急工单发布了情况通报。", "The emergency above it has a new bulletin."),
    "step_not_done": (
        "时限到达预定节点，系统未能自动处理，请主管处理。",
        "A limit reached a step that the system could not carry out; please see to it.",
    ),
    "urged_unheld": ("被督促但无人承办，请尽快接单。", "It was urged and nobody holds it; please take it."),
    "unsolved_after_close": (
        "用户在工单关闭后反馈未解决，请联系用户并开新工单。",
        "The requester says it is not solved, after it was closed; please call them and open a new ticket.",
    ),
}
"""What each alert asks of its reader, in Chinese and English."""

SurveyLink = Callable[[str], str]
"""Address of the survey page for a callback task."""


class _Later:
    """A value made only when a template prints it: signing a link costs more than the rest of a message."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def __str__(self) -> str:
        return self._make()


class _Record(dict[str, str]):
    """Fields that were not filled are empty."""

    def __missing__(self, name: str) -> str:
        return ""


class Wording:
    """The templates of one profile."""

    def __init__(self, people: Lookups, survey_link: SurveyLink) -> None:
        self._people = people
        self._profile = people.profile
        self._survey_link = survey_link
        self._zone = ZoneInfo(people.profile.profile.timezone)
        # Text, not HTML: escaping would spoil it.
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._texts: dict[tuple[str, str], tuple[Template, Template]] = {}
        for name, languages in self._profile.notices.templates.items():
            for language, text in languages.items():
                try:
                    compiled = (environment.from_string(text.subject), environment.from_string(text.text))
                except TemplateError as error:
                    raise self._broken(name, language, error) from error
                self._texts[name, language] = compiled

    def check(self) -> None:
        """Renders every template once with everything and once with next to nothing; Refused names the broken one."""
        at = datetime(2026, 1, 1, tzinfo=UTC)
        bare = Facts("ticket.opened", "DS20260101-000001", self._profile.profile.name, at)
        full = Facts("callback.due", bare.number, bare.profile, at, due_at=at, task_id="t", clock="c", roles=("r",))
        reader = Recipient("somebody", "somebody", "zh-CN", {})
        for name, language in self._texts:
            for facts in (bare, full):
                self.render(name, facts, reader, language)

    def render(self, template: str, facts: Facts, recipient: Recipient, language: str = "") -> tuple[str, str]:
        """Subject (one line) and text for a recipient, cut at their bounds; Refused when it cannot be rendered."""
        language = language or recipient.language
        try:
            subject, text = self._texts[template, language]
            seen = self._seen(facts, recipient, language)
            shown = " ".join(_bounded(subject, seen, LONGEST_SUBJECT).split())
            return shown, _bounded(text, seen, LONGEST_TEXT)
        except (TemplateError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise self._broken(template, language, error) from error

    def _seen(self, facts: Facts, recipient: Recipient, language: str) -> Mapping[str, object]:
        label = self._people.label
        hidden = facts.anonymous and recipient.staff
        return {
            "ticket": {
                "number": facts.number,
                "title": facts.title,
                "type": label("type", facts.type, language),
                "grade": label("grade", facts.grade, language),
                "state": label("state", facts.state, language),
                "team": label("team", facts.team, language),
                "project": label("project", facts.project, language),
                "priority": facts.priority or "",
                "requester": "" if hidden else facts.requester_name,
                "assignee": self._name(facts.assignee),
                "engineer": self._name(facts.engineer),
                "project_manager": self._name(facts.project_manager),
                "solution": facts.solution,
                "urges": facts.urges or "",
            },
            "promise": {"id": facts.promise, "text": facts.promised, "owner": self._name(facts.owner)},
            "clock": label("clock", facts.clock, language),
            "step": facts.step,
            "repeats": facts.repeats or "",
            "due_at": f"{facts.due_at.astimezone(self._zone):%Y-%m-%d %H:%M}" if facts.due_at else "",
            "role": ", ".join(label("role", role, language) for role in facts.roles),
            "alert": " ".join(_ALERTS[kind][language == "en"] for kind in facts.alerts if kind in _ALERTS),
            "reason": facts.reason,
            "record": _Record(facts.record),
            "satisfaction": facts.satisfaction,
            "desk": self._profile.profile.title.in_language(language),
            "hotline": self._profile.contact_points.get("hotline", ""),
            "recipient": recipient.name,
            "survey_link": _Later(lambda: self._survey_link(facts.task_id)) if facts.task_id else "",
        }

    def _name(self, person: str) -> str:
        known = self._people.people.get(person)
        return known.name if known else person

    def _broken(self, template: str, language: str, error: Exception) -> Refused:
        where = f"notices.templates.{template}.{language}"
        return Refused(
            f"The template {where} of profile {self._profile.profile.name} cannot be used: {error}; correct it.",
            field=where,
        )


def _bounded(template: Template, seen: Mapping[str, object], longest: int) -> str:
    """At most so many characters: a loop in a template must not fill the memory."""
    parts: list[str] = []
    length = 0
    for part in template.generate(seen):
        parts.append(part)
        length += len(part)
        if length > longest:
            break
    text = "".join(parts)
    return text if len(text) <= longest else text[: longest - 1] + "…"
