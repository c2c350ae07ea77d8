"""A desk's day across real processes: from four channels to queue, clock, callback and report (A1, U1-U4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from deploy.local.play.day import MANAGER, SPECIALIST, Day
from deploy.local.play.stage import Stage
from services.contracts.deskstream.v1 import dispatch_pb2 as dispatch
from services.contracts.deskstream.v1 import notifications_pb2 as notifications
from services.contracts.deskstream.v1 import reporting_pb2 as reporting
from services.contracts.deskstream.v1 import sla_pb2 as sla
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.ticket_pb2 import Ticket

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def day(stack_folder: Path) -> Iterator[Day]:
    """The whole day, played once; the tests read what it left."""
    with Stage(stack_folder / "journey", apart=True) as stage:
        played = Day(stage)
        played.begin()
        for act in (
            played.morning,
            played.other_calls,
            played.a_mail_answered,
            played.triage,
            played.solve_online,
            played.solve_dispatched,
            played.neglect,
            played.rescue,
            played.hand_back,
            played.afternoon,
            played.settled,
        ):
            act()
        yield played
        played.close()


def ticket(day: Day, name: str) -> Ticket:
    return day.staff(MANAGER).ticket(day.numbers[name])


def history(day: Day, name: str) -> list[str]:
    asked = dispatch.GetHistoryRequest(number=day.numbers[name])
    return [entry.event for entry in day.staff(MANAGER).dispatch.GetHistory(asked).entries]


def test_four_channels_give_four_tickets_of_one_schema(day: Day) -> None:
    """A1, U1: distinguishable by channel, each with its own number (B1); every worker is a process of its own (U2)."""
    channels = {name: Channel.Name(ticket(day, name).channel) for name in day.numbers}
    assert channels == {
        "phone": "CHANNEL_PHONE",
        "email": "CHANNEL_EMAIL",
        "web": "CHANNEL_WEB",
        "im": "CHANNEL_IM",
    }
    assert len(set(day.numbers.values())) == 4


def test_the_requester_is_told_number_and_due_time_in_their_own_mailbox(day: Day) -> None:
    """A24."""
    (told,) = [m for m in day.stage.mail.to("he.jie@corp.example", "已受理") if day.numbers["web"] in str(m["Subject"])]
    assert day.numbers["web"] in str(told["Message-ID"])
    assert "09:30" in told.get_content()


def test_a_known_caller_s_requests_are_recognised_whatever_the_channel(day: Day) -> None:
    """A10."""
    assert ticket(day, "web").requester.id == "c.he.jie"
    assert ticket(day, "phone").requester.id == "c.luo.na"
    assert ticket(day, "email").requester.id == "c.lin.tao"
    assert ticket(day, "im").requester.id == "c.guo.ping"


def test_an_answer_to_our_mail_joins_its_ticket(day: Day) -> None:
    """A20."""
    assert ticket(day, "email").repeat_contacts == 1
    assert len(day.stage.mail.to("lin.tao@corp.example", "已受理")) == 1


def test_a_ticket_solved_online_never_reaches_an_engineer(day: Day) -> None:
    """C1, F3: closed by the team leader after the callback."""
    told = ticket(day, "email")
    assert (told.state, told.path, told.engineer) == ("closed", "online", "")
    assert "dispatched" not in history(day, "email")


def test_a_dispatched_ticket_passes_every_confirmation(day: Day) -> None:
    """C3, C4, C7, C8: manager, engineer, manager's completion, desk's confirmation, callback, close."""
    steps = [event for event in history(day, "web") if event not in ("opened", "graded", "online_tried", "recorded")]
    assert steps == [
        "dispatched",
        "accepted",
        "assigned",
        "started",
        "resolved",
        "completed",
        "confirmed",
        "called_back",
        "closed",
    ]


def test_the_hand_back_branch_skips_the_manager_s_completion_and_a_no_reopens(day: Day) -> None:
    """C5, C6, C7, F13."""
    told, steps = ticket(day, "phone"), history(day, "phone")
    assert (told.cycle, told.hand_backs, told.state) == (1, 1, "closed")
    assert steps.index("passed_up") < steps.index("reopened")
    assert "completed" not in steps[: steps.index("reopened")]
    assert "completed" in steps[steps.index("reopened") :]


def test_the_forgotten_ticket_was_warned_broken_and_escalated_two_rungs_until_acknowledged(day: Day) -> None:
    """D13, D14, D23: each once, stamped with the due instant."""
    agent, number = day.staff(SPECIALIST), day.numbers["im"]
    response = agent.clocks(number)["response"]
    assert response.status in (sla.CLOCK_STATUS_BREACHED, sla.CLOCK_STATUS_MET_LATE)
    assert response.due_at.ToDatetime(tzinfo=UTC) - response.started_at.ToDatetime(tzinfo=UTC) == timedelta(minutes=30)
    (escalation,) = [e for e in agent.escalations(number) if e.clock == "response"]
    assert (escalation.rung, escalation.acknowledged, escalation.acknowledged_by.id) == (1, True, MANAGER)
    letters = [m for m in day.stage.mail.to("", "升级") if number in str(m["Subject"])]
    assert sorted(str(letter["To"]) for letter in letters) == ["sun.ning@itss.example", "wang.fang@itss.example"]


def test_a_call_without_a_ticket_is_still_a_contact_and_a_missed_one_is_owed_a_callback(day: Day) -> None:
    """A16, F11."""
    told = report(day, "itss_desk")
    assert (told.tickets, told.contacts) == (4, 3)
    assert day.staff(MANAGER).callback("call/call-3").kind == "missed_call"


def test_the_portal_s_requests_reach_the_queues_of_their_teams_by_rule(day: Day) -> None:
    """C2, U3: the rule that matched is stored and can be told in words."""
    waiting = [t for t in day.staff("g.net.one").queue("team:terminals") if t.profile == "generic_desk"]
    assert {t.routing.rule for t in waiting} == {"terminal_faults"}
    asked = dispatch.ExplainRequest(number=waiting[0].number, language="zh-CN")
    assert "终端" in day.staff("g.ren.yu").dispatch.Explain(asked).text


def report(day: Day, desk: str) -> Any:
    asked = reporting.GetReportRequest(profile=desk, period=f"{day.local():%Y-%m}", language="zh-CN")
    return day.staff(MANAGER).reporting.GetReport(asked)


def figures(day: Day, desk: str) -> dict[str, str]:
    return {kpi.key: f"{kpi.numerator:g}/{kpi.denominator:g} {kpi.value}" for kpi in report(day, desk).kpis}


def test_the_report_counts_what_happened(day: Day) -> None:
    """N1-N8, N25."""
    told = figures(day, "itss_desk")
    assert told["completion"] == "4/4 100.00"
    assert told["callback_rate"] == "4/4 100.00"
    assert told["satisfaction"] == "4/4 100.00"
    assert told["connection_rate"] == "2/3 66.67"
    assert told["timeliness"] == "2/4 50.00"


def test_the_report_can_be_fetched_as_json_and_as_csv(day: Day) -> None:
    """N12, U4: Chinese headers, a byte order mark for spreadsheets, the same totals as the screen."""
    http = day.channels.http
    signed_in = {"Authorization": f"Bearer {day.staff(MANAGER).token}"}
    period = f"{day.local():%Y-%m}"
    told = http.get(f"/api/v1/reports/itss_desk/{period}", headers=signed_in).json()
    assert told["tickets"] == "4"
    csv = http.get(f"/api/v1/reports/itss_desk/{period}/tickets.csv", headers=signed_in)
    assert csv.content.startswith(b"\xef\xbb\xbf")
    lines = csv.content.decode("utf-8-sig").splitlines()
    assert "工单编号" in lines[0]
    assert len(lines) == 5


def test_the_wallboard_shows_the_same_figures_live(day: Day) -> None:
    """N23."""
    signed_in = {"Cookie": f"deskstream_token={day.staff(MANAGER).token}"}
    page = day.channels.http.get("/wallboard?profile=itss_desk", headers=signed_in)
    assert "实时看板" in page.text
    assert "已关闭" in page.text, "states are told in the reader's words"
    with day.channels.http.stream("GET", "/wallboard/events?profile=itss_desk", headers=signed_in) as events:
        line = next(line for line in events.iter_lines() if line.startswith("data:"))
    assert '"receivedToday": "4"' in line
    assert day.channels.http.get("/wallboard").headers["location"] == "/sign-in"


def test_every_message_sent_is_in_the_delivery_log_once(day: Day) -> None:
    """O9, O10."""
    asked = notifications.ListDeliveriesRequest(number=day.numbers["web"])
    told = day.staff(MANAGER).notifications.ListDeliveries(asked).deliveries
    assert {delivery.status for delivery in told} == {notifications.DELIVERY_STATUS_SENT}
    keys = [(delivery.cause, delivery.recipient, delivery.way) for delivery in told]
    assert len(keys) == len(set(keys))


def test_one_step_can_be_taken_over_http_and_a_stale_version_is_refused(day: Day) -> None:
    number = next(t for t in day.staff("g.app.one").queue("team:applications")).number
    http, token = day.channels.http, day.staff("g.app.one").token
    signed_in = {"Authorization": f"Bearer {token}"}
    before = http.get(f"/api/v1/tickets/{number}", headers=signed_in).json()["ticket"]
    path = f"/api/v1/tickets/{number}/actions/accept"
    stale = http.post(path, json={"expectedVersion": "999"}, headers=signed_in)
    assert stale.status_code == 409
    told = http.post(path, json={"expectedVersion": before["version"]}, headers=signed_in)
    assert told.json()["ticket"]["assignee"] == "g.app.one"
    assert http.post(path, json={}).status_code == 401


def test_a_forged_im_message_is_refused_and_opens_nothing(day: Day) -> None:
    before = len(day.staff(SPECIALIST).queue("all"))
    assert day.channels.im("x", "x", "伪造", forged=True).status_code == 401
    assert len(day.staff(SPECIALIST).queue("all")) == before


def test_the_same_message_sent_twice_gives_no_second_ticket(day: Day) -> None:
    """B1: a redelivered source message meets the first one's number."""
    before = len(day.staff(SPECIALIST).queue("all"))
    answer = day.channels.im("guoping03", "郭平", "生产管理系统数据没有刷新，调度这边看不到。", message_id="im-1")
    assert answer.status_code == 200
    assert len(day.staff(SPECIALIST).queue("all")) == before


def test_nobody_but_the_role_of_the_path_closes(day: Day) -> None:
    """F2, F3: a specialist's close is refused with the reason."""
    with pytest.raises(grpc.RpcError) as caught:
        day.staff(SPECIALIST).act(day.numbers["web"], "close")
    assert caught.value.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED)


def test_other_limits_are_tried_on_the_day_without_touching_it(day: Day) -> None:
    """D18, D21: what would have been kept, what broken; the clocks stay, and the log alone gives the same."""
    before = day.staff(MANAGER).clocks(day.numbers["im"])["response"]
    supposing, today = day.suppose(), f"{day.local():%Y-%m-%d}"
    told = supposing.what_if(today, today)["clocks"]
    assert told["response"]["kept"] == [day.numbers["im"]], "two hours would have been enough"
    assert day.numbers["im"] in told["dispatch"]["broken"], "twenty minutes would not"
    assert day.staff(MANAGER).clocks(day.numbers["im"])["response"] == before
    assert " 0 differ" in supposing.replayed()
