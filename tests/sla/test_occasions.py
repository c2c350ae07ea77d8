"""Clocks that events start, stop, begin anew and end."""

from __future__ import annotations

import random

from services.sla.handlers import Utterance
from services.sla.model import Status
from services.sla.stream import say_all
from tests.sla.tales import Tale, looked, of_name, shown, written
from tests.sla.world import live

REPLY = {
    "name": "reply",
    "start": {"event": ["contact_joined"]},
    "stop": {"by": ["staff"]},
    "limit": {"default": "30m"},
}
WORD = {"name": "word", "family": "progress", "start": "received", "stop": "resolved", "limit": {"default": "2h"},
        "reset": [{"record": ["told_customer"]}]}  # fmt: skip


def test_each_word_of_the_customer_starts_the_reply_clock_anew_and_each_of_the_desk_stops_it():
    """D9: an event starts it whenever it does not run."""
    tale = Tale()
    tale.tell(0, "opened", by="system")
    tale.tell(10, "contact_joined", by="customer")
    tale.tell(15, "contact_joined", by="customer")
    tale.tell(30)
    tale.tell(100, "contact_joined", by="customer")
    ticket = looked(tale.facts, written(REPLY), at=120)
    assert shown(ticket, "reply") == [("MET", 10, 40), ("RUNNING", 100, 130)]
    assert ticket.next_due is not None


def test_a_word_heard_late_shifts_no_generation_of_the_clock_it_starts():
    """D9, D23: what was said of the later run is not said again under another name."""
    tale = Tale()
    tale.tell(0, "opened", by="system")
    early = tale.tell(10, "contact_joined", by="customer")
    tale.tell(20)
    tale.tell(50, "contact_joined", by="customer")
    by = written(REPLY)
    ticket = None
    for news in tale.story:
        if news is not early:
            ticket = live(news, now=news.updated_at, by=by, before=ticket)
    assert ticket is not None
    ticket = looked(ticket.facts, by, at=90, before=ticket)
    told = [each.key for each in ticket.effects if each.clock == "reply"]
    assert [key.split("/")[0] for key in told] == ["warned", "breached"]
    ticket = live(early, now=of_name(ticket, "reply")[0].due_at, by=by, before=ticket)
    assert [each.status for each in of_name(ticket, "reply")] == [Status.MET, Status.BREACHED]
    assert [each.key for each in ticket.effects if each.clock == "reply" and each.kind != "met"] == told


def test_one_event_stops_a_clock_and_starts_it_anew():
    """D9: a bulletin every hour, each counted from the one before."""
    given = {"event": ["bulletin_given"]}
    tale = Tale()
    tale.tell(0, "opened")
    for minute in (10, 50, 130):
        tale.tell(minute, "bulletin_given")
    ticket = looked(
        tale.facts, written({"name": "b", "start": given, "stop": given, "limit": {"default": "1h"}}), at=140
    )
    assert shown(ticket, "b") == [("MET", 10, 70), ("MET_LATE", 50, 110), ("RUNNING", 130, 190)]


def test_entering_a_state_a_team_or_a_flag_starts_a_clock_and_staying_there_does_not():
    """D9, D15."""
    for start, entering in (
        ({"state": ["waiting"]}, {"state": "waiting"}),
        ({"team": ["network"]}, {"team": "network"}),
        ({"flag": ["major"]}, {"raises": ["major"]}),
    ):
        tale = Tale()
        tale.tell(0, "opened")
        tale.tell(10, **entering)
        tale.tell(20)
        ticket = looked(
            tale.facts, written({"name": "c", "start": start, "stop": "closed", "limit": {"default": "1h"}}), at=30
        )
        assert shown(ticket, "c") == [("RUNNING", 10, 70)], start


def test_word_to_the_customer_begins_the_time_of_silence_anew():
    """D19: the clock runs on, from the newest word; what was in time before leaves nothing behind."""
    tale = Tale()
    tale.tell(0, "opened")
    tale.tell(60, record="told_customer")
    tale.tell(100, record="told_customer")
    ticket = looked(tale.facts, written(WORD), at=110)
    assert shown(ticket, "word") == [("RUNNING", 100, 220)]


def test_a_warning_of_silence_left_unsaid_is_void_once_there_was_word():
    """D19: what a crash left in the journal is about a time that was begun anew since."""
    tale = Tale()
    tale.tell(0, "opened")
    by = written(WORD)
    ticket = looked(tale.facts, by, at=100)
    tale.tell(110, record="told_customer")
    ticket = looked(tale.facts, by, at=110, before=ticket)
    assert [each.kind for each in ticket.effects] == ["armed", "warned", "armed"]
    said = say_all([Utterance(ticket, ticket.effects)], lambda profile, version: by)
    assert [each.key for each in said] == ["sla.armed", "sla.armed"]


def test_silence_that_was_a_breach_stays_one_after_the_word_that_came_late():
    """D19."""
    tale = Tale()
    tale.tell(0, "opened")
    by = written(WORD, escalation={"chain": ["team_leader"]})
    ticket = looked(tale.facts, by, at=130)
    assert of_name(ticket, "word")[0].status is Status.BREACHED
    tale.tell(150, record="told_customer")
    ticket = looked(tale.facts, by, at=150, before=ticket)
    assert shown(ticket, "word") == [("BREACHED", 0, 120), ("RUNNING", 150, 270)]
    assert [each.ended != "" for each in ticket.escalations] == [True]
    ticket = looked(tale.facts, by, at=280, before=ticket)
    assert [each.kind for each in ticket.effects if each.clock == "word"].count("breached") == 2


def test_a_milestone_stops_a_clock_that_an_event_began_and_a_refusal_makes_it_run_on():
    """D9, F13."""
    rule = {"name": "c", "start": {"event": ["urged"]}, "stop": "resolved", "limit": {"default": "1h"}}
    tale = Tale()
    tale.tell(0, "opened")
    tale.tell(10, "urged")
    tale.tell(20, "resolved", marks=["resolved"])
    tale.tell(25, "urged")
    tale.tell(40, "refused", clears=["resolved"])
    ticket = looked(tale.facts, written(rule), at=50)
    assert shown(ticket, "c") == [("MET", 10, 70), ("RUNNING", 10, 70)]


def test_an_occasion_ends_a_clock_for_good_and_its_breach_remains_one():
    """D9."""
    rule = {
        "name": "c",
        "start": "received",
        "stop": "resolved",
        "limit": {"default": "1h"},
        "cancel": [{"state": ["handed_over"]}],
    }
    for minute, status in ((30, "CANCELLED"), (70, "BREACHED")):
        tale = Tale()
        tale.tell(0, "opened")
        tale.tell(minute, state="handed_over")
        tale.tell(minute + 10, marks=["resolved"])
        [clock] = of_name(looked(tale.facts, written(rule), at=200), "c")
        assert (clock.status.value, clock.note) == (status, "cancelled")


def test_what_marks_the_milestone_does_not_stop_the_clock_it_starts():
    """D9: the answer starts the promise to come back; the same person's next word stops it."""
    rule = {"name": "c", "start": "responded", "stop": {"by": ["staff"]}, "limit": {"default": "1h"}}
    tale = Tale()
    tale.tell(0, "opened", by="system")
    tale.tell(10, marks=["responded"])
    tale.tell(20)
    assert shown(looked(tale.facts, written(rule), at=30), "c") == [("MET", 10, 70)]


def test_a_reopened_ticket_keeps_the_runs_of_its_first_life():
    """D17, F13."""
    tale = Tale()
    tale.tell(0, "opened", by="system")
    tale.tell(10, "contact_joined", by="customer")
    tale.tell(20)
    tale.tell(500, "reopened", by="system", reopened=True)
    tale.tell(510, "contact_joined", by="customer")
    story = tale.story * 2
    random.Random(7).shuffle(story)
    ticket = None
    for news in story:
        ticket = live(news, now=tale.story[-1].updated_at, by=written(REPLY), before=ticket)
    assert ticket is not None
    assert shown(ticket, "reply") == [("MET", 10, 40), ("RUNNING", 510, 540)]
