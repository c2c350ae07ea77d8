"""Who may promise what, change it, and what comes of two who do so at once (D8, C18, section 5.9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contracts.deskstream.v1 import sla_pb2
from services.kernel.errors import Missing, Refused
from services.profile.commitments import Authority, CommitmentKind, Commitments
from services.profile.facet import Span
from services.profile.schema import Label
from services.runtime.identity import Principal
from services.sla.acts.commitments import Desk, Wanted
from services.sla.handlers import fire, hear, say_again
from services.sla.model import Moment
from services.sla.policy.commitments import status_of
from tests.sla.world import GENERIC, T0, M, at, news

NUMBER, OTHER = "DS20250303-000001", "DS20250303-000002"
REPLY = CommitmentKind(key="reply", label=Label(zh="答复", en="Reply"))
MEASURE = CommitmentKind(
    key="prevention",
    label=Label(zh="防止再发生措施", en="Measure"),
    measure=True,
    roles=("project_manager",),
    owners=("engineer",),
)
PROMISES = Commitments(
    kinds=(REPLY, MEASURE), authority=Authority(ahead=Span(seconds=8 * 3600), flags=("beyond_authority",)), most=4
)
RULES = replace(GENERIC, levels=GENERIC.levels.model_copy(update={"commitments": PROMISES}))
PEOPLE = {"li.hua": {"specialist"}, "wang.fang": {"specialist"}, "zhao.liu": {"engineer"}}


def person(name: str, *roles: str, teams: tuple[str, ...] = ()) -> Principal:
    return Principal(name, name, frozenset(roles), frozenset(teams), "")


LI, WANG = person("li.hua", "specialist"), person("wang.fang", "specialist")
BOSS, MANAGER = person("boss", "supervisor"), person("pm", "project_manager")


class Told:
    """A desk with two tickets on a store."""

    def __init__(self, store, accused: str = "", flags: tuple[str, ...] = ()) -> None:
        self.store = store
        stories = [
            news(
                1,
                T0,
                number=number,
                team="desk",
                m={"received": T0},
                brief=sla_pb2.TicketBrief(number=number, team="desk", accused=accused).SerializeToString(),
                moment=Moment(1, T0, 0, "opened", "open", flags=flags),
            )
            for number in (NUMBER, OTHER)
        ]
        hear(store, self.rules_for, stories, T0)
        self.desk = self.on(store)

    def on(self, store) -> Desk:
        return Desk(store, self.rules_for, lambda profile, name: frozenset(PEOPLE[name]) if name in PEOPLE else None)

    def rules_for(self, profile, version):
        return RULES

    def make(self, who=LI, due="2h", *, kind="reply", owner="", number=NUMBER, now=T0, key=""):
        return self.desk.make(number, kind, "We call you", due, owner, who, now, key)

    def promises(self, number=NUMBER):
        return self.store.read([number])[number].facts.commitments

    def words(self, now, number=NUMBER):
        return [status_of(each, now) for each in self.promises(number)]

    def said(self, number=NUMBER):
        return [each.kind for each in self.store.read([number])[number].effects if each.clock == "commitment"]

    def later(self, now):
        return fire(self.store, self.rules_for, [NUMBER], now, f"timer/{now.isoformat()}")


def refused(act, code="", field=""):
    with pytest.raises(Refused) as caught:
        act()
    assert not code or caught.value.code == code
    assert not field or caught.value.field == field
    return str(caught.value)


def test_another_time_given_before_it_is_due_breaks_nothing_and_follows_the_first(store):
    """D8: and the first neither reminds nor breaks any more."""
    told = Told(store)
    first = told.make().commitment
    second = told.desk.renegotiate(NUMBER, first.id, "4h", "Customer asked", LI, T0 + 60 * M).commitment
    assert (second.due_at, second.owner, second.text) == (T0 + 300 * M, "li.hua", "We call you")
    told.later(T0 + 130 * M)
    assert told.words(T0 + 130 * M) == ["renegotiated", "made"]
    assert told.promises()[0].replaced_by == second.id
    told.desk.keep(NUMBER, second.id, "Called", LI, T0 + 140 * M)
    assert told.words(T0 + 140 * M) == ["renegotiated", "kept"]
    assert told.said() == ["promised", "renegotiated", "promised", "met"]
    refused(lambda: told.desk.keep(NUMBER, first.id, "", LI, T0 + 140 * M), "conflict")
    refused(lambda: told.desk.renegotiate(NUMBER, first.id, "4h", "Again", LI, T0 + 140 * M), "conflict")


def test_what_had_broken_stays_broken_though_another_time_is_given_or_it_is_withdrawn(store):
    """D8: nobody's record is mended by promising again."""
    told = Told(store)
    first, gone = told.make().commitment, told.make().commitment
    told.later(T0 + 121 * M)
    second = told.desk.renegotiate(NUMBER, first.id, "2h", "Late", LI, T0 + 130 * M).commitment
    told.desk.withdraw(NUMBER, gone.id, "No longer wanted", LI, T0 + 130 * M)
    told.desk.keep(NUMBER, second.id, "", LI, T0 + 140 * M)
    assert told.words(T0 + 140 * M) == ["broken", "broken", "kept"]
    assert told.said().count("breached") == 2


def test_another_time_needs_a_reason_and_is_another_time(store):
    """D8."""
    told = Told(store)
    made = told.make(due="17:00").commitment
    assert "reason" in refused(lambda: told.desk.renegotiate(NUMBER, made.id, "4h", " ", LI, T0), field="reason")
    refused(lambda: told.desk.renegotiate(NUMBER, made.id, "17:00", "Again", LI, T0), field="due")
    refused(lambda: told.desk.renegotiate(NUMBER, made.id, "08:00", "Earlier", LI, T0), field="due")
    refused(lambda: told.desk.withdraw(NUMBER, made.id, "x" * 501, LI, T0), field="reason")
    with pytest.raises(Missing):
        told.desk.withdraw(NUMBER, "c9", "Why not", LI, T0)
    assert told.words(T0) == ["made"]


def test_a_promise_withdrawn_in_time_reminds_nobody_and_stands_with_its_reason(store):
    """D8, O4."""
    told = Told(store)
    made = told.make().commitment
    told.desk.withdraw(NUMBER, made.id, "Solved already", LI, T0 + 10 * M)
    told.later(T0 + 130 * M)
    assert told.said() == ["promised", "withdrawn"]
    [kept] = told.promises()
    assert (status_of(kept, T0 + 130 * M), kept.note) == ("withdrawn", "Solved already")
    assert told.desk.found(Wanted(number=NUMBER, open=True), LI) == []


def test_whoever_promises_beyond_what_they_may_is_told_whom_to_ask(store):
    """D8, section 5.9: too far ahead for a specialist, not for the supervisor."""
    told = Told(store)
    assert "supervisor" in refused(lambda: told.make(due="9h"), "forbidden", "due")
    assert told.make(due="8h").commitment.due_at == T0 + 480 * M
    made = told.make(BOSS, "3wd", owner="li.hua").commitment
    assert (made.made_by, made.owner, made.due_at) == ("boss", "li.hua", at("2025-03-06 18:00"))
    refused(lambda: told.desk.renegotiate(NUMBER, made.id, "5wd", "More time", LI, T0), "forbidden", "due")


def test_while_a_ticket_is_beyond_authority_the_supervisor_alone_promises_in_it(store):
    """D8, C18: by the flag that stood last."""
    told = Told(store, flags=("beyond_authority",))
    assert "beyond_authority" in refused(told.make, "forbidden")
    assert told.make(BOSS).commitment.owner == "boss"
    assert told.make(MANAGER, kind="prevention", owner="zhao.liu").commitment.measure, "owed within the desk (H17)"
    lowered = news(2, T0 + M, number=NUMBER, team="desk", m={"received": T0}, moment=Moment(2, T0, 0, "noted", "open"))
    hear(store, told.rules_for, [lowered], T0 + M)
    assert told.make(now=T0 + 2 * M).commitment.owner == "li.hua"


def test_only_the_roles_of_its_kind_promise_it_and_only_theirs_keep_it(store):
    """D8, H17."""
    told = Told(store)
    refused(lambda: told.make(kind="prevention", due="8h", owner="zhao.liu"), "forbidden")
    assert "engineer" in refused(lambda: told.make(MANAGER, "8h", kind="prevention", owner="li.hua"), field="owner")
    assert told.make(MANAGER, "8h", kind="prevention", owner="zhao.liu").commitment.measure
    refused(lambda: told.make(owner="nobody"), field="owner")
    assert "reply, prevention" in refused(lambda: told.make(kind="gift"), field="kind")
    refused(lambda: told.make(person("kunde", "requester")), "forbidden")


def test_others_than_its_owner_its_maker_the_team_and_those_in_charge_leave_a_promise_alone(store):
    """D8."""
    told = Told(store)
    made = told.make().commitment
    stranger = person("stranger", "engineer", teams=("desk",))
    elsewhere = person("wang.fang", "specialist", teams=("erp",))
    for who in (WANG, stranger, elsewhere):
        refused(lambda: told.desk.keep(NUMBER, made.id, "", who, T0), "forbidden")  # noqa: B023 - called at once
        refused(lambda: told.desk.withdraw(NUMBER, made.id, "No", who, T0), "forbidden")  # noqa: B023
        refused(lambda: told.desk.renegotiate(NUMBER, made.id, "1h", "No", who, T0), "forbidden")  # noqa: B023
    refused(lambda: told.desk.keep(NUMBER, made.id, "", person("li.hua", "requester"), T0), "forbidden")
    colleague = person("wang.fang", "specialist", teams=("desk",))
    assert told.desk.keep(NUMBER, made.id, "Called", colleague, T0 + M).commitment.kept_by == "wang.fang"


def test_nobody_promises_or_keeps_anything_in_a_complaint_about_themselves(store):
    """C28, D8: not by promising, nor by being given it to keep."""
    told = Told(store, accused="wang.fang")
    with pytest.raises((Missing, Refused)):
        told.make(WANG)
    refused(lambda: told.make(owner="wang.fang"), field="owner")
    refused(lambda: told.make(BOSS, owner="wang.fang"), field="owner")
    made = told.make().commitment
    with pytest.raises((Missing, Refused)):
        told.desk.withdraw(NUMBER, made.id, "No", person("wang.fang", "supervisor"), T0)
    assert len(told.promises()) == 1


def test_a_ticket_has_so_many_promises_and_no_more(store):
    """D8."""
    told = Told(store)
    made = [told.make().commitment for _ in range(4)]
    assert [each.id for each in made] == ["c1", "c2", "c3", "c4"]
    refused(told.make, "conflict")
    refused(lambda: told.desk.renegotiate(NUMBER, "c1", "3h", "More", LI, T0), "conflict")


def test_one_key_is_one_promise_and_says_the_same_again(store):
    """D8, D18: of one person on one ticket; on another ticket or by another person it is another act."""
    told = Told(store)
    first, again = told.make(key="k"), told.make(key="k", now=T0 + M)
    assert (first.commitment, first.effects) == (again.commitment, again.effects)
    assert len(told.promises()) == 1
    assert told.make(key="k", number=OTHER).commitment.id == "c1"
    assert told.make(WANG, key="k").commitment.owner == "wang.fang"
    assert told.make(key="other").commitment.id == "c3"


def test_one_key_is_one_keeping_one_renewal_and_one_withdrawal(store):
    """D8, D18."""
    told = Told(store)
    for _ in range(3):
        told.make()
    for _ in range(2):
        kept = told.desk.keep(NUMBER, "c1", "Called", LI, T0 + M, "k")
        moved = told.desk.renegotiate(NUMBER, "c2", "4h", "Busy", LI, T0 + M, "k")
        gone = told.desk.withdraw(NUMBER, "c3", "Solved", LI, T0 + M, "k")
        assert (kept.commitment.id, moved.commitment.id, gone.commitment.id) == ("c1", "c4", "c3")
        assert [each.kind for each in moved.effects if each.clock == "commitment"] == ["renegotiated", "promised"]
    assert told.words(T0 + M) == ["kept", "renegotiated", "withdrawn", "made"]
    assert told.desk.keep(NUMBER, "c1", "Once more", LI, T0 + 200 * M).commitment.kept_at == T0 + M


def test_of_two_who_change_one_promise_at_once_the_second_decides_on_what_is_then_true(store):
    """D8: it is kept; there is nothing left to withdraw."""
    told = Told(store)
    made = told.make().commitment

    class Slow:
        raced = False

        def __getattr__(self, name):
            return getattr(store, name)

        def replace(self, timelines):
            if not self.raced:
                self.raced = True
                told.desk.keep(NUMBER, made.id, "Called", LI, T0 + M)
            return store.replace(timelines)

    refused(lambda: told.on(Slow()).withdraw(NUMBER, made.id, "No", LI, T0 + M), "conflict")
    assert told.words(T0 + M) == ["kept"]
    assert "withdrawn" not in told.said()


def test_two_who_promise_at_once_make_two_promises(store):
    """D8: each with an id of its own."""
    told = Told(store)

    class Slow:
        raced = False

        def __getattr__(self, name):
            return getattr(store, name)

        def replace(self, timelines):
            if not self.raced:
                self.raced = True
                told.make(WANG, "1h")
            return store.replace(timelines)

    done = told.on(Slow()).make(NUMBER, "reply", "We call you", "2h", "", LI, T0)
    assert (done.commitment.id, done.commitment.owner) == ("c2", "li.hua")
    assert [each.owner for each in told.promises()] == ["wang.fang", "li.hua"]


def test_what_was_promised_but_not_said_is_said_from_the_journal(store):
    """D8, D23: a crash between writing and publishing."""
    told = Told(store)
    done = told.make()
    found = [each for each in say_again(store, store.owed(T0 + timedelta(hours=1), 10)) if each.effects]
    assert [each.effects for each in found] == [done.effects]
