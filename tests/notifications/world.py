"""The world of these tests: the itss_desk profile, events as the services say them, a store and sinks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, sla_pb2, ticket_pb2
from services.notifications.compose import desks_of, keys_of
from services.notifications.handlers import Desks, Notices
from services.notifications.model import Delivery
from services.profile.load import Profiles, load_all
from services.runtime.message import Heard, Said, event_id

NOON = datetime(2026, 11, 18, 4, 0, tzinfo=UTC)
NUMBER = "DS20261118-000001"
POLICY = Path(__file__).parents[2] / "deploy" / "policy"
REQUESTER = common_pb2.Requester(id="zhang.san", name="张三", phone="+8613800138000", email="zhang@a.example")


@cache
def profiles() -> Profiles:
    return load_all(POLICY, "itss_desk,generic_desk,it_callcentre_levels", "itss_desk")


@cache
def desks() -> Desks:
    return desks_of(profiles(), lambda task: f"https://desk.example/s/token-of-{task}")


class FakeDeliveries:
    """handlers.Deliveries, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Delivery] = {}
        self._owes: dict[str, datetime] = {}

    def add_new(self, deliveries: Sequence[Delivery]) -> set[str]:
        existed = {delivery.id for delivery in deliveries if delivery.id in self.kept}
        self.kept.update({delivery.id: delivery for delivery in deliveries if delivery.id not in existed})
        return existed

    def claim(self, now: datetime, until: datetime, limit: int, without: Sequence[str]) -> Sequence[Delivery]:
        due = [d for d in self.kept.values() if d.next_at and d.next_at <= now and d.destination not in without]
        claimed = [replace(delivery, next_at=until) for delivery in due[:limit]]
        self.kept.update({delivery.id: delivery for delivery in claimed})
        return claimed

    def settle(self, settled: Sequence[Delivery], now: datetime) -> None:
        for delivery in settled:
            if delivery.next_at is None or self.kept[delivery.id].status in ("pending", "retrying"):
                self.kept[delivery.id] = replace(self.kept[delivery.id], **_outcome(delivery))
            if delivery.next_at is None:
                self._owes[delivery.id] = now

    def release(self, ids: Sequence[str], now: datetime) -> None:
        for key in ids:
            if self.kept[key].next_at is not None:
                self.kept[key] = replace(self.kept[key], next_at=now)

    def owing(self, older_than: datetime, limit: int) -> Sequence[Delivery]:
        return [self.kept[key] for key, at in self._owes.items() if at < older_than][:limit]

    def mark_told(self, ids: Sequence[str]) -> None:
        for key in ids:
            self._owes.pop(key, None)

    def of(self, number: str, status: str, limit: int) -> Sequence[Delivery]:
        found = [
            d for d in self.kept.values() if (not number or d.number == number) and (not status or d.status == status)
        ]
        return sorted(found, key=lambda d: (d.created_at, d.id), reverse=True)[:limit]


def _outcome(delivery: Delivery) -> dict[str, Any]:
    names = ("status", "attempts", "last_error", "sent_at", "next_at")
    return {name: getattr(delivery, name) for name in names}


def notices(deliveries: Any) -> Notices:
    return Notices(deliveries, desks(), keys_of(profiles()))


def delivery(ordinal: int = 1, **changes: Any) -> Delivery:
    made = Delivery(
        id=f"00000000-0000-5000-8000-{ordinal:012d}",
        number=NUMBER,
        profile="itss_desk",
        template="closed",
        language="zh-CN",
        way="smtp",
        recipient="zhang.san",
        address="zhang@a.example",
        subject=f"[{NUMBER}] 已关闭",
        text="您好，工单已关闭。\n",
        cause=f"cause-{ordinal}",
        event="ticket.closed",
        sender="IT 服务台 <desk@itss.example>",
        created_at=NOON + timedelta(seconds=ordinal),
        next_at=NOON,
    )
    return replace(made, **changes)


def ticket(**changes: Any) -> ticket_pb2.Ticket:
    return ticket_pb2.Ticket(
        **{
            "number": NUMBER,
            "version": 3,
            "profile": "itss_desk",
            "title": "打印机无法打印",
            "description": "机密：财务室的打印机",
            "grade": "P1",
            "priority": 1,
            "state": "assigned",
            "channel": common_pb2.CHANNEL_EMAIL,
            "requester": REQUESTER,
            **changes,
        }
    )


def on_ticket(event: str, cause: str = "c", **changes: Any) -> Heard:
    body = ticket_pb2.TicketEvent(event=event, ticket=ticket(**changes))
    body.at.FromDatetime(NOON)
    key = f"ticket.{event}"
    return Said(key, body, event_id(cause, key, body.ticket.number), subject=body.ticket.number, time=NOON).as_heard()


def brief(**changes: Any) -> sla_pb2.TicketBrief:
    return sla_pb2.TicketBrief(
        **{
            "number": NUMBER,
            "profile": "itss_desk",
            "title": "打印机",
            "grade": "P1",
            "requester": REQUESTER,
            **changes,
        }
    )


def armed(cause: str = "c", cycle: int = 0, **changes: Any) -> Heard:
    """Clocks of a new ticket: response due in 30 minutes, another later."""
    body = sla_pb2.SlaEvent(ticket=brief(**changes))
    for clock, minutes in (("resolve", 240), ("response", 30)):
        state = body.clocks.add(clock=clock, cycle=cycle, status=sla_pb2.CLOCK_STATUS_RUNNING)
        state.due_at.FromDatetime(NOON + timedelta(minutes=minutes))
    body.at.FromDatetime(NOON)
    return Said("sla.armed", body, event_id(cause, "sla.armed", body.ticket.number), time=NOON).as_heard()


def callback_due(turn: int = 0, role: str = "desk_manager") -> Heard:
    body = callbacks_pb2.CallbackEvent(event="due")
    body.task.task_id = f"{NUMBER}/0"
    body.task.roles.append(role)
    body.task.ticket.CopyFrom(brief())
    body.task.due_at.FromDatetime(NOON + timedelta(hours=24))
    body.at.FromDatetime(NOON)
    return Said("callback.due", body, event_id(f"turn-{turn}", "callback.due", NUMBER), time=NOON).as_heard()


class MailSink:
    """A real SMTP server that keeps what it gets, and may be told to answer otherwise."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.answer = "250 OK"
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.answer

    @contextmanager
    def running(self, port: int = 0) -> Iterator[MailSink]:
        controller = Controller(self, hostname="127.0.0.1", port=port or free_port())
        controller.start()
        self.port = controller.port
        try:
            yield self
        finally:
            controller.stop()


class HookSink:
    """A real HTTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.hold: threading.Event | None = None
        self.url = ""

    @contextmanager
    def running(self, port: int = 0) -> Iterator[HookSink]:
        sink = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if sink.hold is not None:
                    sink.hold.wait(20)
                sink.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(sink.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
