"""Gives waiting tickets to people, moves on what waits too long, takes back from the silent (C13, C22, M28)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.dispatch import model, wire
from services.dispatch.assignment.turns import Leases, Owed, Turns
from services.dispatch.entries import Entry, Said, entries_of
from services.dispatch.handlers import Desks
from services.dispatch.model import replace
from services.dispatch.policy.assignment import Seat, choose, has_room
from services.dispatch.policy.attending import attend, given, overdue, waits
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.teamwork import pools_of

AT_ONCE = 250
"""How many tickets of a team are looked at together."""
AT_LENGTH = 1.0
"""Seconds after which a tick begins no further batch: what it wrote must be said, and the lease be renewed."""
FRESH = 2.0
"""Seconds for which what people hold is remembered: people take and finish tickets meanwhile."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket where it stands: its position in the queue and its newest event."""

    position: str
    entry: Entry

    def ticket(self) -> model.Ticket:
        """The ticket as policy judges it."""
        return wire.ticket_from(self.entry.event().ticket)


@dataclass(frozen=True, slots=True)
class Held:
    """What one open ticket counts for its holder."""

    weight: int
    channel: str


@dataclass(frozen=True, slots=True)
class Given:
    """A changed ticket with its event, written and as it is said."""

    ticket: model.Ticket
    entries: tuple[Entry, ...]
    said: tuple[Said, ...]


class Assignments(Protocol):
    """What giving out reads and writes."""

    def waiting(self, team: str, after: str, limit: int) -> Sequence[Standing]:
        """The queue of a team behind a position, as people see it."""

    def overdue(self, now: datetime, profiles: Sequence[str], limit: int) -> Sequence[Standing]:
        """Tickets of these profiles whose `attend_at` has come, the oldest first."""

    def look_again(self, number: str, version: int, at: datetime | None) -> None:
        """The ticket is looked at again at another instant, or not at all."""

    def held_by(self, people: Iterable[str]) -> Mapping[str, Sequence[Held]]:
        """Open tickets in the hands of each."""

    def append(self, given: Sequence[Given]) -> set[str]:
        """Adds each event to its ticket's version before; the numbers of those that took it."""

    def words(self, owed: Sequence[Owed]) -> tuple[Sequence[Said], Sequence[Owed]]:
        """The events among these that were written, as they are said; and those that may still be."""


@dataclass(slots=True)
class _Pool:
    """A group of teams this replica serves, with what it remembers between two ticks."""

    name: str
    desk: Desk
    teams: tuple[str, ...]
    turns: Turns = field(default_factory=Turns)
    seats: dict[str, Seat] = field(default_factory=dict)
    seen: float = float("-inf")
    after: dict[str, str] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()
    """Written or about to be, and not known to be said."""
    open: tuple[Owed, ...] = ()
    """Those of them that were not written when last looked for and may be yet: by a holder that was held up."""


def names_of(desks: Desks) -> tuple[str, ...]:
    """Every group of every desk: what the leases are for."""
    return tuple(name for desk in desks.all() for name in pools_of(desk.profile))


class Assigning:
    """One tick after another, never two at once.

    What a batch is about to write is kept with the lease until it was said, as one outbox for all: an outbox in each
    ticket would be a second write of each.
    """

    def __init__(
        self, desks: Desks, store: Assignments, leases: Leases, me: str, monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._leases = leases
        self._me = me
        self._monotonic = monotonic
        self._pools = {
            name: _Pool(name, desk, teams) for desk in desks.all() for name, teams in pools_of(desk.profile).items()
        }
        self._desks = {desk.name: desk for desk in desks.all()}
        self._pool_of = {(pool.desk.name, team): pool for pool in self._pools.values() for team in pool.teams}
        self._returned = True

    def tick(self, now: datetime) -> Sequence[Said]:
        """What is to be said. The next tick comes only once all of it was confirmed, unless this one raised."""
        confirmed, self._returned = self._returned, False
        if confirmed:
            for pool in self._pools.values():
                pool.owed, pool.open = pool.open, ()
        self._leases.renew()
        for name in self._leases.taken():
            self._take_over(name)
        said = [message for pool in self._pools.values() for message in self._left(pool)]
        held = [self._pools[name] for name in self._leases.held()]
        late = self._late(held, now) if held else {}
        for pool in held:
            said += self._commit(pool, late.get(pool.name, []))
            said += self._give_out(pool, now)
            if pool.turns.owed and not pool.owed:
                pool.turns = replace(pool.turns, owed=())
                self._leases.keep(pool.name, pool.turns)
        self._returned = True
        return said

    def _left(self, pool: _Pool) -> Sequence[Said]:
        """What is owed from before. What may still be written by whoever was to write it is looked for again."""
        if not pool.owed:
            return ()
        said, still = self._store.words(pool.owed)
        pool.open = tuple(still)
        return said

    def renew(self) -> Sequence[Said]:
        """Keeps the leases while a tick lasts long; says nothing."""
        self._leases.renew()
        return ()

    def _give_out(self, pool: _Pool, now: datetime) -> list[Said]:
        """Batch after batch, as long as there is room and time."""
        begun = self._monotonic()
        said: list[Said] = []
        while batch := self._commit(pool, self._give(pool, now)):
            said += batch
            if self._monotonic() - begun >= AT_LENGTH or len(batch) < AT_ONCE:
                break
        return said

    def _take_over(self, name: str) -> None:
        if name not in self._pools:
            self._pools[name] = _Pool(name, next(iter(self._desks.values())), ())
        pool = self._pools[name]
        pool.turns = self._leases.recall(name)
        pool.owed, pool.open, pool.seen = pool.turns.owed, (), float("-inf")
        pool.after.clear()

    def _late(self, held: Sequence[_Pool], now: datetime) -> Mapping[str, list[Given]]:
        """Overflows and takings back of the groups held."""
        names = {pool.name for pool in held}
        decided: dict[str, list[Given]] = {}
        for standing in self._store.overdue(now, sorted(self._desks), AT_ONCE):
            ticket = standing.ticket()
            desk = self._desks.get(ticket.profile)
            pool = self._pool_of.get((ticket.profile, ticket.team))
            if desk is None or (pool is not None and pool.name not in names):
                continue
            event = overdue(desk, ticket, now)
            if event is None or pool is None:
                # The rules changed since the ticket was told its instant.
                self._store.look_again(ticket.number, ticket.version, attend(desk, ticket))
                continue
            decided.setdefault(pool.name, []).append(self._written(event, standing.entry))
        return decided

    def _commit(self, pool: _Pool, decided: Sequence[Given]) -> Sequence[Said]:
        """Remembers what is owed, then writes it. What could not be written by all means is not what people hold."""
        if not decided:
            return ()
        seen, pool.seen = pool.seen, float("-inf")
        about = (Owed(each.ticket.number, each.entries[-1].id, each.ticket.version) for each in decided)
        owed = (*pool.owed, *about)
        turns = replace(pool.turns, owed=owed)
        # Fence and memory in one: after a change of holder nothing is written.
        if not self._leases.keep(pool.name, turns):
            return ()
        pool.turns, pool.owed = turns, owed
        taken = self._store.append(decided)
        if len(taken) == len(decided) and all(each.ticket.assignee for each in decided):
            pool.seen = seen
        return [message for each in decided if each.ticket.number in taken for message in each.said]

    def _give(self, pool: _Pool, now: datetime) -> list[Given]:
        """Every team of the group that pushes, as far as there is room."""
        decided: list[Given] = []
        for team in pool.teams:
            work = pool.desk.work[team]
            if not work.pushes or (self._knows(pool, now) and not self._room(pool, team, now)):
                continue
            queue = self._store.waiting(team, pool.after.get(team, ""), AT_ONCE)
            if queue or work.facet.choose == "longest_idle":
                self._look(pool, now)
            for standing in queue:
                if (one := self._one(pool, standing, now)) is not None:
                    decided.append(one)
            # What nobody can take now must not hide what stands behind it.
            pool.after[team] = queue[-1].position if len(queue) == AT_ONCE else ""
        return decided

    def _one(self, pool: _Pool, standing: Standing, now: datetime) -> Given | None:
        ticket, desk = standing.ticket(), pool.desk
        work = desk.work.get(ticket.team)
        if ticket.profile != desk.name or work is None or not waits(desk, ticket, work):
            return None
        choice = choose(desk, ticket, pool.seats, now)
        if choice is None:
            return None
        if choice.person not in pool.seats:
            # On duty since a moment ago: what they hold is read first.
            pool.seen = float("-inf")
            return None
        turns, seat = pool.turns, pool.seats[choice.person]
        count = turns.count + 1
        idle = {person: since for person, since in turns.idle.items() if person != choice.person}
        pool.turns = replace(turns, count=count, last={**turns.last, choice.person: count}, idle=idle)
        channels = {**seat.channels, ticket.channel: seat.channels.get(ticket.channel, 0) + 1}
        pool.seats[choice.person] = Seat(seat.load + choice.weight, channels, count)
        return self._written(given(desk, ticket, choice, now), standing.entry)

    def _present(self, pool: _Pool, now: datetime) -> set[str]:
        teams = [team for team in pool.teams if pool.desk.work[team].pushes]
        return {person.id for team in teams for person in pool.desk.roster.on_duty(now, team=team)}

    def _knows(self, pool: _Pool, now: datetime) -> bool:
        """Whether what people hold was read a moment ago."""
        return self._monotonic() - pool.seen < FRESH and self._present(pool, now) <= pool.seats.keys()

    def _room(self, pool: _Pool, team: str, now: datetime) -> bool:
        work, on_duty = pool.desk.work[team], pool.desk.roster.on_duty(now, team=team)
        return any(has_room(work, person.id, pool.seats[person.id], 1, "") for person in on_duty)

    def _look(self, pool: _Pool, now: datetime) -> None:
        """What people hold, read again when it is old."""
        if self._knows(pool, now):
            return
        present = self._present(pool, now)
        idle = {person: since for person, since in pool.turns.idle.items() if person in present}
        pool.seats = {}
        for person, held in self._store.held_by(sorted(present)).items():
            channels: dict[str, int] = {}
            for each in held:
                channels[each.channel] = channels.get(each.channel, 0) + 1
            if held:
                idle.pop(person, None)
            else:
                idle.setdefault(person, now)
            load = sum(each.weight for each in held)
            pool.seats[person] = Seat(load, channels, pool.turns.last.get(person, 0), idle.get(person))
        pool.turns = replace(pool.turns, idle=idle)
        pool.seen = self._monotonic()

    def _written(self, event: model.Event, previous: Entry) -> Given:
        # Two replicas that decide alike must not say different words under one id.
        cause = f"{self._me}/{event.ticket.number}/{event.ticket.version}"
        entries, said = entries_of((event,), cause, previous.traceparent, previous)
        return Given(event.ticket, entries, said)
