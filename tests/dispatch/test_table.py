"""The lifecycle table of every shipped profile, walked exhaustively and at random."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch import model, wire
from services.dispatch.entries import entries_of
from services.dispatch.policy import Desk, callback_heard, possible, step
from services.dispatch.policy.everywhere import EVERYWHERE
from services.dispatch.policy.records import required
from services.kernel.errors import Refused
from tests.dispatch.world import MORNING, PROFILES, Tale, desk

ROLES = (
    *("specialist", "team_leader", "desk_manager", "supervisor", "project_manager", "engineer", "operations_manager"),
    *("quality", "reporter", "requester", "administrator", "channel_adapter", ""),
)
VALUES = {"solution": "s", "steps": "s", "remaining": "r", "workaround": "w"}


def actions(of: Desk) -> list[str]:
    return sorted({row.action for row in of.lifecycle.transitions})


@pytest.mark.parametrize("profile", PROFILES)
def test_every_step_the_table_does_not_list_is_refused_and_changes_nothing(profile: str):
    """Every state, action and role of the profile (C4-C8, F2, F3): default deny."""
    rules = desk(profile)
    opened = Tale(profile).ticket
    refused = 0
    for state in rules.lifecycle.states:
        ticket = replace(opened, state=state, phase=rules.lifecycle.states[state].phase)
        before = wire.ticket_to(ticket)
        for action in actions(rules):
            for role in ROLES:
                if any(role in row.roles for row in rules.rows(state, action)):
                    continue
                caller = model.Caller("somebody", frozenset({role} - {""}))
                command = model.Command(action, "reason", "huang.lei", VALUES)
                with pytest.raises(Refused) as refusal:
                    step(rules, ticket, command, caller, MORNING)
                assert refusal.value.code in ("forbidden", "conflict")
                assert len(refusal.value.message) > 20
                assert action not in possible(rules, ticket, caller, MORNING)
                refused += 1
        assert wire.ticket_to(ticket) == before
    assert refused > 500


@pytest.mark.parametrize("profile", PROFILES)
def test_every_required_value_is_missed_by_name(profile: str):
    """B14, C5: what a row requires and does not get is named in the refusal."""
    rules = desk(profile)
    bare = replace(Tale(profile).ticket, type="", grade="", entry="", project="")
    for row in rules.lifecycle.transitions:
        role = next((role for role in row.roles if role != "system"), "")
        form = rules.records.get(row.writes or "")
        asked = {*row.requires, *required(form, row.preset)}
        if not asked or not role:
            continue
        ticket = replace(bare, state=row.from_[0], phase=rules.lifecycle.states[row.from_[0]].phase)
        with pytest.raises(Refused) as refusal:
            step(rules, ticket, model.Command(row.action), model.Caller("x", frozenset({role})), MORNING)
        assert {fault.field for fault in refusal.value.faults} == asked
        assert all(fault.zh and fault.en for fault in refusal.value.faults)


WALKS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.booleans()), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(profile=st.sampled_from(PROFILES), walk=WALKS, accused=st.sampled_from(["", "huang.lei", "li.wei"]))
def test_no_walk_leaves_the_table_and_the_history_replays_to_the_same_ticket(profile, walk, accused):
    """B9: roles mixed, guards met or not, callbacks in between."""
    tale = Tale(profile, accused=accused)
    rules = tale.desk
    everybody = sorted(rules.people)
    for who, what, whom, told in walk:
        before = tale.ticket
        person = rules.people[everybody[who % len(everybody)]]
        caller = model.Caller(person.id, frozenset(person.roles), frozenset(person.teams))
        tale.now += timedelta(minutes=1)
        if told:
            outcome = ("completed", "unreachable", "unsolved")[what % 3]
            actor = model.Actor("sun.ning", "desk_manager")
            event = callback_heard(rules, before, outcome, before.cycle, actor, tale.now)
            if event is not None:
                tale.events.append(event)
            continue
        # Mostly what the table offers here, so that walks get far; else anything at all.
        here = [row.action for row in rules.rows_from(before.state)]
        choice = here if here and what % 4 else [*actions(rules), *EVERYWHERE, "claim", "nonsense"]
        try:
            values = VALUES | ({"project": "erp"} if "erp" in rules.projects else {})
            tale.does(caller, choice[what % len(choice)], target=everybody[whom % len(everybody)], reason="r", **values)
        except Refused:
            assert tale.ticket is before
    _is_sound(tale)


def _is_sound(tale: Tale) -> None:
    states = tale.desk.states
    for version, event in enumerate(tale.events, start=1):
        after = event.ticket
        assert after.version == version
        assert after.phase == states[after.state].phase
        assert after.team, "no ticket is without a queue (C24)"
        assert not tale.desk.is_accused(after, after.assignee), "C28"
        assert (after.place is None) == after.ended
        if after.state == "closed" and "callback" in states:
            assert after.callback in ("completed", "unreachable"), "F2"
    for earlier, event in zip(tale.events, tale.events[1:], strict=False):
        assert event.from_state == earlier.ticket.state
        assert not earlier.ticket.ended or event.name in ("noted",), "an end is an end"
        told = {change.field: (change.old, change.new) for change in event.changes}
        for name in ("state", "assignee", "team", "grade", "cycle", "callback"):
            old, new = str(getattr(earlier.ticket, name)), str(getattr(event.ticket, name))
            assert told.get(name, (old, old)) == (old, new), "every change is in the history"
    entries, said = entries_of(tale.events, "cause", "")
    assert wire.ticket_from(entries[-1].event().ticket) == tale.ticket
    assert [message.body for message in said] == [entry.event() for entry in entries]
