"""What is true in the end: receipts, tickets, clocks, callbacks, messages, facts of the report, and the whole log."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient

from services.contracts.deskstream.v1.callbacks_pb2 import CallbackEvent
from services.contracts.deskstream.v1.intake_pb2 import ContactRecorded, RequestReceived
from services.contracts.deskstream.v1.notifications_pb2 import NotificationEvent
from services.contracts.deskstream.v1.sla_pb2 import EscalationEvent, SlaEvent
from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.runtime import parked
from services.runtime.message import Heard
from services.runtime.tail import read_log
from tests.waiting import wait_for

Row = dict[str, Any]


class Truth:
    """Reads only. `prefix` names the databases, one per service."""

    def __init__(self, amqp_uri: str, mongodb_uri: str, prefix: str) -> None:
        self._amqp_uri = amqp_uri
        self._prefix = prefix
        self._client: MongoClient[Row] = MongoClient(mongodb_uri, tz_aware=True, serverSelectionTimeoutMS=5000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def rows(self, service: str, collection: str, ids: Collection[str] | None = None) -> dict[str, Row]:
        """Documents by their ids; all when none are named."""
        which: Row = {} if ids is None else {"_id": {"$in": list(ids)}}
        return {row["_id"]: row for row in self.found(service, collection, which)}

    def found(self, service: str, collection: str, which: Mapping[str, Any]) -> list[Row]:
        """Documents by what they say."""
        return list(self._client[f"{self._prefix}_{service}"][collection].find(which))

    def count(self, service: str) -> int:
        """How much a service has done so far; rises with every effect."""
        if service == "reporting":
            return len(self.facts()) + len(self.facts("contacts"))
        kept = {"intake": "receipts", "dispatch": "tickets", "sla": "timelines", "callbacks": "tasks"}
        collection = kept.get(service, "deliveries")
        return self._client[f"{self._prefix}_{service}"][collection].count_documents({})

    def receipts(self, run: str) -> dict[str, str]:
        """Source id -> number."""
        found = self.rows("intake", "receipts")
        return {key.partition("/")[2]: row["number"] for key, row in found.items() if f"/{run}-" in key}

    def facts(self, kind: str = "tickets") -> dict[str, Any]:
        """The report's facts by number (tickets) or contact id (contacts). A number stands in one bucket only."""
        told: dict[str, Any] = {}
        for row in self.rows("reporting", f"{kind}_0").values():
            for name, fields in json.loads(row["entries"]).items():
                assert name not in told, f"{name} has two rows of facts"
                told[name] = fields
        return told

    def unsent(self, numbers: Collection[str]) -> int:
        """How many acknowledgements of these tickets still have to be sent."""
        which = {"number": {"$in": list(numbers)}, "template": "acknowledgement", "status": {"$ne": "sent"}}
        return self._client[f"{self._prefix}_notifications"]["deliveries"].count_documents(which)

    def parked(self) -> list[str]:
        """What is parked, in words."""
        return [f"{one.queue} {one.heard.key} {one.reason}: {one.error}" for one in parked.find(self._amqp_uri)]

    def log(self) -> list[Heard]:
        """Everything that was ever said."""
        return list(read_log(self._amqp_uri, "first", quiet_after=1.0))


def settled(
    truth: Truth,
    run: str,
    taken: Collection[str],
    calls: Collection[str] = (),
    *,
    patience: float = 100,
    lapse: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Waits until every request of the run is a receipt, a ticket with clocks, an acknowledgement and a row of facts.

    `lapse` lets the claims of dead processes on mails end, once all mails are kept. Gives source id -> number.
    """

    def given() -> dict[str, str]:
        found = truth.receipts(run)
        missing = set(taken) - found.keys()
        assert not missing, f"{len(missing)} requests have no receipt, such as {sorted(missing)[:3]}"
        return found

    def opened() -> dict[str, Row]:
        found = truth.rows("dispatch", "tickets", numbers)
        assert len(found) == len(numbers), f"{len(numbers) - len(found)} requests have no ticket"
        return found

    def timed() -> bool:
        clocks = truth.rows("sla", "timelines", numbers)
        behind = [n for n in numbers if n not in clocks or clocks[n]["facts"]["newest"]["version"] < tickets[n]["v"]]
        assert not behind, f"the clocks of {len(behind)} tickets are behind, such as {behind[:3]}"
        return True

    def reported() -> bool:
        facts = truth.facts()
        stale = [n for n in numbers if n not in facts or _version(facts[n]) < tickets[n]["v"]]
        assert not stale, f"the report is behind on {len(stale)} tickets, such as {stale[:3]}"
        assert set(calls) <= truth.facts("contacts").keys(), "the report knows every call"
        return True

    def owed() -> bool:
        tasks = truth.rows("callbacks", "tasks", [f"call/{call}" for call in calls])
        assert len(tasks) == len(calls), f"{len(calls) - len(tasks)} missed calls are owed no callback"
        return True

    def told() -> bool:
        mails = acknowledgements(truth, numbers)
        assert len(mails) == len(numbers), f"{len(numbers) - len(mails)} requesters have no acknowledgement"
        return True

    def sent() -> bool:
        waiting = truth.unsent(numbers)
        assert not waiting, f"{waiting} acknowledgements are not sent"
        return True

    # One after the other: the platform shares this machine with whoever asks.
    receipts = wait_for(given, patience, f"the receipts of run {run}")
    numbers = set(receipts.values())
    tickets = wait_for(opened, patience, f"the tickets of run {run}")
    for fact in (timed, owed, told, reported):
        wait_for(fact, patience, f"the end of run {run}")
    lapse()
    wait_for(sent, patience, f"the mails of run {run}")
    return receipts


def acknowledgements(truth: Truth, numbers: Collection[str]) -> Mapping[str, list[Row]]:
    """Deliveries that acknowledge a request, by ticket."""
    told: defaultdict[str, list[Row]] = defaultdict(list)
    which = {"number": {"$in": list(numbers)}, "template": "acknowledgement"}
    for row in truth.found("notifications", "deliveries", which):
        told[row["number"]].append(row)
    return told


def exactly_once(truth: Truth, run: str, receipts: Mapping[str, str], taken: Mapping[str, str]) -> None:
    """No effect twice: one of each per request, one id per word of the log, nothing parked."""
    numbers = set(receipts.values())
    assert len(numbers) == len(receipts), "every request has a number of its own"
    assert {source: number for source, number in taken.items() if number} == {
        source: receipts[source] for source, number in taken.items() if number
    }, "the number once told is the number"
    for number, row in truth.rows("dispatch", "tickets", numbers).items():
        assert len({event["id"] for event in row["events"]}) == row["v"], f"{number}: an event per version"
    for number, row in truth.rows("sla", "timelines", numbers).items():
        keys = [(clock["name"], clock.get("cycle", 0), clock.get("generation", 0)) for clock in row["clocks"]]
        assert len(set(keys)) == len(keys), f"{number}: one set of clocks"
        steps = [
            (e["kind"], e["clock"], e.get("cycle", 0), e.get("generation", 0), e.get("step", 0)) for e in row["effects"]
        ]
        assert len(set(steps)) == len(steps), f"{number}: every step once"
    twice = {number for number, mails in acknowledgements(truth, numbers).items() if len(mails) != 1}
    assert not twice, f"acknowledged twice: {sorted(twice)[:3]}"
    assert truth.parked() == []
    said_once(truth.log(), run, receipts)


def said_once(log: Collection[Heard], run: str, receipts: Mapping[str, str]) -> None:
    """Every word of the log has one id; what was said again was said with the same id and the same body."""
    by_id: dict[str, Heard] = {}
    words: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
    opened: set[str] = set()
    for heard in log:
        # What strangers say may be said as often and as badly as they like.
        if not heard.source.startswith("deskstream/"):
            continue
        first = by_id.setdefault(heard.id, heard)
        assert (first.key, first.subject) == (heard.key, heard.subject), f"{heard.id} says two things"
        if heard.key.startswith(("ticket.", "request.")):
            assert first.body == heard.body, f"{heard.key} {heard.id} was said again in other words"
        if (word := _word(heard)) is not None:
            words[word].add(heard.id)
        if heard.key.startswith("ticket."):
            ticket = heard.decode(TicketEvent).ticket
            if ticket.title.startswith(f"{run} "):
                opened.add(ticket.number)
    several = {word: ids for word, ids in words.items() if len(ids) > 1}
    assert not several, f"said under several ids: {list(several.items())[:3]}"
    assert opened == set(receipts.values()), "no ticket without a request, no request without a ticket"


def _word(heard: Heard) -> tuple[object, ...] | None:
    """What makes a message this one and no other."""
    kind = heard.key.partition(".")[0]
    if kind == "ticket":
        event = heard.decode(TicketEvent)
        return kind, event.ticket.number, event.ticket.version
    if heard.key.startswith("request.received"):
        received = heard.decode(RequestReceived)
        return "request", received.draft.channel, received.draft.source_id
    if kind == "sla" and heard.key != "sla.armed":
        sla = heard.decode(SlaEvent)
        clock = sla.clock
        return heard.key, sla.ticket.number, clock.clock, clock.cycle, clock.generation, sla.fraction
    if heard.key in ("escalation.raised", "escalation.climbed"):
        escalation = heard.decode(EscalationEvent)
        return heard.key, escalation.escalation_id, escalation.rung
    if kind == "notification":
        return heard.key, heard.decode(NotificationEvent).delivery_id
    if kind == "callback":
        task = heard.decode(CallbackEvent).task
        return heard.key, task.task_id, task.version
    if kind == "contact":
        contact = heard.decode(ContactRecorded)
        return kind, contact.contact_id, contact.version
    return None


def _version(facts: Any) -> int:
    snapshot = facts[1]
    return int(snapshot[0]) if snapshot else 0
