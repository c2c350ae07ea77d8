"""The directory on the stream (nameko)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.directory.announcing import Announcer
from services.directory.duty_board import DutyBoard
from services.kernel.clock import Clock
from services.runtime.bus import Given, every
from services.runtime.message import Said


@dataclass(frozen=True, slots=True)
class Hands:
    """What the composition root gives the worker."""

    announcer: Announcer
    board: DutyBoard
    clock: Clock


class DirectoryWorker:
    """Says directory.profile_applied, duty_changed, roster_due and roster_overdue."""

    name = "directory"
    hands: Hands = Given()

    @every(seconds=5.0)  # type: ignore[untyped-decorator]
    def apply(self) -> Iterable[Said]:
        """Profiles are read at start; the ticks only say what a crash left unsaid."""
        return self.hands.announcer.tick()

    @every(seconds=1.0)  # type: ignore[untyped-decorator]
    def duty(self) -> Iterable[Said]:
        """Says who is on duty from now on, and rosters that are owed."""
        return self.hands.board.tick(self.hands.clock.now())
