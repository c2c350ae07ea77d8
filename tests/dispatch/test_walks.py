"""Random walks over every flow of every shipped desk: whatever people do, no ticket is lost and none is forged.

`DESKSTREAM_WALKS=2000 pytest tests/dispatch/test_walks.py` walks so often; fewer by default.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import pytest
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

from services.dispatch import model
from services.dispatch.audit.chain import unsealed, verify
from services.dispatch.entries import Record
from services.dispatch.policy import joined, possible
from services.dispatch.policy.actions import EVERYWHERE
from tests.dispatch.wanderer import Wanderer

WALKS = int(os.environ.get("DESKSTREAM_WALKS", "100"))
NUMBER = st.integers(0, 10_000)
LATER = st.sampled_from([1, 1, 1, 7, 45, 600, 3000])
"""Minutes that pass before something happens."""


class Walk(Wanderer, RuleBasedStateMachine):
    """One ticket of one desk; each rule is somebody who wants something of it."""

    @initialize(dice=st.randoms(use_true_random=True))
    def open(self, dice: Random) -> None:
        self.begin(dice)

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
        self.called_back(outcome, late)

    @precondition(lambda self: self.owed())
    @rule(outcome=st.sampled_from(["completed", "completed", "unsolved"]))
    def is_called_back_when_owed(self, outcome: str) -> None:
        self.called_back(outcome)

    @rule(told=st.sampled_from(["还没好", "催一下"]))
    def comes_back_about_it(self, told: str) -> None:
        self.tell((joined(self.ticket, told, self.now),))

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


@pytest.mark.timeout(120 + WALKS)
def test_no_walk_loses_a_ticket_closes_one_too_early_or_breaks_its_history():
    """B9, B10, C24, C25, C28, F2, F13: every flow of every shipped desk, roles mixed, out of hours, interrupted."""
    thorough = settings(
        max_examples=WALKS,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Walk, settings=thorough)
