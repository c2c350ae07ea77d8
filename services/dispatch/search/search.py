"""Searching tickets: one indexed term drives, the rest is judged in memory, both within bounds (B22).

Few tickets share some values (a requester, a word, a holder): these are looked up whole. What many share (a channel, a
grade, closed ones) is walked day by day from the newest on.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from services.contracts.deskstream.v1 import queues_pb2, ticket_pb2
from services.dispatch.search.filters import Found, Wanted, found_by
from services.dispatch.search.terms import day_of, day_term
from services.kernel.errors import Refused

MOST = 200
DEFAULT_PAGE = 50
WHOLE = 5_000
"""Rows of one term that are looked at together; a term of more is common, and days are walked instead."""
BUDGET = 20_000
"""Rows one request looks at while walking days; the token goes on from there."""
LONGEST_DAY = 200_000
MOST_JUDGED = 2_000
"""Rows of one request of which the ticket itself is looked at; more only where the mask hides nearly all of them."""
TRIED = 2
"""So many terms are tried before days are walked."""

Sort = Literal["received", "updated", "priority"]


class Finds(Protocol):
    """Rows to find tickets by. They follow the tickets by a second or two."""

    def matching(self, term: str, most: int) -> Sequence[Found]:
        """Rows with the term; more than `most` may be left out."""

    def days(self) -> Sequence[str]:
        """UTC days on which any ticket was received, in order."""

    def latest(self, numbers: Sequence[str]) -> Mapping[str, ticket_pb2.Ticket]:
        """Tickets as they stand at this moment."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tickets of one page; `token` is empty at the end, `back_to` is set when only what is newer was looked at."""

    tickets: Sequence[ticket_pb2.Ticket]
    token: str = ""
    back_to: datetime | None = None


def search(
    finds: Finds,
    asked: Wanted,
    sort: Sort,
    size: int,
    token: str,
    shown: Callable[[ticket_pb2.Ticket], ticket_pb2.Ticket],
) -> Page:
    """One page. Rows may be a moment old, so each ticket is judged again as it stands, and as the caller may see it."""
    if not 0 <= size <= MOST:
        raise Refused(f"A page has 1 to {MOST} tickets; ask for so many.", field="page_size")
    limit, after = size or DEFAULT_PAGE, _after(token, sort)
    if asked.exact:
        return Page([ticket for _, ticket in _judged(finds, asked, {asked.exact: ""}, shown)])
    rows, back_to = _whole(finds, asked), None
    if rows is None:
        enough = limit + 1 if sort == "received" else None
        rows, back_to = _walked(finds, asked, after if sort == "received" else "", enough)
    ordered = sorted(((_key(row, sort), row) for row in rows), key=lambda each: each[0], reverse=sort != "priority")
    if after:
        ordered = [each for each in ordered if (each[0] > after if sort == "priority" else each[0] < after)]
    found = _seen(finds, asked, [(key, row.number) for key, row in ordered], limit + 1, shown)
    # The token is made of what the caller sees: made of rows, it would tell that there are some behind the mask.
    next_key = found[limit - 1][0] if len(found) > limit else ""
    looked = datetime.fromtimestamp(back_to / 1000, UTC) if back_to is not None and not next_key else None
    if not next_key and back_to is not None and sort == "received":
        next_key = f"{back_to:014d}"
    return Page([ticket for _, ticket in found[:limit]], _token(next_key, sort) if next_key else "", looked)


def _seen(
    finds: Finds,
    asked: Wanted,
    rows: Sequence[tuple[str, str]],
    enough: int,
    shown: Callable[[ticket_pb2.Ticket], ticket_pb2.Ticket],
) -> list[tuple[str, ticket_pb2.Ticket]]:
    """The first tickets of these (key, number) that are as asked for to the caller's eyes, with their keys."""
    found: list[tuple[str, ticket_pb2.Ticket]] = []
    for place in range(0, len(rows), enough):
        if len(found) >= enough:
            break
        if place >= MOST_JUDGED:
            raise Refused("Too many tickets would have to be looked at one by one; add a date or another filter.")
        keys = {number: key for key, number in rows[place : place + enough]}
        found.extend(_judged(finds, asked, keys, shown))
    return found


def _judged(
    finds: Finds,
    asked: Wanted,
    keys: Mapping[str, str],
    shown: Callable[[ticket_pb2.Ticket], ticket_pb2.Ticket],
) -> list[tuple[str, ticket_pb2.Ticket]]:
    latest = finds.latest(list(keys))
    seen = ((key, shown(latest[number])) for number, key in keys.items() if number in latest)
    return [(key, ticket) for key, ticket in seen if asked.holds(found_by(ticket))]


def _whole(finds: Finds, asked: Wanted) -> Sequence[Found] | None:
    """All that match, through the first term that few tickets have; None when there is no such term."""
    for group in asked.groups[: asked.few][:TRIED]:
        rows: dict[str, Found] = {}
        for term in group:
            rows.update((row.number, row) for row in finds.matching(term, WHOLE + 1))
            if len(rows) > WHOLE:
                break
        else:
            return [row for row in rows.values() if asked.holds(row)]
    return None


def _walked(finds: Finds, asked: Wanted, after: str, enough: int | None) -> tuple[list[Found], int | None]:
    """Matches of the newest days, and the instant behind which nothing was looked at; None: to the end."""
    first, last = asked.days
    if after:
        # Without a number it is the end of a day, of which nothing is left.
        instant = int(after[:14]) - ("|" not in after)
        last = min(last, day_of(datetime.fromtimestamp(instant / 1000, UTC)))
    found: list[Found] = []
    looked = 0
    for day in reversed([day for day in finds.days() if first <= day <= last]):
        if looked >= BUDGET or (enough is not None and len(found) >= enough):
            # The begin of the day after this one: all of it was looked at.
            return found, _end_of(day)
        rows = finds.matching(day_term(day), LONGEST_DAY)
        looked += len(rows) + 1
        found.extend(row for row in rows if asked.holds(row) and (not after or _key(row, "received") < after))
    return found, None


def _end_of(day: str) -> int:
    begin = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return int(begin.timestamp() * 1000) + 24 * 3_600_000


def _key(row: Found, sort: Sort) -> str:
    """Where the row stands in this order; text that sorts."""
    if sort == "updated":
        return f"{row.updated:014d}|{row.number}"
    if sort == "priority":
        return f"{row.priority:04d}|{row.received:014d}|{row.number}"
    return f"{row.received:014d}|{row.number}"


def _token(key: str, sort: Sort) -> str:
    return base64.urlsafe_b64encode(f"{sort} {key}".encode()).decode()


def _after(token: str, sort: Sort) -> str:
    if not token:
        return ""
    try:
        kind, _, key = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode().partition(" ")
        digits = key.partition("|")[0]
        if (
            kind == sort
            and digits.isascii()
            and digits.isdecimal()
            and len(digits) == (4 if sort == "priority" else 14)
        ):
            datetime.fromtimestamp(int(digits) / 1000, UTC)
            return key
    except (ValueError, OverflowError):
        pass
    raise Refused("This is no page token of this search; begin anew without one.", field="page_token")


SORTS: Mapping[queues_pb2.TicketSort.ValueType, Sort] = {
    queues_pb2.TICKET_SORT_UNSPECIFIED: "received",
    queues_pb2.TICKET_SORT_RECEIVED: "received",
    queues_pb2.TICKET_SORT_UPDATED: "updated",
    queues_pb2.TICKET_SORT_PRIORITY: "priority",
}


def sort_of(value: queues_pb2.TicketSort.ValueType) -> Sort:
    """The order asked for; Refused when there is none such."""
    if value not in SORTS:
        raise Refused("Tickets are sorted by received, updated or priority; choose one.", field="sort")
    return SORTS[value]
