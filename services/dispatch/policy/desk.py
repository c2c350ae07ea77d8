"""One profile prepared for judging: its tables looked up by key instead of searched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from services.dispatch.model import ENDED, Ticket, stage_key
from services.dispatch.policy.flows import Flow
from services.dispatch.policy.rules import RuleSet
from services.dispatch.policy.teamwork import Work, works_of
from services.kernel.duty import DutyTable
from services.kernel.errors import Refused
from services.profile.calendars import business_calendar
from services.profile.condition_checks import asked_fields
from services.profile.lifecycle import Transition
from services.profile.records import Demand
from services.profile.schema import Flag, Person, Profile, Project, RecordForm

LAST = 9
"""Priority of a ticket nobody has graded: served after the graded ones."""


class Roster(Protocol):
    """Who works when, as the profile's rosters and calendars say."""

    def on_duty(self, at: datetime, role: str | None = None, team: str | None = None) -> tuple[Person, ...]:
        """People on duty at the instant, substitutes already in the place of the absent (M21)."""

    @property
    def version(self) -> int:
        """Of the filed duty it follows; 0: the profile's pattern alone."""

    def adopt(self, table: DutyTable) -> bool:
        """Follows a newer filed duty from now on (M28)."""

    def acting_roles(self, person: str, at: datetime) -> tuple[frozenset[str], frozenset[str]]:
        """Roles and teams of those the person stands in for then (Q6)."""

    def stand_in(self, person: str, at: datetime) -> str:
        """The person, or the registered substitute while absent (C23)."""

    def in_hours(self, at: datetime) -> bool:
        """Whether the desk is open (A5)."""


class Desk:
    """The rule book of one profile. Built once per loaded profile and shared by all threads; never changes."""

    def __init__(self, profile: Profile, version: str, roster: Roster) -> None:
        self.profile = profile
        self.name = profile.profile.name
        self.version = version
        self.roster = roster
        self.lifecycle = profile.lifecycle
        self.people: Mapping[str, Person] = {person.id: person for person in profile.organisation.people}
        self.projects: Mapping[str, Project] = {project.id: project for project in profile.organisation.projects}
        self.teams = {team.id: team for team in profile.organisation.teams}
        self.neutral_types = {kind.key: kind.neutral for kind in profile.types}
        self.priorities = {grade.key: grade.priority for grade in profile.grading.grades}
        self.entries = frozenset(entry.key for entry in profile.entries)
        self.extra_fields = frozenset(profile.catalogue.extra)
        self.flows = {name: Flow(name, lifecycle) for name, lifecycle in profile.lifecycles.items()}
        self.states = profile.states
        self.records: Mapping[str, RecordForm] = {form.key: form for form in profile.records}
        self.demands: dict[str, tuple[tuple[RecordForm, Demand], ...]] = {}
        for form in profile.records:
            for demand in form.demanded:
                for action in demand.before:
                    self.demands[action] = (*self.demands.get(action, ()), (form, demand))
        self.flags: Mapping[str, Flag] = {flag.key: flag for flag in profile.flags}
        self.zone = ZoneInfo(profile.profile.timezone)
        self._flow_of_type = {kind.key: kind.flow or "" for kind in profile.types}
        self.work: Mapping[str, Work] = works_of(profile)
        self.rules = RuleSet(profile.routing, _below(profile))
        self.asked_fields = frozenset(asked_fields(profile))
        self.asked_calendars = {
            name: business_calendar(name, facet, facet.timezone or self.zone.key, profile.calendars)
            for name, facet in sorted(profile.calendars.items())
            if name in self.rules.calendars
        }

    def flow(self, ticket: Ticket) -> Flow:
        """The lifecycle the ticket runs under; the profile's own when its flow is no longer in the profile."""
        return self.flows.get(ticket.flow, self.flows[""])

    def flow_of_type(self, kind: str) -> str:
        """Name of the flow that tickets of a type run under; "" is the profile's own."""
        return self._flow_of_type.get(kind, "")

    def rows(self, state: str, action: str, flow: str = "") -> tuple[Transition, ...]:
        """Rows of a lifecycle for an action from a state; empty when there are none."""
        return self.flows[flow].rows(state, action)

    def rows_of(self, action: str, flow: str = "") -> tuple[Transition, ...]:
        """Rows of an action from any state."""
        return self.flows[flow].rows_of(action)

    def rows_from(self, state: str, flow: str = "") -> tuple[Transition, ...]:
        """Rows that leave a state, in the order of the profile."""
        return self.flows[flow].rows_from(state)

    def stages_for(self, role: str) -> tuple[str, ...]:
        """Flows and states in which a role has something to do; withdrawing does not count as work."""
        return tuple(
            stage_key(name, state)
            for name, flow in self.flows.items()
            for state in flow.working_states.get(role, ())
            if flow.states[state].phase not in ENDED
        )

    @property
    def open_stages(self) -> tuple[str, ...]:
        """Flows and states in which a ticket still needs somebody."""
        return tuple(
            stage_key(name, key)
            for name, flow in self.flows.items()
            for key, state in flow.states.items()
            if state.phase not in ENDED
        )

    @property
    def open_states(self) -> tuple[str, ...]:
        """States in which a ticket still needs somebody."""
        return tuple(key for key, state in self.states.items() if state.phase not in ENDED)

    def state_label(self, state: str) -> str:
        """The state in English and Chinese, for sentences."""
        known = self.states.get(state)
        return f"{known.en} ({known.zh})" if known else state

    def type_label(self, kind: str) -> str:
        """The type in English and Chinese, for sentences."""
        label = next((each.label for each in self.profile.types if each.key == kind), None)
        return f"{label.en} ({label.zh})" if label else kind

    def role_label(self, role: str) -> str:
        """The role in English and Chinese, for sentences."""
        label = self.profile.roles.get(role)
        return f"{label.en} ({label.zh})" if label else role

    def priority(self, grade: str) -> int:
        """1 = served first; ungraded last."""
        return self.priorities.get(grade, LAST)

    def is_accused(self, ticket: Ticket, person: str) -> bool:
        """Whether the requester complains about this person, named by id or by name (C28)."""
        return self.means(ticket.accused, person)

    def means(self, name: str, person: str) -> bool:
        """Whether a name that somebody gave, or an id, is this person's."""
        if not name or not person:
            return False
        known = self.people.get(person)
        return name == person or (known is not None and name == known.name)

    def manager_of(self, ticket: Ticket) -> str:
        """Manager of the ticket's project; refuses with the remedy when there is none (C3)."""
        project = self.projects.get(ticket.project)
        if project is None:
            names = ", ".join(self.projects) or "none yet"
            named = f'"{ticket.project}" is no project of this desk' if ticket.project else "no project is named"
            raise Refused(
                f"Ticket {ticket.number} cannot go to a project manager because {named}; name one of: {names}.",
                field="project",
            )
        return project.manager


def _below(profile: Profile) -> Mapping[str, frozenset[str]]:
    """Entries of the catalogue under each entry, at any depth."""
    found: dict[str, set[str]] = {}
    for entry in profile.entries:
        for above in profile.catalogue.above(entry.key)[1:]:
            found.setdefault(above.key, set()).add(entry.key)
    return {key: frozenset(keys) for key, keys in found.items()}
