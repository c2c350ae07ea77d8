"""One event of a ticket in words: when, who, what, old and new values, why and from where (B9, D17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import wire
from services.dispatch.audit.words import CHANNELS, EVENTS, FIELDS, ROLES, VALUES, word
from services.dispatch.entries import Entry
from services.dispatch.policy import Desk
from services.profile.grading import ANSWER, PROPOSED, SIDES

_LONGEST = 120
_PLATFORM = "service:"
_INSTANTS = ("promised_at",)
_KINDS = {"lead_team": "team", "assignee": "person", "engineer": "person", "project_manager": "person"}
"""Fields whose values are words of another one."""


class Telling:
    """Words of one desk in one language."""

    def __init__(self, desk: Desk, language: str) -> None:
        self._desk = desk
        self._language = language or desk.profile.profile.language
        self._english = self._language.startswith("en")
        self._zone = ZoneInfo(desk.profile.profile.timezone)
        profile, language = desk.profile, self._language
        self._values: Mapping[str, Mapping[str, str]] = {
            "type": {kind.key: kind.label.in_language(language) for kind in profile.types},
            "entry": {entry.key: entry.label.in_language(language) for entry in profile.entries},
            "grade": {grade.key: grade.label.in_language(language) for grade in profile.grading.grades},
            "project": {project.id: project.name.in_language(language) for project in profile.organisation.projects},
            "team": {team.id: team.name.in_language(language) for team in profile.organisation.teams},
            "person": {person.id: person.name for person in profile.organisation.people},
            "state": {key: state.en if self._english else state.zh for key, state in desk.states.items()},
            "record": {key: form.label.in_language(language) for key, form in desk.records.items()},
        }
        self._values = {**self._values, **self._judged(desk)}
        proposed = {PROPOSED: "proposed grade" if self._english else "建议分级"}
        asked = {f"{ANSWER}{each.key}": each.label.in_language(language) for each in profile.grading.questions}
        fields = {name: each.label.in_language(language) for name, each in profile.catalogue.extra.items()}
        self._fields = {**fields, **asked, **proposed}

    def _judged(self, desk: Desk) -> Mapping[str, Mapping[str, str]]:
        """Words for the choices of extra fields, for answers, and for the sides of the matrix (B5, B19)."""
        catalogue, grading = desk.profile.catalogue, desk.profile.grading
        labels = {f"fields.{name}": catalogue.options(field) for name, field in catalogue.extra.items()}
        labels |= {f"fields.{ANSWER}{each.key}": each.answers for each in grading.questions}
        labels |= {f"fields.{PROPOSED}": catalogue.listed("grade")}
        labels |= {side: catalogue.listed(side) for side in SIDES if side in catalogue.lists}
        return {
            name: {key: label.in_language(self._language) for key, label in words.items()}
            for name, words in labels.items()
        }

    def tell(
        self, entry: Entry, event: ticket_pb2.TicketEvent, changes: Sequence[ticket_pb2.Change], reason: str
    ) -> str:
        """One or two sentences. `changes` and `reason` as the reader may see them (P1)."""
        when = f"{wire.instant(event.at).astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        what = word(EVENTS, event.event, self._language)
        said = [f"{when} {self._who(event)} {what}" if self._english else f"{when} {self._who(event)}{what}"]
        if told := (", " if self._english else "；").join(self._change(change) for change in changes):
            said.append(told)
        if reason:
            said.append(f"Reason: {_short(reason)}" if self._english else f"原因：{_short(reason)}")
        said.append(self._where(entry, event))
        stop = ". " if self._english else "。"
        return stop.join(each.rstrip("。.") for each in said) + stop.rstrip()

    def _who(self, event: ticket_pb2.TicketEvent) -> str:
        actor = event.actor
        label = self._desk.profile.roles.get(actor.role)
        role = label.in_language(self._language) if label else word(ROLES, actor.role, self._language)
        if not actor.id or actor.id.startswith(_PLATFORM):
            return "The platform" if self._english else "平台"
        name = self._values["person"].get(actor.id, actor.id)
        return f"{name} ({role})" if self._english else f"{name}（{role}）"

    def _change(self, change: ticket_pb2.Change) -> str:
        name = change.field
        if name.startswith("fields."):
            extra = name.removeprefix("fields.")
            label = self._fields.get(extra, extra)
        elif name.startswith("milestones."):
            label = name.removeprefix("milestones.")
            return f"{label} no longer holds" if self._english else f"“{label}”不再成立"
        else:
            label = word(FIELDS, name, self._language)
        old, new = self._value(name, change.old), self._value(name, change.new)
        return f"{label}: {old} -> {new}" if self._english else f"{label}：{old} → {new}"

    def _value(self, name: str, value: str) -> str:
        if not value:
            return "none" if self._english else "无"
        if name in _INSTANTS:
            return f"{datetime.fromisoformat(value).astimezone(self._zone):%Y-%m-%d %H:%M}"
        known = self._values.get(_KINDS.get(name, name), {})
        if name == "supporting_teams":
            return ", ".join(self._values["team"].get(team, team) for team in value.split(", "))
        return _short(known.get(value) or word(VALUES.get(name, {}), value, self._language))

    def _where(self, entry: Entry, event: ticket_pb2.TicketEvent) -> str:
        """The channel of an opening, the API or the message that caused the rest, and the trace to look it up by."""
        if event.ticket.version == 1:
            channel = wire.ticket_from(event.ticket).channel
            told = word(CHANNELS, channel, self._language) or ("channel unknown" if self._english else "渠道不明")
        elif entry.cause.startswith(("call:", "act:")):
            told = "the desk's API" if self._english else "工单接口"
        else:
            told = f"message {entry.cause}" if self._english else f"消息 {entry.cause}"
        trace = entry.traceparent.split("-")[1] if entry.traceparent.count("-") == 3 else ""
        if self._english:
            return f"From {told}" + (f", trace {trace}" if trace else "")
        return f"来自{told}" + (f"，追踪号 {trace}" if trace else "")


def _short(text: str) -> str:
    told = " ".join(text.split())
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"
