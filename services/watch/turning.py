"""What the timer brings about: turns of schedules and those missed, ends of notices and outages, surges of calls.

Every step is a compare-and-set on one entry, so it is taken once however many replicas look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from services.kernel.clock import Clock
from services.profile.watch import WatchRules
from services.runtime.message import Said
from services.runtime.outbox import AT_ONCE, LEAVE_ALONE, Unsaid
from services.watch import policy, wording
from services.watch.handlers import Entries, promoted
from services.watch.model import SYSTEM, Entry, Inspection, Notice, Outage, Surge, Word, shelf_of
from services.watch.storage import as_said

_AT_ONCE = 200
_FORGET_EVERY = timedelta(minutes=5)
_UNEQUAL = timedelta(seconds=5)
"""How far the clocks of two replicas may lie apart."""


class Kept(Entries, Unsaid, Protocol):
    """A store of entries with their outbox."""


@dataclass(frozen=True)
class Watched:
    """One profile that keeps a watch."""

    name: str
    zone: ZoneInfo
    rules: WatchRules


class Turning:
    """Called again and again by one timer that says what it is given before it calls again."""

    def __init__(self, entries: Kept, watched: Iterable[Watched], named: wording.Named, clock: Clock) -> None:
        self._entries = entries
        self._watched = tuple(watched)
        self._named = named
        self._clock = clock
        self._told: dict[str, list[str]] = {}
        self._next: dict[tuple[str, str], datetime] = {}
        """When each schedule opens next: until then nobody asks the database."""
        self._forgotten: dict[str, datetime] = {}

    def step(self) -> list[Said]:
        """What is to be said now. That of the step before counts as said."""
        while self._told:
            key = next(iter(self._told))
            self._entries.mark_said(key, self._told[key])
            del self._told[key]
        now = self._clock.now()
        said: list[Said] = []
        told: dict[str, list[str]] = {}
        for key, owed in self._entries.unsaid(now - LEAVE_ALONE, AT_ONCE):
            said += owed
            told[key] = [one.id for one in owed]
        for entry, word in self.turn(now):
            said.append(as_said(word))
            told.setdefault(entry.id, []).append(word.id)
        # Not before: of a step that fails halfway nothing is said.
        self._told = told
        return said

    def turn(self, now: datetime) -> list[tuple[Entry, Word]]:
        """Everything whose time has come."""
        brought: list[tuple[Entry, Word]] = []
        for desk in self._watched:
            self._lay_out(desk, now)
            brought += self._outages(desk, now)
            brought += self._surge(desk, now)
        for entry in self._entries.waking(now, _AT_ONCE):
            brought += self._woken(entry, now)
        return brought

    def _lay_out(self, desk: Watched, now: datetime) -> None:
        """Turns that have opened, also while nobody looked, and the one to come: so the next looker knows where this
        one was, however long it was away (H5)."""
        for schedule in desk.rules.schedules:
            place = (desk.name, schedule.key)
            if place in self._next and now < self._next[place]:
                continue
            coming = policy.next_turn(schedule, desk.zone, now)
            turns = {
                f"{desk.name}/{schedule.key}/{day}": policy.turn_of(schedule, opens)
                for day, opens in policy.turns(schedule, desk.zone, now - policy.LOOK_BACK, coming)
            }
            known = self._entries.load(list(turns))
            # A schedule that never had a turn begins with the one that is open now.
            last = max((entry.about.at for entry in known.values()), default=now - schedule.within.as_timedelta)
            fresh = [Entry(key, desk.name, turn) for key, turn in turns.items() if turn.opens_at > last]
            self._entries.add_new(fresh, now)
            self._next[place] = coming

    def _woken(self, entry: Entry, now: datetime) -> Sequence[tuple[Entry, Word]]:
        about = entry.about
        if isinstance(about, Inspection):
            return self._step(entry, entry.now(replace(about, state="missed")), "watch.missed", now)
        if isinstance(about, Notice):
            ended = entry.now(replace(about, state="ended", ended_at=about.ends_at))
            return self._step(entry, ended, "watch.notice_ended", now)
        return ()

    def _outages(self, desk: Watched, now: datetime) -> Iterable[tuple[Entry, Word]]:
        """After an outage all who were entered are owed a call; it ends when nobody waits and the counts agree."""
        for entry in self._entries.living(shelf_of("outage", desk.name), _AT_ONCE):
            outage = entry.about
            if not isinstance(outage, Outage) or outage.mode != "recovering":
                continue
            contacts = shelf_of("contact", entry.id)
            for contact in self._entries.living(f"{contacts}entered/", _AT_ONCE):
                if (owed := promoted(self._entries, contact, self._named, now)) is not None:
                    yield owed, owed.words[-1]
            if outage.paper is None:
                continue
            waiting = self._entries.counted(contacts, live=True)
            if policy.may_end(outage, self._entries.counted(contacts), waiting):
                ended = entry.now(replace(outage, mode="normal", ended_at=now))
                yield from self._step(entry, ended, "watch.outage_ended", now)

    def _surge(self, desk: Watched, now: datetime) -> Iterable[tuple[Entry, Word]]:
        """Calls of the window at or above the threshold are a surge, until they are below it (H16)."""
        rules = desk.rules.surge
        if rules is None:
            return
        window = rules.within.as_timedelta
        if now - self._forgotten.get(desk.name, now - _FORGET_EVERY) >= _FORGET_EVERY:
            self._entries.forget_calls(desk.name, now - 2 * window)
            self._forgotten[desk.name] = now
        calls = self._entries.offered(desk.name, now - window, now)
        shelf = shelf_of("surge", desk.name)
        for entry in self._entries.living(shelf, 1):
            if calls < rules.calls and isinstance(entry.about, Surge):
                yield from self._step(entry, entry.now(replace(entry.about, ended_at=now)), "watch.surge_ended", now)
            return
        if calls >= rules.calls:
            begun = Surge(now, calls, rules.calls, rules.within.seconds)
            newest = self._entries.listed(shelf, _AT_ONCE)
            if any(isinstance(each.about, Surge) and _just_ended(each.about, now) for each in newest):
                return
            # Numbered one after the other: two replicas that see it at once write the same entry.
            fresh = Entry(f"{desk.name}-surge-{policy.next_number(newest)}", desk.name, begun)
            word = wording.word_about(fresh, "watch.surge_began", SYSTEM, now, self._named)
            fresh = fresh.with_word(word, owed=True)
            if not self._entries.add_new([fresh], now):
                yield fresh, word

    def _step(self, seen: Entry, new: Entry, key: str, now: datetime) -> Sequence[tuple[Entry, Word]]:
        word = wording.word_about(new, key, SYSTEM, now, self._named)
        new = new.with_word(word, owed=True)
        return [(new, word)] if self._entries.swap(seen, new, now) else ()


def _just_ended(surge: Surge, now: datetime) -> bool:
    """Whether a replica whose clock is ahead has seen the end of it, which this one comes to in a moment."""
    return surge.ended_at is not None and now < surge.ended_at <= now + _UNEQUAL
