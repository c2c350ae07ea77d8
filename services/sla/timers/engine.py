"""What a worker of this service does: takes in tickets, fires timers on time, says what a crash left unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from uuid import uuid4

from services.kernel.clock import Clock, to_milliseconds
from services.kernel.errors import DeskstreamError, Unavailable
from services.runtime import telemetry
from services.runtime.message import Heard, Said
from services.runtime.outbox import AT_ONCE, LEAVE_ALONE
from services.sla.handlers import SPOILT, Clocks, Owing, RulesFor, Utterance, fire, hear, say_again, shard_of
from services.sla.hearing import hear_all
from services.sla.stream import say_all
from services.sla.timers.leases import Leases

LOOK_EVERY = 0.5
"""Seconds between two looks at the database for timers that another replica has set."""
LOOK_AHEAD = timedelta(seconds=2)
AT_A_LOOK = 5_000
AT_A_TIME = 500
_LEAST_REACH = timedelta(seconds=1)

PUT_ASIDE_SECONDS = 60.0
"""How long a ticket rests that could not be judged; it must not keep the others waiting."""

_log = telemetry.get_log("deskstream.sla")
_stuck = telemetry.counter("deskstream_clocks_stuck", "Tickets whose due steps could not be judged")
_late = telemetry.histogram("deskstream_clock_lateness_seconds", "s", "From a step's due instant to its taking")


class Engine:
    """One per worker process. Due instants in the database are the truth; the near ones lie in a heap (decision 12)."""

    def __init__(
        self,
        store: Clocks,
        rules_for: RulesFor,
        leases: Leases,
        clock: Clock,
        monotonic: Callable[[], float],
        follow: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` is the desk's time on top of the database's; `follow` sets it by the database, every few seconds."""
        self._store = store
        self._rules_for = rules_for
        self._leases = leases
        self._clock = clock
        self._monotonic = monotonic
        self._follow = follow
        self._near: list[tuple[datetime, str]] = []
        self._waiting: dict[str, datetime] = {}
        self._looked = float("-inf")
        self._horizon: datetime | None = None
        self._reach: timedelta | None = None
        """How far a look may go at once; None while there is no backlog."""
        self._aside: dict[str, float] = {}
        self._said: list[str] = []
        self._said_again: list[Owing] = []
        self._started = False

    def tickets(self, batch: Sequence[Heard]) -> Iterable[Said]:
        """ticket.* messages to clocks."""
        news, causes = hear_all(batch, self._rules_for)
        return list(say_all(hear(self._store, self._rules_for, news, self._now()), self._rules_for, causes))

    def tick(self) -> Iterable[Said]:
        """Takes the steps that are due on the shards held, in the order they were due."""
        if self._said:
            # A tick is called again only after what the last one returned was confirmed by the broker.
            self._store.settle(self._said)
            self._said.clear()
        now = self._now()
        shards = self._leases.held()
        self._look(now, shards)
        numbers = self._pop(now, shards)
        if not numbers:
            return ()
        cause = f"timer/{uuid4()}"
        utterances = fire(self._store, self._rules_for, numbers, now, cause, self._put_aside)
        said = self._say(utterances)
        # Not before: after a failure halfway the entry must stay, for the relay.
        self._said.append(cause)
        return said

    def renew(self) -> Iterable[Said]:
        """Sets the clock by the database's and keeps this replica's leases."""
        self._follow()
        self._leases.renew()
        return ()

    def hand_over(self) -> None:
        """What a replica does last that ends in order: others need not wait for its leases to run out."""
        try:
            self._leases.leave()
        except Unavailable as away:
            _log.warning("leases_run_out", why=away.message)

    def relay(self) -> Iterable[Said]:
        """Says what a crash, or a server, left unsaid; the first call after a start does not wait for it to age."""
        if self._said_again:
            self._store.strike(self._said_again)
            self._said_again.clear()
        now = self._now()
        entries = self._store.owed(now - LEAVE_ALONE if self._started else now + LEAVE_ALONE, AT_ONCE)
        utterances = say_again(self._store, entries, self._put_aside)
        said = self._say(utterances)
        # As in a tick: what could not be put into words now is left for the next time.
        self._said_again.extend(entries)
        self._started = True
        return said

    def _say(self, utterances: Sequence[Utterance]) -> list[Said]:
        for _, effects in utterances:
            for effect in effects:
                if effect.kind != "armed":
                    _late.record((effect.at - effect.due_at).total_seconds(), {"kind": effect.kind})
        said: list[Said] = []
        for utterance in utterances:
            try:
                said.extend(say_all([utterance], self._rules_for))
            except Unavailable:
                raise
            except (DeskstreamError, *SPOILT) as trouble:
                # Told to nobody, as it cannot be; it must not keep the others from being told.
                self._put_aside(utterance.timeline.number, trouble)
        return said

    def _put_aside(self, number: str, trouble: Exception) -> None:
        self._aside[number] = self._monotonic() + PUT_ASIDE_SECONDS
        _stuck.add(1)
        _log.error("clocks_stuck", ticket=number, exc_info=trouble)

    def _look(self, now: datetime, shards: Sequence[int]) -> None:
        """Fills the heap from the database: now and then, and at once when the clock has left what was looked at."""
        moment = self._monotonic()
        left = self._horizon is None or now >= self._horizon
        if not shards or (moment - self._looked < LOOK_EVERY and not left):
            return
        if len(self._near) >= AT_A_TIME and self._near[0][0] <= now:
            # Enough to do: what comes to light now is due later than that, or waits no longer than this takes.
            return
        self._looked = moment
        until = ahead = now + LOOK_AHEAD
        if self._reach is not None and self._horizon is not None:
            # A backlog is gone through piece by piece: the embedded server's cost goes with all that matches.
            until = min(ahead, self._horizon + self._reach)
        found = self._store.due(shards, until, AT_A_LOOK)
        full = len(found) == AT_A_LOOK
        self._horizon = found[-1][0] if full else until
        if full:
            self._reach = max(found[-1][0] - found[0][0], _LEAST_REACH)
        elif until < ahead:
            self._reach = (self._reach or _LEAST_REACH) * 2
        else:
            self._reach = None
        for due, number in found:
            if self._waiting.get(number) != due:
                self._waiting[number] = due
                heappush(self._near, (due, number))

    def _pop(self, now: datetime, shards: Sequence[int]) -> list[str]:
        """Tickets that are due; another's shard is left to its holder."""
        numbers: list[str] = []
        while self._near and self._near[0][0] <= now and len(numbers) < AT_A_TIME:
            due, number = heappop(self._near)
            if self._waiting.get(number) == due:
                del self._waiting[number]
                if shard_of(number) in shards and self._aside.get(number, 0.0) <= self._monotonic():
                    self._aside.pop(number, None)
                    numbers.append(number)
        return numbers

    def _now(self) -> datetime:
        """The present, cut to milliseconds as the database keeps it."""
        return to_milliseconds(self._clock.now())
