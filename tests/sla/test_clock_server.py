"""ClockService over a real connection: pausing, letting go on, recalculating, what is open, what policies differ in."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest

from services.contracts.deskstream.v1 import clocks_pb2 as pb
from services.contracts.deskstream.v1 import sla_pb2
from services.contracts.deskstream.v1.clocks_pb2_grpc import ClockServiceStub
from services.contracts.deskstream.v1.sla_pb2_grpc import SlaServiceStub
from services.sla.handlers import fire, say_again
from tests.sla.clock_desk import NUMBER, T0, Desk, M, named, refusal


@pytest.fixture
def desk(tmp_path):
    built = Desk(tmp_path)
    yield built
    built.server.stop(0)


def test_a_pause_is_refused_where_the_policy_says_nothing_of_pauses(desk):
    """D16: no rule book mentions it, so the default is no."""
    desk.hear("DS20250303-000002", profile="plain_desk")
    asked = pb.PauseClockRequest(number="DS20250303-000002", clock="response", reason="customer")
    code, sentence = refusal(lambda: desk.stub("engineer").PauseClock(asked))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "permits no pauses" in sentence
    assert desk.store.journal == {}
    assert desk.said == []


def test_what_is_paused_rests_with_a_reason_and_its_time_is_taken_out_when_it_goes_on(desk):
    """D16: paused spans are listed and subtracted."""
    desk.clock.at = T0 + 10 * M
    stub = desk.stub("engineer")
    paused = stub.PauseClock(pb.PauseClockRequest(number=NUMBER, clock="fix", reason="customer", idempotency_key="k"))
    assert (paused.pause.by, paused.pause.reason) == ("li.wei", "customer")
    assert named(paused.clocks, "fix").status == sla_pb2.CLOCK_STATUS_PAUSED
    desk.clock.at = T0 + 60 * M
    resumed = stub.ResumeClock(pb.ResumeClockRequest(number=NUMBER))
    fix = named(resumed.clocks, "fix")
    assert (fix.status, fix.paused_seconds, fix.used_seconds) == (sla_pb2.CLOCK_STATUS_RUNNING, 3000, 600)
    assert fix.due_at.ToDatetime(tzinfo=UTC) == T0 + 170 * M
    keys = [each.key for each in desk.said]
    assert keys.index("sla.paused") < keys.index("sla.resumed")
    told = next(each.body for each in desk.said if each.key == "sla.paused")
    assert (told.clock.clock, told.pause.reason, told.pause.by) == ("fix", "customer", "li.wei")
    [shown] = SlaServiceStub(desk.channel("engineer")).GetClocks(sla_pb2.GetClocksRequest(number=NUMBER)).pauses
    assert shown.until.ToDatetime(tzinfo=UTC) == T0 + 60 * M


def test_pausing_twice_under_one_key_is_one_pause_that_is_said_again(desk):
    """D16."""
    asked = pb.PauseClockRequest(number=NUMBER, clock="fix", reason="customer", idempotency_key="k")
    first, again = desk.stub("engineer").PauseClock(asked), desk.stub("engineer").PauseClock(asked)
    assert first.pause == again.pause
    assert len(desk.store.read([NUMBER])[NUMBER].facts.holds) == 1
    assert len({each.id for each in desk.said if each.key == "sla.paused"}) == 1
    assert [each.key for each in desk.said].count("sla.paused") == 2


@pytest.mark.parametrize(
    ("roles", "clock_name", "reason", "code", "words"),
    [
        ("specialist", "fix", "customer", grpc.StatusCode.PERMISSION_DENIED, "may be held by: engineer"),
        ("engineer", "fix", "lunch", grpc.StatusCode.INVALID_ARGUMENT, "customer (Waiting)"),
        ("engineer", "fix", "", grpc.StatusCode.INVALID_ARGUMENT, "customer (Waiting)"),
        ("engineer", "response", "customer", grpc.StatusCode.FAILED_PRECONDITION, "not mark it as pausable"),
        ("engineer", "nonsense", "customer", grpc.StatusCode.FAILED_PRECONDITION, "these may be held: fix"),
        ("requester", "fix", "customer", grpc.StatusCode.PERMISSION_DENIED, ""),
    ],
)
def test_a_pause_needs_role_reason_and_a_clock_that_may_be_held(desk, roles, clock_name, reason, code, words):
    """D16."""
    asked = pb.PauseClockRequest(number=NUMBER, clock=clock_name, reason=reason)
    told = refusal(lambda: desk.stub(roles).PauseClock(asked))
    assert told[0] is code
    assert words in told[1]
    assert desk.store.journal == {}


def test_letting_go_twice_under_one_key_is_done_once_also_when_there_was_nothing_to_say_of_it(desk):
    """D16: the clock has stopped by then, so it is not told to go on; the answer to the first request was lost."""
    stub = desk.stub("engineer")
    stub.PauseClock(pb.PauseClockRequest(number=NUMBER, clock="fix", reason="customer"))
    desk.clock.at += M
    desk.hear(NUMBER, m={"received": T0, "resolved": T0 + M}, version=2)
    asked = pb.ResumeClockRequest(number=NUMBER, clock="fix", idempotency_key="k")
    first, again = stub.ResumeClock(asked), stub.ResumeClock(asked)
    assert named(first.clocks, "fix") == named(again.clocks, "fix")
    assert "sla.resumed" not in [each.key for each in desk.said]
    code, _ = refusal(lambda: stub.ResumeClock(pb.ResumeClockRequest(number=NUMBER, clock="fix", idempotency_key="n")))
    assert code is grpc.StatusCode.FAILED_PRECONDITION


def test_what_is_held_already_is_not_held_again_and_what_is_not_held_cannot_go_on(desk):
    """D16."""
    stub = desk.stub("engineer")
    assert refusal(lambda: stub.ResumeClock(pb.ResumeClockRequest(number=NUMBER)))[0] is (
        grpc.StatusCode.FAILED_PRECONDITION
    )
    stub.PauseClock(pb.PauseClockRequest(number=NUMBER, reason="customer"))
    again = refusal(lambda: stub.PauseClock(pb.PauseClockRequest(number=NUMBER, reason="customer")))
    assert again[0] is grpc.StatusCode.FAILED_PRECONDITION


def test_a_pause_ends_by_itself_after_the_longest_the_policy_allows(desk):
    """D16."""
    desk.stub("engineer").PauseClock(pb.PauseClockRequest(number=NUMBER, clock="fix", reason="customer"))
    [held] = desk.store.read([NUMBER])[NUMBER].facts.holds
    assert held.until == T0 + 240 * M
    desk.clock.at = T0 + 241 * M
    fire(desk.store, desk.book, [NUMBER], desk.clock.at, "timer/1")
    kept = desk.store.read([NUMBER])[NUMBER]
    assert [each.kind for each in kept.effects if each.clock == "fix"][-1] == "resumed"


def test_a_pause_while_the_broker_is_away_is_said_from_the_journal(desk):
    """D16: a crash between writing and publishing."""
    desk.away = True
    desk.stub("engineer").PauseClock(pb.PauseClockRequest(number=NUMBER, clock="fix", reason="customer"))
    [utterance] = say_again(desk.store, desk.store.owed(datetime(2100, 1, 1, tzinfo=UTC), 10))
    assert "paused" in [each.kind for each in utterance.effects]


def test_a_recalculation_shows_first_and_does_on_purpose_what_another_policy_makes_of_open_clocks(desk):
    """D18: publishing a new limit changes nothing until it is re-applied on purpose."""
    desk.clock.at = T0 + 20 * M
    stub = desk.stub("desk_manager")
    asked = pb.RecalculateRequest(number=NUMBER, reason="New contract", dry_run=True)
    shown = stub.Recalculate(asked)
    assert shown.changed
    [change] = shown.recalculation.changes
    before, after = (each.due_at.ToDatetime(tzinfo=UTC) for each in (change.before, change.after))
    assert (before, after) == (T0 + 120 * M, T0 + 30 * M)
    kept = desk.store.read([NUMBER])[NUMBER]
    assert (kept.facts.policy, desk.said) == ("1", [])
    asked.dry_run, asked.idempotency_key = False, "once"
    done = stub.Recalculate(asked)
    assert (done.changed, done.recalculation.old_version, done.recalculation.new_version) == (True, "1", "2")
    assert [each.after.due_at.ToDatetime(tzinfo=UTC) for each in done.recalculation.changes] == [T0 + 30 * M]
    told = next(each for each in desk.said if each.key == "sla.recalculated")
    assert (told.body.recalculation.reason, told.actor) == ("New contract", "li.wei")
    assert desk.store.read([NUMBER])[NUMBER].facts.policy == "2"
    assert stub.Recalculate(asked) == done
    asked.idempotency_key = "later"
    assert not stub.Recalculate(asked).changed
    assert len(desk.store.read([NUMBER])[NUMBER].facts.recalculations) == 1


def test_only_those_in_charge_recalculate_and_with_a_reason(desk):
    """D18."""
    asked = pb.RecalculateRequest(number=NUMBER, reason="because")
    assert refusal(lambda: desk.stub("engineer").Recalculate(asked))[0] is grpc.StatusCode.PERMISSION_DENIED
    asked.reason = " "
    assert refusal(lambda: desk.stub("supervisor").Recalculate(asked))[0] is grpc.StatusCode.INVALID_ARGUMENT
    asked.number = "DS1"
    assert refusal(lambda: desk.stub("supervisor").Recalculate(asked))[0] is grpc.StatusCode.NOT_FOUND


def test_every_open_ticket_is_listed_with_age_holder_next_due_and_standing(desk):
    """D20."""
    done = {"received": T0, "responded": T0 + M}
    desk.hear("DS20250303-000002", team="erp", assignee="wang.fang", m={**done, "resolved": T0 + 2 * M}, version=2)
    desk.hear("DS20250303-000003", m=done, version=2)
    desk.hear("DS20250303-000004", ended=True)
    desk.clock.at = T0 + 30 * M
    stub = desk.stub("team_leader")
    first = stub.ListOpen(pb.ListOpenRequest(page_size=2))
    second = stub.ListOpen(pb.ListOpenRequest(page_size=2, page_token=first.next_page_token))
    listed = {each.ticket.number[-1]: each for each in (*first.tickets, *second.tickets)}
    assert (list(listed), second.next_page_token) == (["1", "2", "3"], "")
    assert {key: each.standing for key, each in listed.items()} == {"1": "breached", "2": "none", "3": "ok"}
    assert (listed["1"].age_seconds, listed["1"].next.clock, listed["1"].breaches) == (1800, "response", 1)
    assert listed["2"].ticket.assignee == "wang.fang"
    assert listed["3"].next.clock == "silent"
    assert not any(each.ticket.requester.name or each.ticket.requester.email for each in listed.values())
    of_erp = stub.ListOpen(pb.ListOpenRequest(team="erp", assignee="wang.fang")).tickets
    assert [each.ticket.number[-1] for each in of_erp] == ["2"]
    assert refusal(lambda: desk.stub("requester").ListOpen(pb.ListOpenRequest()))[0] is (
        grpc.StatusCode.PERMISSION_DENIED
    )


def test_tickets_without_word_to_the_customer_are_listed_as_silent(desk):
    """D19: clocks of the family progress, overdue, whatever else is."""
    desk.hear("DS20250303-000002", received=T0 + 30 * M)
    desk.clock.at = T0 + 61 * M
    fire(desk.store, desk.book, [NUMBER, "DS20250303-000002"], desk.clock.at, "timer/1")
    stub = SlaServiceStub(desk.channel("team_leader"))
    [silent] = stub.ListAtRisk(sla_pb2.ListAtRiskRequest(families=["progress"])).items
    assert (silent.ticket.number, silent.clock.clock, silent.remaining_seconds) == (NUMBER, "silent", -60)
    assert len(stub.ListAtRisk(sla_pb2.ListAtRiskRequest(clocks=["response"])).items) == 2


def test_requesters_see_the_clocks_of_their_own_ticket_only_and_without_the_desks_inside(desk):
    """P1, D16: and nobody those of a complaint about themselves (C28)."""
    desk.stub("engineer").PauseClock(pb.PauseClockRequest(number=NUMBER, clock="fix", reason="customer"))
    desk.hear("DS20250303-000002", accused="zhao.liu")
    asked = sla_pb2.GetClocksRequest(number=NUMBER)
    own = SlaServiceStub(desk.channel("requester", person="kunde")).GetClocks(asked)
    assert len(own.clocks) == 3
    assert [(each.by, each.reason, each.clock) for each in own.pauses] == [("", "", "fix")]
    other = SlaServiceStub(desk.channel("requester", person="somebody"))
    assert refusal(lambda: other.GetClocks(asked))[0] is grpc.StatusCode.NOT_FOUND
    about = SlaServiceStub(desk.channel("engineer", person="zhao.liu"))
    asked.number = "DS20250303-000002"
    assert refusal(lambda: about.GetClocks(asked))[0] is grpc.StatusCode.NOT_FOUND
    theirs = ClockServiceStub(desk.channel("engineer", person="zhao.liu"))
    held = pb.PauseClockRequest(number=asked.number, clock="fix", reason="customer")
    assert refusal(lambda: theirs.PauseClock(held))[0] is grpc.StatusCode.NOT_FOUND
    assert [each.ticket.number for each in theirs.ListOpen(pb.ListOpenRequest()).tickets] == [NUMBER]


def test_two_versions_of_a_policy_are_compared_field_by_field(desk):
    """D18."""
    stub = desk.stub("supervisor")
    told = stub.DiffPolicy(pb.DiffPolicyRequest(profile="generic_desk", old_version="1"))
    assert (told.old_version, told.new_version) == ("1", "2")
    assert [(each.field, each.old, each.new) for each in told.differences] == [
        ("sla.clocks[fix].limit.default", "2h", "30m")
    ]
    assert refusal(lambda: stub.DiffPolicy(pb.DiffPolicyRequest(profile="generic_desk", old_version="7")))[0] is (
        grpc.StatusCode.NOT_FOUND
    )


def test_a_preview_takes_the_facts_and_shows_the_steps(desk):
    """D4, D20."""
    stub = SlaServiceStub(desk.channel("requester"))
    asked = sla_pb2.PreviewDeadlineRequest(profile="x", clock="fix", facts={"type": "fault"})
    asked.start.FromDatetime(T0)
    told = stub.PreviewDeadline(asked)
    assert told.due_at.ToDatetime(tzinfo=UTC) == T0 + 30 * M
    assert [(each.step, each.at.ToDatetime(tzinfo=UTC)) for each in told.steps] == [("80%", T0 + 24 * M)]
    asked.facts["weather"] = "fine"
    code, sentence = refusal(lambda: stub.PreviewDeadline(asked))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "weather" in sentence
