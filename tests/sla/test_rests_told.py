"""What is said while clocks rest, go on and are laid under another policy (D13, D16, D18)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.profile.clocks import ServiceLevels
from services.sla.model import Effect, Hold, Moment, News, Recalculation, Rules, Timeline
from services.sla.policy.steps import judge
from tests.sla.world import ALWAYS, OFFICE, T0, M, clock, later, live, news, spoken


def by(limit: int = 60, version: str = "1", **more: Any) -> Rules:
    """One clock that rests while the ticket waits and may be held."""
    levels = ServiceLevels.model_validate({"pause": {"allowed": True}, **more.pop("levels", {})})
    rest = {"pause_while": [{"state": ["waiting"]}], "pausable": True}
    rule = clock("resolve", "received", "resolved", {"default": limit}, **rest, **more)
    calendars = {"always": ALWAYS, "office": OFFICE}
    return Rules((rule,), calendars, "office", warn_roles=("specialist",), levels=levels, version=version)


def version(number: int, minute: int, state: str = "open") -> News:
    when = T0 + minute * M
    return news(number, when, m={"received": T0}, moment=Moment(number, when, 0, "noted", state))


def told(ticket: Timeline) -> list[tuple[str, int]]:
    return [(each.kind, (each.due_at - T0) // M) for each in ticket.effects if each.kind != "armed"]


def held(ticket: Timeline, rules: Rules, minute: int, until: int | None = None) -> Timeline:
    """The ticket once a person held its clocks."""
    hold = Hold("h1", "", 0, T0 + minute * M, "customer", "li.wei", T0 + until * M if until else None)
    facts = replace(ticket.facts, holds=(*ticket.facts.holds, hold))
    return judge(ticket, facts, rules, T0 + minute * M, "hold/1")


def test_no_step_is_due_while_a_clock_rests_and_each_moves_by_its_rest():
    """D13, D16: ten minutes of waiting put off warning and breach by ten."""
    rules = by()
    ticket: Any = None
    for each in (version(1, 0), version(2, 20, "waiting"), version(3, 30)):
        ticket = live(each, now=each.updated_at, by=rules, before=ticket)
        ticket = later(ticket, each.updated_at + 5 * M, rules)
    for minute in range(36, 80):
        ticket = later(ticket, T0 + minute * M, rules)
    assert told(ticket) == [("paused", 20), ("resumed", 30), ("warned", 58), ("breached", 70)]


def test_a_clock_that_rests_waits_for_nothing():
    """D16."""
    rules = by()
    ticket = live(version(1, 0), now=T0, by=rules)
    ticket = live(version(2, 20, "waiting"), now=T0 + 20 * M, by=rules, before=ticket)
    assert ticket.next_due is None
    assert told(later(ticket, T0 + 900 * M, rules)) == [("paused", 20)]


def test_a_hold_that_ends_by_itself_wakes_its_clock_which_says_so():
    """D16: nobody is there; the timer goes off at the end of the hold."""
    rules = by()
    ticket = held(live(version(1, 0), now=T0, by=rules), rules, 10, until=40)
    assert ticket.next_due == T0 + 40 * M
    ticket = later(ticket, T0 + 40 * M, rules)
    assert told(ticket) == [("paused", 10), ("resumed", 40)]
    assert ticket.next_due == T0 + 78 * M


def test_a_pause_is_told_with_who_and_why_or_without_when_the_ticket_waits():
    """D16: sla.paused names the hold; sla.resumed when it ended."""
    rules = by()
    ticket = later(held(live(version(1, 0), now=T0, by=rules), rules, 10, until=40), T0 + 40 * M, rules)
    bodies = {each.key: each.body for each in spoken(ticket, rules)}
    assert (bodies["sla.paused"].pause.by, bodies["sla.paused"].pause.reason) == ("li.wei", "customer")
    assert bodies["sla.resumed"].pause.hold_id == "h1"
    waiting = live(version(2, 20, "waiting"), now=T0 + 20 * M, by=rules, before=live(version(1, 0), now=T0, by=rules))
    [said] = spoken(waiting, rules, waiting.effects[-1:])
    assert (said.key, said.body.pause.clock, said.body.pause.by) == ("sla.paused", "resolve", "")


def test_a_step_due_before_the_rest_is_taken_although_nobody_looked_in_time():
    """D23."""
    rules = by()
    ticket = live(version(1, 0), now=T0, by=rules)
    ticket = live(version(2, 50, "waiting"), now=T0 + 55 * M, by=rules, before=ticket)
    assert told(ticket) == [("warned", 48), ("paused", 50)]


def both(old: Rules, new: Rules) -> None:
    """Each knows the other, as the rule book has them."""
    known = {old.version: old, new.version: new}
    for rules in known.values():
        object.__setattr__(rules, "other", known.get)


def laid(ticket: Timeline, new: Rules, minute: int) -> Timeline:
    """The ticket once somebody laid the new policy under it."""
    at = T0 + minute * M
    facts = replace(ticket.facts, recalculations=(Recalculation("r1", at, "sun.ning", "a new contract", "1", "2"),))
    said = Effect("recalculated", "", 0, 0, 0, at, at, "r/1", actor="sun.ning")
    return judge(replace(ticket, effects=(*ticket.effects, said)), facts, new, at, "r/1")


def test_a_recalculation_is_told_with_each_clock_before_and_after():
    """D18: who laid which policy, why, and what it changed."""
    old, new = by(60), by(30, "2")
    both(old, new)
    ticket = laid(live(version(1, 0), now=T0, by=old), new, 10)
    said = next(each for each in spoken(ticket, new) if each.key == "sla.recalculated")
    told = said.body.recalculation
    assert (told.by, told.reason, told.old_version, told.new_version) == ("sun.ning", "a new contract", "1", "2")
    assert [(each.before.limit_seconds, each.after.limit_seconds) for each in told.changes] == [(3600, 1800)]
    assert said.actor == "sun.ning"


def test_a_step_said_again_under_another_policy_asks_what_it_asked():
    """D13, D18: the same id must not carry another wish."""
    old = by(60, steps=[{"at": "10%", "do": {"raise_grade": True}}])
    new = by(30, "2", steps=[{"at": "90%", "do": {"reassign_role": "supervisor"}}])
    both(old, new)
    ticket = later(live(version(1, 0), now=T0, by=old), T0 + 8 * M, old)
    before = list(spoken(ticket, old))
    ticket = laid(ticket, new, 10)
    again = {each.id: each for each in spoken(ticket, new)}
    [wish] = [each for each in before if each.key == "sla.asked"]
    assert again[wish.id].body.action == "raise_grade" == wish.body.action
