"""Clocks of tickets that are regraded, reopened, refused, withdrawn or looked at late; judged without any database."""

from __future__ import annotations

from services.profile.schema import ClockCondition
from services.sla.model import Status, TakenBack
from tests.sla.test_policy import of, opened
from tests.sla.world import RESPONSE, START, T0, M, at, clock, later, live, news, regraded, rules, said


def test_raising_the_urgency_after_two_hours_breaches_the_one_hour_limit_at_once():
    """D17: flagged as due to re-grading; the earlier result is kept."""
    by = rules(START)
    m = {"dispatched": T0}
    ticket = live(news(1, T0, m=m), now=T0, by=by)
    ticket = live(regraded(2, T0 + 120 * M, "general", "critical", m=m), now=T0 + 120 * M, by=by, before=ticket)
    earlier, present = ticket.clocks
    assert (earlier.generation, earlier.grade, earlier.status) == (0, "general", Status.CANCELLED)
    assert (present.generation, present.status, present.note) == (1, Status.BREACHED, "grade_changed")
    assert present.started_at == T0
    assert present.due_at == T0 + 60 * M
    assert said(ticket) == ["armed", "armed", "breached start", "raised start"]


def test_lowering_the_urgency_keeps_the_breach_and_ends_its_escalation():
    """D17."""
    by = rules(START)
    m = {"dispatched": T0}
    ticket = live(news(1, T0, "critical", m=m), now=T0, by=by)
    ticket = later(ticket, T0 + 60 * M, by)
    ticket = live(regraded(2, T0 + 90 * M, "critical", "general", m=m), now=T0 + 90 * M, by=by, before=ticket)
    earlier, present = ticket.clocks
    assert (earlier.status, earlier.note) == (Status.BREACHED, "superseded")
    assert (present.status, present.due_at) == (Status.RUNNING, T0 + 1440 * M)
    assert (ticket.escalations[0].ended, said(ticket).count("breached start")) == ("grade_changed", 1)
    ticket = later(ticket, T0 + 1440 * M, by)
    assert said(ticket)[-2:] == ["breached start", "raised start"]


def test_a_new_grade_with_the_same_limit_changes_nothing():
    """D17."""
    ticket = live(opened(), now=T0)
    ticket = live(regraded(2, T0 + M, "general", "urgent", m={"received": T0}), now=T0 + M, before=ticket)
    assert len(ticket.clocks) == 1
    assert said(ticket) == ["armed"]


def test_a_deadline_once_given_outlives_a_change_of_policy():
    """D18."""
    ticket = live(opened(), now=T0)
    stricter = rules(clock("response", "received", "responded", {"default": 1}))
    assert later(ticket, T0 + M, stricter).clocks[0].due_at == T0 + 10 * M


def test_a_reopened_ticket_gets_new_clocks_and_keeps_the_old():
    """D17, F13."""
    answered, again = T0 + 5 * M, T0 + 600 * M
    ticket = live(news(1, T0, m={"received": T0, "responded": answered}), now=answered)
    ticket = live(news(2, again, cycle=1, m={"received": T0}), now=again, before=ticket)
    old, new = ticket.clocks
    assert (old.cycle, old.status) == (0, Status.MET)
    assert (new.cycle, new.status, new.started_at) == (1, Status.RUNNING, again)


def test_a_withdrawn_ticket_cancels_what_still_runs():
    ticket = live(opened(), now=T0)
    ticket = live(news(2, T0 + M, ended=True, m={"received": T0}), now=T0 + M, before=ticket)
    assert ticket.clocks[0].status is Status.CANCELLED
    assert ticket.next_due is None
    assert said(later(ticket, T0 + 500 * M)) == ["armed", "armed"]


def test_a_ticket_without_clocks_is_armed_once_all_the_same():
    by = rules(clock("start", "dispatched", "started", {"critical": 60}))
    ticket = live(opened(), now=T0, by=by)
    assert (said(ticket), ticket.clocks, ticket.next_due) == (["armed"], (), None)
    assert live(opened(), now=T0, by=by, before=ticket).effects == ticket.effects


def test_steps_missed_while_nobody_looked_are_taken_late_in_order_with_their_own_instants():
    """D23."""
    ticket = later(live(opened(), now=T0), T0 + 300 * M)
    assert said(ticket) == [
        "armed",
        "warned response",
        "breached response",
        "raised response",
        "climbed response",
        "climbed response",
    ]
    dues = [each.due_at for each in ticket.effects]
    assert dues == sorted(dues)
    assert {each.at for each in ticket.effects[1:]} == {T0 + 300 * M}


def test_a_stop_heard_late_but_done_in_time_makes_good_for_a_breach():
    ticket = later(live(opened(), now=T0), T0 + 10 * M)
    done = T0 + 9 * M
    ticket = live(news(2, done, m={"received": T0, "responded": done}), now=T0 + 11 * M, before=ticket)
    assert ticket.clocks[0].status is Status.MET
    assert said(ticket)[-2:] == ["ended response", "met response"] or said(ticket)[-1] == "ended response"


def test_conditions_choose_the_clocks():
    """D9, B2."""
    by = rules(
        replace_when(RESPONSE, ClockCondition(type=("fault",))),
        clock("slow", "received", "responded", {"default": 60}, when=ClockCondition(in_hours=False)),
    )
    ticket = live(news(1, T0, m={"received": T0}, traits={"type": "fault"}), now=T0, by=by)
    assert [each.name for each in ticket.clocks] == ["response"]
    sunday = at("2025-03-09 10:00")
    ticket = live(news(1, sunday, m={"received": sunday}, traits={"type": "demand"}), now=sunday, by=by)
    assert [each.name for each in ticket.clocks] == ["slow"]


def replace_when(rule, when):
    return rule.model_copy(update={"when": when})


RESOLVE = rules(clock("resolve", "received", "resolved", {"default": 60}))


def refused(version: int, when, was, milestone: str = "resolved", **more):
    """The snapshot of a step that takes a milestone back."""
    gone = (TakenBack(version, 0, milestone, was, when),)
    return news(version, when, m={"received": T0}, taken_back=gone, **more)


def test_a_refused_solution_makes_the_clock_run_on_to_the_same_deadline():
    """D9, section 5.1: not complete, back to the engineer; what was reached before stays on record."""
    done, back, again = T0 + 20 * M, T0 + 30 * M, T0 + 50 * M
    ticket = live(news(1, T0, m={"received": T0}), now=T0, by=RESOLVE)
    ticket = live(news(2, done, m={"received": T0, "resolved": done}), now=done, by=RESOLVE, before=ticket)
    ticket = live(refused(3, back, done), now=back, by=RESOLVE, before=ticket)
    assert [each.status for each in ticket.clocks] == [Status.MET, Status.RUNNING]
    assert [each.due_at for each in ticket.clocks] == [T0 + 60 * M] * 2
    assert said(ticket) == ["armed", "met resolve", "armed"]
    ticket = live(news(4, again, m={"received": T0, "resolved": again}), now=again, by=RESOLVE, before=ticket)
    assert said(ticket)[3:] == ["met resolve"]


def test_a_late_solution_that_is_refused_is_escalated_anew():
    """D14: the first escalation ended with the solution; the work is overdue again and nobody else would hear of it."""
    ticket = later(live(news(1, T0, m={"received": T0}), now=T0, by=RESOLVE), T0 + 60 * M, RESOLVE)
    done, back = T0 + 70 * M, T0 + 80 * M
    ticket = live(news(2, done, m={"received": T0, "resolved": done}), now=done, by=RESOLVE, before=ticket)
    ticket = live(refused(3, back, done), now=back, by=RESOLVE, before=ticket)
    assert [(each.status, each.note) for each in ticket.clocks] == [
        (Status.MET_LATE, ""),
        (Status.BREACHED, "taken_up_again"),
    ]
    assert said(ticket)[-3:] == ["armed", "breached resolve", "raised resolve"]
    assert len({each.key for each in ticket.effects}) == len(ticket.effects)


def test_a_rejected_dispatch_ends_its_limit_and_the_next_one_gets_its_own():
    """C12, D2: the limit to begin counts from the dispatch to who begins."""
    by, back, sent = rules(START), T0 + 70 * M, T0 + 80 * M
    ticket = live(news(1, T0, "critical", m={"dispatched": T0}), now=T0, by=by)
    ticket = later(ticket, T0 + 60 * M, by)
    gone = (TakenBack(2, 0, "dispatched", T0, back),)
    ticket = live(news(2, back, "critical", taken_back=gone), now=back, by=by, before=ticket)
    assert (of(ticket, "start", 0, 0).stopped_at, ticket.escalations[0].ended, ticket.next_due) == (
        back,
        "superseded",
        None,
    )
    ticket = live(news(3, sent, "critical", m={"dispatched": sent}), now=sent, by=by, before=ticket)
    assert of(ticket, "start", 0, 1).due_at == sent + 60 * M
    ticket = later(ticket, sent + 60 * M, by)
    assert said(ticket)[-2:] == ["breached start", "raised start"]


def test_a_note_on_a_withdrawn_ticket_breaches_nothing():
    ticket = live(opened(), now=T0)
    ticket = live(news(2, T0 + M, ended=True, m={"received": T0}), now=T0 + M, before=ticket)
    noted = T0 + 900 * M
    ticket = live(news(3, noted, ended=True, m={"received": T0}), now=noted, before=ticket)
    assert (ticket.clocks[0].status, ticket.clocks[0].stopped_at) == (Status.CANCELLED, T0 + M)
    assert said(ticket) == ["armed", "armed"]
