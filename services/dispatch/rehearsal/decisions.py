"""Every decision of a range of days, for rehearsing changed rules (C2): by ticket number, which carries the day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from pymongo.database import Database

from services.contracts.deskstream.v1 import ticket_pb2
from services.kernel.errors import Refused
from services.runtime.mongo import available

MOST_DAYS = 400
_BITE = 500


@dataclass(frozen=True, slots=True)
class Days:
    """From one day to another, both included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))


class Decided(Protocol):
    """Where tickets are, as routing was decided."""

    def of(self, days: Days, profile: str) -> Iterator[ticket_pb2.Ticket]:
        """Tickets as they stand, in the order of their numbers; of every profile when none is named."""


def days(first: str, last: str) -> Days:
    """Both days included, as YYYY-MM-DD; Refused when they are none, in the wrong order or too far apart."""
    begin, end = _day(first, "from"), _day(last, "to")
    if end < begin:
        raise Refused(f"{last} is before {first}; name the earlier day first.", field="to")
    if (end - begin).days >= MOST_DAYS:
        raise Refused(f"These are more than {MOST_DAYS} days; ask for fewer at once.", field="to")
    return Days(begin, end)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f'"{text[:20]}" is no day; write it as 2026-11-30.', field=field) from None


class MongoDecided:
    """Decided over the collection `tickets`, by its _id: the newest event of each, day by day and bite by bite."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._rows = database["tickets"]

    def of(self, days: Days, profile: str) -> Iterator[ticket_pb2.Ticket]:
        """See Decided."""
        # By days: the embedded server reads a whole range before it cuts it to the limit.
        for day in days:
            for ticket in self._of_day(f"DS{day:%Y%m%d}-"):
                if not profile or ticket.profile == profile:
                    yield ticket

    def _of_day(self, prefix: str) -> Iterator[ticket_pb2.Ticket]:
        last = prefix
        while True:
            with available():
                asked = {"_id": {"$gt": last, "$lt": f"{prefix}~"}}
                bite = list(self._rows.find(asked, {"events": {"$slice": -1}}).sort("_id", 1).limit(_BITE))
            for row in bite:
                yield ticket_pb2.TicketEvent.FromString(row["events"][-1]["body"]).ticket
            if len(bite) < _BITE:
                return
            last = bite[-1]["_id"]
