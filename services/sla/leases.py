"""Which replica fires the timers of which shard: leases in the database, by compare-and-set, with fencing tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from services.runtime.mongo import Row, available, insert_new
from services.sla.handlers import SHARDS

LIFETIME = timedelta(seconds=10)
MARGIN = timedelta(seconds=2)
"""A holder stops this long before others may take over, so that unequal clocks of machines do not matter."""
_GONE = datetime(1970, 1, 1, tzinfo=UTC)


class Leases:
    """This replica's share of the shards. `renew` every few seconds, ask `held` before firing.

    Leases live on wall time, not on the desk's movable clock. They only divide the work: two holders of one shard
    would still take every step once, for each step is a compare-and-set on its ticket's document.
    """

    def __init__(
        self, database: Database[Row], me: str, wall: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._rows = database["leases"]
        self._me = me
        self._wall = wall
        self._monotonic = monotonic
        self._held: dict[int, float] = {}
        self.tokens: dict[int, int] = {}
        """Fencing token of each shard held; rises with every change of holder."""

    def held(self) -> tuple[int, ...]:
        """The shards whose timers this replica may fire at this moment."""
        now = self._monotonic()
        return tuple(shard for shard, until in self._held.items() if now < until)

    def renew(self) -> None:
        """Says that this replica lives, keeps its leases, takes free ones and gives back what is above its share."""
        begun, now = self._monotonic(), self._wall()
        until = now + LIFETIME
        last = begun + (LIFETIME - MARGIN).total_seconds()
        with available():
            presence = {"_id": f"replica/{self._me}", "until": until}
            if not self._rows.update_one({"_id": presence["_id"]}, {"$set": {"until": until}}).matched_count:
                insert_new(self._rows, [presence])
            rows = list(self._rows.find({}))
            kept, spare = divide(rows, self._me, now)
            held = {shard: last for shard in kept if self._swap(shard, self.tokens.get(shard, -1), until, keep=True)}
            for shard, token in spare:
                if token < 0:
                    taken = not insert_new(self._rows, [{"_id": shard, "holder": self._me, "token": 1, "until": until}])
                else:
                    taken = self._swap(shard, token, until, keep=False)
                if taken:
                    held[shard] = last
                    self.tokens[shard] = token + 1 if token >= 0 else 1
            for shard in set(self._held) - set(held) - set(kept):
                self._swap(shard, self.tokens.get(shard, -1), _GONE, keep=True)
            dead = [row["_id"] for row in rows if isinstance(row["_id"], str) and row["until"] < now - 6 * LIFETIME]
            if dead:
                self._rows.delete_many({"_id": {"$in": dead}})
        self._held = held

    def _swap(self, shard: int, token: int, until: datetime, *, keep: bool) -> bool:
        """Holder, token and time in one compare-and-set; whether the token was still the one expected."""
        update = {"until": until} if keep else {"holder": self._me, "token": token + 1, "until": until}
        wanted: Row = {"_id": shard, "token": token}
        if keep:
            wanted["holder"] = self._me
        return self._rows.update_one(wanted, {"$set": update}).matched_count == 1


def divide(rows: Sequence[dict[str, Any]], me: str, now: datetime) -> tuple[list[int], list[tuple[int, int]]]:
    """(shards to keep, shards to take with their last token, -1 for one nobody ever held); at most a fair share."""
    living = {row["_id"] for row in rows if isinstance(row["_id"], str) and row["until"] > now} | {f"replica/{me}"}
    share = -(-SHARDS // len(living))
    leases = {row["_id"]: row for row in rows if isinstance(row["_id"], int)}
    mine = [shard for shard, row in sorted(leases.items()) if row["holder"] == me and row["until"] > _GONE]
    free = [
        (shard, int(leases[shard]["token"]) if shard in leases else -1)
        for shard in range(SHARDS)
        if shard not in leases or (leases[shard]["until"] <= now and shard not in mine)
    ]
    keep = mine[:share]
    return keep, free[: share - len(keep)]
