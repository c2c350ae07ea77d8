"""The adapter kit against the real broker, with the broker away, and killed."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pika
import pytest

import services.sdk
import services.sdk.keys
from deploy.local.broker import Broker
from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import CALL_PHASE_ENDED, CallEvent, RequestDraft
from services.kernel.errors import Refused, Unavailable
from services.runtime import topology
from services.runtime.message import Heard, Said
from services.sdk import Adapter, Delivery, conformance, source_key
from tests.waiting import wait_for

QUEUE = "intake.requests"


def drain(uri: str) -> list[Any]:
    """What lies in intake's queue, properties and key, in order; taken out."""
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    found = []
    while True:
        method, properties, body = channel.basic_get(QUEUE, auto_ack=True)
        if method is None:
            connection.close()
            return found
        found.append((method.routing_key, properties, body))


def draft(name: str) -> RequestDraft:
    return RequestDraft(source_id=name, description="打印机无法打印")


class Away:
    """A broker that is away until somebody says it is back; takes what is said then."""

    def __init__(self) -> None:
        self.back = False
        self.said: list[Said] = []

    def publish(self, said, timeout: float = 10.0) -> None:
        if not self.back:
            raise Unavailable("away")
        self.said.extend(said)

    def close(self) -> None: ...


@pytest.fixture
def away() -> Away:
    return Away()


@pytest.fixture
def adapter(away: Away, tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter("im", "test/kit", "amqp://unused", tmp_path, publisher=lambda uri, source: away)
    yield made
    made.close(timeout=0.1)


def test_while_the_broker_is_away_messages_go_to_disk_and_later_out_in_order(adapter: Adapter, away: Away) -> None:
    """T7."""
    assert [adapter.submit(draft(f"m-{n}")) for n in range(5)] == [Delivery.SPOOLED] * 5
    assert adapter.call(CallEvent(call_id="c", phase=CALL_PHASE_ENDED)) is Delivery.SPOOLED
    away.back = True
    assert adapter.drain(20)
    assert [one.key for one in away.said] == ["request.submitted.im"] * 5 + ["call.ended"]
    assert [one.body.source_id for one in away.said[:5]] == [f"m-{n}" for n in range(5)]  # type: ignore[attr-defined]
    assert adapter.submit(draft("m-6")) is Delivery.CONFIRMED


def test_a_message_of_a_moment_ago_does_not_overtake_what_waits_on_disk(adapter: Adapter, away: Away) -> None:
    adapter.submit(draft("first"))
    away.back = True
    adapter.submit(draft("second"))
    assert adapter.drain(20)
    assert [one.body.source_id for one in away.said] == ["first", "second"]  # type: ignore[attr-defined]


def test_a_request_keeps_the_time_it_had_and_gets_the_present_when_it_had_none(adapter: Adapter, away: Away) -> None:
    old = draft("old")
    old.received_at.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    before = datetime.now(UTC)
    adapter.submit_all([old, draft("new")])
    away.back = True
    assert adapter.drain(20)
    assert away.said[0].time == datetime(2026, 1, 1, tzinfo=UTC)
    assert before <= (away.said[1].time or before) <= datetime.now(UTC)
    assert not old.channel, "the caller's draft is left as it was"


@pytest.mark.parametrize(
    "wrong", [RequestDraft(description="x"), RequestDraft(source_id="x", description="长" * 100_000)]
)
def test_a_draft_that_could_never_be_taken_is_refused_before_it_is_stored(
    adapter: Adapter, wrong: RequestDraft
) -> None:
    with pytest.raises(Refused):
        adapter.submit(wrong)
    assert adapter.waiting == 0


def test_an_unknown_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no channel"):
        Adapter("telex", "x", "amqp://unused", tmp_path, publisher=lambda uri, source: Away())


def test_keys_are_the_same_for_the_same_parts_and_never_long() -> None:
    assert doctest.testmod(services.sdk.keys).failed == 0
    assert source_key("a", "帖子 1") == source_key("a", "帖子 1") != source_key("a", "帖子 2")
    assert len(source_key(*["长" * 1000] * 5)) < 250


def test_the_conformance_kit_finds_nothing_wrong_with_a_good_translation_and_names_what_is_wrong_with_a_bad_one() -> (
    None
):
    def good(raw: bytes) -> RequestDraft:
        made = RequestDraft(source_id=source_key("s", raw.decode()), description=raw.decode())
        made.requester.phone = "13800138001"
        return made

    def bad(raw: bytes) -> RequestDraft:
        made = good(raw)
        made.source_id, made.channel = "", Channel.CHANNEL_PHONE
        made.received_at.FromDatetime(datetime.now(UTC) + timedelta(days=1))
        return made

    assert conformance(good, [b"one", b"two"], "im") == []
    assert len(conformance(bad, [b"one"], "im")) == 3


@pytest.mark.real
def test_the_examples_of_the_kit_run_against_the_real_broker(amqp_uri: str, tmp_path: Path) -> None:
    result = doctest.testmod(services.sdk, extraglobs={"amqp_uri": amqp_uri, "folder": tmp_path})
    assert result.attempted > 10
    assert result.failed == 0
    assert [key for key, _, _ in drain(amqp_uri)] == ["request.submitted.monitoring"] * 4 + ["call.ringing"]


@pytest.mark.real
@pytest.mark.faults
def test_two_hundred_drafts_outlive_a_stopped_broker_and_a_killed_process(tmp_path: Path) -> None:
    """T7: the broker is stopped, 200 drafts are handed over, the process killed with -9, started again, all arrive."""
    broker = Broker(tmp_path / "b")
    broker.start()
    try:
        broker.wait_ready()
        connection = pika.BlockingConnection(pika.URLParameters(broker.uri))
        topology.declare(connection)
        connection.close()
        broker.stop()
        first = start(broker.uri, tmp_path / "spool", 200)
        assert said(first, "spooled") == "spooled 200"
        kill(first)
        broker.start()
        broker.wait_ready()
        second = start(broker.uri, tmp_path / "spool", 0)
        try:
            assert said(second, "waiting") == "waiting 200"
            assert said(second, "delivered") == "delivered"
            found: list[Any] = []
            wait_for(lambda: found.__iadd__(drain(broker.uri))[199:], 30, "the drafts")
        finally:
            kill(second)
        drafts = [Heard(id="", key=key, body=body).decode(RequestDraft) for key, _, body in found]
        assert [one.source_id for one in drafts] == [f"n:{number}" for number in range(200)]
        start_of_day = datetime(2026, 11, 20, tzinfo=UTC)
        assert [one.received_at.ToDatetime(tzinfo=UTC) for one in drafts] == [
            start_of_day + timedelta(seconds=number) for number in range(200)
        ]
        assert found[7][1].headers["cloudEvents_time"].startswith("2026-11-20T00:00:07")
    finally:
        broker.stop()


def start(uri: str, spool: Path, count: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.sdk.adapter_under_test", uri, str(spool), str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=10)


def said(process: subprocess.Popen[str], word: str) -> str:
    """The next line that begins with the word; the test's own time limit ends a wait in vain."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line.strip()
    raise AssertionError(f"The process ended without saying {word}.")
