"""What ends a generation of a clock, and how it stands then (D9, D17)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from services.sla.model import Status
from services.sla.policy.eras import RECALCULATED
from services.sla.policy.runs import Run


class Part(NamedTuple):
    """A piece of a run whose time began at one instant."""

    start: datetime
    version: int
    reset: datetime | None
    """When its time was begun anew; None for the last one."""


class Ends(NamedTuple):
    """What may end a generation of a clock."""

    stop: datetime | None
    over: datetime | None
    cancelled: datetime | None
    superseded: datetime | None
    reset: datetime | None
    recalculated: datetime | None

    @property
    def first(self) -> datetime | None:
        """The first of them."""
        found: datetime | None = None
        for each in self:
            if each is not None and (found is None or each < found):
                found = each
        return found

    def standing(self, first: datetime | None, due: datetime, now: datetime) -> tuple[Status, str]:
        """Status and note; `first` is what ends it. A limit is kept up to and including its last instant."""
        if first is None:
            return (Status.BREACHED if due <= now else Status.RUNNING), ""
        if self.superseded == first:
            note = "superseded"
        elif self.stop == first:
            return (Status.MET if first <= due else Status.MET_LATE), ""
        elif self.over == first:
            note = "ended"
        elif self.cancelled == first:
            note = "cancelled"
        else:
            note = "reset" if self.reset == first else RECALCULATED
        return (Status.BREACHED if due <= first else Status.CANCELLED), note


def parts(run: Run, start: datetime, over: datetime | None) -> list[Part]:
    """The run, cut where its time was begun anew; a run that goes on after it was taken up again has the last cut."""
    version = run.version
    if not run.resets:
        return [Part(start, version, None)]
    found: list[Part] = []
    # What ends the ticket ends its resets, too: a note on a closed one begins nothing.
    for reset, at in run.resets:
        if over is not None and at >= over:
            break
        if run.since is None or at > run.since:
            found.append(Part(start, version, at))
        start, version = max(start, at), reset or version
    found.append(Part(start, version, None))
    return found
