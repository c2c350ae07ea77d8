"""One ticket of one desk and the people who act on it, for random walks: what they may try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from services.callbacks.policy import TicketFacts, owed_kind
from services.dispatch import model, wire
from services.dispatch.entries import Entry, entries_of
from services.dispatch.policy import Desk, callback_heard, open_ticket, step
from services.dispatch.policy.flows import Flow
from services.dispatch.policy.records import required
from services.kernel.errors import Missing, Refused
from services.profile.lifecycle import Transition
from services.profile.records import RecordField
from tests.dispatch.world import MORNING, PROFILES, desk, request

T = TypeVar("T")
_TEXTS = ("number", "state", "team", "assignee", "grade", "callback", "path", "engineer", "project_manager", "type")
_COUNTS = ("cycle", "hand_backs", "dispatches", "failed_dispatches", "repeat_contacts", "reassignments")


def turned(things: Sequence[T], by: int) -> list[T]:
    """Beginning somewhere else."""
    return [things[(place + by) % len(things)] for place in range(len(things))]


class Wanderer:
    """The ticket with its history so far; nothing here asserts more than the history can tell."""

    desk: Desk
    now: datetime
    people: list[str]
    events: list[model.Event]
    entries: list[Entry]

    def begin(self, dice: Random) -> None:
        """Any desk, type, grade and project of it; now and then about somebody of the desk, or out of hours."""
        profile = dice.choice(PROFILES)
        self.desk = desk(profile)
        self.now = dice.choice([MORNING, MORNING, MORNING + timedelta(hours=13)])
        self.people = sorted(self.desk.people)
        named = dice.choice([*self.people, *(person.name for person in self.desk.people.values())])
        draft = request(
            profile=profile,
            type=dice.choice([*self.desk.neutral_types]),
            grade=dice.choice(["", *self.desk.priorities]),
            project=dice.choice(["", *self.desk.projects]),
            accused=dice.choice(["", "", named]),
        )
        wanted = wire.request_from(draft)
        self.events, self.entries = [], []
        self.tell(open_ticket(self.desk, wanted, self.now, self.now))

    @property
    def ticket(self) -> model.Ticket:
        return self.events[-1].ticket

    @property
    def flow(self) -> Flow:
        return self.desk.flow(self.ticket)

    def tell(self, events: tuple[model.Event, ...]) -> None:
        previous = self.entries[-1] if self.entries else None
        made, _ = entries_of(events, f"call:{len(self.entries)}", "", previous)
        self.entries = [*self.entries, *made]
        self.events = [*self.events, *events]

    def tries(self, caller: model.Caller, command: model.Command) -> None:
        before = self.ticket
        try:
            event = step(self.desk, before, command, caller, self.now)
        except (Refused, Missing):
            return
        if event is not None:
            assert not self.desk.is_accused(before, caller.id) or command.action == "note", "C28"
            self.tell((event,))

    def someone(self, place: int) -> model.Caller:
        person = self.desk.people[self.people[place % len(self.people)]]
        return model.Caller(person.id, frozenset(person.roles), frozenset(person.teams))

    def fit_for(self, row: Transition) -> list[model.Caller]:
        """Who may take the row: the holder and the manager first, then everybody with its role."""
        ticket, people = self.ticket, self.desk.people
        near = [people[each] for each in (ticket.assignee, ticket.project_manager) if each in people]
        everybody = [*near, *(person for _, person in sorted(people.items()))]
        fit = {person.id: person for person in everybody if set(person.roles) & set(row.roles)}
        return [model.Caller(each.id, frozenset(each.roles), frozenset(each.teams)) for each in fit.values()]

    def targets_for(self, row: Transition) -> list[str]:
        if "target" not in row.requires:
            return [""]
        if "target_in_project" in row.guards and self.ticket.project in self.desk.projects:
            return [*self.desk.projects[self.ticket.project].engineers]
        return [*self.people, *sorted(self.desk.teams)]

    def values_for(self, row: Transition, place: int) -> dict[str, str]:
        """What the row asks for, in the words of the desk."""
        choices = {
            "type": [*self.desk.neutral_types],
            "grade": [*self.desk.priorities],
            "project": [*self.desk.projects],
            "entry": sorted(self.desk.entries),
            "promised_at": [(self.now + timedelta(hours=4)).isoformat()],
        }
        form = self.desk.records.get(row.writes or "")
        asked = {name for name in (*row.requires, *required(form, row.preset)) if name not in ("reason", "target")}
        values = {}
        for name in sorted(asked):
            field = form.field(name) if form else None
            words = self.words(field) if field else choices.get(name) or ["已处理"]
            values[name] = words[place % len(words)]
        return values | {name: words[place % len(words)] for name, words in row.given.items()}

    def words(self, field: RecordField) -> list[str]:
        kinds = {"time": [self.now.isoformat()], "yes_no": ["yes", "yes", "no"]}
        return [choice.key for choice in field.choices] or kinds.get(field.kind, ["已处理"])

    def goes_on_somehow(self, place: int, whom: int, minutes: int) -> None:
        """The first step, person and target that are accepted, so that walks get to the end of long flows."""
        self.now += timedelta(minutes=minutes)
        if self.owed() and not self.ticket.callback:
            self.called_back("completed" if place % 3 else "unsolved")
            return
        if place % 5 == 0:
            # Where a step can be taken over and over, documents would never be written otherwise.
            self.writes_every_record()
        # Declining or withdrawing would end nearly every walk; they are among the others' steps.
        states = self.desk.states
        rows = [row for row in self.flow.rows_from(self.ticket.state) if states[row.to].phase != "cancelled"]
        version = self.ticket.version
        for row in turned(rows, place):
            for caller in self.fit_for(row)[:4]:
                for target in turned(self.targets_for(row), whom)[:4]:
                    self.tries(caller, model.Command(row.action, "原因", target, self.values_for(row, whom)))
                    if self.ticket.version != version:
                        return
        self.writes_every_record()

    def writes_every_record(self) -> None:
        """As somebody who may; what belongs to tickets of another type is refused."""
        for kind, form in self.desk.records.items():
            holders = [p for p in self.desk.people.values() if set(p.roles) & set(form.roles)][:1]
            for person in holders:
                caller = model.Caller(person.id, frozenset(person.roles), frozenset(person.teams))
                values = {field.name: self.words(field)[0] for field in form.fields if field.name != "reason"}
                self.tries(caller, model.Command("add_record", "原因", kind, values))

    def called_back(self, outcome: str, late: int = 0) -> None:
        """`late`: how many cycles ago the call was due."""
        actor, cycle = model.Actor("sun.ning", "desk_manager"), self.ticket.cycle - late
        event = callback_heard(self.desk, self.ticket, outcome, cycle, actor, self.now)
        if event is not None:
            self.tell((event,))

    def owed(self) -> bool:
        """Whether the callback service would call, by its own judgement."""
        ticket = self.ticket
        complaint = ticket.neutral_type == "complaint"
        facts = TicketFacts(ticket.number, ticket.cycle, ticket.path, ticket.phase, complaint, ticket.milestones.keys())
        return owed_kind(facts, self.desk.profile) is not None

    def replayed(self) -> model.Ticket:
        """The first version with the changes of each event laid over it, as far as the history names them."""
        before = self.events[0].ticket
        values = {name: getattr(before, name) for name in (*_TEXTS, *_COUNTS)}
        for event in self.events[1:]:
            for change in event.changes:
                if change.field in values:
                    assert str(values[change.field]) == change.old, change.field
                    values[change.field] = int(change.new) if change.field in _COUNTS else change.new
        return replace(self.ticket, **values)
