"""The relay says what a crash left unsaid, and says it again rather than never (decision 6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.errors import Unavailable
from services.runtime.message import Said
from services.runtime.outbox import LEAVE_ALONE, relay
from tests.runtime.stage import tickets

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Documents:
    """Documents with the messages they owe, and when they were written."""

    def __init__(self, owed: dict[str, tuple[datetime, list[Said]]]) -> None:
        self.owed = owed

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        return [(key, said) for key, (at, said) in self.owed.items() if at < older_than][:limit]

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        at, said = self.owed.pop(key)
        rest = [message for message in said if message.id not in ids]
        if rest:
            self.owed[key] = (at, rest)


def test_owed_messages_are_said_in_order_and_marked() -> None:
    store = Documents({"a": (NOW - timedelta(minutes=1), tickets("fine", 2)), "b": (NOW - LEAVE_ALONE * 2, [])})
    said: list[Said] = []
    assert relay(store, said.extend, NOW) == 2
    assert said == tickets("fine", 2)
    assert "a" not in store.owed
    assert relay(store, said.extend, NOW) == 0


def test_a_document_just_written_is_left_to_its_own_sayer() -> None:
    store = Documents({"a": (NOW - timedelta(seconds=1), tickets("fine", 1))})
    assert relay(store, lambda said: None, NOW) == 0
    assert relay(store, lambda said: None, NOW + LEAVE_ALONE) == 1


def test_nothing_is_marked_when_the_broker_is_away() -> None:
    store = Documents({"a": (NOW - timedelta(minutes=1), tickets("fine", 1))})

    def away(said: Sequence[Said]) -> None:
        raise Unavailable("The broker is away.")

    with pytest.raises(Unavailable):
        relay(store, away, NOW)
    assert relay(store, lambda said: None, NOW) == 1
