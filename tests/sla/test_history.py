"""A ticket's facts from the log alone: what was heard and what people did, in whatever order it is read."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1 import sla_pb2
from services.profile.clocks import Pausing, ServiceLevels
from services.sla.acts.amending import amend, cause_of
from services.sla.handlers import Utterance, fire, hear
from services.sla.hearing import news_of
from services.sla.model import Commitment, Effect
from services.sla.policy.commitments import NAME
from services.sla.policy.holding import hold, let_go, recalculated
from services.sla.rehearsal.history import Told, compared
from services.sla.stream import say_all
from tests.sla.stage import ticket_body
from tests.sla.world import Shelf, at, clock, rules

T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)
NUMBER = "DS20250303-000001"
LEVELS = ServiceLevels(pause=Pausing(allowed=True, roles=("engineer",)))


def _rules(version: str, minutes: int):
    fix = clock("fix", "received", "resolved", {"default": minutes}, pausable=True, calendar="office")
    made = rules(clock("response", "received", "responded", {"default": 10}), fix)
    return replace(made, version=version, levels=LEVELS)


OLD, NEW = _rules("1", 120), _rules("2", 90)
for mine, other in ((OLD, {"2": NEW}), (NEW, {"1": OLD})):
    object.__setattr__(mine, "other", other.get)


def rules_for(profile, version):
    return NEW if version == "2" else OLD


class Story:
    """A ticket to which people do things, and all that was said of it."""

    def __init__(self) -> None:
        self.store = Shelf()
        self.log: list[tuple[str, Any]] = []

    def hear(self, version: int, when, **milestones) -> None:
        event = ticket_body(NUMBER, version, when, **milestones)
        self.log.append(("ticket", event))
        self._say(hear(self.store, rules_for, [news_of(event)], when))

    def act(self, name: str, when, change) -> None:
        cause = cause_of(name, NUMBER, "li.wei")
        self._say([Utterance(*amend(self.store, rules_for, NUMBER, lambda *given: change(cause, *given), when, cause))])

    def pause(self, when, clock_name: str = "fix") -> None:
        self.act(
            "paused",
            when,
            lambda cause, before, by: (
                hold(before, cause, clock_name, "customer", "li.wei", {"engineer"}, by, when),
                (),
            ),
        )

    def resume(self, when) -> None:
        self.act(
            "resumed", when, lambda cause, before, by: (let_go(before, cause, "", "li.wei", {"engineer"}, by, when), ())
        )

    def recalculate(self, when) -> None:
        self.act("recalculated", when, lambda cause, before, by: recalculated(before, "sun", "new", NEW, when, cause))

    def promise(self, when, until) -> None:
        def change(cause, before, by):
            made = Commitment("c1", "reply", "call back", "li.wei", "li.wei", when, until)
            said = Effect("promised", NAME, 0, len(before.facts.commitments), 0, when, when, cause, actor="li.wei")
            return replace(before.facts, commitments=(*before.facts.commitments, made)), (said,)

        self.act("promised", when, change)

    def later(self, when) -> None:
        self._say(fire(self.store, rules_for, [NUMBER], when, f"timer/{when}"))

    def _say(self, utterances) -> None:
        self.log.extend(
            ("clocks", each.body) for each in say_all(utterances, rules_for) if isinstance(each.body, sla_pb2.SlaEvent)
        )

    def told(self, seed: int) -> Told:
        """The log read in some order, parts of it twice."""
        lines = [*self.log, *self.log[::2]]
        random.Random(seed).shuffle(lines)
        found = Told()
        for kind, body in lines:
            getattr(found, kind)(body)
        return found


def _paused(story: Story) -> None:
    story.pause(T0 + 10 * M)
    story.resume(T0 + 40 * M)
    story.later(T0 + 60 * M)


def _still_paused(story: Story) -> None:
    story.pause(T0 + 10 * M, "")
    story.later(T0 + 60 * M)


def _recalculated(story: Story) -> None:
    story.pause(T0 + 10 * M)
    story.resume(T0 + 20 * M)
    story.recalculate(T0 + 30 * M)
    story.later(T0 + 60 * M)


def _promised(story: Story) -> None:
    story.promise(T0 + 5 * M, T0 + 20 * M)
    story.later(T0 + 60 * M)


def _answered(story: Story) -> None:
    story.hear(2, T0 + 8 * M, received=T0, responded=T0 + 8 * M)
    story.later(T0 + 60 * M)


@pytest.mark.parametrize("tale", [_paused, _still_paused, _recalculated, _promised, _answered])
@pytest.mark.parametrize("seed", range(5))
def test_the_log_read_in_any_order_gives_the_clocks_that_are_kept(tale, seed):
    """D16, D18, D8: pauses, recalculations and promises are part of the history."""
    story = Story()
    story.hear(1, T0, received=T0)
    tale(story)
    [kept] = story.store.kept.values()
    facts = story.told(seed).facts(())
    assert facts is not None
    assert compared(facts, kept, rules_for("", facts.policy), T0 + 60 * M) == []


def test_a_log_that_lost_a_version_proves_nothing():
    story = Story()
    story.hear(1, T0, received=T0)
    story.hear(2, T0 + M, received=T0)
    story.log = [each for each in story.log if not (each[0] == "ticket" and each[1].ticket.version == 1)]
    assert story.told(0).facts(()) is None


def test_clocks_that_never_heard_a_version_are_told_of_once_it_is_not_young_any_more():
    """D23."""
    story = Story()
    story.hear(1, T0, received=T0)
    [kept] = story.store.kept.values()
    story.log.append(("ticket", ticket_body(NUMBER, 2, T0 + M, received=T0)))
    facts = story.told(0).facts(())
    assert facts is not None
    assert compared(facts, kept, OLD, T0 + M) == []
    [sentence] = compared(facts, kept, OLD, T0 + 9 * M)
    assert "version 2" in sentence
    assert "version 1" in sentence
