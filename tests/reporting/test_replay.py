"""Whatever the order and the number of deliveries, the report is the same (T3), and what a plain recount says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.message import Heard
from tests.reporting.world import NOON, Desk, call, callback, clock, ticket

HOUR = timedelta(hours=1)


@dataclass
class Life:
    """What really happened to one ticket, kept apart from the events that tell it."""

    received: datetime
    channel: str
    events: list[Heard] = field(default_factory=list)
    resolved: datetime | None = None
    closed: datetime | None = None
    missed: bool = False
    dispatched: int = 0
    accepted: int = 0
    reached: bool = False
    away: bool = False
    rated: bool | None = None
    online: bool = False


@st.composite
def lives(draw: st.DrawFn, sequence: int) -> Life:
    """A ticket's way through the desk, step by step."""
    life = Life(NOON + draw(st.integers(-30, 0)) * 24 * HOUR, draw(st.sampled_from(["WEB", "EMAIL", "IM", "PHONE"])))
    marks: dict[str, datetime] = {}
    now, version, failed = life.received, 0, 0
    path, phase = "", "NEW"

    def tell(event: str) -> None:
        nonlocal version
        version += 1
        more: dict[str, Any] = {"dispatches": life.dispatched, "failed_dispatches": failed, "path": path}
        life.events.append(
            ticket(
                sequence,
                version,
                event=event,
                phase=phase,
                received=life.received,
                channel=life.channel,
                marks=marks,
                **more,
            )
        )

    tell("opened")
    if draw(st.booleans()):
        path, phase = "dispatched", "OPEN"
        for _ in range(draw(st.integers(1, 3))):
            now += HOUR
            life.dispatched += 1
            marks["dispatched"] = now
            tell("dispatched")
            if draw(st.booleans()):
                now += HOUR
                life.accepted += 1
                marks["accepted"] = now
                tell("accepted")
                break
            failed += 1
            tell("rejected")
    for name in ("response", "resolve"):
        outcome = draw(st.sampled_from(["MET", "BREACHED", "MET_LATE", ""]))
        if outcome:
            life.events.append(clock(sequence, "RUNNING", clock=name))
            life.events.append(clock(sequence, outcome, clock=name))
            life.missed |= outcome != "MET"
    if draw(st.booleans()):
        now += draw(st.integers(1, 100)) * HOUR
        life.resolved = marks["resolved"] = now
        life.online = not life.dispatched
        path, phase = path or "online", "RESOLVED"
        tell("resolved")
        life.events.append(callback(sequence, "DUE", version=1))
        status = draw(st.sampled_from(["COMPLETED", "UNREACHABLE"]))
        life.reached, life.away = status == "COMPLETED", status == "UNREACHABLE"
        life.rated = draw(st.none() | st.booleans()) if life.reached else None
        life.events.append(callback(sequence, status, version=2, satisfied=life.rated, at=now))
        if draw(st.booleans()):
            life.closed = marks["closed"] = now
            phase = "CLOSED"
            tell("closed")
    return life


@st.composite
def desks(draw: st.DrawFn) -> tuple[list[Life], list[Heard]]:
    """Some lives and their events, shuffled and repeated."""
    found = [draw(lives(sequence)) for sequence in range(1, draw(st.integers(1, 8)) + 1)]
    events = [event for life in found for event in life.events]
    events += [
        call(f"c{n}", version=v, answered_after=n or None) for n in range(draw(st.integers(0, 3))) for v in (1, 2)
    ]
    shuffled = draw(st.permutations(events)) + draw(st.lists(st.sampled_from(events), max_size=20))
    return found, shuffled


@settings(max_examples=60, deadline=None)
@given(desks(), st.integers(1, 7))
def test_the_stream_shuffled_and_repeated_gives_the_figures_of_a_plain_recount(
    desk: tuple[list[Life], list[Heard]], size: int
) -> None:
    """T3, N1, N23: against an oracle that only counts what happened."""
    found, events = desk
    reports = Desk()
    for start in range(0, len(events), size):
        reports.hears(events[start : start + size])
    figures = {figure.key: figure for figure in reports.report("2026-10-01..2027-03-31").figures}
    done = [life for life in found if life.closed]
    expected: dict[str, tuple[int, int]] = {
        "volume": (len(found), len(found)),
        "timeliness": (sum(not life.missed for life in done), len(done)),
        "completion": (sum(life.resolved is not None for life in found), len(found)),
        "dispatch_success": (sum(life.accepted for life in found), sum(life.dispatched for life in found)),
        "callback_rate": (sum(life.reached or life.away for life in found), len(found)),
        "callback_reached": (sum(life.reached for life in found), len(found)),
        "satisfaction": (sum(life.rated is True for life in found), sum(life.rated is not None for life in found)),
        "first_contact_resolution": (sum(life.online for life in found), len(found)),
    }
    for key, (numerator, denominator) in expected.items():
        assert (int(figures[key].numerator), figures[key].denominator) == (numerator, denominator), key
    spans = [life.resolved - life.received for life in found if life.resolved]
    assert figures["mean_resolution_time"].numerator == Decimal(int(sum(spans, timedelta()).total_seconds()))

    again = Desk().hears(list(reversed(events)))
    assert again.report("2026-10-01..2027-03-31") == reports.report("2026-10-01..2027-03-31")
    assert again.reader.wallboard("", NOON) == reports.reader.wallboard("", NOON)


def test_hearing_the_whole_stream_again_changes_no_figure() -> None:
    """T3."""
    events = [ticket(1), clock(1, "MET"), callback(1, satisfied=True), call("a", answered_after=1)]
    desk = Desk().hears(events)
    before = desk.report()
    kept = {key: row[0] for key, row in desk.store.views.tickets.rows.items()}
    for _ in range(3):
        desk.hears(events)
    assert desk.report() == before
    assert {key: row[0] for key, row in desk.store.views.tickets.rows.items()} == kept, (
        "a repetition is not even written"
    )


def test_what_is_heard_of_a_ticket_before_its_opening_counts_once_it_is_known() -> None:
    desk = Desk().hears(clock(1, "BREACHED"), callback(1, satisfied=False))
    assert desk.report().tickets == 0
    desk.hears(ticket(1))
    assert desk.report().tickets == 1
    assert desk.figure("satisfaction").value == "0.00"


def test_a_malformed_message_is_refused_alone_and_the_batch_goes_on() -> None:
    broken = Heard("x", "ticket.opened", b"\xff\xff")
    empty = Heard("y", "sla.breached", b"")
    desk = Desk().hears(broken, ticket(1), empty)
    assert desk.report().tickets == 1
    assert broken.refused is not None
    assert empty.refused is None, "an sla event without clocks says nothing, and nothing is wrong with it"
