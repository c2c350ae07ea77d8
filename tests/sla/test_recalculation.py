"""Another policy version laid under a ticket's clocks, on purpose (D18)."""

from __future__ import annotations

from dataclasses import replace

from services.sla.model import Facts, Recalculation, Rules, Status
from services.sla.policy.replay import replay
from tests.sla.tales import Tale, looked, of_name, shown, written
from tests.sla.world import T0, M

FIX = {"name": "fix", "start": "received", "stop": "resolved", "limit": {"default": "2h"}}


def editions(**by_version: Rules) -> dict[str, Rules]:
    """Rules of several versions that find each other, as the rule book makes them."""
    for rules in by_version.values():
        object.__setattr__(rules, "other", by_version.get)
    return by_version


def laid(facts: Facts, minute: int, old: str = "v1", new: str = "v2") -> Facts:
    """The facts with a recalculation at that minute."""
    act = Recalculation(f"r{minute}", T0 + minute * M, "li.wei", "new contract", old, new)
    return replace(facts, recalculations=(*facts.recalculations, act))


def opened() -> Tale:
    tale = Tale(policy="v1")
    tale.tell(0, "opened", state="open")
    return tale


def test_a_stricter_policy_laid_under_a_clock_keeps_what_the_old_one_gave_and_counts_from_the_start():
    """D17, D18."""
    by = editions(v1=written(FIX, version="v1"), v2=written({**FIX, "limit": {"default": "1h"}}, version="v2"))
    ticket = looked(opened().facts, by["v1"], at=90)
    facts = laid(ticket.facts, 90)
    ticket = looked(facts, by[facts.policy], at=90, before=ticket)
    old, new = of_name(ticket, "fix")
    assert (old.status, old.note, old.due_at, old.stopped_at) == (
        Status.CANCELLED,
        "recalculated",
        T0 + 120 * M,
        T0 + 90 * M,
    )
    assert (new.status, new.note, new.due_at, new.known_at) == (
        Status.BREACHED,
        "recalculated",
        T0 + 60 * M,
        T0 + 90 * M,
    )
    assert (old.policy, new.policy) == ("v1", "v2")


def test_a_breach_under_the_old_policy_stays_one_under_a_milder_one():
    """D18."""
    by = editions(v1=written(FIX, version="v1"), v2=written({**FIX, "limit": {"default": "8h"}}, version="v2"))
    ticket = looked(opened().facts, by["v1"], at=130)
    facts = laid(ticket.facts, 130)
    ticket = looked(facts, by["v2"], at=130, before=ticket)
    assert shown(ticket, "fix") == [("BREACHED", 0, 120), ("RUNNING", 0, 480)]
    ticket = looked(facts, by["v2"], at=480, before=ticket)
    assert [each.kind for each in ticket.effects if each.clock == "fix"].count("breached") == 2


def test_a_clock_that_the_new_policy_judges_alike_runs_on_as_if_nothing_had_happened():
    """D18: only what differs begins a generation."""
    other = {**FIX, "name": "answer", "limit": {"default": "3h"}}
    by = editions(
        v1=written(FIX, other, version="v1"), v2=written(FIX, {**other, "limit": {"default": "4h"}}, version="v2")
    )
    ticket = looked(opened().facts, by["v1"], at=110)
    facts = laid(ticket.facts, 110)
    ticket = looked(facts, by["v2"], at=110, before=ticket)
    assert shown(ticket, "fix") == [("RUNNING", 0, 120)]
    assert len(of_name(ticket, "answer")) == 2
    ticket = looked(facts, by["v2"], at=125, before=ticket)
    told = [each.kind for each in ticket.effects if each.clock == "fix"]
    assert told == ["warned", "breached"]


def test_clocks_that_the_new_policy_lacks_end_and_those_it_brings_begin_then():
    """D18."""
    by = editions(v1=written(FIX, version="v1"), v2=written({**FIX, "name": "repair"}, version="v2"))
    facts = laid(opened().facts, 30)
    ticket = looked(facts, by["v2"], at=40)
    [old], [new] = of_name(ticket, "fix"), of_name(ticket, "repair")
    assert (old.status, old.note) == (Status.CANCELLED, "recalculated")
    assert (new.status, new.started_at, new.known_at) == (Status.RUNNING, T0, T0 + 30 * M)


def test_what_stopped_before_the_recalculation_keeps_its_result():
    """D18, D21: past results do not change."""
    by = editions(v1=written(FIX, version="v1"), v2=written({**FIX, "limit": {"default": "10m"}}, version="v2"))
    tale = opened()
    tale.tell(60, "resolved", marks=["resolved"])
    ticket = looked(laid(tale.facts, 70), by["v2"], at=80)
    assert shown(ticket, "fix") == [("MET", 0, 120)]
    [clock] = of_name(ticket, "fix")
    assert (clock.policy, clock.used_seconds) == ("v1", 3600)


def test_time_that_the_old_policy_let_rest_stays_out_under_one_that_permits_no_pauses():
    """D16, D18: what was earned is carried."""
    resting = {**FIX, "pause_while": [{"state": ["waiting"]}]}
    by = editions(
        v1=written(resting, version="v1", pause={"allowed": True, "roles": ["team_leader"]}),
        v2=written({**FIX, "limit": {"default": "3h"}}, version="v2"),
    )
    tale = opened()
    tale.tell(30, state="waiting")
    ticket = looked(laid(tale.facts, 90), by["v2"], at=100)
    clock = of_name(ticket, "fix")[-1]
    assert (clock.status, clock.due_at, clock.paused_seconds) == (Status.RUNNING, T0 + 240 * M, 3600)


def test_recalculating_twice_goes_through_both_and_a_replay_finds_the_same():
    """D18."""
    by = editions(
        v1=written(FIX, version="v1"),
        v2=written({**FIX, "limit": {"default": "1h"}}, version="v2"),
        v3=written({**FIX, "limit": {"default": "6h"}}, version="v3"),
    )
    facts = laid(laid(opened().facts, 30), 100, old="v2", new="v3")
    ticket = looked(opened().facts, by["v1"], at=20)
    ticket = looked(laid(opened().facts, 30), by["v2"], at=70, before=ticket)
    ticket = looked(facts, by["v3"], at=110, before=ticket)
    assert shown(ticket, "fix") == [("CANCELLED", 0, 120), ("BREACHED", 0, 60), ("RUNNING", 0, 360)]
    again = replay(facts, by["v3"], T0 + 110 * M)
    assert [(each.key, each.status, each.due_at) for each in again] == [
        (each.key, each.status, each.due_at) for each in ticket.clocks
    ]


def test_a_clock_of_a_version_nobody_knows_keeps_the_deadline_it_was_given():
    """D18: of tickets older than the first version kept."""
    loaded = written({**FIX, "limit": {"default": "1h"}}, version="v9")
    ticket = looked(opened().facts, written(FIX, version="v1"), at=0)
    ticket = looked(ticket.facts, loaded, at=90, before=ticket)
    assert shown(ticket, "fix") == [("RUNNING", 0, 120)]
