"""A filter of tickets as terms and bounds: checked once, then judged row by row (B22). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.contracts.deskstream.v1 import common_pb2, queues_pb2, ticket_pb2
from services.dispatch import wire
from services.dispatch.search.terms import (
    LONGEST_VALUE,
    asked_terms,
    day_of,
    digits,
    plain,
    terms_of,
    value_term,
)
from services.kernel.errors import Refused
from services.runtime.message import check_times

MOST_VALUES = 20
LONGEST_TEXT = 200
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_NUMBER = re.compile(r"(?P<month>[a-z]+\d{6})(?P<day>\d{2})?(?P<rest>-?\d{0,12})")
_RUNNING = re.compile(r"\d{4,12}")

_VALUES = (
    # (kind of term, field of the filter), those that few tickets share first.
    ("linked", "linked"),
    ("assignee", "assignees"),
    ("project", "projects"),
    ("entry", "entries"),
    ("department", "departments"),
    ("flow", "flows"),
    ("state", "states"),
    ("team", "teams"),
    ("type", "types"),
    ("grade", "grades"),
    ("unit", "units"),
    ("profile", "profiles"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a ticket to find it by. Instants are milliseconds since 1970."""

    number: str
    version: int
    received: int
    updated: int
    priority: int
    terms: frozenset[str]


def found_by(ticket: ticket_pb2.Ticket) -> Found:
    """The row of a ticket as it stands."""
    # Asking for a key that is not there would put it into the message.
    received = ticket.milestones["received"] if "received" in ticket.milestones else None  # noqa: SIM401
    return Found(
        ticket.number,
        ticket.version,
        _ms(wire.instant(received)) if received is not None else 0,
        _ms(wire.instant(ticket.updated_at)),
        ticket.priority,
        terms_of(ticket),
    )


def _ms(at: datetime) -> int:
    return (at - _EARLIEST) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, compiled. Of each group one term must be there; groups that few tickets share come first."""

    groups: tuple[tuple[str, ...], ...] = ()
    few: int = 0
    """So many of the groups may be looked up whole: what they name is shared by few tickets."""
    begins: str = ""
    """Beginning of the number, in small letters."""
    phone: str = ""
    since: int | None = None
    before: int | None = None
    exact: str = ""
    """The whole number, when the filter names one ticket."""
    days: tuple[str, str] = field(default=("", "99999999"))
    """First and last UTC day on which a ticket of the filter can have been received."""

    def holds(self, row: Found) -> bool:
        """Whether the ticket is one of them."""
        return (
            all(any(term in row.terms for term in group) for group in self.groups)
            and row.number.lower().startswith(self.begins)
            and (self.since is None or row.received >= self.since)
            and (self.before is None or row.received < self.before)
            and (not self.phone or any(t.startswith("phone:") and t.endswith(self.phone) for t in row.terms))
        )


def wanted(asked: queues_pb2.TicketFilter, *, need: bool, open_states: frozenset[str]) -> Wanted:
    """The filter, checked. `need`: the caller needs to know requesters. Refused names the field and the remedy."""
    if not need and (asked.requester_name or asked.phone):
        raise Refused(
            "Only who works with requesters may search by their name or telephone number (P1); leave it out.",
            code="forbidden",
            field="phone" if asked.phone else "requester_name",
        )
    few: list[tuple[str, ...]] = []
    many: list[tuple[str, ...]] = []
    if asked.requester_id:
        few.append(_terms("requester", "requester_id", [asked.requester_id]))
    phone = _phone(asked.phone)
    if phone:
        few.append((f"last4:{phone[-4:]}",))
    begins, exact, part = _number(asked.number)
    if part:
        few.append((part,))
    few.extend((f"word:{word}",) for word in _text("text", asked.text))
    few.extend((f"name:{word}",) for word in _text("requester_name", asked.requester_name))
    for kind, name in _VALUES:
        values = list(getattr(asked, name))
        if values:
            rare = kind in ("linked", "assignee", "project", "entry", "department")
            rare = rare or (kind == "state" and open_states.issuperset(values))
            (few if rare else many).append(_terms(kind, name, values))
    if asked.phases:
        names = _known("phases", asked.phases, ticket_pb2.Phase)
        open_ = not {"PHASE_CLOSED", "PHASE_CANCELLED"}.intersection(names)
        (few if open_ else many).append(_terms("phase", "phases", names))
    for kind, name, enum in (
        ("channel", "channels", common_pb2.Channel),
        ("neutral", "neutral_types", common_pb2.NeutralType),
    ):
        if chosen := _known(name, getattr(asked, name), enum):
            many.append(_terms(kind, name, chosen))
    since, before = _instants(asked)
    first = day_of(since) if since else ""
    last = day_of(before - timedelta(microseconds=1)) if before else "99999999"
    return Wanted(
        (*few, *many),
        len(few),
        begins,
        phone,
        _ms(since) if since else None,
        _ms(before) if before else None,
        exact,
        (first, last),
    )


def _terms(kind: str, name: str, values: Sequence[str]) -> tuple[str, ...]:
    if len(values) > MOST_VALUES:
        raise Refused(f"{name} takes at most {MOST_VALUES} values; name fewer.", field=name)
    if any(not plain(value) or len(value) > LONGEST_VALUE for value in values):
        raise Refused(f"A value of {name} is empty or longer than {LONGEST_VALUE} characters.", field=name)
    return tuple(dict.fromkeys(value_term(kind, value) for value in values))


def _known(name: str, values: Sequence[int], enum: Any) -> list[str]:
    """Names of the values of an enumeration."""
    if any(value == 0 or value not in enum.values() for value in values):
        raise Refused(f"{name} holds a value that this desk does not know; check it.", field=name)
    return [enum.Name(value) for value in values]


def _text(name: str, text: str) -> list[str]:
    if len(text) > LONGEST_TEXT:
        raise Refused(f"{name} takes at most {LONGEST_TEXT} characters; search with fewer words.", field=name)
    found = asked_terms(text)
    if plain(text) and not found:
        raise Refused(f"{name} holds no letter and no digit to search for.", field=name)
    # The longest are the rarest.
    return sorted(found, key=len, reverse=True)


def _phone(text: str) -> str:
    if not text:
        return ""
    found = digits(text[: LONGEST_VALUE + 1])
    if len(text) > LONGEST_VALUE or not 4 <= len(found) <= 20:
        raise Refused("Give a telephone number, or its last digits, at least four.", field="phone")
    return found


def _number(text: str) -> tuple[str, str, str]:
    """(how the number must begin, the whole number, term to look up)."""
    if len(text) > LONGEST_VALUE:
        raise Refused(f"A number has at most {LONGEST_VALUE} characters; name one ticket.", field="number")
    number = plain(text)
    if not number:
        return "", "", ""
    if _RUNNING.fullmatch(number):
        return "", "", f"running:{number.zfill(6)}"
    form = _NUMBER.fullmatch(number)
    if form is None or (form["rest"] and not form["day"]):
        raise Refused(
            "Give a number, its beginning from the month on (DS202511), or its running number alone (000123).",
            field="number",
        )
    running = form["rest"].removeprefix("-")
    exact = number.upper() if len(running) >= 6 and "-" in form["rest"] else ""
    return number, exact, f"number:{form['month']}{form['day'] or ''}"


def _instants(asked: queues_pb2.TicketFilter) -> tuple[datetime | None, datetime | None]:
    check_times(asked)
    since = wire.instant(asked.received_from) if asked.HasField("received_from") else None
    before = wire.instant(asked.received_before) if asked.HasField("received_before") else None
    if since and before and since >= before:
        raise Refused("received_from must lie before received_before; check the dates.", field="received_from")
    return since, before


def narrowed(base: queues_pb2.TicketFilter, more: queues_pb2.TicketFilter) -> queues_pb2.TicketFilter:
    """The filter of a view with the fields given now in the place of its own."""
    made = queues_pb2.TicketFilter()
    made.CopyFrom(base)
    for part, _ in more.ListFields():
        made.ClearField(part.name)  # type: ignore[arg-type]
    made.MergeFrom(more)
    return made
