"""The database's time, carried on by the monotonic clock: a wall clock that is set wrong fires nothing early."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pymongo.database import Database

from services.kernel.errors import Unavailable
from services.runtime import telemetry
from services.runtime.mongo import Row, available

SMALL = timedelta(seconds=2)
"""A difference up to this is made good little by little; a larger one at once."""
RATE = 0.05
"""Seconds of a difference made good in a second."""
_TRIES = 3
_log = telemetry.get_log("deskstream.clock")

Ask = Callable[[], datetime | None]
"""The server's time; None when it does not tell. Raises Unavailable while it does not answer."""


class _Anchor(NamedTuple):
    """Instant and monotonic moment that belong together, and what is still to be made good; changed as one."""

    at: datetime
    moment: float
    owed: timedelta


class SteadyClock:
    """`kernel.clock.Clock` on the server's time: an anchor plus what the monotonic clock has counted since (D23, H11).

    `check` asks the server; call it every few seconds. Between checks, and while the server is away, the monotonic
    clock carries on. Without an answer ever, the machine's wall clock at the start is the anchor, said once in the log.
    """

    def __init__(
        self,
        ask: Ask,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._anchor = _Anchor(wall(), monotonic(), timedelta())
        self._followed = False
        self._untold = False

    def now(self) -> datetime:
        """The present, aware UTC. Goes back only when the server's own clock was put back by more than `SMALL`."""
        return self._at(self._monotonic())

    def check(self) -> None:
        """Asks the server once or, when the answer is far off, again, so that one odd answer moves nothing.

        Raises Unavailable while the server is away; the clock then goes on as it was.
        """
        difference = self._difference()
        if difference is None:
            return
        tries = 0
        while self._followed and abs(difference) > SMALL and tries < _TRIES:
            again = self._difference()
            if again is None or abs(again - difference) <= SMALL:
                difference = again if again is not None else difference
                break
            difference, tries = again, tries + 1
        moment = self._monotonic()
        if self._followed and abs(difference) <= SMALL:
            self._anchor = _Anchor(self._at(moment), moment, difference)
            return
        if self._followed:
            _log.warning("clock_moved", seconds=difference.total_seconds())
        elif abs(difference) > SMALL:
            _log.warning(
                "wall_clock_is_off",
                seconds=difference.total_seconds(),
                remedy="This process follows the database's clock; set the machine's by NTP.",
            )
        self._anchor = _Anchor(self._at(moment) + difference, moment, timedelta())
        self._followed = True

    def _at(self, moment: float) -> datetime:
        anchor = self._anchor
        # Another thread may have laid a newer anchor since the moment was read.
        elapsed = max(moment - anchor.moment, 0.0)
        most = timedelta(seconds=elapsed * RATE)
        return anchor.at + timedelta(seconds=elapsed) + max(-most, min(anchor.owed, most))

    def _difference(self) -> timedelta | None:
        """The server's time less ours; nothing when ours lies within what the way of the answer leaves open."""
        began = self._monotonic()
        told = self._ask()
        ended = self._monotonic()
        if told is None:
            if not self._untold:
                self._untold = True
                _log.warning("no_server_time", remedy="Keep the machine's clock right by NTP: this server tells none.")
            return None
        # The server looked at its clock at some instant between question and answer.
        earliest, latest = told, told + timedelta(seconds=ended - began) + _GRAIN
        ours = self._at(ended)
        if not self._followed:
            return earliest + (latest - earliest) / 2 - ours
        # No further than is certain: an answer that took long says little.
        return max(earliest - ours, timedelta()) + min(latest - ours, timedelta())


_GRAIN = timedelta(milliseconds=1)
"""The server cuts its time to milliseconds."""


def server_time(database: Database[Row]) -> Ask:
    """Asks a MongoDB server, or one that speaks its protocol, through `hello`."""

    def ask() -> datetime | None:
        with available():
            told = database.command("hello").get("localTime")
        if not isinstance(told, datetime):
            return None
        return told if told.tzinfo else told.replace(tzinfo=UTC)

    return ask


def steady(database: Database[Row]) -> SteadyClock:
    """The clock of a process that keeps its things in `database`; already set when the server answers."""
    clock = SteadyClock(server_time(database))
    try:
        clock.check()
    except Unavailable as away:
        _log.warning("server_time_later", why=away.message)
    return clock
