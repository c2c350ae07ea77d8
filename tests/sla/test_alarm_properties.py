"""Whatever versions come in whatever order: one alarm stands at a time, each is told once, none after the end."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sla.test_alarms import by, version
from tests.sla.world import T0, M, later, live


@st.composite
def stories(draw):
    """Versions in order: the flag goes up and down, and perhaps the ticket ends."""
    minute, up, story = 0, False, [version(1, T0)]
    for number in range(2, draw(st.integers(2, 8))):
        minute += draw(st.integers(1, 20))
        up = draw(st.booleans())
        story.append(version(number, T0 + minute * M, *(("major",) if up else ())))
    if draw(st.booleans()):
        minute += draw(st.integers(1, 20))
        flags = ("major",) if up else ()
        story.append(version(len(story) + 1, T0 + minute * M, *flags, event="closed", ended=True))
    return story


def risings(story) -> int:
    """How often the flag went up."""
    flags = [bool(each.moment and each.moment.flags) for each in story]
    return sum(1 for before, after in zip([False, *flags], flags, strict=False) if after and not before)


@settings(max_examples=120, deadline=None)
@given(story=stories(), looks=st.lists(st.integers(0, 200), max_size=6))
def test_each_rising_of_the_flag_is_one_alarm_when_versions_come_in_order(story, looks):
    """D15."""
    rules, ticket = by(), None
    turns = sorted([(each.updated_at, 0, each) for each in story] + [(T0 + n * M, 1, None) for n in looks],
                   key=lambda each: each[:2])  # fmt: skip
    for now, _, each in turns:
        ticket = live(each, now=now, by=rules, before=ticket) if each else later(ticket, now, rules) if ticket else None
    assert ticket is not None
    raised = [each for each in ticket.effects if each.kind == "raised"]
    assert len(raised) == risings(story)
    assert all(each.at == each.due_at for each in raised)


@settings(max_examples=120, deadline=None)
@given(story=stories(), order=st.randoms(use_true_random=False), late=st.integers(0, 90))
def test_in_any_order_any_number_of_times_one_alarm_stands_and_nothing_is_said_twice(story, order, late):
    """D15, T-group."""
    rules, told = by(), [*story, *story]
    order.shuffle(told)
    ticket: Any = None
    now = story[-1].updated_at + late * M
    for each in told:
        ticket = live(each, now=now, by=rules, before=ticket)
    keys = [each.key for each in ticket.effects]
    assert len(keys) == len(set(keys))
    standing = [each for each in ticket.escalations if not each.ended]
    assert len(standing) == (0 if story[-1].ended or not risings(story) else 1)
    end = [place for place, each in enumerate(ticket.effects) if each.reason == "ticket_ended"]
    assert not end or not {"raised", "climbed", "repeated"} & {each.kind for each in ticket.effects[end[0] + 1 :]}
