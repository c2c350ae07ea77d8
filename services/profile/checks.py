"""Does everything a profile names exist? Cross checks that the types of the facets cannot make (S5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.profile.assignment_checks import check_assignment
from services.profile.calendar_checks import check_calendars
from services.profile.clock_checks import SPECIAL_RECIPIENTS, check_clocks
from services.profile.commitment_checks import check_commitments
from services.profile.condition_checks import check_condition, check_routing
from services.profile.emergency_checks import LEADERS, UNIT_CONTACTS, check_emergency
from services.profile.escalation_checks import check_escalation
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.form_checks import check_forms
from services.profile.grading_checks import check_grading
from services.profile.lifecycle_checks import check_lifecycles, rows_of
from services.profile.people_checks import check_organisation
from services.profile.records_checks import check_records
from services.profile.roster_checks import check_roster
from services.profile.schema import About, Profile
from services.profile.watch_checks import WATCH_EVENTS, check_watch

_EVENTS = frozenset(
    {f"sla.{event}" for event in ("armed", "warned", "breached", "met")}
    | {f"sla.{event}" for event in ("promised", "renegotiated", "withdrawn")}
    | {f"sla.{event}" for event in ("passed", "paused", "resumed", "recalculated", "alarm")}
    | {f"escalation.{event}" for event in ("raised", "climbed", "repeated", "acknowledged", "ended")}
    | {
        f"callback.{event}"
        for event in ("due", "attempted", "rescheduled", "completed", "unsolved", "unreachable", "cancelled")
    }
    | {f"alert.{kind}" for kind in ("unmatched", "seat_empty", "hand_back_limit", "unsolved_after_close")}
    | {
        f"alert.{kind}"
        for kind in ("new_fault", "problem_resolved", "merged_in", "merged_resolved", "merged_withdrawn")
    }
    | {f"ticket.{event}" for event in ("linked", "unlinked", "merged", "urged", "departments_set")}
    | {"alert.step_not_done", "alert.urged_unheld", "alert.bulletin_of_parent"}
    | {"survey.answered", "contact.recorded", "ticket.opened", "ticket.called_back", "ticket.noted", "ticket.updated"}
    | {"ticket.worked_around"}
    | {"ticket.assigned", "ticket.reassigned", "ticket.overflowed", "ticket.taken_back"}
    | {f"watch.{event}" for event in WATCH_EVENTS}
)


def check_profile(profile: Profile) -> Iterator[Finding]:
    """Every cross fault of a profile whose types are right."""
    yield from _about(profile)
    yield from check_calendars(profile)
    yield from check_lifecycles(profile)
    yield from check_records(profile)
    yield from _defaults(profile)
    yield from check_forms(profile)
    yield from check_grading(profile.grading, frozenset(row.action for row in profile.transitions))
    yield from check_routing(profile)
    yield from check_assignment(profile, check_condition)
    yield from check_clocks(profile)
    yield from check_escalation(profile)
    yield from check_commitments(profile)
    yield from _callback(profile)
    yield from _notices(profile)
    yield from check_emergency(profile)
    yield from check_organisation(profile)
    yield from check_roster(profile)
    yield from check_watch(profile)


def _about(profile: Profile) -> Iterator[Finding]:
    try:
        ZoneInfo(profile.profile.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield ("profile", "timezone"), f'there is no zone "{profile.profile.timezone}"; write one such as Asia/Shanghai'
    yield from duplicates(("channels",), "channel", profile.channels, key="name")


def _defaults(profile: Profile) -> Iterator[Finding]:
    types = [each.key for each in profile.types]
    yield from duplicates(("types",), "type", types)
    if profile.default_type not in types:
        yield unknown(("default_type",), "type", profile.default_type, types)


def _callback(profile: Profile) -> Iterator[Finding]:
    if profile.callback is not None:
        for path, roles in profile.callback.roles.items():
            for index, role in enumerate(roles):
                if role not in profile.roles:
                    yield unknown(("callback", "roles", path, index), "role", role, profile.roles)
        for where, row in rows_of(profile):
            if "confirmed" in row.clears:
                yield (
                    (*where, "clears"),
                    "a callback once owed is not taken back; begin a new_cycle instead of clearing confirmed",
                )
    guarded = any("callback_done" in row.guards for row in profile.transitions)
    if guarded and profile.callback is None:
        yield (
            ("lifecycle",),
            "a step waits for a callback but there is no callback facet; add it or drop the guard",
        )
    if profile.survey is not None:
        yield from duplicates(("survey", "questions"), "question", [q.key for q in profile.survey.questions])
        if "satisfaction" not in {question.key for question in profile.survey.questions}:
            yield ("survey", "questions"), "no question is on the scale; add one with the key satisfaction"
        for index, question in enumerate(profile.survey.questions):
            here: Path = ("survey", "questions", index)
            if question.kind == "choice" and not question.options:
                yield (*here, "options"), "a choice needs options; list them"
            if question.kind == "int" and question.min >= question.max:
                yield (*here, "max"), "the range is empty; let max be greater than min"


def _notices(profile: Profile) -> Iterator[Finding]:
    events = (
        _EVENTS
        | {f"ticket.{row.event}" for row in profile.transitions}
        | {f"ticket.{form.event}" for form in profile.records}
    )
    recipients = SPECIAL_RECIPIENTS | {"owner", LEADERS, UNIT_CONTACTS} | frozenset(profile.roles)
    for index, rule in enumerate(profile.notices.rules):
        here: Path = ("notices", "rules", index)
        yield from check_condition(profile, rule.when, (*here, "when"))
        clocks = {"commitment", *(each.name for each in profile.sla.clocks)}
        clocks |= {each.name for each in profile.sla.alarms}
        for place, clock in enumerate(rule.when.clock):
            if clock not in clocks:
                yield unknown((*here, "when", "clock", place), "clock or alarm", clock, clocks)
        if rule.on not in events:
            yield unknown((*here, "on"), "event", rule.on, events)
        for position, recipient in enumerate(rule.to):
            if recipient not in recipients:
                yield unknown((*here, "to", position), "recipient", recipient, recipients)
        if rule.template not in profile.notices.templates:
            yield unknown((*here, "template"), "template", rule.template, profile.notices.templates)
    for name, texts in profile.notices.templates.items():
        for language in get_args(About.model_fields["language"].annotation):
            if language not in texts:
                yield ("notices", "templates", name), f"the text in {language} is missing; add it under {language}:"
