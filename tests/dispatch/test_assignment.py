"""Who gets a ticket: pure judgement (C13, C23, C28, M21, M28)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch import model
from services.dispatch.policy import step
from services.dispatch.policy.assignment import Seat, choose
from services.dispatch.policy.attending import attend, overdue
from services.dispatch.policy.attending import given as given_to
from services.kernel.errors import Refused
from tests.dispatch.assign_world import NETWORK, PUSH, desk, opened
from tests.dispatch.world import MORNING, person

EVENING = MORNING + timedelta(hours=12)
CHANNELS = ("web", "email", "phone")


def test_the_least_loaded_gets_it_and_the_reason_names_duty_load_and_skill():
    """C13, M28: the sentence can be shown to whoever asks why."""
    book = desk({**PUSH, "capacity": {"default": 4}, "skills": [{"skill": "network", "level": 2}]})
    seats = {"g.net.one": Seat(load=2), "g.net.two": Seat(load=1), "g.net.three": Seat()}
    choice = choose(book, opened(book), seats, MORNING)
    assert choice is not None
    assert choice.person == "g.net.two"
    assert "on duty" in choice.reason.en
    assert "load 1 of 4" in choice.reason.en
    assert "skill network 2 (2 wanted)" in choice.reason.en
    assert "the least loaded of 2 people" in choice.reason.en
    assert "当班" in choice.reason.zh
    assert "负荷1/4" in choice.reason.zh
    assert "技能network 2级" in choice.reason.zh


def test_capacity_is_per_person_and_counts_weights_not_tickets():
    book = desk({**PUSH, "capacity": {"default": 3, "people": {"g.net.one": 9}},
                 "weights": [{"when": {"grade": ["critical"]}, "weight": 3}]})  # fmt: skip
    critical = opened(book, grade="critical")
    seats = {name: Seat(load=1) for name in NETWORK}
    choice = choose(book, critical, seats, MORNING)
    assert critical.weight == 3
    assert choice is not None
    assert (choice.person, choice.weight) == ("g.net.one", 3)
    assert choose(book, critical, {name: Seat(load=7) for name in NETWORK}, MORNING) is None


def test_a_second_call_goes_to_nobody_who_is_on_one():
    book = desk({**PUSH, "capacity": {"default": 9, "channels": {"phone": 1}}})
    ticket = replace(opened(book), channel="phone")
    busy = {"g.net.one": Seat(1, {"phone": 1}), "g.net.two": Seat(2, {"web": 2}), "g.net.three": Seat(1, {"phone": 1})}
    choice = choose(book, ticket, busy, MORNING)
    assert choice is not None
    assert choice.person == "g.net.two"
    assert choose(book, ticket, {name: Seat(1, {"phone": 1}) for name in NETWORK}, MORNING) is None


def test_whoever_is_idle_longest_comes_first_and_the_busy_come_last():
    book = desk({**PUSH, "choose": "longest_idle"})
    seats = {
        "g.net.one": Seat(idle_since=MORNING - timedelta(minutes=5)),
        "g.net.two": Seat(idle_since=MORNING - timedelta(minutes=50)),
        "g.net.three": Seat(load=1),
    }
    choice = choose(book, opened(book), seats, MORNING)
    assert choice is not None
    assert choice.person == "g.net.two"


def test_the_substitute_gets_what_the_absent_would_have_got():
    """M21, C23."""
    absence = {"person": "g.net.one", "first": date(2025, 6, 1), "last": date(2025, 6, 30), "substitute": "g.app.one"}
    book = desk({**PUSH, "capacity": {"default": 3, "people": {"g.net.two": 0, "g.net.three": 0}}}, absences=[absence])
    choice = choose(book, opened(book), {}, MORNING)
    assert choice is not None
    assert choice.person == "g.app.one"
    assert "on duty as a substitute" in choice.reason.en


def test_a_ticket_that_nobody_of_the_team_can_work_on_is_given_to_nobody():
    """Sent back to the desk by an engineer, it waits for a specialist, whatever team it still bears."""
    book = desk()
    rejected = step(
        book, opened(book), model.Command("reject", "not ours"), person("g.net.one", "generic_desk"), MORNING
    )
    assert rejected is not None
    assert rejected.ticket.state == "classified"
    assert choose(book, rejected.ticket, {}, MORNING) is None


def test_the_holder_accepts_and_may_hand_back_and_does_not_get_it_again_at_once():
    """C4, C5: claiming by name is the holder's alone."""
    book = desk()
    ticket = opened(book)
    choice = choose(book, ticket, {}, MORNING)
    assert choice is not None
    event = given_to(book, ticket, choice, MORNING)
    assert (event.name, event.actor.role, event.ticket.assignee) == ("assigned", "system", choice.person)
    assert event.ticket.state == "dispatched"
    assert event.ticket.routing is not None
    assert event.ticket.routing.why_person == event.reason
    holder = person(choice.person, "generic_desk")
    for action in ("claim", "accept"):
        with pytest.raises(Refused) as refused:
            step(book, event.ticket, model.Command(action), person("g.net.two", "generic_desk"), MORNING)
        assert choice.person in refused.value.message
    accepted = step(book, event.ticket, model.Command("claim"), holder, MORNING)
    assert accepted is not None
    assert accepted.ticket.state == "accepted"
    back = step(book, accepted.ticket, model.Command("hand_back", "not mine"), holder, MORNING)
    assert back is not None
    assert back.ticket.passed == (choice.person,)
    again = choose(book, back.ticket, {}, MORNING)
    assert again is not None
    assert again.person != choice.person


def test_after_everybody_had_it_it_may_come_back_to_the_first_but_not_to_the_last():
    book = desk()
    ticket = replace(opened(book), passed=("g.net.three", "g.net.two", "g.net.one"))
    choice = choose(book, ticket, {}, MORNING)
    assert choice is not None
    assert choice.person == "g.net.three"
    only = replace(ticket, passed=("g.net.one",))
    full = {"g.net.two": Seat(load=3), "g.net.three": Seat(load=3)}
    assert choose(book, only, full, MORNING) is None


def test_a_silent_holder_loses_it_to_the_queue_on_the_team_s_calendar():
    """C23, C25: counted, said why, and the third time a manager hears of it."""
    book = desk({**PUSH, "take_back": {"after": "30m"}, "calendar": "duty"})
    late = MORNING.replace(hour=9, minute=50)  # 17:50 in Shanghai: ten minutes before the end of the day
    ticket = opened(book, at=late)
    choice = choose(book, ticket, {}, late)
    assert choice is not None
    held = given_to(book, ticket, choice, late).ticket
    due = held.attend_at
    assert due == late.replace(hour=1, minute=20) + timedelta(days=1)
    assert overdue(book, held, due - timedelta(seconds=1)) is None
    back = overdue(book, held, due)
    assert back is not None
    assert (back.name, back.actor.role) == ("taken_back", "system")
    assert (back.ticket.assignee, back.ticket.reassignments, back.ticket.passed) == ("", 1, (choice.person,))
    assert choice.person in back.reason
    assert not any(change.field == "alert" for change in back.changes)
    third = overdue(book, replace(held, reassignments=2), due)
    assert third is not None
    assert ("alert", "hand_back_limit") in [(c.field, c.new) for c in third.changes]


def test_who_has_accepted_is_not_silent():
    book = desk({**PUSH, "take_back": {"after": "30m"}})
    ticket = opened(book)
    choice = choose(book, ticket, {}, MORNING)
    assert choice is not None
    held = given_to(book, ticket, choice, MORNING).ticket
    accepted = step(book, held, model.Command("accept"), person(choice.person, "generic_desk"), MORNING)
    assert held.attend_at == MORNING + timedelta(minutes=30)
    assert accepted is not None
    assert accepted.ticket.attend_at is None


def test_what_waits_too_long_goes_to_the_second_team():
    book = desk({"overflow": {"after": "1h", "to": "applications"}})
    ticket = opened(book)
    assert ticket.attend_at == MORNING + timedelta(hours=1)
    moved = overdue(book, ticket, MORNING + timedelta(hours=1))
    assert moved is not None
    assert (moved.name, moved.ticket.team) == ("overflowed", "applications")
    assert (moved.ticket.reassignments, moved.ticket.passed, moved.ticket.attend_at) == (1, (), None)
    assert moved.ticket.waits_since == MORNING + timedelta(hours=1)


def test_a_note_does_not_begin_the_waiting_anew():
    book = desk({"overflow": {"after": "1h", "to": "applications"}})
    ticket = opened(book)
    noted = step(
        book,
        ticket,
        model.Command("note", "again"),
        person("g.ren.yu", "generic_desk"),
        MORNING + timedelta(minutes=50),
    )
    assert noted is not None
    assert noted.ticket.attend_at == ticket.attend_at


def test_teams_without_the_facet_are_left_alone():
    book = desk({})
    assert attend(book, opened(book)) is None
    assert choose(book, opened(book, entry="terminals"), {}, MORNING) is None


seats_of = st.fixed_dictionaries(
    {
        name: st.builds(
            Seat,
            load=st.integers(0, 6),
            channels=st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 3), max_size=3),
            turn=st.integers(0, 50),
        )
        for name in NETWORK
    }
)


@settings(max_examples=200, deadline=None)
@given(
    seats=seats_of,
    capacity=st.integers(0, 6),
    level=st.integers(1, 3),
    weight=st.integers(1, 3),
    most=st.integers(0, 3),
    accused=st.sampled_from(("", "g.net.one", "白帆", "g.net.two")),
    passed=st.lists(st.sampled_from(NETWORK), unique=True).map(tuple),
    way=st.sampled_from(("least_loaded", "round_robin", "longest_idle")),
    at=st.sampled_from((MORNING, EVENING)),
)
def test_nobody_off_duty_unskilled_overfull_accused_or_passing_is_ever_chosen(
    seats, capacity, level, weight, most, accused, passed, way, at
):
    """C13, C23, C28, M28."""
    book = desk(
        {
            "mode": "push",
            "choose": way,
            "skills": [{"skill": "network", "level": level}],
            "weights": [{"weight": weight}],
            "capacity": {
                "default": max(capacity, weight),
                "people": {"g.net.two": capacity},
                "channels": {"web": most},
            },
        }
    )
    ticket = replace(opened(book, at=MORNING), accused=accused, passed=passed)
    choice = choose(book, ticket, seats, at)
    room = {name: book.work["network"].capacity(name) - seats[name].load >= weight for name in NETWORK}
    on_duty = {each.id for each in book.roster.on_duty(at, team="network")}
    fit = {
        name
        for name in NETWORK
        if name in on_duty
        and book.people[name].skills["network"] >= level
        and room[name]
        and seats[name].channels.get("web", 0) < most
        and accused not in (name, book.people[name].name)
    }
    if choice is not None:
        assert choice.person in fit
        assert not passed or choice.person != passed[-1]
        assert choose(book, ticket, seats, at) == choice
    else:
        assert not fit - set(passed[-1:])


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 40))
def test_round_robin_gives_everybody_as_many_as_the_others_within_one(count):
    book = desk({"mode": "push", "choose": "round_robin", "capacity": {"default": 100}})
    ticket, seats = opened(book), dict.fromkeys(NETWORK, Seat())
    got = dict.fromkeys(NETWORK, 0)
    for turn in range(1, count + 1):
        choice = choose(book, ticket, seats, MORNING)
        assert choice is not None
        got[choice.person] += 1
        seats[choice.person] = Seat(seats[choice.person].load + 1, {}, turn)
    assert max(got.values()) - min(got.values()) <= 1
