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
PRESENCE = timedelta(seconds=6)
"""How long a replica counts when shares are reckoned; shorter than a lease, so that the dead claim no share."""
PATIENCE = timedelta(seconds=3)
"""How long what was given back waits for whoever lacks it, before anybody takes it."""
FARTHEST = 3 * LIFETIME
"""No lease is written to last longer from now on, however far the clocks of two replicas lie apart."""
_NOBODY = ""
_GONE = datetime(1970, 1, 1, tzinfo=UTC)


class Leases:
    """This replica's share of the shards. `renew` every few seconds, ask `held` before firing.

    Leases live on the database's time (`wall`), not on the desk's movable clock. They only divide the work: two holders
    of one shard would still take every step once, for each step is a compare-and-set on its ticket's document.
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
            presence = {"_id": f"replica/{self._me}", "until": now + PRESENCE}
            if not self._rows.update_one(
                {"_id": presence["_id"]}, {"$set": {"until": presence["until"]}}
            ).matched_count:
                insert_new(self._rows, [presence])
            rows = list(self._rows.find({}))
            kept, back, spare = divide(rows, self._me, now)
            held = {shard: last for shard in kept if self._swap(shard, self.tokens.get(shard, -1), {"until": until})}
            for shard, token in spare:
                if token < 0:
                    taken = not insert_new(self._rows, [{"_id": shard, "holder": self._me, "token": 1, "until": until}])
                else:
                    mine = {"holder": self._me, "token": token + 1, "until": until}
                    taken = self._swap(shard, token, mine, over_by=now)
                if taken:
                    held[shard] = last
                    self.tokens[shard] = token + 1 if token >= 0 else 1
            # Before it is offered: a tick that begins now must not count on it.
            self._held = held
            for shard in back:
                self._swap(shard, self.tokens.get(shard, -1), {"holder": _NOBODY, "until": now})
            dead = [row["_id"] for row in rows if isinstance(row["_id"], str) and row["until"] < now - 6 * LIFETIME]
            if dead:
                self._rows.delete_many({"_id": {"$in": dead}})

    def leave(self) -> None:
        """Gives everything back at once: a replica that ends in order keeps nobody waiting."""
        held, self._held = self._held, {}
        with available():
            self._rows.delete_one({"_id": f"replica/{self._me}"})
            for shard in held:
                self._swap(shard, self.tokens.get(shard, -1), {"holder": _NOBODY, "until": _GONE})

    def _swap(self, shard: int, token: int, update: Row, *, over_by: datetime | None = None) -> bool:
        """One compare-and-set on the token and on us as its holder, or on its being over; whether all was as expected.

        The token alone would not do: its holder may have renewed it since we looked.
        """
        wanted: Row = {"_id": shard, "token": token, "holder": self._me}
        if over_by is not None:
            over = [{"until": {"$lte": over_by}}, {"until": {"$gt": over_by + FARTHEST}}]
            wanted = {"_id": shard, "token": token, "$or": over}
        return self._rows.update_one(wanted, {"$set": update}).matched_count == 1


def divide(
    rows: Sequence[dict[str, Any]], me: str, now: datetime
) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """(shards to keep, shards to give back, shards to take with their last token, -1 for one nobody ever held).

    What a dead replica held is taken at once by whoever comes first, be it more than a fair share; the excess goes back
    only while somebody lacks it, so that no shard waits for a replica that will never come.
    """
    living = {row["_id"] for row in rows if isinstance(row["_id"], str) and _lasts(row, now)} | {f"replica/{me}"}
    share = -(-SHARDS // len(living))
    leases = {row["_id"]: row for row in rows if isinstance(row["_id"], int)}
    mine = [shard for shard, row in sorted(leases.items()) if row["holder"] == me]
    others = [row["holder"] for row in leases.values() if _lasts(row, now)]
    lacking = sum(max(share - others.count(each.partition("/")[2]), 0) for each in living - {f"replica/{me}"})
    keep = mine[: max(share, len(mine) - lacking)]
    free = [
        (shard, int(leases[shard]["token"]) if shard in leases else -1)
        for shard in range(SHARDS)
        if shard not in mine and (shard not in leases or not _lasts(leases[shard], now))
    ]
    orphaned = [each for each in free if each[0] not in leases or _orphaned(leases[each[0]], now)]
    # Left to the one it was given back for, unless that one does not come.
    offered = [each for each in free if each not in orphaned]
    return keep, mine[len(keep) :], [*orphaned, *offered[: max(share - len(keep) - len(orphaned), 0)]]


def _lasts(row: Row, now: datetime) -> bool:
    """Nobody holds anything for longer than a lease: what lasts far beyond was written before the database's clock was
    put back. A holder that lives writes it anew at once; that of a dead one must not last until the time is reached."""
    return bool(now < row["until"] <= now + FARTHEST)


def _orphaned(lease: Row, now: datetime) -> bool:
    return bool(lease["holder"] != _NOBODY or not now - PATIENCE < lease["until"] <= now + FARTHEST)
