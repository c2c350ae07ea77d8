"""Hearing tickets, firing timers, acknowledging: load, decide, save. What comes back is to be said, then it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from zlib import crc32

from services.kernel.errors import DeskstreamError, Missing, Unavailable
from services.sla.acts.amending import decide
from services.sla.model import Clock, Effect, Escalation, News, Rules, Status, Timeline
from services.sla.policy.escalating import standing
from services.sla.policy.facts import learn
from services.sla.policy.steps import acknowledge as acknowledged
from services.sla.policy.steps import judge

SHARDS = 8
_TRIES = 8
_MOST_LOOKED_AT = 20_000
_LONGEST_CYCLE = 6

Stuck = Callable[[str, Exception], None]
"""Told the number of a ticket that cannot be read or judged, and why."""
SPOILT = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
"""What a document raises that somebody spoilt."""
RulesFor = Callable[[str, str], Rules]
"""Profile name and version -> its rules; Missing when there is no such profile."""


class Readable(Protocol):
    """Where timelines are read."""

    def read(self, numbers: Collection[str]) -> Mapping[str, Timeline]: ...


class Clocks(Protocol):
    """Where timelines are kept, one document per ticket, changed by compare-and-set on the revision."""

    def read(self, numbers: Collection[str]) -> Mapping[str, Timeline]: ...

    def insert(self, timelines: Sequence[Timeline]) -> set[str]:
        """Keeps new ones; gives back the numbers that were there already."""
        ...

    def replace(self, timelines: Sequence[Timeline]) -> set[str]:
        """Keeps each whose stored revision is one less; gives back the numbers of the others."""
        ...

    def due(self, shards: Collection[int], until: datetime, limit: int) -> Sequence[tuple[datetime, str]]:
        """Tickets of these shards with a step due by then, soonest first."""
        ...

    def at_risk(self, until: datetime, limit: int) -> Sequence[Timeline]:
        """Tickets with a step due by then, and those with a breached clock that nobody has stopped."""
        ...

    def owe(self, cause: str, seen: Mapping[str, int], at: datetime) -> None:
        """Notes in the journal that these tickets may have something to say because of `cause`: by number, the revision
        that whoever writes has seen of each. A later note of the same cause takes the place of an earlier one."""
        ...

    def settle(self, causes: Collection[str]) -> None:
        """Strikes out what has been said."""
        ...

    def owed(self, older_than: datetime, limit: int) -> Sequence[Owing]:
        """Entries of the journal noted before then: cause, and the revisions seen by ticket number."""
        ...

    def overtake(self, seen: Mapping[str, int]) -> None:
        """Moves tickets on that still have these revisions, so that whoever saw them there writes nothing any more."""
        ...

    def strike(self, entries: Collection[Owing]) -> None:
        """Strikes entries out that stand as they were read; what was noted anew since stays."""
        ...


Owing = tuple[str, Mapping[str, int]]
"""An entry of the journal: cause, and by ticket number the revision that whoever writes has seen."""


class Utterance(NamedTuple):
    """What is to be said about one ticket, in order."""

    timeline: Timeline
    effects: tuple[Effect, ...]


def shard_of(number: str) -> int:
    """The share of the tickets that one lease covers."""
    return crc32(number.encode()) % SHARDS


def hear(store: Clocks, rules_for: RulesFor, batch: Iterable[News], now: datetime) -> list[Utterance]:
    """Takes in what happened to tickets, in any order, any number of times (T-group).

    A message heard again says again what it brought about, under the same ids: the one who said it first may have died
    before the broker had it.
    """
    told: dict[str, list[News]] = {}
    for news in sorted(batch, key=lambda each: each.version):
        told.setdefault(news.number, []).append(news)
    # The first version has nothing before it, so it is inserted unread; a second delivery meets its own document.
    known = dict(store.read([number for number, news in told.items() if news[0].version > 1]))
    utterances: list[Utterance] = []
    left: Collection[str] = told
    for _ in range(_TRIES):
        fresh: list[Timeline] = []
        changed: list[Timeline] = []
        for number in left:
            before = known.get(number)
            facts = before.facts if before else None
            for news in told[number]:
                facts = learn(facts, news)
            assert facts is not None  # noqa: S101 - every number was told at least once
            if before and facts is before.facts:
                utterances.append(_because(before, _causes(told[number])))
                continue
            rules = rules_for(facts.newest.profile, facts.policy)
            after = judge(before, facts, rules, now, f"v{told[number][-1].version}")
            (changed if before else fresh).append(after)
        lost = store.insert(fresh) | store.replace(changed)
        written = [timeline for timeline in (*fresh, *changed) if timeline.number not in lost]
        utterances.extend(_because(timeline, _causes(told[timeline.number])) for timeline in written)
        if not lost:
            return [each for each in utterances if each.effects]
        left = lost
        known = dict(store.read(left))
    raise Unavailable("The same tickets change all the time; their clocks are tried again.")


def fire(
    store: Clocks,
    rules_for: RulesFor,
    numbers: Sequence[str],
    now: datetime,
    cause: str,
    stuck: Stuck | None = None,
) -> list[Utterance]:
    """Takes the steps of these tickets that are due (D13, D14, D23).

    `cause` is a new name of an entry in the journal, noted before anything is written: settle it when everything is
    said. Who loses the race for a ticket says nothing about it: the winner does. A ticket that cannot be judged is
    given to `stuck` and does not hold up the others; without `stuck` its error is raised.
    """
    if not numbers:
        return []
    after: list[Timeline] = []
    for timeline in readable(store, numbers, stuck):
        if timeline.next_due is None or timeline.next_due > now:
            continue
        try:
            rules = rules_for(timeline.facts.newest.profile, timeline.facts.policy)
            after.append(judge(timeline, timeline.facts, rules, now, cause))
        except (DeskstreamError, *SPOILT) as trouble:
            if stuck is None:
                raise
            stuck(timeline.number, trouble)
    if not after:
        return []
    store.owe(cause, {timeline.number: timeline.revision - 1 for timeline in after}, now)
    lost = store.replace(after)
    # A loser by the look of it may have won and been overtaken since; the document knows.
    said = [_because(timeline, {cause}) for timeline in after if timeline.number not in lost]
    said.extend(_because(timeline, {cause}) for timeline in (store.read(lost).values() if lost else ()))
    return [each for each in said if each.effects]


def readable(store: Readable, numbers: Sequence[str], stuck: Stuck | None) -> list[Timeline]:
    """The tickets among these whose documents can be read; one that somebody spoilt holds up none of the others."""
    try:
        return list(store.read(numbers).values())
    except SPOILT as trouble:
        if stuck is None:
            raise
        if len(numbers) == 1:
            stuck(numbers[0], trouble)
            return []
    half = len(numbers) // 2
    return [*readable(store, numbers[:half], stuck), *readable(store, numbers[half:], stuck)]


def say_again(store: Clocks, entries: Sequence[Owing], stuck: Stuck | None = None) -> list[Utterance]:
    """What the journal's entries brought about, for whoever finds them unsettled; `stuck` as for `fire`.

    Whoever noted them and was held up since writes nothing any more on their account: it would go unsaid once they are
    struck out. It finds its ticket moved on, and decides again under a new note.
    """
    seen: dict[str, int] = {}
    for _, noted in entries:
        for number, revision in noted.items():
            seen[number] = max(revision, seen.get(number, revision))
    store.overtake(seen)
    numbers = sorted({number for _, noted in entries for number in noted})
    known = {each.number: each for each in readable(store, numbers, stuck)} if numbers else {}
    said = [_because(known[number], {cause}) for cause, noted in entries for number in noted if number in known]
    return [each for each in said if each.effects]


class Escalated(NamedTuple):
    """An escalation and the ticket it belongs to."""

    timeline: Timeline
    escalation: Escalation
    effects: tuple[Effect, ...]


def acknowledge(
    store: Clocks,
    rules_for: RulesFor,
    escalation_id: str,
    actor: str,
    roles: Collection[str],
    reason: str,
    now: datetime,
    cause: str,
) -> Escalated:
    """Takes up an escalation "<number>/<clock>/<cycle>" (D14). Raises Missing, Refused ("forbidden", "conflict")."""
    number, clock, cycle = parse_escalation_id(escalation_id)

    def step(before: Timeline, rules: Rules) -> Timeline:
        return acknowledged(before, clock, cycle, actor, roles, reason, rules, now, cause)

    timeline, effects = decide(store, rules_for, number, step, now, cause)
    found = standing(timeline.escalations, clock, cycle)
    assert found is not None  # noqa: S101 - it was acknowledged a moment ago
    return Escalated(timeline, found, effects)


def parse_escalation_id(text: str) -> tuple[str, str, int]:
    """Number, clock and cycle. Raises Missing for anything else."""
    number, _, rest = text.partition("/")
    clock, _, cycle = rest.partition("/")
    if not clock or not cycle.isdecimal() or len(cycle) > _LONGEST_CYCLE:
        raise Missing(f'"{text[:120]}" names no escalation; it looks like DS20250303-000001/start/0.')
    return number, clock, int(cycle)


def at_risk(
    store: Clocks,
    rules_for: RulesFor,
    team: str,
    limit: int,
    now: datetime,
    until: datetime,
    families: Collection[str] = (),
    names: Collection[str] = (),
) -> list[tuple[Timeline, Clock, int]]:
    """Clocks due by `until` and breached ones, soonest first, with the seconds that remain of them (D20).

    Only of these families or names, where any are given; family "progress" shows the silent tickets (D19).
    """
    some = bool(families or names)
    found: list[tuple[Timeline, Clock, int]] = []
    for timeline in store.at_risk(until, _MOST_LOOKED_AT if some or team else max(limit * 5, 1000)):
        newest = timeline.facts.newest
        if team and newest.team != team:
            continue
        rules = rules_for(newest.profile, timeline.facts.policy)
        for clock in timeline.clocks:
            if some and clock.family not in families and clock.name not in names:
                continue
            if clock.live and (
                clock.status is Status.BREACHED or (clock.status is Status.RUNNING and clock.due_at <= until)
            ):
                left = rules.calendar(clock.calendar).between(now, clock.due_at, clock.rests)
                found.append((timeline, clock, left))
    return sorted(found, key=lambda each: each[1].due_at)[:limit]


def _causes(told: Sequence[News]) -> set[str]:
    return {f"v{news.version}" for news in told}


def _because(timeline: Timeline, causes: Collection[str]) -> Utterance:
    return Utterance(timeline, tuple(effect for effect in timeline.effects if effect.cause in causes))
