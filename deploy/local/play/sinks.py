"""Where the desk's own messages arrive: a mail server and a webhook receiver on loopback that keep what they get."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections import deque
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from deploy.local.ports import LOOPBACK


class MailSink:
    """A mail server that delivers into a list, newest last."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.messages: deque[EmailMessage] = deque(maxlen=10_000)
        self._controller = Controller(self, hostname=LOOPBACK, port=port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        """Called by aiosmtpd for each message."""
        told = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(told)
        return "250 kept"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def to(self, address: str, containing: str = "") -> list[EmailMessage]:
        """Messages to an address whose subject or text contains the words."""
        mine = [message for message in list(self.messages) if address in str(message["To"])]
        return [told for told in mine if containing in str(told["Subject"]) or containing in text_of(told)]


class HookSink:
    """An HTTP receiver that keeps the JSON bodies posted to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}/hook"
        self.bodies: deque[dict[str, Any]] = deque(maxlen=10_000)
        bodies = self.bodies

        class Receive(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
                """Nothing: the demo shows what matters."""

        self._server = ThreadingHTTPServer((LOOPBACK, port), Receive)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def text_of(message: EmailMessage) -> str:
    """The plain text of a message."""
    body = message.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""
