"""Whatever happens in whatever order: the same clocks, one breach per generation, no rung after the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.model import TakenBack, Timeline
from tests.sla.world import T0, M, later, live, news, regraded


def outcome(timeline: Timeline):
    """Clocks without what depends on when somebody looked."""
    return sorted(
        (replace(each, taken=(), breach_told=False, told=None) for each in timeline.clocks), key=lambda each: each.key
    )


@st.composite
def lives(draw):
    """A ticket's messages in order: graded, worked on, reopened; each carries all that held then."""
    moment, version, cycle, grade = T0, 1, 0, "general"
    marks = {"received": T0}
    story = [news(1, T0, grade, m=dict(marks))]
    for _ in range(draw(st.integers(0, 6))):
        moment += timedelta(minutes=draw(st.integers(1, 400)))
        version += 1
        step = draw(st.sampled_from(["grade", "responded", "dispatched", "started", "sent_back", "reopened", "noted"]))
        if step == "grade":
            old, grade = grade, draw(st.sampled_from(["general", "urgent", "critical"]))
            story.append(regraded(version, moment, old, grade, m=dict(marks), cycle=cycle))
            continue
        if step == "sent_back":
            gone = tuple(
                TakenBack(version, cycle, name, marks.pop(name), moment)
                for name in ("dispatched", "started")
                if name in marks
            )
            story.append(news(version, moment, grade, m=dict(marks), cycle=cycle, taken_back=gone))
            continue
        if step == "reopened":
            cycle, marks = cycle + 1, {"received": T0}
        elif step != "noted":
            marks.setdefault(step, moment)
        story.append(news(version, moment, grade, m=dict(marks), cycle=cycle))
    return story, moment + timedelta(minutes=draw(st.integers(0, 3000)))


@settings(max_examples=150, deadline=None)
@given(life=lives(), order=st.randoms(use_true_random=False))
def test_messages_in_any_order_any_number_of_times_give_the_same_clocks(life, order):
    """T-group."""
    story, now = life
    orderly: Any = None
    for each in story:
        orderly = live(each, now=now, before=orderly)
    shuffled = story * 2
    order.shuffle(shuffled)
    chaotic: Any = None
    for each in shuffled:
        chaotic = live(each, now=now, before=chaotic)
    assert outcome(chaotic) == outcome(orderly)


@settings(max_examples=150, deadline=None)
@given(life=lives(), looks=st.lists(st.integers(0, 4000), max_size=8))
def test_one_breach_per_generation_and_no_rung_after_the_end(life, looks):
    """D14, D23."""
    story, _ = life
    moments = sorted([(each.updated_at, 0, each) for each in story] + [(T0 + n * M, 1, None) for n in looks],
                     key=lambda each: each[:2])  # fmt: skip
    ticket: Any = None
    for now, _kind, each in moments:
        ticket = live(each, now=now, before=ticket) if each else later(ticket, now)
    keys = [each.key for each in ticket.effects]
    assert len(keys) == len(set(keys))
    for ended in (each for each in ticket.effects if each.kind == "ended"):
        place = ticket.effects.index(ended)
        after = [
            each.kind
            for each in ticket.effects[place:]
            if (each.clock, each.cycle, each.generation) == (ended.clock, ended.cycle, ended.generation)
        ]
        assert not {"raised", "climbed"} & set(after)


def test_three_messages_in_all_orders_give_the_same_clocks():
    m = {"dispatched": T0, "received": T0}
    story = [
        news(1, T0, m=m),
        regraded(2, T0 + 120 * M, "general", "critical", m=m),
        news(3, T0 + 130 * M, "critical", m={**m, "started": T0 + 130 * M}),
    ]
    now = T0 + 200 * M
    results = []
    for order in permutations(story):
        ticket: Any = None
        for each in order:
            ticket = live(each, now=now, before=ticket)
        results.append(outcome(ticket))
    assert all(each == results[0] for each in results)
    assert [each.status.value for each in results[0] if each.name == "start"] == ["CANCELLED", "MET_LATE"]
