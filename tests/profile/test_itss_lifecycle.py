"""Section 5.1 of the requirements, row by row, against the YAML of itss_desk (C1, C3-C8, E, F2, F3)."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from services.profile.lifecycle import Transition
from services.profile.load import load
from tests.profile.folders import POLICY

LIFECYCLE = load(POLICY / "itss_desk").profile.lifecycle

NEUTRAL = {
    "SP": "specialist",
    "TL": "team_leader",
    "DM": "desk_manager",
    "PM": "project_manager",
    "EN": "engineer",
    "OM": "operations_manager",
    "SV": "supervisor",
    "SL": "shift_leader",
}

OPEN = (
    "received",
    "recorded",
    "classified",
    "online_support",
    "solved_online",
    "dispatched",
    "accepted",
    "assigned",
    "in_progress",
    "needs_resources",
    "handed_back",
    "with_ops_manager",
    "resolved",
    "awaiting_desk",
    "desk_confirmed",
    "callback",
    "reopened",
)


AT_WORK = ("classified", "online_support", "dispatched", "accepted", "assigned", "in_progress", "needs_resources")


class Row(NamedTuple):
    """One row of the table: from, to, action, who (the table's letters), and what its guard column asks for."""

    start: str
    end: str
    action: str
    who: str
    asks: tuple[str, ...] = ()


TABLE = (
    Row("received", "recorded", "record", "SP"),
    Row("recorded", "classified", "classify", "SP", ("type", "grade")),
    Row("classified", "online_support", "try_online", "SP"),
    Row("classified", "declined", "decline", "SP", ("reason",)),
    Row("online_support", "solved_online", "solve_online", "SP"),
    Row("solved_online", "callback", "call", "TL"),
    Row("online_support", "dispatched", "dispatch", "SP", ("project_has_manager",)),
    Row("dispatched", "accepted", "accept", "PM"),
    Row("dispatched", "classified", "reject", "PM", ("reason", "count_failed_dispatch")),
    Row("accepted", "assigned", "assign", "PM", ("target_on_duty",)),
    Row("assigned", "in_progress", "begin", "EN"),
    Row("in_progress", "resolved", "resolve", "EN", ("solution", "steps")),
    Row("in_progress", "handed_back", "hand_back", "EN", ("reason",)),
    Row("handed_back", "assigned", "reassign", "PM", ("target_is_not_engineer",)),
    Row("handed_back", "with_ops_manager", "pass_up", "PM"),
    Row("with_ops_manager", "awaiting_desk", "resolve", "OM"),
    Row("resolved", "awaiting_desk", "confirm_completion", "PM"),
    Row("resolved", "in_progress", "refuse_completion", "PM", ("reason",)),
    Row("awaiting_desk", "desk_confirmed", "confirm", "SP"),
    Row("awaiting_desk", "in_progress", "send_back", "SP", ("reason",)),
    Row("awaiting_desk", "with_ops_manager", "send_back_up", "SP", ("reason",)),
    Row("desk_confirmed", "callback", "call", "DM"),
    Row("callback", "closed", "close", "TL", ("path_online", "callback_done", "user_confirmed")),
    Row("callback", "closed", "close", "DM", ("path_dispatched", "callback_done", "user_confirmed")),
    Row("callback", "reopened", "reopen", "TL DM", ("new_cycle",)),
    Row("reopened", "online_support", "try_online", "SP"),
    Row("reopened", "assigned", "assign", "PM"),
    # Beside the table: a dispatch without an attempt needs a reason (C1); the supervisor has resources and authority
    # (C18, C21).
    Row("classified", "dispatched", "dispatch", "SP", ("reason", "project_has_manager")),
    Row("online_support", "needs_resources", "need_resources", "SP", ("reason", "assign_role_on_duty")),
    Row("in_progress", "needs_resources", "need_resources", "EN", ("reason", "caller_is_assignee")),
    Row("online_support", "needs_resources", "refer_up", "SP", ("reason", "raise_flag")),
    Row("needs_resources", "online_support", "coordinate", "SV", ("not_dispatched",)),
    Row("needs_resources", "in_progress", "coordinate", "SV", ("path_dispatched",)),
    *(Row(state, "withdrawn", "withdraw", "SP", ("reason",)) for state in OPEN),
    # What is being worked on may turn out to be an emergency (section 5.10); it goes on in that flow.
    *(Row(state, "reported_to_manager", "declare_emergency", "SP TL SL SV EN PM OM", ("reason",)) for state in AT_WORK),
)


def who(row: Transition) -> frozenset[str]:
    """The people who may; what the platform does by itself is no column of the table."""
    return frozenset(row.roles) - {"system"}


def test_the_states_are_those_of_the_table() -> None:
    assert set(LIFECYCLE.states) == {*OPEN, "closed", "declined", "withdrawn"}
    assert LIFECYCLE.initial == "received"


def test_the_lifecycle_has_the_rows_of_the_table_and_no_other() -> None:
    written = {(start, row.to, row.action, who(row)) for row in LIFECYCLE.transitions for start in row.from_}
    told = {
        (row.start, row.end, row.action, frozenset(NEUTRAL[letters] for letters in row.who.split())) for row in TABLE
    }
    assert written == told


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.start}-{row.action}-{row.who.replace(' ', '-')}")
def test_a_row_asks_for_what_the_table_asks(row: Row) -> None:
    role = NEUTRAL[row.who.split()[0]]
    written = [each for each in LIFECYCLE.rows(row.start, row.action) if role in each.roles and each.to == row.end]
    assert len(written) == 1
    assert set(row.asks) <= {*written[0].requires, *written[0].guards, *written[0].effects}


@pytest.mark.parametrize("letters", ["SP", "EN", "PM"])
def test_specialist_engineer_and_project_manager_never_close(letters: str) -> None:
    """F3: direct close by SP, EN or PM is always refused."""
    closing = [row for row in LIFECYCLE.transitions if row.to == "closed"]
    assert closing
    assert all(NEUTRAL[letters] not in row.roles for row in closing)


def test_nobody_closes_before_the_callback() -> None:
    """F2."""
    for row in LIFECYCLE.transitions:
        if row.to == "closed":
            assert "callback_done" in row.guards


def test_the_platform_takes_no_step_of_a_person_by_itself() -> None:
    """Only recording, classifying what came classified, and what a finished callback brings about."""
    taken = {row.action for row in LIFECYCLE.transitions if "system" in row.roles}
    assert taken == {"record", "classify", "call", "reopen"}


def test_the_manager_confirms_on_the_engineer_branch_and_not_on_the_operations_branch() -> None:
    """C7."""
    leads_to_desk = {start for row in LIFECYCLE.transitions if row.to == "awaiting_desk" for start in row.from_}
    assert leads_to_desk == {"resolved", "with_ops_manager"}


def test_a_handed_back_ticket_has_exactly_two_continuations_besides_withdrawal() -> None:
    """C6."""
    ways = {row.action for row in LIFECYCLE.transitions if "handed_back" in row.from_}
    assert ways == {"reassign", "pass_up", "withdraw"}
