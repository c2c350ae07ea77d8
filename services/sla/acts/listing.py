"""Open tickets with age, holder, next due and standing (D20); tickets of a range of numbers, for judging them anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from pymongo.database import Database

from services.contracts.deskstream.v1.sla_pb2 import TicketBrief
from services.runtime.mongo import Row, available
from services.sla.model import Clock, Rules, Status, Timeline
from services.sla.policy.pauses import remaining
from services.sla.rows import PLAIN_TIMES, timeline_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITE = 500
AT_RISK_FROM = 0.8
"""Part of the limit from which a clock without warnings of its own counts as at risk."""


class Holder(NamedTuple):
    """An open ticket and who has it."""

    number: str
    team: str
    assignee: str


class Listing(Protocol):
    """Tickets in the order of their numbers."""

    def open(self) -> Sequence[Holder]:
        """All that have not ended."""
        ...

    def between(self, first: str, last: str) -> Iterator[Timeline]:
        """From one number to another, both included."""
        ...


class MongoListing:
    """`Listing` over the collection of `storage.MongoClocks`."""

    def __init__(self, database: Database[Row]) -> None:
        self._timelines = database.get_collection("timelines", codec_options=PLAIN_TIMES)

    def open(self) -> Sequence[Holder]:
        """See Listing. Three sparse indexes together know every open ticket: due, overdue and idle ones."""
        wanted = {"facts.newest.ended": 1, "facts.newest.brief": 1}
        rows: dict[str, Row] = {}
        with available():
            for condition in conditions():
                rows.update((row["_id"], row["facts"]["newest"]) for row in self._timelines.find(condition, wanted))
        return [holder_of(number, newest["brief"]) for number, newest in sorted(rows.items()) if not newest["ended"]]

    def between(self, first: str, last: str) -> Iterator[Timeline]:
        """See Listing. The embedded server reads a whole range before it cuts it, so the range is read once, and only
        its numbers: name ranges of a day."""
        with available():
            rows = self._timelines.find({"_id": {"$gte": first, "$lte": last}}, {"_id": 1})
            numbers = sorted(row["_id"] for row in rows)
        for start in range(0, len(numbers), _BITE):
            with available():
                bite = list(self._timelines.find({"_id": {"$in": numbers[start : start + _BITE]}}))
            yield from (timeline_of(row) for row in sorted(bite, key=lambda row: str(row["_id"])))


def conditions() -> tuple[Mapping[str, Any], ...]:
    """One condition each: with a second one the embedded server would use no index."""
    return {"next_due": {"$gt": _EPOCH}}, {"overdue": {"$gt": _EPOCH}}, {"idle": True}


def holder_of(number: str, brief: bytes) -> Holder:
    """Who has a ticket."""
    told = TicketBrief.FromString(brief)
    return Holder(number, told.team, told.assignee)


class Standing(NamedTuple):
    """How an open ticket stands."""

    received_at: datetime
    age: timedelta
    next: Clock | None
    """The clock that has been overdue longest, else the one that is due next, else one that rests."""
    word: str
    """ok, at_risk, breached, paused or none."""
    breaches: int


def standing_of(timeline: Timeline, rules: Rules, now: datetime) -> Standing:
    """Age, next clock and standing of a ticket at an instant (D20)."""
    first = timeline.facts.cycles[0]
    received = first.milestones.get("received", first.begun_at)
    breached = [each for each in timeline.clocks if each.live and _is_breached(each, now)]
    running = [each for each in timeline.clocks if each.live and each.status is Status.RUNNING and each not in breached]
    paused = [each for each in timeline.clocks if each.live and each.status is Status.PAUSED]
    word = "none"
    if breached:
        word = "breached"
    elif running:
        word = "at_risk" if any(_at_risk(each, rules, now) for each in running) else "ok"
    elif paused:
        word = "paused"
    found = min(breached or running or paused, key=lambda each: each.due_at, default=None)
    return Standing(received, now - received, found, word, sum(_was_breached(each, now) for each in timeline.clocks))


def _is_breached(clock: Clock, now: datetime) -> bool:
    return clock.status is Status.BREACHED or (clock.status is Status.RUNNING and clock.due_at < now)


def _was_breached(clock: Clock, now: datetime) -> bool:
    return clock.status in (Status.BREACHED, Status.MET_LATE) or (clock.live and _is_breached(clock, now))


def _at_risk(clock: Clock, rules: Rules, now: datetime) -> bool:
    """A warning of it was told, or most of its time has passed."""
    if clock.taken:
        return True
    return remaining(clock, rules, now) < clock.limit_seconds * (1 - AT_RISK_FROM)


def within_page(holders: Collection[Holder], after: str, team: str, assignee: str, size: int) -> Sequence[Holder]:
    """The next ones after a number, of a team or a person."""
    wanted = (
        each
        for each in holders
        if each.number > after and (not team or each.team == team) and (not assignee or each.assignee == assignee)
    )
    return [each for each, _ in zip(wanted, range(size), strict=False)]
