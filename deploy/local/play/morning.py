"""A working morning: the stage is set, the clock stands at nine, and four channels bring requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import grpc

from deploy.local.children import Trouble
from deploy.local.play.channels import Channels
from deploy.local.play.staff import Staff
from deploy.local.play.stage import Stage
from services.contracts.deskstream.v1.common_pb2 import Channel, Requester
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.profile.calendars import calendars_of
from services.profile.load import load_all

Fact = TypeVar("Fact")

CHINA = ZoneInfo("Asia/Shanghai")
MANAGER, LEADER, SPECIALIST = "sun.ning", "wang.fang", "li.wei"


class Morning:
    """The first acts of a day; `tell` hears a line for each thing worth telling."""

    def __init__(self, stage: Stage, tell: Callable[[str], None] = lambda line: None) -> None:
        self.stage = stage
        self.tell = tell
        self.channels = Channels(stage)
        self.staff = Staff(stage)
        self.numbers: dict[str, str] = {}

    def close(self) -> None:
        """Ends the connections."""
        self.channels.close()
        self.staff.close()

    def until(self, what: str, fact: Callable[[], Fact], patience: float = 40.0) -> Fact:
        """Polls until the fact holds; a refusal or a missing thing counts as "not yet"."""
        deadline = time.monotonic() + patience
        reason = ""
        while time.monotonic() < deadline:
            try:
                if told := fact():
                    return told
            except (LookupError, ValueError) as error:
                reason = str(error)
            except grpc.RpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            time.sleep(0.05)
        raise Trouble(f"Waited {patience:.0f} s in vain for {what}. {reason}")

    def state(self, number: str) -> str:
        """State of a ticket in its profile's words."""
        return str(self.staff(SPECIALIST).ticket(number).state)

    def reach(self, number: str, state: str) -> None:
        """Waits until the ticket is in a state."""
        self.until(f"{number} to be {state}", lambda: self.state(number) == state)

    def begin(self, hour: int = 9) -> None:
        """Moves the clock to that hour of the next working day."""
        profile = load_all(self.stage.env["DESKSTREAM_POLICY_DIR"], ["itss_desk"]).get("itss_desk").profile
        calendar = calendars_of(profile)[profile.service_hours]
        opening = calendar.next_opening(self.stage.now() + timedelta(hours=1))
        morning = opening.astimezone(CHINA).replace(hour=hour, minute=0, second=0, microsecond=0)
        self.stage.move_to(morning if morning > self.stage.now() else morning + timedelta(days=1))
        self.tell(f"The clock stands at {self.local():%A %Y-%m-%d %H:%M} in Shanghai.")

    def local(self) -> datetime:
        """The journey's present in China."""
        return self.stage.now().astimezone(CHINA)

    def morning(self) -> dict[str, str]:
        """Four channels, four requests, one stream (A1)."""
        staff, channels, now = self.staff, self.channels, self.stage.now()
        web = channels.web(
            name="何洁",
            phone="13800138001",
            email="he.jie@corp.example",
            title="ERP 登录失败",
            description="ERP 登录后白屏，财务部都打不开。",
            type="incident",
            entry="erp",
            impact_scope="财务部",
        )
        self.tell(f"Web form: He Jie reports that ERP does not open: {web}.")
        self.mail_id = channels.mail("lin.tao@corp.example", "三楼打印机卡纸", "三楼打印机一直卡纸，请帮忙看看。")
        ringing = channels.event("ringing", now, caller="13800138004", called="400-820-0100", rings=2, to_human=True)
        answered = channels.event("answered", now + timedelta(seconds=8), agent=SPECIALIST, to_human=True)
        _taken(channels.call("call-1", ringing, answered))
        phone = staff(SPECIALIST).submit(
            RequestDraft(
                channel=Channel.CHANNEL_PHONE,
                source_id="call-1",
                contact_id="call-1",
                requester=Requester(name="罗娜", phone="13800138004", email="luo.na@km.corp.example"),
                type="incident",
                entry="collaboration",
                title="协同办公无法提交审批",
                description="来电：提交审批时提示服务器错误。",
            )
        )
        self.stage.move(timedelta(minutes=3))
        ended = channels.event("ended", self.stage.now(), agent=SPECIALIST, ticket=phone, released_by="caller")
        _taken(channels.call("call-1", {**ended, "disposition": "request"}))
        self.tell(f"Phone: Luo Na calls, {SPECIALIST} answers within two rings and opens {phone}.")
        told = channels.im("guoping03", "郭平", "生产管理系统数据没有刷新，调度这边看不到。", message_id="im-1")
        if told.status_code != 200:
            raise Trouble(f"The IM callback was answered {told.status_code}: {told.text[:200]}")
        found = self.until("the mail and the IM message to become tickets", self._found)
        self.numbers = {"web": web, "phone": phone, **found}
        self.tell(f"E-mail: Lin Tao writes about a printer: {found['email']}.")
        self.tell(f"IM: Guo Ping's signed DingTalk message: {found['im']}.")
        return self.numbers

    def _found(self) -> dict[str, str]:
        by_channel = {ticket.channel: ticket.number for ticket in self.staff(SPECIALIST).queue("all") if ticket.version}
        return {"email": by_channel[Channel.CHANNEL_EMAIL], "im": by_channel[Channel.CHANNEL_IM]}

    def other_calls(self) -> None:
        """A call that needs no ticket is still a contact (A16); one that rang eleven times is owed a callback (F11)."""
        channels, now = self.channels, self.stage.now() - timedelta(minutes=2)
        solved = [
            channels.event("ringing", now, caller="13800138002", rings=1, to_human=True),
            channels.event("answered", now + timedelta(seconds=4), agent="zhou.min", to_human=True),
            channels.event("ended", now + timedelta(minutes=1), agent="zhou.min", disposition="consultation"),
        ]
        _taken(channels.call("call-2", *solved))
        missed = [
            channels.event("ringing", now, caller="13800138005", rings=1, to_human=True),
            channels.event("abandoned", now + timedelta(seconds=56), rings=11, to_human=True),
        ]
        _taken(channels.call("call-3", *missed))
        self.until("the callback of the missed call", lambda: self.staff(MANAGER).callback("call/call-3"))
        self.tell(
            "Phone: one question is answered on the spot; one caller gives up after eleven rings and is owed a call."
        )

    def a_mail_answered(self) -> None:
        """An answer to our own message joins its ticket and opens none (A20)."""
        number = self.numbers["email"]
        ours = self.until("the acknowledgement by mail", lambda: self.stage.mail.to("lin.tao@corp.example", number))[0]
        self.channels.mail(
            "lin.tao@corp.example", f"Re: {ours['Subject']}", "补充：型号是 M203。", reply_to=str(ours["Message-ID"])
        )
        self.until("the answer to join", lambda: self.staff(SPECIALIST).ticket(number).repeat_contacts == 1)
        self.tell(f"E-mail: Lin Tao answers our acknowledgement; it joins {number}.")


def _taken(answer: Any) -> None:
    if answer.status_code >= 300:
        raise Trouble(f"The exchange's events were answered {answer.status_code}: {answer.text[:200]}")
