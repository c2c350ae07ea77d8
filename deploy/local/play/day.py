"""One working day of a desk, act by act; the demo shows it and the journey test judges it.

Every act goes through the real channels and the real APIs; what it returns are ticket numbers. Waits are for facts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial

from deploy.local.children import Trouble
from deploy.local.play.morning import CHINA, LEADER, MANAGER, SPECIALIST, Morning
from deploy.local.play.sinks import text_of
from deploy.local.play.supposing import Supposing
from services.contracts.deskstream.v1 import callbacks_pb2 as callbacks
from services.contracts.deskstream.v1 import sla_pb2 as sla
from services.contracts.deskstream.v1.common_pb2 import Channel, Requester
from services.contracts.deskstream.v1.dispatch_pb2 import (
    ExplainRequest,
    GetHistoryRequest,
    GetHistoryResponse,
)
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.contracts.deskstream.v1.ticket_pb2 import Phase, Ticket
from services.sdk.adapter import Adapter

__all__ = ["CHINA", "LEADER", "MANAGER", "SPECIALIST", "Day"]


class Day(Morning):
    """The whole day: what the desk, the projects and the callers do after the morning."""

    def triage(self) -> None:
        """The specialist grades three of the four and tries them online; the IM ticket is overlooked (B6, C1)."""
        for channel, grade in (("web", "P2"), ("phone", "P2"), ("email", "P3")):
            self.pass_time(2)
            self.classify(self.numbers[channel], grade)
            self.staff(SPECIALIST).act(self.numbers[channel], "try_online")

    def pass_time(self, minutes: float) -> None:
        """People take their time."""
        self.stage.move(timedelta(minutes=minutes))

    def solve_online(self) -> str:
        """The desk solves the mail itself; the team leader calls back and closes (F3)."""
        number, agent = self.numbers["email"], self.staff(SPECIALIST)
        self.pass_time(3)
        agent.act(number, "solve_online", solution="重启打印服务并清除卡纸。")
        self.tell(f"{number}: solved online by {SPECIALIST}.")
        self.call_back(number, LEADER)
        return number

    def classify(self, number: str, grade: str) -> None:
        """The specialist sets type and grade (B6), unless they came with the request."""
        if self.state(number) == "recorded":
            self.staff(SPECIALIST).act(number, "classify", type="incident", grade=grade)

    def call_back(self, number: str, who: str, *, solved: bool = True) -> None:
        """The callback with its survey; then whoever may close, closes (F1, F2)."""
        person = self.staff(who)
        task_id = f"{number}/{person.ticket(number).cycle}"
        self.until(f"the callback task {task_id}", lambda: person.callback(task_id))
        if not solved:
            person.complete(task_id, solved="no", satisfaction="dissatisfied", suggestions="问题仍然存在。")
            self.reach(number, "reopened")
            self.tell(f"{number}: the callback hears that it is not solved; the ticket is open again.")
            return
        person.complete(task_id, solved="yes", satisfaction="very_satisfied")
        self.until(f"{number} to know its callback", lambda: person.ticket(number).callback == "completed")
        self._close(number, who)

    def _close(self, number: str, who: str) -> None:
        self.reach(number, "callback")
        self.staff(who).act(number, "close")
        self.tell(f"{number}: called back, rated and closed by {who}.")

    def dispatch(self, number: str, project: str, manager: str, engineer: str, minutes: float = 2) -> None:
        """Specialist to project manager to engineer, who begins (C3, C4); each step takes so many minutes."""
        agent = self.staff(SPECIALIST)
        if self.state(number) in ("classified", "reopened"):
            agent.act(number, "try_online")
        agent.act(number, "dispatch", project=project)
        self.pass_time(minutes)
        self.staff(manager).act(number, "accept")
        self.staff(manager).act(number, "assign", target=engineer)
        self.pass_time(minutes)
        self.staff(engineer).act(number, "begin")
        self.tell(f"{number}: dispatched to {manager}, accepted, given to {engineer}, work begun.")

    def solve_dispatched(self) -> str:
        """The web ticket by an engineer; the requester answers the survey by the link in the mail (F3, F24)."""
        number = self.numbers["web"]
        self.dispatch(number, "erp", "zhang.qiang", "huang.lei", minutes=1)
        self.pass_time(4)
        self.staff("huang.lei").act(number, "resolve", solution="重建索引", steps="停服务；重建；验证", remaining="无")
        self.staff("zhang.qiang").act(number, "confirm_completion")
        self.staff(SPECIALIST).act(number, "confirm")
        self.tell(f"{number}: solved by huang.lei, completion confirmed by the manager and the desk.")
        letter = self.until("the survey link", lambda: self.stage.mail.to("he.jie@corp.example", "/s/"))[-1]
        link = re.search(r"/s/[\w.-]+", text_of(letter))
        if link is None:
            raise Trouble("The survey mail holds no link.")
        shown = self.channels.http.get(link[0])
        if number not in shown.text:
            raise Trouble(f"The survey page answered {shown.status_code}.")
        answers = {"solved": "yes", "satisfaction": "satisfied"}
        self.channels.http.post(link[0], data=answers)
        self.until(f"{number} to know its callback", lambda: self.staff(MANAGER).ticket(number).callback == "completed")
        self.tell(f"{number}: He Jie rates the service on the survey page.")
        self._close(number, MANAGER)
        return number

    def hand_back(self) -> str:
        """Handed back, solved by the operations manager, reopened by the callback, solved again (C5-C7, F13)."""
        number = self.numbers["phone"]
        self.dispatch(number, "office", "liu.yang", "ma.jun", minutes=5)
        self.pass_time(40)
        self.staff("ma.jun").act(number, "hand_back", reason="需要数据库权限，本岗位没有。")
        self.staff("liu.yang").act(number, "pass_up")
        self.tell(f"{number}: handed back by ma.jun, passed up to the operations manager.")
        self.pass_time(45)
        self.staff("zhao.gang").act(number, "resolve", solution="授权后修复", steps="授权；修复数据", remaining="无")
        self.staff(SPECIALIST).act(number, "confirm")
        self.call_back(number, MANAGER, solved=False)
        self.dispatch(number, "office", "liu.yang", "gao.xin", minutes=5)
        self.pass_time(35)
        self.staff("gao.xin").act(number, "resolve", solution="升级组件", steps="升级；回归", remaining="无")
        self.staff("liu.yang").act(number, "confirm_completion")
        self.staff(SPECIALIST).act(number, "confirm")
        self.call_back(number, MANAGER)
        return number

    def neglect(self) -> str:
        """Nobody answers the IM ticket: warning, breach, two rungs, an acknowledgement (D13, D14)."""
        number, agent = self.numbers["im"], self.staff(SPECIALIST)
        due = self.until("the clocks of the IM ticket", lambda: agent.clocks(number))["response"].due_at
        limit = due.ToDatetime(tzinfo=UTC)
        self.stage.move_to(limit - timedelta(minutes=5))
        self.until("the warning", lambda: self.stage.mail.to("li.wei@itss.example", "即将超时"))
        self.tell(f"{number}: 80% of the response limit is used; the desk is warned.")
        self.stage.move_to(limit + timedelta(seconds=1))
        breached = sla.CLOCK_STATUS_BREACHED
        self.until("the breach", lambda: agent.clocks(number)["response"].status == breached)
        first = self.until("the escalation", lambda: agent.escalations(number))[0]
        self.tell(f"{number}: the response limit is broken; escalated to the {first.role}.")
        self.stage.move_to(limit + timedelta(minutes=30, seconds=2))
        second = self.until("the second rung", lambda: [e for e in agent.escalations(number) if e.rung == 1])[0]
        self.tell(f"{number}: nobody acknowledged in 30 minutes; it climbs to the {second.role}.")
        asked = sla.AcknowledgeRequest(escalation_id=second.escalation_id, reason="我来协调。")
        self.staff(MANAGER).sla.Acknowledge(asked)
        self.stage.move_to(limit + timedelta(minutes=61))
        self.tell(f"{number}: acknowledged by {MANAGER}; it climbs no further.")
        return number

    def rescue(self) -> str:
        """The forgotten ticket is done at last; its requester is reached at the second attempt (F16)."""
        number = self.numbers["im"]
        self.classify(number, "P1")
        self.dispatch(number, "erp", "zhang.qiang", "xu.ling")
        self.pass_time(25)
        self.staff("xu.ling").act(number, "resolve", solution="重启采集服务", steps="定位；重启", remaining="无")
        self.staff("zhang.qiang").act(number, "confirm_completion")
        self.staff(SPECIALIST).act(number, "confirm")
        manager, task_id = self.staff(MANAGER), f"{number}/0"
        self.until("the callback task", lambda: manager.callback(task_id))
        task = manager.no_answer(task_id)
        self.tell(f"{number}: solved by xu.ling; the callback reaches nobody and is tried again in two hours.")
        self.stage.move_to(task.not_before.ToDatetime(tzinfo=UTC) + timedelta(minutes=1))
        due = callbacks.CALLBACK_STATUS_DUE
        self.until("the callback to be due again", lambda: manager.callback(task_id).status == due)
        self.call_back(number, MANAGER)
        return number

    def alarm(self) -> str:
        """A watcher files a high incident; whoever is on the emergency seat is given it, with the reason (A21, C23)."""
        draft = RequestDraft(
            channel=Channel.CHANNEL_MONITORING,
            source_id="alarm-1",
            requester=Requester(name="彭飞", phone="13800138009"),
            type="incident",
            entry="production",
            title="调度服务器磁盘告警",
            description="监控：调度服务器磁盘使用率 97%。",
            grade="P1",
        )
        number = self.staff(SPECIALIST).submit(draft)
        seat = self.until("the alarm to be given to somebody", lambda: self.staff(SPECIALIST).ticket(number).assignee)
        self.tell(f"Monitoring: an alarm becomes {number} and is given to {seat} on the emergency seat.")
        self.numbers["monitoring"] = number
        return number

    def afternoon(self) -> list[str]:
        """The generic desk's portal publishes straight to the stream; engineers claim from their queues (U1, U3)."""
        spool = self.stage.folder / "spool"
        kinds = ["network", "applications", "terminals"]
        with Adapter("web", "portal", self.stage.broker.uri, spool, clock=self.stage.clock) as adapter:
            for index in range(12):
                adapter.submit(_portal_draft(index, self.stage.now()))
        engineer = self.staff("g.net.one")
        queues = [f"team:{kind}" for kind in kinds]

        def arrived() -> list[Ticket]:
            waiting = [ticket for queue in queues for ticket in engineer.queue(queue)]
            return waiting if len(waiting) >= 12 else []

        tickets = self.until("the portal's requests in the queues", arrived)
        self.tell(f"Portal: 12 requests by AMQP reach the queues {', '.join(queues)}.")
        for ticket in tickets:
            if ticket.team == "network":
                self._work_generic(ticket.number)
        return [ticket.number for ticket in tickets]

    def _work_generic(self, number: str) -> None:
        engineer, desk = self.staff("g.net.one"), self.staff("g.ren.yu")
        engineer.act(number, "accept")
        engineer.act(number, "begin")
        engineer.act(number, "resolve", solution="更换端口", steps="检查；更换", remaining="无")
        desk.act(number, "tell_result", summary="已更换端口，网络恢复", way="phone")
        desk.act(number, "close")

    def history(self, number: str) -> list[str]:
        """What happened to a ticket in words, a line each (B9)."""
        return [entry.text for entry in self._history(number).entries]

    def verdict(self, number: str) -> str:
        """Whether the history is still what was said (B10)."""
        return "nothing in it was altered" if self._history(number).verified else "it was altered"

    def _history(self, number: str) -> GetHistoryResponse:
        told: GetHistoryResponse = self.staff(MANAGER).dispatch.GetHistory(
            GetHistoryRequest(number=number, language="en")
        )
        return told

    def explanation(self, number: str) -> str:
        """Why a ticket went where it is, in words (C2)."""
        asked = ExplainRequest(number=number, language="en")
        return str(self.staff(MANAGER).dispatch.Explain(asked).text)

    def suppose(self) -> Supposing:
        """The desk's manager asks what other limits would have made of the day."""
        supposing = Supposing(self.stage)
        supposing.change()
        return supposing

    def settled(self) -> None:
        """Waits until the report has heard everything that was said."""
        for number in self.numbers.values():
            self.until(f"{number} to be closed", partial(self._closed, number))

    def _closed(self, number: str) -> bool:
        return self.staff(MANAGER).ticket(number).phase == Phase.PHASE_CLOSED


def _portal_draft(index: int, now: datetime) -> RequestDraft:
    draft = RequestDraft(
        source_id=f"portal-{index}",
        profile="generic_desk",
        requester=Requester(name="孟慧", department="市场部", phone="13700137001"),
        type="fault",
        entry=["network", "applications", "terminals"][index % 3],
        title=f"门户请求 {index + 1}",
        description="无法正常使用，请处理。",
        impact_scope="本部门",
        grade="urgent" if index % 4 == 0 else "general",
    )
    draft.occurred_at.FromDatetime(now)
    return draft
