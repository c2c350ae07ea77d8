"""DingTalk's callbacks: its published sample, ours, forged, late and repeated ones."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import ReceiveHookRequest, RequestDraft, RequestReceived
from services.intake.channels.dingtalk import DingTalkCrypto, Sealed
from services.intake.channels.im import Nonces, message_from
from services.intake.desk import Desk
from services.intake.hooks import Answer, Hooks
from services.kernel.clock import FixedClock
from services.kernel.errors import Refused, Unavailable
from services.runtime.message import Said
from tests.intake.world import NOW, FakeCounters, FakeReceipts, profiles, reception_on

KEY = "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7"
OWNER = "ding6ccabc44d2c8d38b"


class Stream:
    """Hears what is said, unless it is away."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.away = False

    def publish(self, said, timeout: float = 10.0) -> None:
        if self.away:
            raise Unavailable("away")
        self.said.extend(said)

    def close(self) -> None: ...


class Receipts(FakeReceipts):
    """The fake with an outbox."""

    def __init__(self) -> None:
        super().__init__()
        self.marked: list[str] = []
        self.away = False

    def add(self, receipts):
        if self.away:
            raise Unavailable("away")
        return super().add(receipts)

    def mark_all_said(self, keys) -> None:
        self.marked.extend(keys)


class World:
    """A desk behind its hooks, with a provider that seals like DingTalk."""

    def __init__(self) -> None:
        self.crypto = DingTalkCrypto("token", KEY, OWNER)
        self.stream, self.receipts, self.wall = Stream(), Receipts(), NOW
        desk = Desk(reception_on(self.receipts, FakeCounters()), self.receipts, self.stream, FixedClock(NOW))  # type: ignore[arg-type]
        self.hooks = Hooks(desk, profiles(), lambda: self.wall, pbx_secret="s3cret", dingtalk=self.crypto)

    def im(self, told: Any, sealed: Sealed | None = None, query: dict[str, str] | None = None) -> Answer:
        timestamp = str(int(self.wall.timestamp() * 1000))
        made = sealed or self.crypto.seal(json.dumps(told).encode(), timestamp, secrets.token_hex(4))
        given = {"signature": made.signature, "timestamp": made.timestamp, "nonce": made.nonce, **(query or {})}
        body = json.dumps({"encrypt": made.encrypt}).encode()
        return self.hooks.receive(
            ReceiveHookRequest(channel=Channel.CHANNEL_IM, provider="dingtalk", query=given, body=body)
        )

    def opened(self, answer: Answer) -> bytes:
        told = json.loads(answer.body)
        return self.crypto.open(Sealed(told["msg_signature"], told["timeStamp"], told["nonce"], told["encrypt"]))


@pytest.fixture
def world() -> World:
    return World()


def text(content: str = "打印机坏了", message: str = "msg-1") -> dict[str, Any]:
    return {
        "msgtype": "text",
        "text": {"content": content},
        "msgId": message,
        "createAt": int(NOW.timestamp() * 1000),
        "senderStaffId": "hejie01",
        "senderNick": "小何",
    }


def test_the_sample_that_the_provider_publishes_opens() -> None:
    """Of open-dingtalk/DingTalk-Callback-Crypto: so that both sides of our own tests are not wrong together."""
    sample = Sealed(
        "03044561471240d4a14bb09372dfcfd4fd0e40cb",
        "1608001896814",
        "WL4PK6yA",
        "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchzNukR"
        "+t8SB/qk4ROMu3",
    )
    assert DingTalkCrypto("mryue", KEY, OWNER).open(sample) == b'{"EventType":"check_url"}'


def test_the_check_of_the_address_is_answered_with_the_sealed_word_success(world: World) -> None:
    answer = world.im({"EventType": "check_url"})
    assert (answer.status, world.opened(answer)) == (200, b"success")
    assert world.stream.said == []


def test_a_message_becomes_a_request_of_the_person_known_by_that_address(world: World) -> None:
    """A1, A10."""
    answer = world.im(text())
    assert (answer.status, world.opened(answer)) == (200, b"success")
    (said,) = world.stream.said
    assert isinstance(said.body, RequestReceived)
    assert said.key == "request.received.im"
    assert (said.body.draft.source_id, said.body.draft.requester.id) == ("dingtalk:msg-1", "c.he.jie")
    assert world.receipts.marked == ["im/dingtalk:msg-1"]


def test_the_provider_repeating_a_message_gives_no_second_ticket(world: World) -> None:
    world.im(text())
    assert world.im(text()).status == 200
    assert len(world.stream.said) == 1


@pytest.mark.parametrize("wrong", ["signature", "timestamp", "nonce"])
def test_a_forged_callback_gets_401_and_leaves_nothing(world: World, wrong: str) -> None:
    assert world.im(text(), query={wrong: "12345"}).status == 401
    assert not world.receipts.kept
    assert not world.stream.said


def test_a_callback_sealed_for_another_application_or_with_another_key_gets_401(world: World) -> None:
    at = str(int(NOW.timestamp() * 1000))
    for crypto in (DingTalkCrypto("token", KEY, "other"), DingTalkCrypto("token", "A" * 43, OWNER)):
        assert world.im({}, sealed=crypto.seal(json.dumps(text()).encode(), at, "n")).status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"encrypt": 7}', b'{"encrypt": "!!"}', b"[" * 100_000])
def test_a_body_without_a_sealed_message_gets_401(world: World, body: bytes) -> None:
    query = {"signature": "0" * 40, "timestamp": str(int(NOW.timestamp() * 1000)), "nonce": "n"}
    request = ReceiveHookRequest(channel=Channel.CHANNEL_IM, provider="dingtalk", query=query, body=body)
    assert world.hooks.receive(request).status == 401


@pytest.mark.parametrize(("off", "status"), [(timedelta(minutes=4), 200), (timedelta(minutes=6), 401)])
def test_a_callback_is_good_for_five_minutes_of_wall_time(world: World, off: timedelta, status: int) -> None:
    sealed = world.crypto.seal(json.dumps(text()).encode(), str(int((NOW - off).timestamp() * 1000)), "n-1")
    assert world.im(None, sealed=sealed).status == status


def test_the_same_callback_again_is_a_replay(world: World) -> None:
    sealed = world.crypto.seal(json.dumps(text()).encode(), str(int(NOW.timestamp() * 1000)), "n-1")
    assert [world.im(None, sealed=sealed).status for _ in range(2)] == [200, 401]


def test_a_callback_that_could_not_be_taken_may_come_again(world: World) -> None:
    """The database is away: 503, nothing lost, and the nonce is not burnt."""
    sealed = world.crypto.seal(json.dumps(text()).encode(), str(int(NOW.timestamp() * 1000)), "n-1")
    world.receipts.away = True
    assert world.im(None, sealed=sealed).status == 503
    world.receipts.away = False
    assert world.im(None, sealed=sealed).status == 200
    assert len(world.stream.said) == 1


def test_a_broker_that_is_away_does_not_keep_the_number_back(world: World) -> None:
    """Decision 5: the receipt owes its event."""
    world.stream.away = True
    assert world.im(text()).status == 200
    assert world.receipts.kept["im/dingtalk:msg-1"].unsaid_since == NOW
    assert world.receipts.marked == []


def test_a_message_with_faults_is_answered_and_told_as_refused(world: World) -> None:
    """A7: the provider must not repeat it for ever."""
    assert world.im(text("长" * 5000)).status == 200
    (said,) = world.stream.said
    assert said.key == "request.refused.im"
    assert said.body.faults[0].field == "description"  # type: ignore[attr-defined]


@pytest.mark.parametrize("told", [{"msgtype": "picture", "msgId": "x"}, {"EventType": "user_add_org"}, [], "x"])
def test_what_is_no_text_is_answered_and_opens_nothing(world: World, told: Any) -> None:
    assert world.im(told).status == 200
    assert not world.receipts.kept


def test_a_ticket_number_in_the_words_joins_that_ticket(world: World) -> None:
    """A20."""
    world.im(text())
    world.im(text("DS20261120-000001还没好", "msg-2"))
    assert [one.key for one in world.stream.said] == ["request.received.im", "request.joined.im"]


def test_without_keys_the_hook_refuses_everybody() -> None:
    desk = Desk(reception_on(FakeReceipts(), FakeCounters()), Receipts(), Stream(), FixedClock(NOW))  # type: ignore[arg-type]
    hooks = Hooks(desk, profiles(), lambda: NOW)
    for channel, provider in ((Channel.CHANNEL_IM, "dingtalk"), (Channel.CHANNEL_PHONE, "pbx")):
        assert hooks.receive(ReceiveHookRequest(channel=channel, provider=provider)).status == 401
    assert hooks.receive(ReceiveHookRequest(channel=Channel.CHANNEL_IM, provider="msn")).status == 404


def test_a_key_of_the_wrong_length_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match="43 characters"):
        DingTalkCrypto("t", "short", "o")


def test_old_nonces_are_forgotten_and_their_number_is_bounded() -> None:
    nonces = Nonces(most=3)
    for name in "abcd":
        nonces.taken(name, NOW)
    nonces.check("a", NOW)
    with pytest.raises(Refused):
        nonces.check("d", NOW)
    nonces.check("d", NOW + timedelta(minutes=11))


def test_a_time_of_creation_nobody_can_read_is_left_out() -> None:
    message = message_from(json.dumps({**text(), "createAt": 10**20}).encode(), "")
    assert isinstance(message.draft, RequestDraft)
    assert not message.draft.HasField("received_at")
