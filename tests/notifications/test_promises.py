"""Whoever has to keep a promise hears of it before it is due, and those in charge when it is broken (O4, D8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from services.profile.clocks import Family
from services.profile.load import Profiles
from services.runtime.identity import Principal
from services.sla.acts.commitments import Desk
from services.sla.handlers import Utterance, fire, hear
from services.sla.model import Rules
from services.sla.rulebook import Rulebook
from services.sla.stream import say_all
from tests.notifications.world import NOON, NUMBER, FakeDeliveries, brief, notices, profiles
from tests.sla.world import Shelf, news

H = timedelta(hours=1)
WORDS = "我们会给您答复"


class Story:
    """A ticket of a shipped desk: what the clocks say of a promise on it, heard by notifications as it is said."""

    def __init__(self, profile: str) -> None:
        self.profile, self.store, self.kept = profile, Shelf(), FakeDeliveries()
        staff = profiles().get(profile).profile.organisation.people
        self.owner = next(each for each in staff if "specialist" in each.roles and each.addresses.get("smtp"))
        self.holder = next(each for each in staff if "engineer" in each.roles and each.id != self.owner.id)
        ticket = brief(profile=profile, assignee=self.holder.id, project_manager="")
        story = news(1, NOON, number=NUMBER, profile=profile, m={"received": NOON}, brief=ticket.SerializeToString())
        self.tell(hear(self.store, self.rules_for, [replace(story, profile_version="")], NOON))

    def rules_for(self, profile: str, version: str = "") -> Rules:
        return _book(profiles())(profile, "")

    def tell(self, utterances: list[Utterance]) -> list[Any]:
        """What a message made the desk send, anew."""
        before = set(self.kept.kept)
        notices(self.kept).hear([each.as_heard() for each in say_all(utterances, self.rules_for)], NOON)
        return [each for key, each in self.kept.kept.items() if key not in before]

    def promised(self, owner: str, by: str) -> list[Any]:
        """Two hours from noon."""
        desk = Desk(self.store, self.rules_for, lambda _, person: profile_roles(self.profile, person))
        caller = Principal(by, by, profile_roles(self.profile, by) or frozenset(), frozenset(), "")
        done = desk.make(NUMBER, "reply", WORDS, "2h", owner, caller, NOON)
        return self.tell([Utterance(done.timeline, done.effects)])

    def at(self, now: datetime) -> list[Any]:
        return self.tell(list(fire(self.store, self.rules_for, [NUMBER], now, f"timer/{now.isoformat()}")))


_BOOKS: list[Rulebook] = []


def _book(served: Profiles) -> Rulebook:
    if not _BOOKS:
        _BOOKS.append(Rulebook(served))
    return _BOOKS[0]


def profile_roles(profile: str, person: str) -> frozenset[str] | None:
    known = profiles().get(profile).lookups.people.get(person)
    return frozenset(known.roles) if known else None


def supervisors(profile: str) -> set[str]:
    return {each.id for each in profiles().get(profile).profile.organisation.people if "supervisor" in each.roles}


@pytest.mark.parametrize("profile", ["itss_desk", "it_callcentre_levels"])
def test_the_owner_of_a_promise_gets_one_mail_before_it_is_due_and_nobody_else_does(profile):
    """O4, D8: not the holder of the ticket, nor the roles that are warned of the desk's own clocks."""
    story = Story(profile)
    assert story.promised(story.owner.id, story.owner.id) == []
    [mail] = [each for each in story.at(NOON + 1.9 * H) if each.template == "promise_due"]
    assert (mail.recipient, mail.way, mail.event) == (story.owner.id, "smtp", "sla.warned")
    assert NUMBER in mail.subject
    assert all(word in mail.text for word in (WORDS, "c1", "2026-11-18 14:00"))
    assert "张三" not in mail.text + mail.subject
    assert [each.text for each in story.kept.kept.values() if WORDS in each.text] == [mail.text]


@pytest.mark.parametrize("profile", ["itss_desk", "it_callcentre_levels"])
def test_a_broken_promise_is_told_to_its_owner_and_to_the_supervisor_once_each(profile):
    """O4, section 5.3."""
    story = Story(profile)
    story.promised(story.owner.id, story.owner.id)
    story.at(NOON + 1.9 * H)
    found = [each for each in story.at(NOON + 2.1 * H) if WORDS in each.text]
    told = [each.recipient for each in found]
    assert sorted(told) == sorted({story.owner.id} | supervisors(profile))
    assert {(each.template, each.event) for each in found} == {("promise_broken", "sla.breached")}
    assert all(story.owner.name in each.text and "2026-11-18 14:00" in each.text for each in found)
    assert story.holder.id not in told
    assert not any("承诺”" in each.text for each in story.kept.kept.values()), "said as a limit of the desk as well"


@pytest.mark.parametrize("profile", ["itss_desk", "it_callcentre_levels"])
def test_whoever_gets_a_promise_to_keep_from_somebody_else_is_told_of_it(profile):
    """O4: and whoever promised it themselves knows."""
    story = Story(profile)
    boss = next(iter(supervisors(profile)))
    found = story.promised(story.owner.id, boss)
    assert [(each.recipient, each.template) for each in found] == [(story.owner.id, "promise_made")]
    assert WORDS in found[0].text


@pytest.mark.parametrize("profile", ["itss_desk", "it_callcentre_levels"])
@pytest.mark.parametrize("key", ["sla.warned", "sla.breached"])
def test_every_other_clock_is_told_of_as_before(profile, key):
    """O5: the rules leave no family of clocks out, and none tells of promises but those that name them."""
    rules = [rule for rule in profiles().get(profile).profile.notices.rules if rule.on == key]
    assert all(rule.when.family for rule in rules)
    named = [family for rule in rules for family in rule.when.family]
    assert sorted(named) == sorted(get_args(Family))
