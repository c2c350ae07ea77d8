"""The world of these tests: the itss_desk profile, records as intake says them, a store in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, intake_pb2
from services.kernel.clock import FixedClock
from services.profile.load import Profiles, load_all
from services.runtime.message import Heard, Said, event_id
from services.watch.commands import Desk, Person
from services.watch.compose import RulesOf, watched
from services.watch.handlers import Hearing
from services.watch.model import SYSTEM, Entry, Finding, Notice
from services.watch.storage import as_said
from services.watch.turning import Kept, Turning

NOON = datetime(2026, 11, 18, 4, 0, tzinfo=UTC)
"""A Wednesday, 12:00 in Shanghai."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
POLICY = Path(__file__).parents[2] / "deploy" / "policy"
PROFILE = "itss_desk"
SUPERVISOR = Person("chen.jing", frozenset({"supervisor"}))
LEADER = Person("wei.dong", frozenset({"shift_leader", "specialist"}))
WATCHER = Person("lu.xia", frozenset({"specialist"}))
OUTSIDER = Person("c.he.jie", frozenset({"requester"}))


@cache
def profiles() -> Profiles:
    return load_all(POLICY, "itss_desk,generic_desk", "itss_desk")


def record(outage: str, source: str = "paper-1", *, joined: bool = False, backfilled: bool = True) -> Heard:
    """A contact taken down on paper, entered afterwards."""
    draft = intake_pb2.RequestDraft(
        channel=common_pb2.CHANNEL_PHONE,
        source_id=source,
        profile=PROFILE,
        title="无法登录",
        backfilled=backfilled,
        recorder="li.wei",
        requester=common_pb2.Requester(name="何洁", phone="+8613800138001"),
        fields={"outage": outage, "entered_at": (NOON + 3 * HOUR).isoformat()},
    )
    draft.received_at.FromDatetime(NOON + HOUR)
    number = "DS20261118-000001"
    key = f"request.{'joined' if joined else 'received'}.phone"
    body = (intake_pb2.RequestJoined if joined else intake_pb2.RequestReceived)(number=number, draft=draft)
    return Said(key, body, event_id(source, key), subject=number, time=NOON).as_heard()


def ringing(call: str, at: datetime, profile: str = PROFILE) -> Heard:
    body = intake_pb2.CallEvent(call_id=call, phase=intake_pb2.CALL_PHASE_RINGING, profile=profile)
    body.at.FromDatetime(at)
    return Said("call.ringing", body, event_id(call, "call.ringing"), time=at).as_heard()


def contact_recorded(call: str, at: datetime) -> Heard:
    body = intake_pb2.ContactRecorded(contact_id=call, channel=common_pb2.CHANNEL_PHONE, profile=PROFILE)
    body.started_at.FromDatetime(at)
    return Said("contact.recorded", body, event_id(call, "contact.recorded"), time=at).as_heard()


def called(contact: str, event: str = "completed", kind: str = "outage") -> Heard:
    """The callback of an owed contact ended."""
    body = callbacks_pb2.CallbackEvent(
        event=event, task=callbacks_pb2.CallbackTask(task_id=f"call/{contact}", kind=kind)
    )
    return Said(f"callback.{event}", body, event_id(contact, event), time=NOON).as_heard()


def notice(starts: datetime = NOON, ends: datetime = NOON + 2 * HOUR, *channels: str) -> Notice:
    return Notice("盘龙区", starts, ends, "计划停电检修。", "Planned power cut.", channels, SYSTEM, NOON)


def finding(abnormal: bool = True, at: datetime = NOON) -> Finding:
    return Finding("monitoring", "调度系统", "磁盘使用率97%", abnormal, at, SYSTEM, "")


class FakeEntries:
    """handlers.Entries and the outbox, in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.calls: dict[tuple[str, str], datetime] = {}
        self._written: dict[str, datetime] = {}

    def add_new(self, entries: Sequence[Entry], now: datetime) -> set[str]:
        existed = {entry.id for entry in entries if entry.id in self.entries}
        for entry in entries:
            if entry.id not in existed:
                self.entries[entry.id] = entry
                self._written[entry.id] = now
        return existed

    def load(self, ids: Sequence[str]) -> Mapping[str, Entry]:
        return {key: self.entries[key] for key in ids if key in self.entries}

    def swap(self, seen: Entry, new: Entry, now: datetime) -> bool:
        if self.entries[seen.id].version != seen.version:
            return False
        self.entries[seen.id] = new
        self._written[seen.id] = now
        return True

    def waking(self, now: datetime, limit: int) -> Sequence[Entry]:
        due = [(entry.wake, entry) for entry in self.entries.values() if entry.wake is not None and entry.wake <= now]
        return [entry for _, entry in sorted(due, key=lambda each: each[0])][:limit]

    def listed(self, shelf: str, limit: int, before: str = "") -> Sequence[Entry]:
        found = [e for e in self.entries.values() if e.place.startswith(shelf) and (not before or e.place < before)]
        return sorted(found, key=lambda entry: entry.place, reverse=True)[:limit]

    def living(self, shelf: str, limit: int, after: str = "") -> Sequence[Entry]:
        found = [entry for entry in self.entries.values() if entry.live.startswith(shelf) and entry.live > after]
        return sorted(found, key=lambda entry: entry.live)[:limit]

    def counted(self, shelf: str, *, live: bool = False) -> int:
        return sum((entry.live if live else entry.place).startswith(shelf) for entry in self.entries.values())

    def offer(self, calls: Iterable[tuple[str, str, datetime]]) -> None:
        for profile, call, at in calls:
            self.calls.setdefault((profile, call), at)

    def offered(self, profile: str, after: datetime, until: datetime) -> int:
        return sum(name == profile and after < at <= until for (name, _), at in self.calls.items())

    def forget_calls(self, profile: str, before: datetime) -> None:
        self.calls = {key: at for key, at in self.calls.items() if key[0] != profile or at >= before}

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        owing = [entry for entry in self.entries.values() if entry.unsaid and self._written[entry.id] < older_than]
        return [(e.id, [as_said(word) for word in e.words if word.id in e.unsaid]) for e in owing[:limit]]

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        entry = self.entries[key]
        self.entries[key] = replace(entry, unsaid=tuple(one for one in entry.unsaid if one not in ids))


class World:
    """A desk that keeps a watch, over some store."""

    def __init__(self, entries: Kept | None = None, now: datetime = NOON) -> None:
        self.entries: Kept = entries if entries is not None else FakeEntries()
        self.clock = FixedClock(now)
        self.said: list[str] = []
        self.rules = RulesOf(profiles())
        self.hearing = Hearing(self.entries, self.rules, event_id)
        self.turning = self.replica()
        self.desk = Desk(self.entries, self.rules, self.clock, event_id, self._say)

    def replica(self) -> Turning:
        """Another worker on the same store."""
        return Turning(self.entries, watched(profiles()), event_id, self.clock)

    def _say(self, entry: Entry) -> None:
        self.said += [word.key for word in entry.words if word.id in entry.unsaid]
        self.entries.mark_said(entry.id, entry.unsaid)

    def hear(self, *messages: Heard) -> list[str]:
        """Keys of what is said because of them."""
        return [word.key for word in self.hearing.hear(messages, self.clock.now())]

    def turn(self, forward: timedelta = timedelta(0)) -> list[str]:
        """Keys of what the timer says, some time later."""
        self.clock.at += forward
        return [said.key for said in self.turning.step()]

    def out(self) -> Entry:
        """Outage mode switched on."""
        return self.desk.switch_outage(SUPERVISOR, PROFILE, True, "电话线路故障")

    def over(self) -> Entry:
        """Switched off: the desk recovers."""
        return self.desk.switch_outage(SUPERVISOR, PROFILE, False, "")

    def outage(self) -> Entry:
        return self.entries.listed(f"outage/{PROFILE}/", 1)[0]

    def contacts(self) -> Sequence[Entry]:
        return self.desk.contacts(self.outage().id, 100)
