"""A generic desk whose network team has its work pushed to it, and a store for it in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.dispatch import model, wire
from services.dispatch.assignment.engine import Assigning, Assignments, Given, Held, Standing, names_of
from services.dispatch.assignment.storage import words_in
from services.dispatch.assignment.turns import Leases, MongoLeases, Owed, Turns
from services.dispatch.commands import Call, Commands
from services.dispatch.entries import Said
from services.dispatch.handlers import Desks, Stream, Tickets
from services.dispatch.policy import Desk, open_ticket
from services.profile.load import load
from services.profile.schema import Profile
from tests.dispatch.world import MORNING, POLICY, KeptTickets, person, received, request

LOADED = load(POLICY / "generic_desk")
NETWORK = ("g.net.one", "g.net.two", "g.net.three")
WALL = datetime(2026, 1, 1, tzinfo=UTC)
PUSH: dict[str, Any] = {"mode": "push", "capacity": {"default": 3}}


def profile(assignment: Mapping[str, Any], **organisation: Any) -> Profile:
    """The shipped generic desk with this assignment facet, and these parts of the organisation replaced."""
    told = LOADED.profile.model_dump(by_alias=True)
    told["organisation"] |= organisation
    return Profile.model_validate(told | {"assignment": assignment})


def desk(network: Mapping[str, Any] = PUSH, other: Mapping[str, Any] | None = None, **organisation: Any) -> Desk:
    """The generic desk as rule book; `network`: how that team gets its work."""
    from services.profile.duty import Roster

    made = profile({"network": network} | dict(other or {}), **organisation)
    return Desk(made, "test", Roster(made))


def desks(book: Desk) -> Desks:
    return Desks({book.name: book}, book.name)


def opened(book: Desk, number: str = "DS20250610-000001", at: datetime = MORNING, **said: Any) -> model.Ticket:
    """A network fault as it stands after its opening: dispatched to the team, in nobody's hands."""
    words = {"profile": "generic_desk", "type": "fault", "grade": "general", "entry": "network"} | said
    return open_ticket(book, wire.request_from(request(number, **words)), at, at)[-1].ticket


class KeptAssignments:
    """services.dispatch.assignment.engine.Assignments in memory, on the tickets of KeptTickets."""

    def __init__(self, tickets: KeptTickets) -> None:
        self._tickets = tickets
        self._instead: dict[str, datetime | None] = {}

    def waiting(self, team: str, after: str, limit: int) -> Sequence[Standing]:
        found = self._tickets.page("place", f"team:{team}", after, limit)
        return [Standing(position, self._newest(ticket.number)) for position, ticket in found]

    def _newest(self, number: str) -> Any:
        return self._tickets.load([number])[number].entries[-1]

    def overdue(self, now: datetime, profiles: Sequence[str], limit: int) -> Sequence[Standing]:
        due = []
        for number in sorted(self._tickets._rows):
            entry = self._newest(number)
            ticket = wire.ticket_from(entry.event().ticket)
            at = self._instead.get(f"{number}/{ticket.version}", ticket.attend_at)
            if at is not None and at <= now and ticket.profile in profiles:
                due.append((at, Standing("", entry)))
        return [standing for _, standing in sorted(due, key=lambda each: each[0])][:limit]

    def look_again(self, number: str, version: int, at: datetime | None) -> None:
        self._instead[f"{number}/{version}"] = at

    def held_by(self, people: Iterable[str]) -> Mapping[str, Sequence[Held]]:
        found: dict[str, Sequence[Held]] = {}
        for name in people:
            held = [wire.ticket_from(t) for _, t in self._tickets.page("place", f"person:{name}", "", 10_000)]
            found[name] = [Held(t.weight or 1, t.channel) for t in held if t.phase in ("new", "open")]
        return found

    def append(self, given: Sequence[Given]) -> set[str]:
        return {each.ticket.number for each in given if self._tickets.append(each.ticket, each.entries)}

    def words(self, owed: Sequence[Owed]) -> tuple[Sequence[Said], Sequence[Owed]]:
        return words_in(self._tickets.load([each.number for each in owed]), owed)


class KeptLeases:
    """services.dispatch.assignment.turns.Leases of the only replica alive; `turns` is what the database would keep."""

    def __init__(self, names: Sequence[str], turns: dict[str, Turns]) -> None:
        self._names = names
        self._turns = turns
        self._held: tuple[str, ...] = ()

    def renew(self) -> None:
        """Nobody else is there."""

    def taken(self) -> Sequence[str]:
        taken = tuple(name for name in self._names if name not in self._held)
        self._held = tuple(self._names)
        return taken

    def held(self) -> Sequence[str]:
        return self._held

    def recall(self, name: str) -> Turns:
        return self._turns.get(name, Turns())

    def keep(self, name: str, turns: Turns) -> bool:
        self._turns[name] = turns
        return True


class Time:
    """Wall time and the monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


@dataclass
class Place:
    """One desk with its tickets, and replicas that give out its work."""

    tickets: Tickets
    store: Assignments
    rows: Any
    time: Time
    book: Desk
    kept: dict[str, Turns] = field(default_factory=dict)

    def opens(self, count: int, at: datetime = MORNING, first: int = 0, **said: Any) -> list[str]:
        numbers = [f"DS20250610-{first + n:06d}" for n in range(count)]
        words = {"profile": "generic_desk", "type": "fault", "grade": "general", "entry": "network"} | said
        batch = [received(number, received_at=at + timedelta(seconds=n), **words) for n, number in enumerate(numbers)]
        Stream(desks(self.book), self.tickets).requests(batch, at)
        return numbers

    def replica(self, me: str = "one") -> Assigning:
        served = desks(self.book)
        leases: Leases = self.leases(me) if self.rows is not None else KeptLeases(names_of(served), self.kept)
        return Assigning(served, self.store, leases, me, self.time.monotonic)

    def leases(self, me: str) -> MongoLeases:
        return MongoLeases(self.rows, me, names_of(desks(self.book)), self.time.wall, self.time.monotonic)

    def ticket(self, number: str) -> model.Ticket:
        return self.tickets.load([number])[number].ticket()

    def holders(self, numbers: list[str]) -> Counter[str]:
        return Counter(self.ticket(number).assignee for number in numbers)

    def does(self, number: str, who: str, action: str, now: datetime, **values: str) -> None:
        commands = Commands(desks(self.book), self.tickets, lambda said: None)
        call = Call(person(who, "generic_desk"), now, f"{number}-{action}-{now}")
        commands.act(number, model.Command(action, "because", values=values), call)
