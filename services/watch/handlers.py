"""What the stream brings: records entered after an outage, calls that settle them, calls offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, intake_pb2
from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.watch import WatchRules
from services.watch import wording
from services.watch.model import SYSTEM, Contact, Entry, Outage, Word

FIELD = "outage"
"""Extra field of a backfilled request that names the outage it was written down in (H9)."""
OUTAGE_CALL = "outage"
"""Kind of the callback tasks that answer watch.contact_owed (H10)."""
_TRIES = 8
_LONGEST_CALL = 200
"""Characters of the id of a call, as intake takes them; whatever is longer is none."""


class Message(Protocol):
    """A delivered message (runtime.message.Heard)."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    def decode(self, cls: type[Any]) -> Any: ...
    def refuse(self, why: Refused) -> None: ...


class Entries(Protocol):
    """Where entries are kept, and the calls that were offered."""

    def add_new(self, entries: Sequence[Entry], now: datetime) -> set[str]:
        """Keeps entries by their ids; gives back the ids that were there already and stay as they were."""
        ...

    def load(self, ids: Sequence[str]) -> Mapping[str, Entry]:
        """The entries that exist."""
        ...

    def swap(self, seen: Entry, new: Entry, now: datetime) -> bool:
        """Replaces the entry as it was seen; False when somebody was faster."""
        ...

    def waking(self, now: datetime, limit: int) -> Sequence[Entry]:
        """Entries whose time has come, oldest first."""
        ...

    def listed(self, shelf: str, limit: int, before: str = "") -> Sequence[Entry]:
        """Of a shelf, newest first, from before a place on."""
        ...

    def living(self, shelf: str, limit: int, after: str = "") -> Sequence[Entry]:
        """Those that still ask for something, oldest first, from behind a live place on."""
        ...

    def counted(self, shelf: str, *, live: bool = False) -> int:
        """How many are on the shelf; of the living ones when asked for."""
        ...

    def offer(self, calls: Iterable[tuple[str, str, datetime]]) -> None:
        """Keeps offered calls (profile, call, instant), each once."""
        ...

    def offered(self, profile: str, after: datetime, until: datetime) -> int:
        """Calls offered in (after, until]."""
        ...

    def forget_calls(self, profile: str, before: datetime) -> None:
        """Drops older calls."""
        ...


class Rules(Protocol):
    """What is watched by profile; Missing when the profile is unknown, None when it keeps no watch."""

    def __call__(self, name: str) -> WatchRules | None: ...
    def name(self, name: str) -> str:
        """The profile's own name: the default one's for an empty name."""
        ...


class Hearing:
    """Handlers of the stream."""

    def __init__(self, entries: Entries, rules: Rules, named: wording.Named) -> None:
        self._entries = entries
        self._rules = rules
        self._named = named

    def hear(self, batch: Sequence[Message], now: datetime) -> list[Word]:
        """Decides a batch and writes it; what is to be said. The same batch again says the same words."""
        calls: list[tuple[str, str, datetime]] = []
        said: list[Word] = []
        for message in batch:
            try:
                if message.key.startswith("request."):
                    said += self._entered(message, now)
                elif message.key.startswith("callback."):
                    self._settled(message, now)
                else:
                    # Adapters say these themselves: an instant ahead would be kept for good, and be counted one day.
                    calls += [(profile, call, min(at, now)) for profile, call, at in self._offered(message, now)]
            except Refused as refused:
                message.refuse(refused)
            except Missing as missing:
                message.refuse(Refused(missing.message, field="profile"))
        if calls:
            self._entries.offer(dict.fromkeys(calls))
        return said

    def _entered(self, message: Message, now: datetime) -> list[Word]:
        """A record of an outage was entered (H9): it is owed a call, at once when the outage is over (H10)."""
        joined = message.key.startswith("request.joined.")
        told = message.decode(intake_pb2.RequestJoined if joined else intake_pb2.RequestReceived)
        draft: intake_pb2.RequestDraft = told.draft
        name = draft.fields.get(FIELD, "").strip()
        if not draft.backfilled or not name or self._rules(draft.profile) is None:
            return []
        outage = self._entries.load([name]).get(name)
        if outage is None or not isinstance(outage.about, Outage) or outage.profile != draft.profile:
            raise Refused(
                f'There is no outage "{name[:80]}" of {draft.profile}; enter its contact by hand.', field=FIELD
            )
        key = f"{name}/{self._named(f'{draft.channel}/{draft.source_id}', 'contact', name, 0)}"
        entered = Contact(
            outage=name,
            number=told.number,
            brief=wording.brief_of(told.number, draft),
            received_at=wording.instant(draft.received_at) or now,
            entered_at=_entry_time(draft, now),
            recorder=draft.recorder,
        )
        kept = Entry(key, draft.profile, entered)
        if outage.about.mode != "outage":
            kept = self._owed(kept, now, message)
        self._entries.add_new([kept], now)
        # Switched off in between: the outage is looked at again after the contact stands, so one of the two sees both.
        known = self._entries.load([name, key])
        outage, kept = known[name], known[key]
        if isinstance(outage.about, Outage) and outage.about.mode != "outage":
            kept = promoted(self._entries, kept, self._named, now, message) or kept
        return [word for word in kept.words if word.cause == message.id]

    def _owed(self, entry: Entry, now: datetime, cause: Message) -> Entry:
        assert isinstance(entry.about, Contact)  # noqa: S101
        owed = replace(entry, about=replace(entry.about, state="owed"))
        word = wording.word_about(
            owed, "watch.contact_owed", SYSTEM, now, self._named, cause=cause.id, traceparent=cause.traceparent
        )
        return owed.with_word(word, owed=False)

    def _settled(self, message: Message, now: datetime) -> None:
        """The call after the outage was made, or nobody answered it to the last try (H10)."""
        task = message.decode(callbacks_pb2.CallbackEvent).task
        if task.kind != OUTAGE_CALL:
            return
        settled(self._entries, task.task_id.removeprefix("call/"), message.key, now)

    def _offered(self, message: Message, now: datetime) -> Iterable[tuple[str, str, datetime]]:
        """A call that rang counts once, whoever tells of it (H16)."""
        if message.key == "contact.recorded":
            contact = message.decode(intake_pb2.ContactRecorded)
            if contact.channel != common_pb2.CHANNEL_PHONE:
                return
            profile, call, at = contact.profile, contact.contact_id, wording.instant(contact.started_at)
        else:
            event = message.decode(intake_pb2.CallEvent)
            profile, call, at = event.profile, event.call_id, wording.instant(event.at)
        rules = self._rules(profile)
        if 0 < len(call) <= _LONGEST_CALL and rules is not None and rules.surge is not None:
            yield self._rules.name(profile), call, at or now


def promoted(
    entries: Entries, entry: Entry, named: wording.Named, now: datetime, cause: Message | None = None
) -> Entry | None:
    """An entered contact is owed from now on; None when somebody else saw to it."""
    if not isinstance(entry.about, Contact) or entry.about.state != "entered":
        return None
    new = entry.now(replace(entry.about, state="owed"))
    word = wording.word_about(
        new,
        "watch.contact_owed",
        SYSTEM,
        now,
        named,
        cause=cause.id if cause else "",
        traceparent=cause.traceparent if cause else "",
    )
    new = new.with_word(word, owed=cause is None)
    return new if entries.swap(entry, new, now) else None


def settled(entries: Entries, key: str, outcome: str, now: datetime) -> Entry | None:
    """The contact needs no call any more; None when there is none. What it was settled by first stays."""

    def settle(seen: Entry) -> Entry | None:
        if not isinstance(seen.about, Contact) or not seen.about.open:
            return None
        return seen.now(replace(seen.about, state="done", done_at=now, outcome=outcome))

    return changed(entries, key, settle, now)


def changed(entries: Entries, key: str, change: Callable[[Entry], Entry | None], now: datetime) -> Entry | None:
    """Compare-and-set until it holds; None when there is no such entry. A change of None leaves it as it stands."""
    for _ in range(_TRIES):
        seen = entries.load([key]).get(key)
        if seen is None:
            return None
        new = change(seen)
        if new is None:
            return seen
        if entries.swap(seen, new, now):
            return new
    raise Unavailable("This is changed by many at once; try again.")


def _entry_time(draft: intake_pb2.RequestDraft, now: datetime) -> datetime:
    """When it was entered, as intake wrote it down (H9)."""
    try:
        at = datetime.fromisoformat(draft.fields.get("entered_at", ""))
    except ValueError:
        return now
    return at if at.tzinfo else at.replace(tzinfo=UTC)
