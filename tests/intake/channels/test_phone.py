"""Calls: the hook, the record, and events in any order."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import CallEvent, CallPhase, ReceiveHookRequest
from services.intake.channels.phone import PROOF_LIFETIME, recorded, sign, words_from
from services.intake.drafts import stamp
from services.intake.handlers import Calls
from services.intake.model import CallWords, Contact
from services.kernel.errors import Refused
from services.profile.schema import Callback, Span
from tests.intake.channels.test_im import World
from tests.intake.world import NOW, FakeContacts, Stores, profiles

RULE = Callback(roles={"online": ("team_leader",)}, due=Span(seconds=60), missed_over_rings=10, seconds_per_ring=5)
PHASES = ("ringing", "answered", "ended", "abandoned")


def event(phase: str, seconds: float = 0, **values: object) -> CallEvent:
    made = CallEvent(call_id="c-1", phase=CallPhase.Value(f"CALL_PHASE_{phase.upper()}"), **values)  # type: ignore[arg-type]
    made.at.CopyFrom(stamp(NOW + timedelta(seconds=seconds)))
    return made


def words(phase: str, seconds: float = 0, **values: object) -> CallWords:
    return words_from(event(phase, seconds, **values), NOW + timedelta(hours=2))


STORY = [
    words("ringing", 0, caller="13800138001", called="4008200100", rings=1, to_human=True),
    words("ringing", 5, rings=2),
    words("answered", 8, agent="li.wei"),
    words("ended", 95, released_by="caller", disposition="consultation", summary="已解答", ticket=""),
    words("ended", 95, disposition="request", ticket="DS20261120-000001"),
]


def test_a_finished_call_has_all_four_blocks(stores: Stores) -> None:
    """A16, A17, A22."""
    (contact,) = Calls(stores.contacts).hear(STORY)
    body = recorded(contact, "itss_desk", profiles().get("itss_desk").profile.callback)
    assert (body.caller, body.agent, body.released_by) == ("13800138001", "li.wei", "caller")
    assert (body.disposition, body.ticket, body.summary) == ("request", "DS20261120-000001", "已解答")
    assert (body.rings, body.abandoned, body.missed, body.to_human) == (2, False, False, True)
    assert body.answered_at.seconds - body.started_at.seconds == 8
    assert (contact.version, body.version) == (1, 1)


def test_events_in_any_order_however_often_give_the_same_record(stores: Stores) -> None:
    """I-group: every order of five events, each told twice, one by one."""
    expected = Calls(FakeContacts()).hear(STORY)[0]
    for number, order in enumerate(list(permutations(STORY))[::17]):
        calls = Calls(stores.contacts)
        heard = Contact("")
        for one in (*order, *order):
            renamed = CallWords(f"call-{number}", one.phase, one.at, one.texts, one.rings, one.to_human)
            (heard,) = calls.hear([renamed])
        assert (heard.times, heard.texts, heard.rings) == (expected.times, expected.texts, expected.rings)
        assert heard.version <= 5


@given(st.lists(st.sampled_from(STORY), min_size=1), st.randoms())
@settings(max_examples=60, deadline=None)
def test_hearing_is_the_same_for_every_order_and_repetition(events: list[CallWords], random) -> None:
    shuffled = events * 2
    random.shuffle(shuffled)
    assert Calls(FakeContacts()).hear(events)[0] == Calls(FakeContacts()).hear(shuffled)[0]


def test_hearing_an_event_again_changes_no_version(stores: Stores) -> None:
    calls = Calls(stores.contacts)
    assert [calls.hear(STORY[:1])[0].version for _ in range(3)] == [1, 1, 1]
    assert calls.hear(STORY)[0].version == 2


@pytest.mark.parametrize(
    ("rings", "seconds", "missed"),
    [(10, 0, False), (11, 0, True), (0, 50, False), (0, 50.2, True), (0, 15, False)],
)
def test_a_call_is_missed_beyond_ten_rings_counted_or_by_the_clock(rings: int, seconds: float, missed: bool) -> None:
    """I2, I3, F11: ring 10 then gone is not, ring 11 is; exchanges that tell seconds only give the same verdict."""
    contact = Contact("c").hearing(words("ringing")).hearing(words("abandoned", seconds, rings=rings))
    body = recorded(contact, "", RULE)
    assert (body.abandoned, body.missed) == (True, missed)


def test_a_call_that_rang_eleven_times_and_was_answered_is_late_but_not_missed() -> None:
    contact = (
        Contact("c").hearing(words("ringing", rings=11)).hearing(words("answered", 55)).hearing(words("ended", 99))
    )
    body = recorded(contact, "", RULE)
    assert (body.missed, body.abandoned, body.rings) == (False, False, 11)


def test_a_call_that_ended_unanswered_was_abandoned() -> None:
    body = recorded(Contact("c").hearing(words("ringing")).hearing(words("ended", 12)), "", None)
    assert (body.abandoned, body.missed, body.rings) == (True, False, 3)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (CallEvent(phase=1, at=stamp(NOW)), "call_id"),  # type: ignore[arg-type]
        (CallEvent(call_id="c", at=stamp(NOW)), "phase"),
        (CallEvent(call_id="c", phase=1), "at"),  # type: ignore[arg-type]
        (CallEvent(call_id="c", phase=1, at=stamp(NOW + timedelta(days=1))), "at"),  # type: ignore[arg-type]
        (CallEvent(call_id="c", phase=1, at=stamp(NOW), rings=-1), "rings"),  # type: ignore[arg-type]
        (CallEvent(call_id="c", phase=1, at=stamp(NOW), summary="长" * 3000), "summary"),  # type: ignore[arg-type]
    ],
)
def test_an_event_that_says_too_little_is_refused_with_its_field(wrong: CallEvent, field: str) -> None:
    with pytest.raises(Refused) as refused:
        words_from(wrong, NOW)
    assert [fault.field for fault in refused.value.faults] == [field]


def hook(world: World, body: bytes, secret: str = "", age: int = 0) -> int:
    at = int(NOW.timestamp()) - age
    headers = {"X-Deskstream-Timestamp": str(at), "x-deskstream-signature": sign(body, at, secret or "s3cret")}
    request = ReceiveHookRequest(channel=Channel.CHANNEL_PHONE, provider="pbx", headers=headers, body=body)
    return world.hooks.receive(request).status


def told(**values: object) -> bytes:
    return json.dumps({"call_id": "c-1", "phase": "ringing", "at": "2026-11-20T02:00:00Z", **values}).encode()


def test_an_exchange_that_proves_itself_is_heard_and_its_events_go_on_the_stream() -> None:
    world = World()
    many = json.dumps([json.loads(told()), json.loads(told(phase="CALL_PHASE_ANSWERED", agent="li.wei"))]).encode()
    assert [hook(world, told()), hook(world, many)] == [202, 202]
    assert [one.key for one in world.stream.said] == ["call.ringing", "call.ringing", "call.answered"]
    assert world.stream.said[0].id == world.stream.said[1].id, "the same event said again is the same message"


@pytest.mark.parametrize(
    ("body", "secret", "age", "status"),
    [
        (told(), "wrong", 0, 401),
        (told(), "s3cret", int(PROOF_LIFETIME.total_seconds()) + 1, 401),
        (b"not json", "s3cret", 0, 422),
        (b"[]", "s3cret", 0, 422),
        (told(phase="dancing"), "s3cret", 0, 422),
        (told(surprise=1), "s3cret", 0, 422),
        (told(profile="no_desk"), "s3cret", 0, 422),
        (b"[" * 90_000, "s3cret", 0, 422),
    ],
)
def test_a_hook_without_proof_or_sense_is_refused_and_says_nothing(body, secret, age, status) -> None:
    world = World()
    assert hook(world, body, secret, age) == status
    assert world.stream.said == []


def test_a_broker_that_is_away_tells_the_exchange_to_send_it_again() -> None:
    world = World()
    world.stream.away = True
    assert hook(world, told()) == 503
