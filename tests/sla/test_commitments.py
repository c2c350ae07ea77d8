"""Times promised: what they mean, how they stand, and whose they are (D8, O4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.errors import Refused
from services.profile.commitments import CommitmentKind, Commitments
from services.profile.schema import Label
from services.runtime.identity import Principal
from services.sla.acts.commitments import Desk, Wanted
from services.sla.handlers import fire, hear
from tests.sla.world import GENERIC, T0, M, at, news

NUMBER = "DS20250303-000001"
REPLY = CommitmentKind(key="reply", label=Label(zh="答复", en="Reply"))
RULES = replace(GENERIC, levels=GENERIC.levels.model_copy(update={"commitments": Commitments(kinds=(REPLY,))}))
LI = Principal("li.hua", "Li Hua", frozenset({"specialist"}), frozenset(), "")


def desk(store) -> Desk:
    hear(store, lambda *_: RULES, [news(1, T0, m={})], T0)
    return Desk(store, lambda *_: RULES, lambda profile, person: None)


@pytest.mark.parametrize(
    ("due", "meant"), [("2h", "2025-03-03 11:00"), ("17:00", "2025-03-03 17:00"), ("3wd", "2025-03-06 18:00")]
)
def test_a_promise_is_stored_with_due_time_and_a_reminder_before_it(store, due, meant):
    """D8, O4: reply in 2 h, by 17:00 today, within 3 working days."""
    made = desk(store).make(NUMBER, "reply", "We call you", due, "", LI, T0).commitment
    assert made.due_at == at(meant)
    assert made.remind_at is not None
    assert made.made_at < made.remind_at < made.due_at


def test_a_promise_is_reminded_of_then_broken_and_kept_late(store):
    """D8, O4."""
    people = desk(store)
    made = people.make(NUMBER, "reply", "We call you", "2h", "", LI, T0).commitment
    fire(store, lambda *_: RULES, [NUMBER], T0 + 100 * M, "timer/1")
    fire(store, lambda *_: RULES, [NUMBER], T0 + 121 * M, "timer/2")
    people.keep(NUMBER, made.id, "", LI, T0 + timedelta(hours=3))
    said = [each.kind for each in store.read([NUMBER])[NUMBER].effects if each.clock == "commitment"]
    assert said == ["promised", "warned", "breached", "met"]
    assert people.found(Wanted(open=True), LI) == []


def test_a_time_that_has_passed_is_not_promised(store):
    """D8."""
    with pytest.raises(Refused):
        desk(store).make(NUMBER, "reply", "We call you", "08:00", "", LI, T0)
