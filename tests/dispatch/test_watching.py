"""Watching a queue without a broker: order, lateness, slowness, tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dispatch import wire
from services.dispatch.handlers import Stream
from services.dispatch.queues.queue import queue_named
from services.dispatch.queues.watching import MOST_WAITING, Hub, View, watch_queue
from services.kernel.errors import Refused, Unavailable
from tests.dispatch.world import MORNING, KeptTickets, Tale, desks, received

DESK = queue_named("team:desk", desks())


def test_an_older_change_that_comes_late_does_not_bring_a_ticket_back():
    tale = Tale()
    tale.does("li.wei", "try_online")
    old, new = (wire.ticket_to(event.ticket) for event in tale.events)
    view = View(DESK)
    assert view.judge(new) is None
    assert view.judge(old) is None
    view = View(DESK)
    assert [view.judge(old), view.judge(new), view.judge(old), view.judge(new)] == ["present", "left", None, None]


def test_what_changes_while_the_queue_is_read_is_told_after_it():
    tickets, hub = KeptTickets(), Hub()
    Stream(desks(), tickets).requests([received("DS20250610-000001")], MORNING)
    tale = Tale()
    tale.does("li.wei", "try_online")

    def listen() -> None:
        hub.hear(wire.ticket_to(tale.ticket))

    told = watch_queue(tickets, hub, DESK, "", MORNING, lambda: True, listen)
    assert [next(told).kind for _ in range(3)] == ["present", "caught_up", "left"]
    told.close()
    assert hub.empty


def test_a_watcher_who_reads_too_slowly_is_told_to_resume():
    hub = Hub()
    told = watch_queue(KeptTickets(), hub, DESK, "", MORNING, lambda: True)
    assert next(told).kind == "caught_up"
    ticket = wire.ticket_to(Tale().ticket)
    for _ in range(MOST_WAITING + 1):
        hub.hear(ticket)
    with pytest.raises(Unavailable, match="resume token"):
        list(told)


def test_a_lost_broker_ends_every_watch_with_the_advice_to_resume():
    hub = Hub()
    told = watch_queue(KeptTickets(), hub, DESK, "", MORNING, lambda: True)
    next(told)
    hub.lose()
    with pytest.raises(Unavailable):
        next(told)


def test_a_made_up_token_is_refused():
    for token in ("x", "1 2", "MSBuYW4=", "MiAxMjM="):
        with pytest.raises(Refused):
            next(watch_queue(KeptTickets(), Hub(), DESK, token, MORNING + timedelta(days=1), lambda: True))


def test_a_watch_ends_when_its_client_has_gone():
    assert [told.kind for told in watch_queue(KeptTickets(), Hub(), DESK, "", MORNING, lambda: False)] == ["caught_up"]
