"""The clock a process lives by: the machine's, or one that a journey moves forward for all processes at once."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from services.kernel.clock import Clock, SystemClock
from services.runtime.settings import Settings

LOOK_EVERY = 0.02
"""Seconds within which every process has seen that the clock was moved."""


class JourneyClock:
    """A clock, the machine's unless told, plus an offset kept in a file, so that separate processes move together.

    The file is looked at no more often than every 20 ms; a missing file means no offset.
    """

    def __init__(self, file: Path, under: Clock | None = None) -> None:
        """`under` is what the offset is added to: the machine's clock, or the database's (`runtime.steady`)."""
        self._file = file
        self._under = under or SystemClock()
        self._offset = timedelta()
        self._looked = 0.0
        self._stamp = 0
        self._look()

    def now(self) -> datetime:
        """The time of the clock below plus the offset, aware UTC."""
        self._look()
        return self._under.now() + self._offset

    def _look(self) -> None:
        began = time.monotonic()
        if began - self._looked < LOOK_EVERY:
            return
        try:
            stamp = self._file.stat().st_mtime_ns
            if stamp != self._stamp:
                self._offset = timedelta(seconds=float(json.loads(self._file.read_text())["offset_seconds"]))
                self._stamp = stamp
        except FileNotFoundError:
            self._offset = timedelta()
        # Only now: a thread that looks away meanwhile must not live by what stood there before the first look.
        self._looked = began


def move(file: Path, forward: timedelta) -> None:
    """Moves the journey's clock forward; it never goes back."""
    if forward < timedelta():
        raise ValueError("the journey's clock only moves forward")
    offset = float(json.loads(file.read_text())["offset_seconds"]) if file.exists() else 0.0
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps({"offset_seconds": offset + forward.total_seconds()}))
    os.replace(fresh, file)


def clock_from(settings: Settings, under: Clock | None = None) -> Clock:
    """The clock the settings ask for, on top of `under` (the machine's when there is none)."""
    return JourneyClock(Path(settings.clock_file), under) if settings.clock_file else under or SystemClock()
