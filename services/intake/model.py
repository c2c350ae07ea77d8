"""Nouns of intake: what a source message became, and a contact as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal

Phase = Literal["ringing", "answered", "ended", "abandoned"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one source message became; written once and never changed, save for being said (A24, B1).

    id is "<channel>/<source id>"; key, event_id and body are the event that tells the stream, so that an accepted
    request outlives a broker that does not.
    """

    id: str
    number: str
    received_at: datetime
    joined: bool
    key: str
    event_id: str
    body: bytes
    cause: str = ""
    actor: str = ""
    unsaid_since: datetime | None = None
    """When it was stored, while nobody has promised to say its event; None: the message that caused it is unacked."""


@dataclass(frozen=True, slots=True)
class CallWords:
    """One event of a telephone exchange: a phase, its time, and whatever it knew then."""

    call_id: str
    phase: Phase
    at: datetime
    texts: Mapping[str, str]
    """Non-empty values of caller, called, agent, released_by, profile, disposition, ticket, recording, summary."""
    rings: int = 0
    to_human: bool = False


_NOTHING: Mapping[str, tuple[datetime, str]] = MappingProxyType({})
_NEVER: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Contact:
    """A call as it stands (通话记录, A16, A22). Its events in any order, any number of times, give the same."""

    id: str
    version: int = 0
    times: Mapping[str, datetime] = field(default_factory=lambda: _NEVER)
    """First time of each phase."""
    texts: Mapping[str, tuple[datetime, str]] = field(default_factory=lambda: _NOTHING)
    """Each value with the time of the event that gave it; the later event wins."""
    rings: int = 0
    to_human: bool = False

    def hearing(self, words: CallWords) -> Contact:
        """This contact after one more event; equal to this one when the event says nothing new. Version untouched."""
        times = dict(self.times)
        times[words.phase] = min(words.at, times.get(words.phase, words.at))
        texts = dict(self.texts)
        for name, value in words.texts.items():
            # The value breaks a tie, so that two events of one instant give the same whatever their order.
            texts[name] = max((words.at, value), texts.get(name, (words.at, value)))
        return replace(
            self,
            times=times,
            texts=texts,
            rings=max(self.rings, words.rings),
            to_human=self.to_human or words.to_human,
        )

    def text(self, name: str) -> str:
        """A value, or an empty string."""
        return self.texts[name][1] if name in self.texts else ""
