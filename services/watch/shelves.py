"""What every command of the watch does with its entries: find, page, keep, say. Load, decide, save, say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from services.kernel.clock import Clock
from services.kernel.errors import Missing, Refused
from services.profile.watch import WatchRules
from services.watch import policy, wording
from services.watch.handlers import Entries, Rules, changed
from services.watch.model import About, Entry, Who, shelf_of


class Saying(Protocol):
    """Says what an entry still owes and marks it; it never fails, for what it cannot say now the relay says later."""

    def __call__(self, entry: Entry) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """A verified caller."""

    id: str
    roles: Collection[str]
    name: str = ""


class Shelves:
    """A store with rules, a clock and a voice."""

    def __init__(self, entries: Entries, rules: Rules, clock: Clock, named: wording.Named, say: Saying) -> None:
        self._entries = entries
        self._rules = rules
        self._clock = clock
        self._named = named
        self._say = say

    def listed(self, kind: str, profile: str, limit: int, before: str, *, open_only: bool = False) -> Sequence[Entry]:
        """Entries of a profile, newest first; open ones oldest first."""
        shelf = shelf_of(kind, self._ruled(profile)[0])
        return self._page(shelf, limit, before, open_only=open_only)

    def end_of(self, kind: str, profile: str, instant: datetime) -> str:
        """The place on the shelf behind everything before the instant."""
        return f"{shelf_of(kind, self._ruled(profile)[0])}{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"

    def read(self, key: str, noun: type[About]) -> Entry:
        """One entry of a kind; Missing when there is none."""
        return self._one(key, noun)

    def _page(self, shelf: str, limit: int, token: str, *, open_only: bool = False) -> Sequence[Entry]:
        if token and not token.startswith(shelf):
            raise policy.refusal("page_token", "翻页标记无效", "take the page token of the page before")
        return (self._entries.living if open_only else self._entries.listed)(shelf, limit, token)

    def _ruled(self, profile: str) -> tuple[str, WatchRules]:
        rules = self._rules(profile)
        if rules is None:
            raise Missing(f'The desk "{profile}" keeps no watch; give its profile the facet watch.')
        return self._rules.name(profile), rules

    def _living(self, kind: str, profile: str) -> Entry | None:
        return next(iter(self._entries.living(shelf_of(kind, profile), 1)), None)

    def _one(self, key: str, noun: type[About]) -> Entry:
        found = self._entries.load([key]).get(key)
        if found is None or not isinstance(found.about, noun):
            raise Missing(f'There is no {noun.kind} "{key[:120]}"; list them to see which there are.')
        return found

    def _fresh(self, profile: str, kind: str, key: str, person: Person, about: About) -> Entry:
        """Its id comes from who asks and the key of the asking: asked again it is met again."""
        return Entry(
            self._named(f"{person.id}/{policy.text(key, 'idempotency_key', most=200)}", kind, profile, 0),
            profile,
            about,
        )

    def _add(self, entry: Entry, key: str, by: Who, now: datetime) -> Entry:
        if key:
            entry = entry.with_word(wording.word_about(entry, key, by, now, self._named), owed=True)
        if self._entries.add_new([entry], now):
            return self._entries.load([entry.id])[entry.id]
        self._say(entry)
        return entry

    def _save(self, seen: Entry, about: About, key: str, by: Who, now: datetime) -> Entry:
        new = seen.now(about)
        if key:
            new = new.with_word(wording.word_about(new, key, by, now, self._named), owed=True)
        if not self._entries.swap(seen, new, now):
            raise Refused("It has changed in the meantime; load it again.", code="stale")
        self._say(new)
        return new

    def _change(self, key: str, change: Callable[[Entry], Entry]) -> Entry:
        new = changed(self._entries, key, change, self._clock.now())
        assert new is not None  # noqa: S101 - it was read just before, and nothing is ever removed
        return new
