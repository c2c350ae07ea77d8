"""Which replica gives out the work of which group of teams, and whose turn it is: leases in the database, fenced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pymongo.database import Database

from services.runtime.mongo import Row, available, insert_new

LIFETIME = timedelta(seconds=4)
MARGIN = timedelta(seconds=1)
"""A holder stops this long before others may take over, so that unequal clocks of machines do not matter."""
RENEW = 0.7
"""Seconds between two renewals, at least."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An event about to be written and not known to be said."""

    number: str
    event: str
    """Id it is said with."""
    version: int = 0
    """Of the ticket with it: once the ticket has it, or a higher one, the event is there or never will be."""


@dataclass(frozen=True, slots=True)
class Turns:
    """What a group remembers beyond a restart: how many tickets it gave out, who got which, who holds nothing."""

    count: int = 0
    last: Mapping[str, int] = field(default_factory=dict)
    idle: Mapping[str, datetime] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()
    """The outbox of a whole batch in one write."""


class Leases(Protocol):
    """The right to give out the work of a group of teams: one replica has it at a time."""

    def renew(self) -> None:
        """Keeps what is held and takes what is free. To be called every second, also while a long tick lasts."""

    def taken(self) -> Sequence[str]:
        """The groups taken since this was asked last: what is known of them must be recalled."""

    def held(self) -> Sequence[str]:
        """The groups this replica may serve at this moment."""

    def recall(self, name: str) -> Turns:
        """What the group remembered when it was taken or kept last; only what was recalled can be kept."""

    def keep(self, name: str, turns: Turns) -> bool:
        """Remembers; False when another replica took the group meanwhile: then nothing may be given out."""


class MongoLeases:
    """`Leases` by compare-and-set on a token that rises with every change of holder.

    Leases live on wall time, not on the desk's movable clock. Two holders of one group would still give each ticket
    once, for that is a compare-and-set on the ticket; the lease keeps them from filling one person's room twice.
    """

    def __init__(
        self,
        database: Database[Row],
        me: str,
        names: Sequence[str],
        wall: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._rows = database["turns"]
        self._me = me
        self._names = tuple(names)
        self._wall = wall
        self._monotonic = monotonic
        self._held: dict[str, float] = {}
        self._turns: dict[str, Turns] = {}
        self._renewed = -RENEW
        self._taken: dict[str, None] = {}
        self.tokens: dict[str, int] = {}
        """Fencing token of each group held."""

    def renew(self) -> None:
        begun, now = self._monotonic(), self._wall()
        if begun - self._renewed < RENEW:
            return
        self._renewed = begun
        last = begun + (LIFETIME - MARGIN).total_seconds()
        until = now + LIFETIME
        with available():
            rows = {row["_id"]: row for row in self._rows.find({})}
            # A group of older rules that died before its words were said: they are said for it.
            left = [name for name, row in rows.items() if row.get("owed") and name not in self._names]
            for name in (*self._names, *left):
                row = rows.get(name)
                if row is None:
                    fresh = {"_id": name, "holder": self._me, "token": 1, "until": until}
                    if not insert_new(self._rows, [fresh]):
                        self._take(name, fresh, last)
                elif row["holder"] == self._me and row["token"] == self.tokens.get(name):
                    if self._swap(name, row["token"], {"until": until}):
                        self._held[name] = last
                else:
                    self._held.pop(name, None)
                    mine = {"holder": self._me, "token": row["token"] + 1, "until": until}
                    if row["until"] <= now and self._swap(name, row["token"], mine):
                        self._take(name, {**row, **mine}, last)

    def taken(self) -> Sequence[str]:
        taken, self._taken = self._taken, {}
        return tuple(taken)

    def held(self) -> Sequence[str]:
        now = self._monotonic()
        return tuple(name for name, until in self._held.items() if now < until)

    def recall(self, name: str) -> Turns:
        return self._turns.get(name, Turns())

    def keep(self, name: str, turns: Turns) -> bool:
        # Taken again in the middle of a tick: what the tick knows is from before the other holder.
        if name not in self.held() or name in self._taken:
            return False
        kept = {
            "count": turns.count,
            # Ids of people have dots, which keys should not have.
            "last": [[person, turn] for person, turn in turns.last.items()],
            "idle": [[person, since] for person, since in turns.idle.items()],
            "owed": [[each.number, each.event, each.version] for each in turns.owed],
        }
        if not self._swap(name, self.tokens[name], kept):
            self._held.pop(name, None)
            return False
        self._turns[name] = turns
        return True

    def _take(self, name: str, row: Row, last: float) -> None:
        self.tokens[name] = row["token"]
        self._held[name] = last
        self._taken[name] = None
        owed = tuple(Owed(*each) for each in row.get("owed", ()))
        self._turns[name] = Turns(row.get("count", 0), dict(row.get("last", ())), dict(row.get("idle", ())), owed)

    def _swap(self, name: str, token: int, update: Row) -> bool:
        with available():
            return self._rows.update_one({"_id": name, "token": token}, {"$set": update}).matched_count == 1
