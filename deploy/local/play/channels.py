"""The four channels as the world uses them: a mail client, a browser, an exchange, an IM provider."""

from __future__ import annotations

import html
import json
import re
import secrets
import smtplib
import time
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

import httpx

from deploy.local.play.stage import DINGTALK, PBX_SECRET, Stage
from deploy.local.ports import LOOPBACK
from services.intake.channels import phone
from services.intake.channels.dingtalk import DingTalkCrypto, Sealed


class Channels:
    """Speaks to a stage from outside, over the real protocols only."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.http = httpx.Client(base_url=stage.env["DESKSTREAM_PUBLIC_URL"], timeout=20)
        self._dingtalk = DingTalkCrypto(DINGTALK["token"], DINGTALK["aes_key"], DINGTALK["app_key"])

    def close(self) -> None:
        self.http.close()

    def mail(self, sender: str, subject: str, text: str, *, reply_to: str = "", message_id: str = "") -> str:
        """Sends a mail to the desk; gives its Message-ID. Raises what smtplib raises when it is refused."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, "desk@itss.example", subject
        message["Message-ID"] = message_id or make_msgid(domain="corp.example")
        message["Date"] = format_datetime(self._stage.now())
        if reply_to:
            message["In-Reply-To"] = message["References"] = reply_to
        message.set_content(text)
        port = int(self._stage.env["DESKSTREAM_SMTP_BIND"].rpartition(":")[2])
        with smtplib.SMTP(LOOPBACK, port, timeout=20) as server:
            server.send_message(message)
        return str(message["Message-ID"])

    def web(self, **fields: str) -> str:
        """Fills in the request form as a browser does; gives the ticket number shown."""
        shown = self.http.get("/request").text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
        told = self.http.post("/request", data={**hidden, **fields})
        found = re.search(r'id="number">([^<]+)<', told.text)
        if found is None:
            raise AssertionError(f"The form answered {told.status_code}: {_plain(told.text)[:500]}")
        return found[1]

    def call(self, call_id: str, *events: dict[str, Any]) -> httpx.Response:
        """Posts events of a call, signed as the exchange signs them."""
        body = json.dumps([{"call_id": call_id, **event} for event in events]).encode()
        at = int(time.time())
        proof = {"X-Deskstream-Timestamp": str(at), "X-Deskstream-Signature": phone.sign(body, at, PBX_SECRET)}
        return self.http.post("/hooks/phone/pbx", content=body, headers=proof)

    def event(self, phase: str, at: datetime, **values: Any) -> dict[str, Any]:
        """One event of a call as the exchange words it."""
        return {"phase": phase, "at": at.isoformat().replace("+00:00", "Z"), **values}

    def im(self, sender: str, nick: str, text: str, *, message_id: str = "", forged: bool = False) -> httpx.Response:
        """A robot message sealed and signed as DingTalk does."""
        content = {
            "msgtype": "text",
            "msgId": message_id or secrets.token_hex(8),
            "createAt": int(self._stage.now().timestamp() * 1000),
            "senderStaffId": sender,
            "senderNick": nick,
            "text": {"content": text},
        }
        stamp = str(int(time.time() * 1000))
        sealed = self._dingtalk.seal(json.dumps(content, ensure_ascii=False).encode(), stamp, secrets.token_hex(8))
        signature = "0" * 40 if forged else sealed.signature
        query = {"msg_signature": signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        return self.http.post("/hooks/im/dingtalk", params=query, json={"encrypt": sealed.encrypt})

    def opened(self, answer: httpx.Response) -> bytes:
        """The text inside the desk's sealed answer to an IM callback."""
        told = answer.json()
        return self._dingtalk.open(Sealed(told["msg_signature"], told["timeStamp"], told["nonce"], told["encrypt"]))


def _plain(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))
