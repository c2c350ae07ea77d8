"""Several tickets, people who link them, and the stream between the ends, in any order one likes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.dispatch import model
from services.dispatch.commands import Call, Commands
from services.dispatch.entries import OTHER_ENDS
from services.dispatch.handlers import Stream, Tickets
from services.dispatch.linking import Linking
from services.runtime.message import Heard, Said
from tests.dispatch.world import MORNING, callback, desks, person, received

ONE, TWO, THREE, FOUR = (f"DS20250610-{n:06d}" for n in range(1, 5))


class Between:
    """Dispatch with its command side, its stream and what waits in the queue dispatch.links."""

    def __init__(self, tickets: Tickets, *numbers: str, profile: str = "itss_desk", **said: Any) -> None:
        self.tickets = tickets
        self.profile = profile
        self.now: datetime = MORNING
        self.said: list[Said] = []
        self.waiting: list[Heard] = []
        self.stream = Stream(desks(), tickets)
        self.commands = Commands(desks(), tickets, self._say)
        self.linking = Linking(desks(), tickets)
        self.open(*numbers, **said)

    def open(self, *numbers: str, **said: Any) -> None:
        self._say(self.stream.requests([received(n, **({"profile": self.profile} | said)) for n in numbers], self.now))

    def _say(self, said: Sequence[Said]) -> None:
        self.said.extend(said)
        for one in said:
            if OTHER_ENDS in one.also:
                body = one.body.SerializeToString()
                self.waiting.append(Heard(id=one.id, key=one.key, body=body, traceparent=one.traceparent))

    def does(
        self, who: str, number: str, action: str, target: str = "", reason: str = "", **values: str
    ) -> model.Ticket:
        """A minute later the person acts; the other ends do not know yet."""
        self.now += timedelta(minutes=1)
        call = Call(person(who, self.profile), self.now, f"call-{len(self.said)}-{self.now:%H%M%S}-{number}-{action}")
        self.commands.act(number, model.Command(action, reason, target, values), call)
        return self[number]

    def hear(self, *heard: Heard) -> list[Said]:
        """One delivery; what it says is said."""
        told = self.linking.hear(heard, self.now)
        self._say(told)
        return told

    def settle(self, chance: random.Random | None = None) -> Between:
        """Everything is heard, what comes of it too; by chance in any order and twice or three times."""
        for _ in range(1000):
            if not self.waiting:
                return self
            at = chance.randrange(len(self.waiting)) if chance else 0
            message = self.waiting.pop(at)
            for _ in range(chance.randint(1, 3) if chance else 1):
                before = len(self.waiting)
                self.hear(message)
                # What is said again is the same message: told once more only by chance above.
                known = {each.id for each in self.waiting[:before]} | {message.id}
                self.waiting[before:] = [each for each in self.waiting[before:] if each.id not in known]
            assert message.refused is None, message.refused
        raise AssertionError("It never comes to rest.")

    def called_back(self, number: str, outcome: str = "completed") -> None:
        self._say(self.stream.callbacks([callback(number, outcome, self[number].cycle)], self.now))

    def solved(self, number: str, solution: str = "重启服务") -> model.Ticket:
        """Solved online by the specialist."""
        self.does("li.wei", number, "try_online")
        return self.does("li.wei", number, "solve_online", solution=solution)

    def closed(self, number: str) -> model.Ticket:
        """Called back and closed by the team leader."""
        self.called_back(number)
        return self.does("wang.fang", number, "close")

    def links(self, number: str) -> list[tuple[str, str, str]]:
        return sorted((link.kind, link.target, link.note) for link in self[number].links)

    def entries(self, number: str) -> int:
        return len(self.tickets.load([number])[number].entries)

    def __getitem__(self, number: str) -> model.Ticket:
        return self.tickets.load([number])[number].ticket()
