"""One action on many tickets: each on its own, once, and every refusal with its sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dispatch.bulk import MOST, Bulk
from services.dispatch.commands import Call
from services.dispatch.model import Command
from services.kernel.errors import Refused, Unavailable
from tests.dispatch.linked import FOUR, ONE, THREE, TWO, Between
from tests.dispatch.world import MORNING, KeptTickets, desks, person

ALL = (ONE, TWO, THREE, FOUR)
NOTE = Command("note", "批量：机房断电", "", {})


def call(who: str = "li.wei") -> Call:
    return Call(person(who), MORNING + timedelta(minutes=1), "")


def always() -> bool:
    return True


class Line:
    """Where events are said; may be cut."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.windows = 0
        self.cut = False

    def __call__(self, said) -> None:
        if self.cut:
            raise Unavailable("The broker is away.")
        self.windows += 1
        self.said.extend(message.subject for message in said)


def test_each_ticket_is_judged_on_its_own_and_the_rest_goes_on(tickets):
    """Issue 3, bulk actions: done, refused with the sentence, in the order asked."""
    desk, line = Between(tickets, *ALL), Line()
    desk.does("li.wei", TWO, "withdraw", reason="误报")
    bulk = Bulk(desks(), tickets, line)
    asked = (FOUR, "DS20250610-000099", TWO, ONE, FOUR)
    told = bulk.act(asked, Command("merge", "同一故障", THREE), call(), "k1", always)
    assert [(each.number, each.result) for each in told] == [
        (FOUR, "done"),
        ("DS20250610-000099", "refused"),
        (TWO, "refused"),
        (ONE, "done"),
    ]
    assert "There is no ticket" in told[1].why
    assert "stays as it is" in told[2].why
    assert (told[0].state, told[0].version) == (desk[FOUR].state, desk[FOUR].version)
    assert (line.said, line.windows) == ([FOUR, ONE], 1)


def test_the_same_key_sent_again_does_what_was_left_and_nothing_twice(tickets):
    """Idempotent by key and number, also when the broker was away."""
    desk, line = Between(tickets, *ALL), Line()
    bulk, line.cut = Bulk(desks(), tickets, line), True
    time = iter((True, True, False, False))
    told = bulk.act(ALL, NOTE, call(), "k2", lambda: next(time))
    assert [each.result for each in told] == ["done", "done", "left", "left"]
    assert "same key again" in told[-1].why
    assert len(tickets.unsaid(MORNING + timedelta(days=1), 10)) == 2
    line.cut = False
    again = bulk.act(ALL, NOTE, call(), "k2", always)
    assert [each.result for each in again] == ["done"] * 4
    assert [desk.entries(number) for number in ALL] == [2] * 4
    assert not tickets.unsaid(MORNING + timedelta(days=1), 10)


def test_rights_are_the_same_as_one_by_one(tickets):
    """Q2: default deny."""
    Between(tickets, ONE, TWO)
    told = Bulk(desks(), tickets, Line()).act((ONE, TWO), Command("withdraw", "x"), call("huang.lei"), "k3", always)
    assert [each.result for each in told] == ["refused"] * 2
    assert all(each.why.startswith("Only ") for each in told)


MANY = tuple(f"DS20250610-{n:06d}" for n in range(MOST + 1))


@pytest.mark.parametrize(
    ("numbers", "key", "field"), [((), "k", "numbers"), (MANY, "k", "numbers"), ((ONE,), "", "idempotency_key")]
)
def test_a_call_without_bounds_is_refused_as_a_whole(numbers, key, field):
    with pytest.raises(Refused) as refused:
        Bulk(desks(), KeptTickets(), Line()).act(numbers, NOTE, call(), key, always)
    assert refused.value.field == field


def test_one_persons_key_is_not_taken_for_anothers(tickets):
    """Two tools that both count their calls from one: neither loses what it asked for."""
    desk = Between(tickets, ONE)
    bulk = Bulk(desks(), tickets, Line())
    for who in ("li.wei", "wang.fang", "li.wei"):
        assert bulk.act([ONE], NOTE, call(who), "1", always)[0].result == "done"
    actors = [entry.event().actor.id for entry in tickets.load([ONE])[ONE].entries]
    assert actors[-2:] == ["li.wei", "wang.fang"]
    assert desk.entries(ONE) == 3
