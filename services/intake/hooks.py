"""Webhooks as they arrived at the edge: judged here, answered with a status, a media type and a body."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import ReceiveHookRequest
from services.intake.channels import im, phone, web
from services.intake.channels.dingtalk import DingTalkCrypto
from services.intake.desk import Desk
from services.intake.handlers import Profiles
from services.intake.says import call_said, faults_of
from services.kernel.errors import Missing, Refused, Unavailable
from services.runtime import telemetry

JSON = "application/json"
_log = telemetry.get_log("intake")
_hooks = telemetry.counter("deskstream_intake_hooks", "Webhooks by provider and outcome")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the edge sends back."""

    status: int
    body: bytes = b"{}"
    media_type: str = JSON


class Hooks:
    """wall is the machine's time: proofs age by it, whatever the desk's clock says."""

    def __init__(
        self,
        desk: Desk,
        profiles: Profiles,
        wall: Callable[[], datetime],
        *,
        pbx_secret: str = "",
        dingtalk: DingTalkCrypto | None = None,
        dingtalk_profile: str = "",
    ) -> None:
        self._desk = desk
        self._profiles = profiles
        self._wall = wall
        self._pbx_secret = pbx_secret
        self._dingtalk = dingtalk
        self._dingtalk_profile = dingtalk_profile
        self._nonces = im.Nonces()

    def receive(self, request: ReceiveHookRequest) -> Answer:
        """The answer; forged hooks get 401 and are counted, a platform that cannot take them now 503."""
        ways = {
            (Channel.CHANNEL_PHONE, "pbx"): self._pbx,
            (Channel.CHANNEL_IM, "dingtalk"): self._im,
            (Channel.CHANNEL_WEB, "form"): self._form,
        }
        way = ways.get((request.channel, request.provider))
        if way is None:
            return _told(404, "There is no such hook; use phone/pbx, im/dingtalk or web/form.")
        try:
            answer = way(request)
        except Refused as refused:
            status = 401 if refused.code == "unauthenticated" else 422
            if status == 401:
                _log.warning("hook_forged", provider=request.provider, why=refused.message)
            answer = _refused(status, refused)
        except Missing as missing:
            answer = _told(422, missing.message)
        except Unavailable as away:
            answer = _told(503, away.message)
        _hooks.add(1, {"provider": request.provider, "outcome": str(answer.status)})
        return answer

    def _pbx(self, request: ReceiveHookRequest) -> Answer:
        phone.verify(request.headers, request.body, self._pbx_secret, self._wall())
        now = self._desk.clock.now()
        events = phone.events_from(request.body)
        said = [call_said(event, phone.words_from(event, now).at) for event in events]
        for event in events:
            self._profiles.get(event.profile)
        # Confirmed on the stream is taken: the worker keeps the record, and a repetition changes nothing.
        self._desk.publish(said)
        return Answer(202, json.dumps({"taken": len(said)}).encode())

    def _im(self, request: ReceiveHookRequest) -> Answer:
        if self._dingtalk is None:
            raise Refused("DingTalk is not set up: set DESKSTREAM_DINGTALK_*.", code="unauthenticated")
        wall = self._wall()
        sealed = im.sealed_from(request.query, request.body)
        opened = self._dingtalk.open(sealed)
        im.check_age(sealed.timestamp, wall)
        self._nonces.check(sealed.nonce, wall)
        try:
            message = im.message_from(opened, self._dingtalk_profile)
        except Refused as refused:
            _log.warning("im_unreadable", why=refused.message)
            message = im.ImMessage("unreadable")
        if message.draft is not None:
            try:
                self._desk.submit(message.draft)
            except Refused as refused:
                # The provider would only send it again; who wrote it is told by whoever hears request.refused.
                self._desk.tell_refused(message.draft, refused, f"im/{message.draft.source_id}")
        else:
            _log.info("im_without_ticket", kind=message.kind)
        self._nonces.taken(sealed.nonce, wall)
        answer = self._dingtalk.seal(b"success", str(int(wall.timestamp() * 1000)), secrets.token_hex(8))
        return Answer(200, json.dumps(answer.as_answer()).encode())

    def _form(self, request: ReceiveHookRequest) -> Answer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        values = web.values_from(request.body, headers.get("content-type", JSON))
        profile = self._profiles.get(values.get("profile", "")).profile
        source_id = headers.get("idempotency-key") or f"form:{secrets.token_hex(16)}"
        taken = self._desk.submit(web.draft_from(values, profile, source_id))
        told = {"number": taken.receipt.number, "repeated": taken.repeated, "joined": taken.receipt.joined}
        return Answer(200 if taken.repeated else 201, json.dumps(told).encode())


def _told(status: int, sentence: str) -> Answer:
    return Answer(status, json.dumps({"message": sentence}, ensure_ascii=False).encode())


def _refused(status: int, refused: Refused) -> Answer:
    faults: list[Mapping[str, str]] = [{"field": f.field, "zh": f.zh, "en": f.en} for f in faults_of(refused)]
    told = {"message": refused.message} if status == 401 else {"message": refused.message, "faults": faults}
    return Answer(status, json.dumps(told, ensure_ascii=False).encode())
