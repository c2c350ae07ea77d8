"""Tickets that an earlier release wrote go on: no digest, no flow, no instants of waiting, no row of search."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.dispatch.assignment.storage import MongoAssignments
from services.dispatch.audit.chain import unsealed, verify
from services.dispatch.policy import explain
from services.dispatch.queries import Queries
from services.dispatch.storage import MongoTickets
from tests.dispatch.assign_world import NETWORK, PUSH, Place, Time, desk
from tests.dispatch.assign_world import desks as served
from tests.dispatch.world import MORNING, person

_NEW: tuple[str, ...] = (
    "flow",
    "lead_team",
    "supporting_teams",
    "links",
    "records",
    "promised_at",
    "impact",
    "urgency",
    "weight",
)
_NEW += ("reassignments", "urges", "attend_at", "waits_since", "passed")


def as_before(rows: Any, number: str) -> None:
    """The document as it was written before issue 3."""
    row = rows.find_one({"_id": number})
    for stored in row["events"]:
        event = TicketEvent.FromString(bytes(stored["body"]))
        event.ClearField("previous_digest")
        for name in _NEW:
            event.ticket.ClearField(name)  # type: ignore[arg-type]
        for name in ("tried_count", "score", "policy_version", "person_reason_en", "facts"):
            event.ticket.routing.ClearField(name)  # type: ignore[arg-type]
        stored["body"] = event.SerializeToString(deterministic=True)
    fields = dict.fromkeys(("head", "channel", "weight", "attend_at"), "")
    rows.update_one({"_id": number}, {"$set": {"events": row["events"]}, "$unset": fields})


@pytest.mark.real
def test_a_ticket_of_an_earlier_release_is_given_out_worked_on_audited_and_explained(real_tickets: MongoTickets):
    """B9, B10, C2, C22: what it lacks comes with its next event; what lies before is told to be unsealed."""
    rows = real_tickets._rows.database
    place = Place(real_tickets, MongoAssignments(rows, real_tickets), rows, Time(), desk())
    place.book = desk({**PUSH, "take_back": {"after": "30m"}})
    (number,) = place.opens(1)
    as_before(rows["tickets"], number)
    record = real_tickets.load([number])[number]
    assert (verify(record), unsealed(record)) == ([], 2)
    queries = Queries(served(place.book), real_tickets)
    reader = replace(person(NETWORK[0], "generic_desk"), roles=frozenset({"supervisor"}))
    assert queries.history(number, reader).verified
    routing = record.ticket().routing
    assert routing is not None
    assert explain(place.book, routing, "en")
    place.replica().tick(MORNING + timedelta(hours=1))
    holder = place.ticket(number).assignee
    assert holder in NETWORK
    place.does(number, holder, "note", MORNING + timedelta(hours=1))
    after = real_tickets.load([number])[number]
    # The next event seals the one before it.
    assert (verify(after), unsealed(after)) == ([], 1)
    assert place.ticket(number).attend_at == MORNING + timedelta(hours=1, minutes=30)
    assert after.head == sha256(after.entries[-1].body).digest()
