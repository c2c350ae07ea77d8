"""Random walks over every flow of every shipped desk: whatever people do, no ticket is lost and none is forged.

`DESKSTREAM_WALKS=2000 pytest tests/dispatch/test_walks.py` walks so often; fewer by default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.callbacks.policy import TicketFacts, owed_kind
from services.dispatch import model, wire
from services.dispatch.audit import unsealed, verify
from services.dispatch.entries import Entry, Record, entries_of
from services.dispatch.policy import Desk, callback_heard, joined, open_ticket, possible, step
from services.dispatch.policy.actions import EVERYWHERE
from services.dispatch.policy.flows import Flow
from services.dispatch.policy.records import required
from services.kernel.errors import Missing, Refused
from services.profile.lifecycle import Transition
from services.profile.records import RecordField
from tests.dispatch.world import MORNING, PROFILES, desk, request

WALKS = int(os.environ.get("DESKSTREAM_WALKS", "60"))
T = TypeVar("T")
NUMBER = st.integers(0, 10_000)
LATER = st.sampled_from([1, 1, 1, 7, 45, 600, 3000])
"""Minutes that pass before something happens."""
_TEXTS = ("number", "state", "team", "assignee", "grade", "callback", "path", "engineer", "project_manager", "type")
_COUNTS = ("cycle", "hand_backs", "dispatches", "failed_dispatches", "repeat_contacts", "reassignments")


def turned(things: Sequence[T], by: int) -> list[T]:
    """Beginning somewhere else."""
    return [things[(place + by) % len(things)] for place in range(len(things))]


class Walk(RuleBasedStateMachine):
    """One ticket of one desk; each rule is somebody who wants something of it."""

    desk: Desk
    events: list[model.Event]
    entries: list[Entry]

    @initialize(dice=st.randoms(use_true_random=True))
    def open(self, dice: Random) -> None:
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

    @rule(place=NUMBER, who=NUMBER, whom=NUMBER, minutes=LATER)
    def takes_a_step_that_the_table_offers(self, place: int, who: int, whom: int, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        rows = self.flow.rows_from(self.ticket.state)
        if not rows:
            return
        row = rows[place % len(rows)]
        fit, targets = self.fit_for(row) or [self.someone(who)], self.targets_for(row) or [""]
        command = model.Command(row.action, "原因", targets[whom % len(targets)], self.values_for(row, whom))
        self.tries(fit[who % len(fit)], command)

    def goes_on_somehow(self, place: int, whom: int, minutes: int) -> None:
        """The first step, person and target that are accepted, so that walks get to the end of long flows."""
        self.now += timedelta(minutes=minutes)
        if self.owed() and not self.ticket.callback:
            self.is_called_back("completed" if place % 3 else "unsolved", 0)
            return
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
        for kind, form in self.desk.records.items():
            holders = [p for p in self.desk.people.values() if set(p.roles) & set(form.roles)][:1]
            for person in holders:
                caller = model.Caller(person.id, frozenset(person.roles), frozenset(person.teams))
                values = {field.name: self.words(field)[0] for field in form.fields if field.name != "reason"}
                self.tries(caller, model.Command("add_record", "原因", kind, values))

    @rule(dice=st.randoms(use_true_random=True), steps=st.integers(1, 12))
    def lives_on(self, dice: Random, steps: int) -> None:
        """Hypothesis likes small numbers and short walks; a day at a desk is neither."""
        for _ in range(steps):
            self.goes_on_somehow(dice.randrange(10_000), dice.randrange(10_000), dice.choice([1, 5, 60]))

    @rule(place=NUMBER, who=NUMBER, whom=NUMBER, minutes=LATER)
    def wants_something_whoever_it_is(self, place: int, who: int, whom: int, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        actions = sorted({*self.flow.actions, *EVERYWHERE, "claim", "nonsense"} - {"merge", "make_problem"})
        action = actions[place % len(actions)]
        rows = self.flow.rows_of(action)
        values = self.values_for(rows[whom % len(rows)], whom) if rows else {}
        self.tries(self.someone(who), model.Command(action, "原因", self.people[whom % len(self.people)], values))

    @rule(who=NUMBER, place=NUMBER)
    def writes_a_record(self, who: int, place: int) -> None:
        if self.desk.records:
            form = list(self.desk.records.values())[place % len(self.desk.records)]
            values = {f.name: self.words(f)[who % len(self.words(f))] for f in form.fields if f.name != "reason"}
            self.tries(self.someone(who), model.Command("add_record", "原因", form.key, values))

    @rule(who=NUMBER, grade=NUMBER, reason=st.sampled_from(["", "影响扩大"]))
    def grades_it(self, who: int, grade: int, reason: str) -> None:
        grades = [*self.desk.priorities, "no such grade"]
        self.tries(self.someone(who), model.Command("grade", reason, "", {"grade": grades[grade % len(grades)]}))

    @rule(outcome=st.sampled_from(["completed", "unreachable", "unsolved"]), late=st.sampled_from([0, 0, 0, 1]))
    def is_called_back(self, outcome: str, late: int) -> None:
        """An outcome may be about an earlier cycle, or come before anybody has solved anything."""
        actor, cycle = model.Actor("sun.ning", "desk_manager"), self.ticket.cycle - late
        event = callback_heard(self.desk, self.ticket, outcome, cycle, actor, self.now)
        if event is not None:
            self.tell((event,))

    @precondition(lambda self: self.owed())
    @rule(outcome=st.sampled_from(["completed", "completed", "unsolved"]))
    def is_called_back_when_owed(self, outcome: str) -> None:
        self.is_called_back(outcome, 0)

    @rule(told=st.sampled_from(["还没好", "催一下"]))
    def comes_back_about_it(self, told: str) -> None:
        self.tell((joined(self.ticket, told, self.now),))

    def owed(self) -> bool:
        """Whether the callback service would call, by its own judgement."""
        ticket = self.ticket
        complaint = ticket.neutral_type == "complaint"
        facts = TicketFacts(ticket.number, ticket.cycle, ticket.path, ticket.phase, complaint, ticket.milestones.keys())
        return owed_kind(facts, self.desk.profile) is not None

    @invariant()
    def the_state_is_one_of_the_table(self) -> None:
        assert self.flow.states[self.ticket.state].phase == self.ticket.phase

    @invariant()
    def an_open_ticket_is_in_a_queue_and_somebody_can_do_something(self) -> None:
        ticket = self.ticket
        assert (ticket.place is None, ticket.stage is None) == (ticket.ended, ticket.ended)
        if ticket.ended:
            return
        assert ticket.team in self.desk.teams or ticket.assignee in self.desk.people, "C24"
        assert ticket.state in self.desk.open_states
        ways = [row for row in self.flow.rows_from(ticket.state) if row.action != "withdraw"]
        roles = {role for row in ways for role in row.roles} - {"system"}
        assert any(set(person.roles) & roles for person in self.desk.people.values()), ticket.state

    @invariant()
    def what_waits_for_a_callback_is_owed_one(self) -> None:
        heard = self.flow.hears.get("callback.completed", ())
        waits = [row for action in heard for row in self.flow.rows(self.ticket.state, action)]
        if waits and not self.ticket.callback and self.desk.profile.callback is not None:
            assert self.owed(), f"nobody will call about {self.ticket.state}"

    @invariant()
    def nothing_is_closed_without_its_gate(self) -> None:
        if self.ticket.phase != "closed":
            return
        closing = next(event for event in self.events if event.ticket.phase == "closed")
        rows = self.flow.rows(closing.from_state, closing.action)
        assert rows, "closed by a row of the table"
        if all("callback_done" in row.guards for row in rows):
            assert closing.ticket.callback in ("completed", "unreachable"), "F2"

    @invariant()
    def the_holder_is_never_the_one_complained_about(self) -> None:
        assert not self.desk.is_accused(self.ticket, self.ticket.assignee), "C28"

    @invariant()
    def versions_rise_by_one_and_ends_are_ends(self) -> None:
        assert [event.ticket.version for event in self.events] == list(range(1, len(self.events) + 1))
        if len(self.events) > 1 and self.events[-2].ticket.ended:
            assert (self.ticket.state, self.ticket.assignee) == (
                self.events[-2].ticket.state,
                self.events[-2].ticket.assignee,
            )

    @invariant()
    def what_may_be_done_does_not_depend_on_being_asked(self) -> None:
        before = self.ticket
        possible(self.desk, before, self.someone(len(self.events)), self.now)
        assert self.ticket is before

    def teardown(self) -> None:
        if not getattr(self, "events", None):
            return
        record = Record(self.ticket.number, tuple(self.entries), self.entries[-1].digest)
        assert verify(record) == []
        assert unsealed(record) == 0
        assert record.ticket() == self.ticket, "the way over the wire and back"
        assert self.replayed() == self.ticket, "the history tells every change"
        hand_backs = [event for event in self.events if any(change.field == "hand_backs" for change in event.changes)]
        assert self.ticket.hand_backs == len(hand_backs)

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


def test_no_walk_loses_a_ticket_closes_one_too_early_or_breaks_its_history():
    """B9, B10, C24, C25, C28, F2, F13: every flow of every shipped desk, roles mixed, out of hours, interrupted."""
    thorough = settings(
        max_examples=WALKS,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Walk, settings=thorough)
