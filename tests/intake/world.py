"""The world of these tests: a desk's rule book, one caller, and a reception on a fake or on the real database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.drafts import stamp
from services.intake.handlers import Contacts, Incoming, Receipts, Reception
from services.intake.model import Contact, Receipt
from services.intake.numbers import Counters, Numbers
from services.profile.load import Profiles, load_all
from services.runtime.message import event_id

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
"""Friday, ten o'clock in Shanghai."""
POLICY = Path(__file__).parents[2] / "deploy" / "policy"


@cache
def profiles() -> Profiles:
    return load_all(POLICY, ["itss_desk", "generic_desk"], "itss_desk")


def draft(source_id: str = "m-1", channel: int = Channel.CHANNEL_WEB, **values: str) -> RequestDraft:
    """A sound request of 何洁, of the finance department."""
    made = RequestDraft(channel=channel, source_id=source_id, description="打印机无法打印", **values)  # type: ignore[arg-type]
    made.requester.name, made.requester.department, made.requester.phone = "何洁", "财务部", "13800138001"
    made.occurred_at.CopyFrom(stamp(NOW))
    made.impact_scope = "财务部全体"
    return made


def coming(one: RequestDraft, at: datetime = NOW, cause: str = "cause") -> Incoming:
    return Incoming(one, at, cause=cause)


class FakeReceipts:
    """Receipts in memory, as the Protocol says."""

    def __init__(self) -> None:
        self.kept: dict[str, Receipt] = {}

    def add(self, receipts: Sequence[Receipt]) -> Collection[str]:
        there = {one.id for one in receipts if one.id in self.kept}
        self.kept.update({one.id: one for one in receipts if one.id not in there})
        return there

    def find(self, ids: Collection[str]) -> Mapping[str, Receipt]:
        return {one: self.kept[one] for one in ids if one in self.kept}

    def issued(self, numbers: Collection[str]) -> Collection[str]:
        return {one.number for one in self.kept.values()} & set(numbers)


class FakeCounters:
    """Running numbers in memory."""

    def __init__(self) -> None:
        self.next: dict[str, int] = {}

    def take(self, day: str, count: int) -> int:
        first = self.next.get(day, 1)
        self.next[day] = first + count
        return first


class FakeContacts:
    """Contacts in memory, with the compare-and-set of the Protocol."""

    def __init__(self) -> None:
        self.kept: dict[str, Contact] = {}

    def load(self, ids: Collection[str]) -> Mapping[str, Contact]:
        return {one: self.kept[one] for one in ids if one in self.kept}

    def save(self, contacts: Sequence[Contact]) -> None:
        for one in contacts:
            before = self.kept.get(one.id)
            if (before.version if before else 0) == one.version - 1:
                self.kept[one.id] = one


def reception_on(receipts: Receipts, counters: Counters, block: int = 500) -> Reception:
    return Reception(profiles(), receipts, Numbers(counters, block), event_id)


class Stores:
    """One kind of store: the fake, or the real database."""

    def __init__(self, receipts: Receipts, counters: Counters, contacts: Contacts) -> None:
        self.receipts = receipts
        self.counters = counters
        self.contacts = contacts

    def reception(self, block: int = 500) -> Reception:
        return reception_on(self.receipts, self.counters, block)
