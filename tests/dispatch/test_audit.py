"""A history that cannot be altered unseen: each way to alter one, and what finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch.audit.chain import canonical, unsealed, untold, verify
from services.dispatch.audit.history import history_of
from services.dispatch.audit.words import EVENTS, FIELDS
from services.dispatch.commands import Commands
from services.dispatch.entries import Entry, Record, entries_of, say_again
from services.dispatch.handlers import Stream
from services.dispatch.model import Command
from services.dispatch.policy.taking import _AUDITED
from services.dispatch.queries import Queries
from services.runtime.message import Said
from tests.dispatch.test_stream import LATER, Ears, call, joined
from tests.dispatch.world import MORNING, PROFILES, Tale, desk, desks, person, received

NUMBER = "DS20250610-000001"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def written(tale: Tale) -> Record:
    """The tale as the store keeps it: the opening by message, each step by a call of its own."""
    entries: list[Entry] = []
    for place, event in enumerate(tale.events):
        made, _ = entries_of((event,), f"call:{place}", TRACE, entries[-1] if entries else None)
        entries.extend(made)
    return Record(tale.ticket.number, tuple(entries), entries[-1].digest)


def forged(entry: Entry, alter: Callable[[ticket_pb2.TicketEvent], None]) -> Entry:
    """The entry with other words under the same envelope."""
    event = entry.event()
    alter(event)
    return replace(entry, body=event.SerializeToString(deterministic=True))


def reason(text: str) -> Callable[[ticket_pb2.TicketEvent], None]:
    def alter(event: ticket_pb2.TicketEvent) -> None:
        event.reason = text

    return alter


def rewritten(entries: list[Entry]) -> Record:
    """A whole history forged anew with versions, digests and head that fit: what only the log can find."""
    chained: list[Entry] = []
    for version, entry in enumerate(entries, start=1):
        event = entry.event()
        event.ticket.version = version
        event.previous_digest = chained[-1].digest if chained else b""
        chained.append(replace(entry, body=event.SerializeToString(deterministic=True)))
    return Record(NUMBER, tuple(chained), chained[-1].digest)


def lived() -> Record:
    return written(Tale().to_engineer())


def test_an_untouched_history_holds_from_the_first_event_to_the_last():
    """B10"""
    record = lived()
    assert verify(record) == []
    assert unsealed(record) == 0
    for before, after in zip(record.entries, record.entries[1:], strict=False):
        assert after.event().previous_digest == before.digest


def test_the_two_events_of_one_opening_are_chained():
    """B10"""
    tale = Tale("generic_desk", type="fault", entry="network", project="", grade="normal")
    entries, said = entries_of(tale.events, "cause", "")
    assert len(entries) == 2
    assert entries[1].event().previous_digest == entries[0].digest
    assert verify(Record(NUMBER, entries, entries[-1].digest)) == []
    assert [one.body.SerializeToString(deterministic=True) for one in said] == [one.body for one in entries]


TAMPERINGS: dict[str, tuple[Callable[[list[Entry]], list[Entry]], int]] = {
    "the first changed": (lambda e: [forged(e[0], reason("x")), *e[1:]], 1),
    "one in the middle changed": (lambda e: [*e[:3], forged(e[3], reason("x")), *e[4:]], 4),
    "the last changed": (lambda e: [*e[:-1], forged(e[-1], reason("x"))], 6),
    "the first removed": (lambda e: e[1:], 1),
    "one removed": (lambda e: [*e[:2], *e[3:]], 3),
    "the end cut": (lambda e: e[:-1], 5),
    "one inserted": (lambda e: [*e[:2], forged(e[1], reason("x")), *e[2:]], 3),
    "one added": (lambda e: [*e, forged(e[-1], reason("x"))], 7),
    "two exchanged": (lambda e: [*e[:2], e[3], e[2], *e[4:]], 3),
    "bytes broken": (lambda e: [*e[:2], replace(e[2], body=b"\xff\xff"), *e[3:]], 3),
    "everything removed": (lambda e: [], 0),
    "an envelope exchanged": (lambda e: [*e[:2], replace(e[2], cause="call:other"), *e[3:]], 3),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_whatever_is_altered_in_a_stored_history_is_found_at_its_first_version(name: str):
    """B10: changed, removed, inserted, cut or reordered."""
    alter, first = TAMPERINGS[name]
    record = lived()
    broken = verify(replace(record, entries=tuple(alter(list(record.entries)))))
    assert broken, name
    assert min(found.version for found in broken) == first
    assert all(len(found.what) > 20 for found in broken)


def test_a_lost_head_or_another_tickets_events_are_found():
    """B10"""
    record = lived()
    assert "removed" in verify(replace(record, head=b""))[0].what
    assert "event of" in verify(replace(record, number="DS20250610-000002"))[0].what


def test_what_is_older_than_the_seal_is_told_as_unsealed_and_not_as_broken():
    """B10: tickets written before there was a chain."""
    sealed = lived()
    old = [forged(entry, lambda event: event.ClearField("previous_digest")) for entry in sealed.entries]
    record = Record(NUMBER, tuple(old[:4]))
    assert verify(record) == []
    assert unsealed(record) == 4
    tale = Tale().to_engineer()
    later, _ = entries_of(tale.events[4:5], "call:4", TRACE, old[3])
    grown = Record(NUMBER, (*old[:4], *later), later[-1].digest)
    assert verify(grown) == []
    assert unsealed(grown) == 3
    assert verify(replace(grown, entries=(*old[:3], forged(old[3], reason("x")), *later)))[0].version == 4


def test_a_history_forged_as_a_whole_is_found_by_the_log_of_the_stream():
    """B10, U4: cut, changed and added, with every digest made to fit."""
    record = lived()
    log = {entry.id: canonical(entry.body) for entry in record.entries}
    until = MORNING + timedelta(days=1)
    assert untold(record, log, until=until) == []
    entries = list(record.entries)
    cut = rewritten(entries[:-1])
    assert verify(cut) == []
    assert "does not have any more" in untold(cut, log, until=until)[0].what
    changed = rewritten([*entries[:2], forged(entries[2], reason("x")), *entries[3:]])
    assert verify(changed) == []
    assert untold(changed, log, until=until)[0].version == 3
    more = Tale().to_engineer()
    more.does("huang.lei", "hand_back", reason="r")
    added, _ = entries_of(more.events[-1:], "call:added", "", entries[-1])
    grown = Record(NUMBER, (*entries, *added), added[-1].digest)
    assert verify(grown) == []
    assert "never told" in untold(grown, log, until=until)[0].what
    assert untold(grown, log, until=MORNING) == [], "it may be on its way"
    assert untold(grown, log, until=until, owed=frozenset({added[0].id})) == [], "it waits for the relay"
    assert untold(grown, {}, until=until) == [], "a log that begins later knows nothing of it"


def test_a_redelivery_says_the_same_bytes_and_the_chain_goes_on(tickets):
    """B10, B9, decision 6: messages, calls and their repetitions on one ticket."""
    stream, ears = Stream(desks(), tickets), Ears()
    first = stream.requests([received(NUMBER)], MORNING)
    commands = Commands(desks(), tickets, ears)
    commands.act(NUMBER, Command("try_online"), call("li.wei", "1"))
    stream.requests([joined(NUMBER, "again")], LATER)
    assert [bytes_of(said) for said in stream.requests([received(NUMBER)], LATER)] == [bytes_of(one) for one in first]
    commands.act(NUMBER, Command("try_online"), call("li.wei", "1"))
    assert bytes_of(ears.said[0]) == bytes_of(ears.said[1])
    record = tickets.load([NUMBER])[NUMBER]
    assert [entry.body for entry in record.entries] == [bytes_of(said) for said in say_again(record.entries)]
    assert record.head == record.entries[-1].digest
    assert verify(record) == []
    assert [found.number for found, _ in tickets.walk("DS20250610", "DS20250611")] == [NUMBER]


def bytes_of(said: Said) -> bytes:
    return said.body.SerializeToString(deterministic=True)


def test_a_history_without_its_previous_entry_is_a_mistake_of_ours():
    """B10"""
    tale = Tale().to_engineer()
    with pytest.raises(ValueError, match="chain"):
        entries_of(tale.events[2:3], "cause", "")


def test_the_history_reads_as_sentences_in_both_languages():
    """B9, D17, T5: who, as what, did what, old and new values, why, from where, when in the zone of the desk."""
    tale = Tale().to_engineer()
    tale.does("huang.lei", "hand_back", reason="需要厂商支持")
    record = written(tale)
    chinese = history_of(tale.desk, record, "", lambda ticket: False)
    assert chinese.verified
    assert chinese.entries[-1].text == (
        "2025-06-10 10:06:00 黄磊（运维工程师）转回工单。状态：处理中 → 转回项目经理；处理人：黄磊 → 张强；"
        "转回次数：0 → 1。原因：需要厂商支持。来自工单接口，追踪号 4bf92f3577b34da6a3ce929d0e0e4736。"
    )
    english = history_of(tale.desk, record, "en", lambda ticket: False)
    assert english.entries[-1].text == (
        "2025-06-10 10:06:00 黄磊 (Operations engineer) handed it back. state: In progress -> Handed back, "
        "holder: 黄磊 -> 张强, hand-backs: 0 -> 1. Reason: 需要厂商支持. "
        "From the desk's API, trace 4bf92f3577b34da6a3ce929d0e0e4736."
    )
    assert "平台开单" in chinese.entries[0].text
    assert "来自网页" in chinese.entries[0].text


def test_chinese_names_and_quotes_survive_and_times_are_told_in_the_zone_of_the_desk(tickets):
    """T4: in UTF-8 and UTC through store, stream and history; shown in Asia/Shanghai."""
    said = Stream(desks(), tickets).requests([received(NUMBER, title="“打印机”提示：卡纸、'缺粉'、𠮷")], MORNING)
    commands = Commands(desks(), tickets, Ears())
    commands.act(NUMBER, Command("note", "用户说：“急！”"), call("li.wei", "note"))
    kept = tickets.load([NUMBER])[NUMBER].ticket()
    assert (kept.title, kept.requester.name) == ("“打印机”提示：卡纸、'缺粉'、𠮷", "何洁")
    assert kept.title.encode() in bytes_of(said[0])
    assert kept.milestones["received"] == MORNING
    assert kept.milestones["received"].tzname() == "UTC"
    told = Queries(desks(), tickets).history(NUMBER, person("li.wei")).entries
    assert told[1].text.startswith("2025-06-10 10:01:00 李伟")
    assert "“急！”" in told[1].text


def test_every_event_of_the_shipped_desks_has_words():
    """B9: no sentence of a history falls back to the name of an event."""
    for name in PROFILES:
        profile = desk(name).profile
        said = {row.event for row in profile.transitions} | {form.event for form in profile.records}
        assert said <= EVENTS.keys(), said - EVENTS.keys()
    assert set(_AUDITED) <= FIELDS.keys()


def test_an_altered_history_says_so_to_whoever_reads_it(tickets):
    """B10: over the same call as the history itself."""
    Stream(desks(), tickets).requests([received(NUMBER)], MORNING)
    told = Queries(desks(), tickets).history(NUMBER, person("li.wei"), "en")
    assert told.verified
    assert not told.breaks
    record = tickets.load([NUMBER])[NUMBER]
    broken = replace(record, entries=(forged(record.entries[0], reason("x")),))
    seen = history_of(desk(), broken, "en", lambda ticket: True)
    assert not seen.verified
    assert "Version 1" in seen.breaks[0]
    unreadable = replace(record, entries=(replace(record.entries[0], body=b"\xff\xff"),))
    assert "cannot be read" in history_of(desk(), unreadable, "en", lambda ticket: True).entries[0].text
