"""Whoever looks when, in whatever order messages come: the clocks are those that the history alone gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.sla.model import Clock, Status, Timeline
from services.sla.policy.replay import replay
from services.sla.policy.steps import judge
from tests.sla.lives import RULES, Life, all_of, lived, lives
from tests.sla.world import T0, M

LOOKS = st.lists(st.integers(0, 2500), max_size=6)
ANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bare(clocks: tuple[Clock, ...]) -> list[Clock]:
    """Without what depends on who looked when."""
    return sorted((replace(each, taken=(), breach_told=False, told=None) for each in clocks), key=lambda each: each.key)


def kept(ticket: Timeline, replayed: tuple[Clock, ...]) -> tuple[Clock, ...]:
    """The clocks kept, but those whose reason turned out to be none: they stay, for whoever heard of them."""
    names = {each.key[:2] for each in replayed}
    return tuple(each for each in ticket.clocks if each.key[:2] in names or each.live)


def ticket_now(life: Life, looks: list[int]) -> datetime:
    """When `lived` looked last."""
    return max([life.now, *(T0 + each * M for each in looks)])


@ANY
@given(life=lives(), looks=LOOKS, order=st.randoms(use_true_random=False))
def test_a_replay_of_the_history_gives_the_clocks_that_were_kept(life: Life, looks, order):
    """D18, D23: messages late, shuffled and repeated, holds and recalculations between, looked at at any time."""
    ticket = lived(life, looks, order)
    facts, after = all_of(life), T0 + 6000 * M
    replayed = replay(facts, RULES[facts.policy], after)
    ticket = judge(ticket, ticket.facts, RULES[ticket.facts.policy], after, "late")
    assert bare(kept(ticket, replayed)) == bare(replayed)


@ANY
@given(life=lives(), looks=LOOKS)
def test_judging_again_says_nothing_more_and_says_nothing_twice(life: Life, looks):
    """D13, D14, D23."""
    ticket = lived(life, looks)
    again = judge(ticket, ticket.facts, RULES[ticket.facts.policy], ticket_now(life, looks), "again")
    assert again.effects == ticket.effects
    assert again.clocks == ticket.clocks
    assert [key for key, count in Counter(each.key for each in ticket.effects).items() if count > 1] == []


@ANY
@given(life=lives(), looks=LOOKS)
def test_no_step_and_no_rung_follows_a_stop_that_was_written(life: Life, looks):
    """D14: once a clock is known to have stopped, nothing but its end is said of it."""
    ticket = lived(life, looks)
    for clock in ticket.clocks:
        if clock.stopped_at is None or clock.status in (Status.BREACHED, Status.MET_LATE):
            continue
        mine = [each for each in ticket.effects if (each.clock, each.cycle, each.generation) == clock.key]
        met = next((place for place, each in enumerate(mine) if each.kind == "met"), len(mine))
        assert not {"warned", "breached", "passed", "raised", "climbed", "repeated"} & {
            each.kind for each in mine[met:]
        }


@ANY
@given(life=lives(), minute=st.integers(0, 1500))
def test_a_clock_that_rests_or_runs_is_never_beyond_its_due_instant(life: Life, minute: int):
    """D16: what rests has time left, what runs is due later, what is breached was due."""
    facts, now = all_of(life), max(life.now, T0 + minute * M)
    for clock in replay(facts, RULES[facts.policy], now):
        if clock.status is Status.RUNNING:
            assert clock.due_at > now
        elif clock.status is Status.PAUSED:
            assert clock.paused_since is not None
            assert clock.paused_since <= now
            assert clock.due_at > clock.paused_since
        elif clock.status is Status.BREACHED:
            assert clock.due_at <= (clock.stopped_at or now)
        assert clock.paused_seconds >= 0
        assert clock.used_seconds >= 0


@ANY
@given(life=lives())
def test_what_is_due_next_lies_ahead(life: Life):
    """D23: a ticket that waits for nothing is not looked at, one that waits is."""
    ticket: Timeline = lived(life)
    if ticket.next_due is not None:
        assert ticket.next_due > life.now
    if any(each.status is Status.RUNNING for each in ticket.clocks):
        assert ticket.next_due is not None
