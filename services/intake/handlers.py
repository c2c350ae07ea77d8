"""What intake does with drafts and calls: judge, number, store once (A1, A20, A24, B1, D12, H9)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft, RequestJoined, RequestReceived
from services.intake.drafts import channel_name, moment, normalised, receipt_id, stamp
from services.intake.judgement import judge, judge_whole
from services.intake.model import CallWords, Contact, Receipt
from services.intake.numbers import Numbers
from services.intake.origins import origin_faults
from services.kernel.errors import Fault, Missing, Unavailable
from services.kernel.ticket import is_ticket_number
from services.profile.load import LoadedProfile


class Profiles(Protocol):
    """The rule books of this installation."""

    def get(self, name: str) -> LoadedProfile:
        """The named one, the default one for an empty name; Missing when there is none."""
        ...


class Receipts(Protocol):
    """Every source message that was ever taken."""

    def add(self, receipts: Sequence[Receipt]) -> Collection[str]:
        """Stores what is new, in one write; gives back the ids of those that were there already."""
        ...

    def find(self, ids: Collection[str]) -> Mapping[str, Receipt]: ...

    def issued(self, numbers: Collection[str]) -> Collection[str]:
        """Which of these ticket numbers intake has given to a request."""
        ...


class Contacts(Protocol):
    """Every call as it stands."""

    def load(self, ids: Collection[str]) -> Mapping[str, Contact]: ...

    def save(self, contacts: Sequence[Contact]) -> None:
        """Each is stored if the stored version is one less (none, for version 1); others are left as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A draft and the message it came in. at: when that was said, the time of receipt unless the draft names one."""

    draft: RequestDraft
    at: datetime
    cause: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """The draft has a number. repeated: its source message was taken before, with this same receipt."""

    receipt: Receipt
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The draft cannot be taken; every faulty field is named (A7)."""

    draft: RequestDraft
    faults: tuple[Fault, ...]

    @property
    def id(self) -> str:
        """Key the receipt would have; empty without a source id."""
        return receipt_id(self.draft.channel, self.draft.source_id) if self.draft.source_id else ""


@dataclass(frozen=True, slots=True)
class _Sound:
    """A draft without faults, under its profile."""

    id: str
    draft: RequestDraft
    profile: LoadedProfile


_GUESSING = frozenset({Channel.CHANNEL_EMAIL, Channel.CHANNEL_IM})
"""Channels that guess the ticket from a text; a wrong guess opens a new one instead of being refused."""


class Reception:
    """Takes drafts in batches: one read of what is referred to, one write of what is new."""

    def __init__(
        self, profiles: Profiles, receipts: Receipts, numbers: Numbers, event_id: Callable[[str, str, str], str]
    ) -> None:
        self._profiles = profiles
        self._receipts = receipts
        self._numbers = numbers
        self._event_id = event_id

    def take(self, incoming: Sequence[Incoming], now: datetime, *, owed: bool = False) -> list[Taken | TurnedAway]:
        """Outcomes in the order given. owed: no message will be redelivered, so the store owes the event (outbox)."""
        judged = [self._judge(each, now) for each in incoming]
        known = self._issued(judged)
        told: list[Taken | TurnedAway | None] = [None] * len(judged)
        fresh: dict[str, Receipt] = {}
        for index, (one, each) in enumerate(zip(judged, incoming, strict=True)):
            if isinstance(one, TurnedAway):
                continue
            joins = one.draft.in_reply_to if one.draft.in_reply_to in known else ""
            if one.draft.in_reply_to and not joins and one.draft.channel not in _GUESSING:
                judged[index] = TurnedAway(one.draft, (_unknown_ticket(one.draft.in_reply_to),))
                continue
            if not joins and (faults := origin_faults(one.draft, known)):
                judged[index] = TurnedAway(one.draft, faults)
                continue
            if one.id not in fresh:
                fresh[one.id] = self._receipt(one, each, joins, now if owed else None)
                told[index] = Taken(fresh[one.id])
        there = set(self._receipts.add(list(fresh.values())))
        # Also those turned away: what was taken once stays taken, even if its times are too old by now.
        asked = there | {one.id for one in judged if isinstance(one, TurnedAway) and one.id}
        stored = self._receipts.find(asked) if asked else {}
        for index, one in enumerate(judged):
            if one.id in stored:
                told[index] = Taken(stored[one.id], repeated=True)
            elif isinstance(one, TurnedAway):
                told[index] = one
            elif told[index] is None:
                told[index] = Taken(fresh[one.id], repeated=True)
        return [one for one in told if one is not None]

    def _judge(self, each: Incoming, now: datetime) -> _Sound | TurnedAway:
        if faults := judge_whole(each.draft):
            return TurnedAway(each.draft, faults)
        try:
            profile = self._profiles.get(each.draft.profile)
        except Missing as missing:
            return TurnedAway(
                each.draft, (Fault("profile", f"没有规则集“{each.draft.profile[:60]}”。", missing.message),)
            )
        draft = normalised(each.draft, profile.lookups, each.at)
        if draft.backfilled:
            # Who and when of a later entry (H9): its original time stays in received_at.
            draft.recorder = draft.recorder or each.actor
            draft.fields["entered_at"] = now.isoformat(timespec="seconds")
        faults = judge(draft, profile.profile, now)
        if draft.backfilled and not each.draft.HasField("received_at"):
            faults += (Fault("received_at", "补录须填写原始时间。", "A backfilled record needs its original time."),)
        if faults:
            return TurnedAway(draft, faults)
        return _Sound(receipt_id(draft.channel, draft.source_id), draft, profile)

    def _issued(self, judged: Sequence[_Sound | TurnedAway]) -> Collection[str]:
        sound = [one.draft for one in judged if isinstance(one, _Sound)]
        named = {number for draft in sound for number in (draft.in_reply_to, draft.origin.target)}
        plausible = {number for number in named if is_ticket_number(number)}
        return self._receipts.issued(plausible) if plausible else ()

    def _receipt(self, one: _Sound, each: Incoming, joins: str, owed_since: datetime | None) -> Receipt:
        received_at = moment(one.draft, "received_at") or each.at
        if joins:
            number, key = joins, f"request.joined.{channel_name(one.draft.channel)}"
            body = RequestJoined(number=number, draft=one.draft, received_at=stamp(received_at)).SerializeToString()
        else:
            zone = ZoneInfo(one.profile.profile.profile.timezone)
            number = self._numbers.take(received_at.astimezone(zone).date())[0]
            key = f"request.received.{channel_name(one.draft.channel)}"
            body = RequestReceived(
                number=number,
                draft=one.draft,
                received_at=stamp(received_at),
                profile_version=one.profile.version,
            ).SerializeToString()
        return Receipt(
            id=one.id,
            number=number,
            received_at=received_at,
            joined=bool(joins),
            key=key,
            # Of the source message, not of the delivery: every way it comes in says the same event.
            event_id=self._event_id(one.id, key, number),
            body=body,
            cause=each.cause,
            actor=each.actor,
            unsaid_since=owed_since,
        )


_ATTEMPTS = 20


class Calls:
    """Keeps the record of every call, whatever the order of its events (A16, A22)."""

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    def hear(self, words: Sequence[CallWords]) -> list[Contact]:
        """The calls spoken of as they stand after these events, stored. Unavailable when others never rest."""
        by_call: dict[str, list[CallWords]] = {}
        for each in words:
            by_call.setdefault(each.call_id, []).append(each)
        for _ in range(_ATTEMPTS):
            stored = self._contacts.load(by_call.keys())
            changed = []
            for call_id, events in by_call.items():
                before = stored.get(call_id) or Contact(call_id)
                after = before
                for event in events:
                    after = after.hearing(event)
                if after != before:
                    changed.append(replace(after, version=before.version + 1))
            if not changed:
                return list(stored.values())
            # Then look again: whoever was faster is heard, and what another process changed is not overwritten.
            self._contacts.save(changed)
        raise Unavailable("These calls are being changed by others all the time; they are tried again.")


def _unknown_ticket(number: str) -> Fault:
    return Fault(
        "in_reply_to",
        f"没有编号为{number}的工单，请核对。",
        f"There is no ticket {number}; check it or leave it out.",
    )
