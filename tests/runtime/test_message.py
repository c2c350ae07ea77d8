"""Words of the stream and their envelope (decisions 3 and 6). No broker."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.contracts.deskstream.v1.ticket_pb2 import Ticket, TicketEvent
from services.kernel.errors import Refused
from services.runtime.bus_wire import frames
from services.runtime.envelope import Packet, again, open_envelope, pack
from services.runtime.message import MAX_BODY_BYTES, Heard, Said, event_id

_OURS = [f"cloudEvents_{name}" for name in ("id", "time", "subject", "source")]
_OURS += ["traceparent", "cause", "deskstream_attempt", "deskstream_key"]
NOW = datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
SAID = Said(
    key="ticket.opened",
    body=TicketEvent(event="opened", ticket=Ticket(number="DS20260105-000001")),
    id=event_id("cause-1", "ticket.opened"),
    subject="DS20260105-000001",
    time=datetime(2026, 1, 5, 9, 0, tzinfo=timezone(timedelta(hours=8))),
    cause="cause-1",
    actor="li.wei",
    also=("work.desk",),
    traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)


def _arrived(said: Said = SAID) -> Heard:
    packet = pack(said, "deskstream.tickets", "deskstream/dispatch", NOW)
    return open_envelope(packet.key, packet.body, packet.headers, packet.message_id, packet.content_type)


def test_the_same_cause_says_the_same_id_again() -> None:
    """Decision 6: a redelivery says the same words with the same ids, for ever."""
    # Written down: another value after an update would double every effect that is redelivered across it.
    assert event_id("c", "sla.armed", "DS20260105-000001") == "da398287-02eb-5166-8b68-c4bf93eeba8d"


@given(st.sets(st.tuples(st.uuids().map(str), st.sampled_from(["a.b", "a.c"]), st.text("DS0123"), st.integers(0, 9))))
def test_different_causes_keys_subjects_and_ordinals_have_different_ids(words) -> None:
    assert len({event_id(*word) for word in words}) == len(words)


def test_what_is_packed_is_what_is_heard() -> None:
    heard = _arrived()
    assert heard.decode(TicketEvent) == SAID.body
    assert (heard.id, heard.key, heard.subject) == (SAID.id, "ticket.opened", "DS20260105-000001")
    assert (heard.cause, heard.actor, heard.source) == ("cause-1", "li.wei", "deskstream/dispatch")
    assert heard.time == SAID.time
    assert heard.traceparent == SAID.traceparent
    assert heard.attempt == 1


def test_the_envelope_is_a_cloud_event_in_amqp_binding() -> None:
    packet = pack(SAID, "deskstream.tickets", "deskstream/dispatch", NOW)
    assert packet.headers["cloudEvents_specversion"] == "1.0"
    assert packet.headers["cloudEvents_id"] == packet.message_id == SAID.id
    assert packet.headers["cloudEvents_type"] == packet.key == "ticket.opened"
    assert packet.headers["cloudEvents_time"] == "2026-01-05T01:00:00Z"
    assert packet.headers["CC"] == ["work.desk"]
    assert packet.content_type == "application/protobuf"


def test_without_a_time_of_its_own_a_message_has_the_time_it_was_said() -> None:
    assert _arrived(Said("ticket.noted", TicketEvent(), "1")).time == NOW


def test_a_bare_message_of_an_adapter_is_the_same_message_when_it_comes_again() -> None:
    """An adapter need not know the envelope; a redelivery still meets itself."""
    first = open_envelope("request.submitted.web", b"{}", {}, "", "application/json")
    second = open_envelope("request.submitted.web", b"{}", {}, "", "application/json")
    other = open_envelope("request.submitted.web", b'{"title":"x"}', {}, "", "application/json")
    assert first.id == second.id != other.id
    assert first.traceparent == second.traceparent != other.traceparent
    assert len(first.traceparent) == 55


@given(
    st.dictionaries(
        st.sampled_from(_OURS),
        st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.lists(st.text()), st.datetimes()),
    ),
    st.binary(max_size=50),
    st.text(max_size=20),
)
def test_no_header_of_anybody_breaks_hearing(headers, body, content_type) -> None:
    heard = open_envelope("ticket.opened", body, headers, "", content_type)
    assert heard.id
    assert heard.attempt >= 1
    assert heard.time.tzinfo is not None
    with suppress(Refused):
        heard.decode(TicketEvent)


def test_json_with_protobuf_names_is_understood() -> None:
    body = json.dumps({"channel": "CHANNEL_WEB", "sourceId": "f-1", "title": "打印机"}).encode()
    draft = Heard(id="1", key="request.submitted.web", body=body, content_type="application/json; charset=utf-8")
    assert draft.decode(RequestDraft).source_id == "f-1"


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b'{"titel": "x"}', "application/json", "titel"),
        (b'{"channel": "FAX"}', "application/json", "FAX"),
        (b"[1, 2", "application/json", "no RequestDraft"),
        (b"\xff\xfe", "application/json", "no RequestDraft"),
        (b'{"requester": ' * 2000, "application/json", "no RequestDraft"),
        (b"\x0a\xff\xff", "application/protobuf", "no RequestDraft"),
        (b"x=1", "text/plain", "application/protobuf or application/json"),
        (b"x", "", "application/protobuf or application/json"),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", "send a reference"),
    ],
)
def test_a_malformed_body_is_refused_in_one_readable_sentence(body: bytes, content_type: str, words: str) -> None:
    """A7: the reason names what is wrong."""
    with pytest.raises(Refused, match=words) as why:
        Heard(id="1", key="request.submitted.web", body=body, content_type=content_type).decode(RequestDraft)
    assert "\n" not in why.value.message
    assert len(why.value.message) < 500


def test_a_message_too_large_for_the_stream_is_a_bug_of_its_sayer() -> None:
    with pytest.raises(ValueError, match="at most"):
        pack(Said("ticket.noted", TicketEvent(reason="x" * MAX_BODY_BYTES), "1"), "e", "s", NOW)


def test_refusing_one_message_keeps_the_first_reason() -> None:
    heard = _arrived()
    heard.refuse(Refused("first"))
    heard.refuse(Refused("second"))
    assert str(heard.refused) == "first"
    assert _arrived().refused is None


def test_a_copy_for_retry_keeps_its_key_and_routes_to_nobody_else() -> None:
    headers = {"CC": ["work.desk"], "x-death": [{"queue": "a"}], "cause": "c", "mine": 7}
    heard = open_envelope("ticket.opened", b"", headers, "m-1", "text/x")
    once = again(heard, "deskstream.retry", "sla.tickets", {"deskstream_attempt": 2})
    twice = again(
        open_envelope("sla.tickets", once.body, once.headers, once.message_id, once.content_type), "e", "q", {}
    )
    for packet in (once, twice):
        assert packet.headers == {"cause": "c", "mine": 7, "deskstream_key": "ticket.opened", "deskstream_attempt": 2}
        assert (packet.message_id, packet.content_type) == ("m-1", "text/x")


def test_an_id_that_the_wire_cannot_carry_back_gets_a_short_one() -> None:
    """Such a message could not be parked, and would have come again and again."""
    heard = open_envelope("request.submitted.web", b"", {"cloudEvents_id": "长" * 200}, "", "")
    assert heard.id == open_envelope("request.submitted.web", b"", {"cloudEvents_id": "长" * 200}, "", "").id
    assert frames(again(heard, "x", "q", {}), 1, 131072)


@pytest.mark.parametrize("told", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", 7])
def test_a_time_of_the_envelope_nobody_can_reckon_with_is_no_time(told: object) -> None:
    assert open_envelope("k", b"", {"cloudEvents_time": told}, "", "").time.year == 1970


@pytest.mark.parametrize(
    "value", [object(), {"deep": {"at": datetime(2026, 1, 1, tzinfo=UTC), "what": object()}}, 10**40]
)
def test_a_header_that_cannot_be_written_does_not_stop_the_queue(value: object) -> None:
    assert frames(Packet("x", "k", b"", {"odd": value}, "id"), 1, 131072)
