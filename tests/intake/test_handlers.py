"""Drafts to receipts, on the fake store and on the real database."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestJoined, RequestReceived
from services.contracts.deskstream.v1.ticket_pb2 import Link
from services.intake.drafts import stamp
from services.intake.handlers import Taken, TurnedAway
from services.intake.storage import said_of
from tests.intake.world import NOW, Stores, coming, draft


def taken(outcome) -> Taken:
    assert isinstance(outcome, Taken), outcome
    return outcome


def fields_of(outcome) -> set[str]:
    assert isinstance(outcome, TurnedAway), outcome
    return {fault.field for fault in outcome.faults}


def test_a_request_has_its_number_at_once_and_the_event_lies_in_its_receipt(stores: Stores) -> None:
    """A24, B1."""
    one = taken(stores.reception().take([coming(draft())], NOW)[0])
    assert one.receipt.number == "DS20261120-000001"
    said = said_of(stores.receipts.find(["web/m-1"])["web/m-1"])
    assert said.key == "request.received.web"
    assert isinstance(said.body, RequestReceived)
    assert (said.body.number, said.body.draft.requester.id) == ("DS20261120-000001", "c.he.jie")
    assert said.body.profile_version.startswith("1.0+")


def test_the_number_carries_the_day_of_the_desks_own_zone(stores: Stores) -> None:
    late = NOW.replace(hour=16, minute=30)
    assert taken(stores.reception().take([coming(draft(), late)], late)[0]).receipt.number.startswith("DS20261121-")


def test_hearing_the_same_source_message_twice_gives_one_number_and_the_same_words(stores: Stores) -> None:
    """B1, A24: also by another process, with its own block of numbers."""
    first = taken(stores.reception().take([coming(draft())], NOW)[0])
    later = NOW + timedelta(days=90)
    again = taken(stores.reception().take([coming(draft(), later, cause="other")], later)[0])
    assert again.repeated
    assert said_of(again.receipt) == said_of(first.receipt)


def test_a_batch_that_holds_one_source_message_three_times_takes_it_once(stores: Stores) -> None:
    batch = [coming(draft("a")), coming(draft("b")), coming(draft("a")), coming(draft("a"))]
    outcomes = [taken(one) for one in stores.reception().take(batch, NOW)]
    assert [one.repeated for one in outcomes] == [False, False, True, True]
    assert len({one.receipt.number for one in outcomes}) == 2


def test_one_faulty_draft_does_not_stop_the_rest_of_its_batch(stores: Stores) -> None:
    outcomes = stores.reception().take(
        [coming(draft("a")), coming(draft("b", type="nonsense")), coming(draft("c"))], NOW
    )
    assert [isinstance(one, Taken) for one in outcomes] == [True, False, True]


def test_every_faulty_field_is_named_in_chinese_and_english(stores: Stores) -> None:
    """A7, A14: no scope of impact under 001, an unknown type, a mobile number of ten digits."""
    bad = draft(profile="generic_desk", type="nonsense")
    bad.impact_scope, bad.requester.phone = "", "1380013800"
    outcome = stores.reception().take([coming(bad)], NOW)[0]
    assert fields_of(outcome) >= {"impact_scope", "type", "phone"}
    assert isinstance(outcome, TurnedAway)
    assert all(fault.zh and fault.en and fault.zh != fault.en for fault in outcome.faults)


def test_what_one_profile_demands_another_does_not(stores: Stores) -> None:
    """A7: lacking the scope of impact is refused under 001 and accepted under 000."""
    without = draft()
    without.impact_scope = ""
    assert taken(stores.reception().take([coming(without)], NOW)[0])


@pytest.mark.parametrize("channel", [Channel.CHANNEL_UNSPECIFIED, 99])
def test_a_channel_the_desk_does_not_have_is_refused(stores: Stores, channel: int) -> None:
    """A2."""
    assert "channel" in fields_of(stores.reception().take([coming(draft(channel=channel))], NOW)[0])


def test_an_unknown_profile_is_refused_with_the_names_of_the_known_ones(stores: Stores) -> None:
    outcome = stores.reception().take([coming(draft(profile="no_desk"))], NOW)[0]
    assert fields_of(outcome) == {"profile"}
    assert isinstance(outcome, TurnedAway)
    assert "itss_desk" in outcome.faults[0].en


def test_a_message_that_names_an_open_ticket_joins_it(stores: Stores) -> None:
    """A20."""
    reception = stores.reception()
    first = taken(reception.take([coming(draft())], NOW)[0])
    second = taken(reception.take([coming(draft("m-2", in_reply_to=first.receipt.number))], NOW)[0])
    assert second.receipt.joined
    said = said_of(second.receipt)
    assert isinstance(said.body, RequestJoined)
    assert (said.key, said.subject) == ("request.joined.web", first.receipt.number)


def test_a_form_naming_a_ticket_that_never_was_is_refused_but_a_mail_opens_a_new_one(stores: Stores) -> None:
    """A20: a typing mistake in a subject must not lose the mail."""
    web = draft("w", in_reply_to="DS20200101-000009")
    mail = draft("<x@y>", channel=Channel.CHANNEL_EMAIL, in_reply_to="DS20200101-000009")
    refused, opened = stores.reception().take([coming(web), coming(mail)], NOW)
    assert fields_of(refused) == {"in_reply_to"}
    assert not taken(opened).receipt.joined


def test_a_backfilled_record_keeps_its_original_time_and_says_who_entered_it_and_when(stores: Stores) -> None:
    """D12, H9, T9: a call of ten o'clock, entered at fourteen."""
    old = draft(backfilled=True, recorder="li.wei")  # type: ignore[arg-type]
    old.received_at.CopyFrom(stamp(NOW))
    entered = NOW + timedelta(hours=4)
    body = said_of(taken(stores.reception().take([coming(old, entered)], entered)[0]).receipt).body
    assert isinstance(body, RequestReceived)
    assert body.received_at.ToDatetime() == NOW.replace(tzinfo=None)
    assert (body.draft.recorder, body.draft.fields["entered_at"]) == ("li.wei", entered.isoformat(timespec="seconds"))


def test_history_of_years_can_be_imported_twice_and_is_there_once(stores: Stores) -> None:
    """T9."""

    def history():
        for year in range(2019, 2026):
            old = draft(f"old-{year}", backfilled=True)  # type: ignore[arg-type]
            old.received_at.CopyFrom(stamp(NOW.replace(year=year)))
            old.occurred_at.CopyFrom(old.received_at)
            yield coming(old)

    first = [taken(one).receipt.number for one in stores.reception().take(list(history()), NOW)]
    again = [taken(one).receipt.number for one in stores.reception().take(list(history()), NOW)]
    assert first == again
    assert [number[:6] for number in first] == [f"DS{year}" for year in range(2019, 2026)]


@pytest.mark.parametrize(
    ("offset", "backfilled", "refused"),
    [
        (timedelta(minutes=1), False, False),
        (timedelta(minutes=3), False, True),
        (timedelta(minutes=3), True, True),
        (-timedelta(days=29), False, False),
        (-timedelta(days=31), False, True),
        (-timedelta(days=31), True, False),
    ],
)
def test_times_of_the_future_and_forgotten_ones_are_refused(stores: Stores, offset, backfilled, refused) -> None:
    """T9, D12: a clock two minutes ahead is another machine's clock; more is a mistake."""
    one = draft(backfilled=backfilled)
    one.received_at.CopyFrom(stamp(NOW + offset))
    outcome = stores.reception().take([coming(one)], NOW)[0]
    assert isinstance(outcome, TurnedAway) == refused
    if refused:
        assert fields_of(outcome) == {"received_at"}


def test_a_backfill_without_its_time_is_refused(stores: Stores) -> None:
    assert fields_of(stores.reception().take([coming(draft(backfilled=True))], NOW)[0]) == {"received_at"}  # type: ignore[arg-type]


def test_numbers_differ_however_many_take_them_at_once(stores: Stores) -> None:
    """B1: four processes, small blocks, all at once."""
    numbers: list[str] = []

    def take(name: int) -> None:
        reception = stores.reception(block=7)
        for i in range(10):
            batch = [coming(draft(f"{name}-{i}-{j}")) for j in range(5)]
            numbers.extend(taken(one).receipt.number for one in reception.take(batch, NOW))

    threads = [threading.Thread(target=take, args=(name,)) for name in range(4)]
    if not hasattr(stores.counters, "next"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for name in range(4):
            take(name)
    assert len(numbers) == len(set(numbers)) == 200


def test_a_receipt_of_a_waiting_caller_owes_its_event_and_one_of_the_stream_does_not(stores: Stores) -> None:
    owed = taken(stores.reception().take([coming(draft("a"))], NOW, owed=True)[0]).receipt
    free = taken(stores.reception().take([coming(draft("b"))], NOW)[0]).receipt
    assert (owed.unsaid_since, free.unsaid_since) == (NOW, None)


@pytest.mark.real
def test_the_relay_finds_what_is_owed_and_only_that(real: Stores) -> None:
    """Decision 6: the embedded outbox."""
    reception = real.reception()
    reception.take([coming(draft("a")), coming(draft("b"))], NOW, owed=True)
    reception.take([coming(draft("c"))], NOW)
    store = real.receipts
    assert store.unsaid(NOW, 10) == []  # type: ignore[attr-defined]
    owed = store.unsaid(NOW + timedelta(seconds=1), 10)  # type: ignore[attr-defined]
    assert {key for key, _ in owed} == {"web/a", "web/b"}
    for key, said in owed:
        store.mark_said(key, [one.id for one in said])  # type: ignore[attr-defined]
    assert store.unsaid(NOW + timedelta(seconds=1), 10) == []  # type: ignore[attr-defined]


def test_a_request_that_came_of_another_ticket_names_one_that_exists(stores: Stores) -> None:
    """E11, C27: every fault of the origin is named."""
    reception = stores.reception()
    first = taken(reception.take([coming(draft("a"))], NOW)[0]).receipt.number
    found = draft("b")
    found.origin.CopyFrom(Link(target=first))
    said = said_of(taken(reception.take([coming(found)], NOW)[0]).receipt).body
    assert isinstance(said, RequestReceived)
    assert said.draft.origin.target == first
    lost = draft("c")
    lost.origin.CopyFrom(Link(kind="cousin", target="DS20250101-000099", note="长" * 101))
    assert fields_of(reception.take([coming(lost)], NOW)[0]) == {"origin.target", "origin.kind", "origin.note"}
