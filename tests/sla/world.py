"""A desk with clocks, and tickets to put on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.kernel.calendar import BusinessCalendar
from services.profile.schema import ClockRule, Label, Span
from services.sla.acts.listing import Holder, holder_of
from services.sla.handlers import Owing, Utterance, shard_of
from services.sla.model import Effect, Facts, News, Regrade, Rules, Timeline
from services.sla.policy.facts import learn
from services.sla.policy.steps import judge
from services.sla.stream import say_all

H = 3600
SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = BusinessCalendar(
    "office", SHANGHAI, lambda day: ((9 * H, 12 * H), (13 * H + 1800, 18 * H)) if day.weekday() < 5 else ()
)
ALWAYS = BusinessCalendar("always", SHANGHAI, lambda day: (), always=True)


def at(text: str) -> datetime:
    """Shanghai wall clock to UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


T0 = at("2025-03-03 09:00")
M = timedelta(minutes=1)


def clock(name: str, start: str, stop: str, limit: Mapping[str, int | Span], **more) -> ClockRule:
    """A rule; limits in minutes or as spans."""
    spans = {grade: each if isinstance(each, Span) else Span(seconds=each * 60) for grade, each in limit.items()}
    more.setdefault("calendar", "always")
    ends = {"start": {"milestone": start}, "stop": {"milestone": stop}}
    return ClockRule.model_validate({"name": name, "label": Label(zh=name, en=name), "limit": spans, **ends, **more})


def rules(*clocks: ClockRule, chain: Sequence[str] = ("team_leader", "desk_manager", "operations_manager")) -> Rules:
    """Rules with two calendars and a chain climbed every 30 minutes."""
    return Rules(
        clocks=clocks,
        calendars={"office": OFFICE, "always": ALWAYS},
        service_hours="office",
        chain=tuple(chain),
        every=Span(seconds=1800),
        chain_calendar="always",
        warn_roles=("specialist",),
    )


RESPONSE = clock("response", "received", "responded", {"default": 10})
START = clock("start", "dispatched", "started", {"general": 24 * 60, "urgent": 240, "critical": 60})
FAULT = (
    clock("response", "received", "responded", {"default": 30}),
    clock("plan", "received", "planned", {"default": 120}),
    clock("resolve", "received", "resolved", {"I": 720, "II": 1440, "III": 2880, "IV": Span(seconds=5 * 86_400)}),
    clock("emergency_plan", "received", "planned", {"I": 960}, only_if_breached="resolve"),
)
GENERIC = rules(RESPONSE, START)


def news(version: int, when: datetime, grade: str = "general", **more) -> News:
    """One snapshot; milestones by keyword "m"."""
    return News(
        number=more.pop("number", "DS20250303-000001"),
        version=version,
        profile=more.pop("profile", "generic_desk"),
        profile_version="1",
        grade=grade,
        ended=more.pop("ended", False),
        cycle=more.pop("cycle", 0),
        milestones=more.pop("m", {}),
        updated_at=when,
        **more,
    )


def regraded(version: int, when: datetime, old: str, new: str, **more) -> News:
    """A snapshot whose event declares the change of grade."""
    return news(version, when, new, regrade=Regrade(version, old, new, when), **more)


def said(timeline: Timeline) -> list[str]:
    """Everything said so far, as "kind clock"."""
    return [f"{each.kind} {each.clock}".strip() for each in timeline.effects]


def live(*heard, now, by=GENERIC, before: Timeline | None = None) -> Timeline:
    """Hears these and judges at now."""
    facts: Facts | None = before.facts if before else None
    for each in heard:
        facts = learn(facts, each)
    assert facts is not None
    return judge(before, facts, by, now, f"v{facts.newest.version}")


def later(before: Timeline, now, by=GENERIC) -> Timeline:
    """Time passes and nothing is heard."""
    return judge(before, before.facts, by, now, f"timer/{now}")


def spoken(timeline: Timeline, by: Rules = GENERIC, effects: Sequence[Effect] | None = None) -> list[Any]:
    """The messages of a ticket's effects, as the stream has them; all of them unless some are named."""
    chosen = timeline.effects if effects is None else tuple(effects)
    return list(say_all([Utterance(timeline, chosen)], lambda *_: by))


class Shelf:
    """`handlers.Clocks` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Timeline] = {}
        self.journal: dict[str, tuple[Mapping[str, int], datetime]] = {}

    def read(self, numbers: Collection[str]) -> Mapping[str, Timeline]:
        return {number: self.kept[number] for number in numbers if number in self.kept}

    def insert(self, timelines: Sequence[Timeline]) -> set[str]:
        there = {each.number for each in timelines if each.number in self.kept}
        self.kept.update({each.number: each for each in timelines if each.number not in there})
        return there

    def replace(self, timelines: Sequence[Timeline]) -> set[str]:
        lost = {
            each.number
            for each in timelines
            if each.number not in self.kept or self.kept[each.number].revision != each.revision - 1
        }
        self.kept.update({each.number: each for each in timelines if each.number not in lost})
        return lost

    def due(self, shards: Collection[int], until: datetime, limit: int) -> Sequence[tuple[datetime, str]]:
        found = sorted(
            (each.next_due, each.number)
            for each in self.kept.values()
            if each.next_due and each.next_due <= until and shard_of(each.number) in shards
        )
        return found[:limit]

    def at_risk(self, until: datetime, limit: int) -> Sequence[Timeline]:
        return [each for each in self.kept.values() if each.overdue or (each.next_due and each.next_due <= until)][
            :limit
        ]

    def promising(self, place: str, limit: int) -> Sequence[Timeline]:
        return [each for each in self.kept.values() if place in each.facts.promised][:limit]

    def owe(self, cause: str, seen: Mapping[str, int], at: datetime) -> None:
        noted, _ = self.journal.get(cause, ({}, at))
        if max(noted.values(), default=-1) < max(seen.values()):
            self.journal[cause] = (dict(seen), at)

    def settle(self, causes: Collection[str]) -> None:
        for cause in causes:
            self.journal.pop(cause, None)

    def owed(self, older_than: datetime, limit: int) -> Sequence[Owing]:
        return [(cause, seen) for cause, (seen, when) in self.journal.items() if when < older_than][:limit]

    def overtake(self, seen: Mapping[str, int]) -> None:
        for number, revision in seen.items():
            if (there := self.kept.get(number)) is not None and there.revision == revision:
                self.kept[number] = replace(there, revision=revision + 1)

    def strike(self, entries: Collection[Owing]) -> None:
        for cause, seen in entries:
            if self.journal.get(cause, ({}, None))[0] == seen:
                del self.journal[cause]


class HeldUp:
    """A store as a replica sees it that is held up between reading and writing: something happens in between, once."""

    def __init__(self, store: Any, meanwhile: Callable[[], object] | None = None) -> None:
        self._store = store
        self.meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def replace(self, timelines: Sequence[Timeline]) -> set[str]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        lost: set[str] = self._store.replace(timelines)
        return lost


class ShelfListing:
    """`listing.Listing` over a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def open(self) -> Sequence[Holder]:
        kept = sorted(self._shelf.kept.items())
        return [holder_of(number, each.facts.newest.brief) for number, each in kept if not each.facts.newest.ended]

    def between(self, first: str, last: str) -> Iterator[Timeline]:
        return (each for number, each in sorted(self._shelf.kept.items()) if first <= number <= last)
