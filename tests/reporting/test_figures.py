"""What the figures say of a desk one can see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.profile.schema import Kpis, KpiTarget
from services.reporting.figures import judged, percent, trend
from tests.reporting.world import NOON, Desk, call, callback, clock, closed, profiles, ticket


class Rules:
    """The shipped profiles with other targets."""

    def __init__(self, **kpi: object) -> None:
        shipped = profiles().default.profile
        self.profile = shipped.model_copy(update={"kpi": Kpis.model_validate({**shipped.kpi.model_dump(), **kpi})})

    def get(self, name: str) -> Rules:
        return self


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"),
    [
        (1, 3, "33.33"),
        (1, 800, "0.13"),
        (2, 3, "66.67"),
        (399, 420, "95.00"),
        (735, 735, "100.00"),
        (1, 0, ""),
        (0, 7, "0.00"),
    ],
)
def test_percentages_have_two_decimals_rounded_half_up(numerator: int, denominator: int, value: str) -> None:
    """N25: 1/800 is 0.125 %, which binary arithmetic would round to 0.12."""
    assert percent(numerator, denominator) == value


def test_a_ticket_is_timely_when_every_limit_that_applied_was_met() -> None:
    """N1, AM2."""
    desk = Desk().hears(
        [closed(n) for n in range(1, 5)],
        [clock(1, "MET"), clock(1, "MET", clock="resolve"), clock(2, "MET"), clock(2, "BREACHED", clock="resolve")],
        [clock(3, "MET_LATE")],
    )
    figure = desk.figure("timeliness")
    assert (figure.numerator, figure.denominator, figure.value) == (2, 4, "50.00")


def test_grading_down_after_a_breach_does_not_mend_timeliness() -> None:
    """AM2, D17: the earlier result is kept."""
    desk = Desk().hears(closed(1), clock(1, "BREACHED", generation=1), clock(1, "MET", generation=2, version=4))
    assert desk.figure("timeliness").value == "0.00"


def test_a_breach_before_a_late_stop_is_one_missed_limit() -> None:
    desk = Desk().hears(closed(1), clock(1, "MET_LATE"), clock(1, "BREACHED"))
    (facts,) = desk.reader.received("", "2026-11", NOON)
    assert [outcome.status for outcome in facts.outcomes.values()] == [5]


def test_completion_is_solved_or_closed_of_all_received() -> None:
    """N7."""
    desk = Desk().hears([closed(n) for n in range(1, 736)])
    assert desk.figure("completion").value == "100.00"
    desk.hears(ticket(800), ticket(801, phase="RESOLVED", marks={"resolved": NOON}), ticket(802, phase="CANCELLED"))
    figure = desk.figure("completion")
    assert (figure.numerator, figure.denominator) == (736, 738)


def test_mean_time_to_resolve_is_in_seconds_over_tickets_solved_in_the_period() -> None:
    """N1."""
    desk = Desk().hears(
        closed(1, after=timedelta(minutes=10)),
        closed(2, after=timedelta(minutes=20)),
        closed(3, after=timedelta(days=30)),
        ticket(4),
    )
    figure = desk.figure("mean_resolution_time")
    assert (figure.value, figure.unit, figure.denominator) == ("900.00", "s", 2)


def test_satisfaction_counts_the_grades_of_one_scale_and_never_mixes_scales() -> None:
    """N1, F17, AM4."""
    desk = Desk().hears([closed(n) for n in range(1, 6)])
    desk.hears(
        callback(1, satisfied=True, grade="basically_satisfied"), callback(2, satisfied=False, grade="dissatisfied")
    )
    desk.hears(callback(3, satisfied=True), callback(4), callback(5, satisfied=False, scale="score"))
    four, score = (f for f in desk.report().figures if f.key.startswith("satisfaction"))
    assert (four.key, int(four.numerator), four.denominator, four.value) == ("satisfaction", 2, 3, "66.67")
    assert (score.key, score.denominator, score.value) == ("satisfaction/score", 1, "0.00")


def test_nineteen_of_twenty_dispatches_accepted_are_95_percent_and_pass() -> None:
    """N2, C12, AM1: a dispatch rejected as wrongly sent is none; being handed back later is no failure."""
    marks = {"dispatched": NOON, "accepted": NOON + timedelta(minutes=5)}
    desk = Desk().hears([ticket(n, dispatches=1, marks=marks, hand_backs=n % 2) for n in range(1, 19)])
    desk.hears(ticket(19, 2, dispatches=1, marks={"dispatched": NOON}))
    rejected = ticket(
        19, 3, dispatches=1, failed_dispatches=1, taken_back={"dispatched": NOON}, event="rejected", phase="NEW"
    )
    later = {"dispatched": NOON + timedelta(hours=1), "accepted": NOON + timedelta(hours=2)}
    desk.hears(rejected, ticket(19, 5, dispatches=2, failed_dispatches=1, marks=later, event="accepted"))
    figure = desk.figure("dispatch_success", "2026-Q4")
    assert (figure.numerator, figure.denominator, figure.value, figure.verdict) == (19, 20, "95.00", "met")
    assert figure.target == ">= 95.00%"
    desk.hears(ticket(20, dispatches=1, marks={"dispatched": NOON}))
    assert desk.figure("dispatch_success", "2026-Q4").verdict == "missed"


def test_reopening_a_ticket_does_not_undo_its_accepted_dispatch() -> None:
    marks = {"dispatched": NOON, "accepted": NOON}
    desk = Desk().hears(ticket(1, 4, dispatches=1, marks=marks), ticket(1, 9, dispatches=1, cycle=1, event="reopened"))
    assert desk.figure("dispatch_success").value == "100.00"


@pytest.mark.parametrize(
    ("reached", "verdict", "value"), [(420, "met", "100.00"), (399, "met", "95.00"), (398, "missed", "94.76")]
)
def test_the_callback_rate_divides_by_tickets_and_95_percent_passes(reached: int, verdict: str, value: str) -> None:
    """N3, A16: 420 tickets, whatever the number of contacts."""
    desk = Desk().hears([ticket(n) for n in range(1, 421)], [call(f"c{n}", answered_after=3) for n in range(50)])
    desk.hears([callback(n) for n in range(1, reached + 1)])
    figure = desk.figure("callback_rate", "2026-H2")
    assert (figure.denominator, figure.value, figure.verdict) == (420, value, verdict)


def test_reached_and_formally_unreachable_are_counted_apart_and_a_ticket_once() -> None:
    """AM6."""
    desk = Desk().hears([ticket(n) for n in range(1, 5)])
    desk.hears(
        callback(1), callback(1, cycle=1), callback(2, "UNREACHABLE"), callback(2, cycle=1), callback(3, "UNREACHABLE")
    )
    rate, reached, away = (desk.figure(key) for key in ("callback_rate", "callback_reached", "callback_unreachable"))
    assert (rate.numerator, reached.numerator, away.numerator, rate.denominator) == (3, 2, 1, 4)


def test_the_connection_rate_is_answered_of_put_through() -> None:
    """N4."""
    desk = Desk().hears([call(f"a{n}", answered_after=5) for n in range(3)], call("b"), call("c", to_human=False))
    assert (desk.figure("connection_rate").numerator, desk.figure("connection_rate").value) == (3, "75.00")


def test_a_call_answered_at_20_seconds_counts_and_at_20_point_1_does_not() -> None:
    """I4, N5."""
    desk = Desk().hears(call("in time", answered_after=20.0), call("late", answered_after=20.1), call("never"))
    figure = desk.figure("service_level")
    assert (figure.numerator, figure.denominator) == (1, 3)
    assert "20 s" in figure.formula
    assert Desk(desk.store, Rules(answer_seconds=30)).figure("service_level").numerator == 2


def test_first_contact_resolution_gives_the_ratio_and_the_mean_of_months() -> None:
    """N6, section 9 item 1: 1 of 4 in October and 2 of 2 in November are 50 % overall and 62.5 % on average."""
    october = datetime(2026, 10, 5, 4, tzinfo=UTC)
    desk = Desk().hears(closed(1, received=october, path="online"), [ticket(n, received=october) for n in (2, 3, 4)])
    desk.hears(closed(5, path="online"), closed(6, path="online"))
    assert desk.figure("first_contact_resolution", "2026-Q4").value == "50.00"
    mean = desk.figure("first_contact_resolution_mean", "2026-Q4")
    assert (mean.value, mean.numerator, mean.denominator) == ("62.50", Decimal("1.25"), 2)


def test_a_reopened_or_dispatched_ticket_was_not_solved_at_first_contact() -> None:
    """N6."""
    desk = Desk().hears(
        closed(1, path="online"),
        closed(2, path="online", cycle=1),
        closed(3, path="dispatched"),
        closed(4, path="online", repeat_contacts=1),
        ticket(5, 2, dispatches=1, failed_dispatches=1, taken_back={"dispatched": NOON}, event="rejected"),
        closed(5, path="online", dispatches=1, failed_dispatches=1),
    )
    assert desk.figure("first_contact_resolution").numerator == 1


def test_each_undertaking_department_has_accepted_on_time_and_overdue_counts() -> None:
    """C26, N17: in any order; the desk that gets the solution back undertook nothing, nor did who has not accepted."""
    accepted = {"accepted": NOON}
    held: dict[str, Any] = {"phase": "OPEN", "marks": accepted}
    events = [
        ticket(1, 2, event="accepted", team="network", assignee="a", **held),
        closed(1, team="desk", marks=accepted),
        ticket(2, 2, event="accepted", team="network", assignee="a", **held),
        ticket(2, 3, event="assigned", team="erp", assignee="b", **held),
        closed(2, team="desk", marks=accepted),
        clock(2, "BREACHED"),
        ticket(3, 2, event="dispatched", phase="OPEN", team="network", assignee="a"),
        ticket(4, 2, event="claimed", phase="OPEN", team="erp", assignee="b"),
    ]
    for order in (events, events[::-1], [*events, *events]):
        told = {(s.by, s.key): s.count for s in Desk().hears(order).report().shares if s.by.startswith("team_")}
        assert told == {
            ("team_accepted", "network"): 2,
            ("team_accepted", "erp"): 2,
            ("team_on_time", "network"): 1,
            ("team_overdue", "network"): 1,
            ("team_overdue", "erp"): 1,
        }


def test_shares_by_channel_and_type_read_140_of_200_as_70_percent() -> None:
    """N8."""
    desk = Desk().hears([ticket(n, channel="IM", kind="consultation") for n in range(1, 141)])
    desk.hears(
        [ticket(n, channel="IM") for n in range(141, 201)], [ticket(n, channel="EMAIL") for n in range(201, 251)]
    )
    shares = {(share.by, share.key): (share.count, share.percent) for share in desk.report().shares}
    assert shares[("channel", "im")] == (200, "80.00")
    assert shares[("type", "consultation")] == (140, "56.00")
    assert shares[("channel_type", "im/consultation")] == (140, "70.00")


def test_contacts_and_tickets_are_different_counts() -> None:
    """A16, X31."""
    desk = Desk().hears([call(f"c{n}", answered_after=1) for n in range(7)], [ticket(n) for n in range(1, 4)])
    report = desk.report()
    assert (report.contacts, report.tickets) == (7, 3)


def test_a_target_is_held_against_the_value_as_printed() -> None:
    """N2, N25: 95.00 % passes, 94.99 % fails."""
    target = KpiTarget(key="dispatch_success", target=0.95, periods=("quarter",))
    assert (judged("0.95", target), judged("0.9499", target), judged("", target)) == ("met", "missed", "no_data")
    assert judged("0.1", None) == "none"


def test_a_time_meets_its_target_when_it_is_not_longer() -> None:
    """X22."""
    targets = [{"key": "mean_resolution_time", "target": 3600, "op": "<=", "periods": ["month"]}]
    desk = Desk(rules=Rules(targets=targets)).hears(closed(1, after=timedelta(hours=1)))
    figure = desk.figure("mean_resolution_time")
    assert (figure.target, figure.verdict) == ("<= 3600 s", "met")
    desk.hears(closed(2, after=timedelta(hours=2)))
    assert desk.figure("mean_resolution_time").verdict == "missed"


def test_a_target_of_quarters_says_nothing_about_a_month_but_is_held_against_a_range() -> None:
    """N2, N11."""
    desk = Desk().hears(ticket(1, dispatches=1, marks={"dispatched": NOON, "accepted": NOON}))
    assert desk.figure("dispatch_success").verdict == "none"
    assert desk.figure("dispatch_success", "2026-01-01..2026-11-30").verdict == "met"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ((95, 100, 100), "rising"),
        ((100, 100), "steady"),
        ((100, 95, 95), "falling"),
        ((1, 3, 2), "mixed"),
        ((1,), "none"),
    ],
)
def test_a_trend_rises_when_no_step_falls_and_the_last_exceeds_the_first(values: tuple[int, ...], word: str) -> None:
    """N10."""
    assert trend([Decimal(value) for value in values]) == word


def test_a_report_states_target_verdict_and_trend_over_periods() -> None:
    """N10: three quarters of callbacks, 0, 50 and 100 percent."""
    desk = Desk()
    for sequence, (month, status) in enumerate([(4, "DUE"), (7, "DUE"), (7, "COMPLETED"), (11, "COMPLETED")], 1):
        desk.hears(ticket(sequence, received=datetime(2026, month, 5, 4, tzinfo=UTC)), callback(sequence, status))
    assert desk.figure("callback_rate", "2026-Q4").trend == "rising"
    half_year = desk.figure("callback_rate", "2026-H2")
    assert (half_year.target, half_year.verdict, half_year.trend) == (">= 95.00%", "missed", "rising")


def test_yesterdays_figures_do_not_follow_todays_policy() -> None:
    """D21: outcomes are stored; another answer limit or grade table does not touch timeliness."""
    desk = Desk().hears(closed(1), clock(1, "MET"), closed(2), clock(2, "BREACHED"))
    before = desk.figure("timeliness")
    after = Desk(desk.store, Rules(answer_seconds=1)).figure("timeliness")
    assert before == after


def test_every_figure_names_its_definition_in_both_languages() -> None:
    """N19, N21."""
    desk = Desk().hears(closed(1))
    english, chinese = desk.report(language="en").figures, desk.report(language="zh-CN").figures
    assert [figure.key for figure in english] == [figure.key for figure in chinese]
    assert all(f.name and f.formula and f.definition_version for f in (*english, *chinese))
    assert desk.figure("timeliness", language="zh-CN").name == "及时率"
