"""The database stopped, killed and hanging for longer than every timeout under load: retried, never parked."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from deploy.local.play.stage import Stage
from services.notifications.model import CLAIM_FOR
from tests.faults.load import Lanes
from tests.faults.truth import Truth, exactly_once, settled
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
LONGER_THAN_ANY_TIMEOUT = 20.0
"""Seconds; services/runtime/mongo.py gives up after 5 without a server and after 10 without an answer."""


@contextmanager
def hanging(pids: list[int]) -> Iterator[None]:
    """Processes that accept and never answer."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_database_away_is_waited_for(stage: Stage, truth: Truth, chance: Random) -> None:
    """Decision 8, 14: callers are told UNAVAILABLE, the stream is retried with growing delay, then all catch up."""
    run = f"database{chance.randrange(10**6)}"
    with Lanes(stage, run) as lanes:

        def taken(more: int) -> None:
            enough = len(lanes.taken) + more
            wait_for(lambda: len(lanes.taken) >= enough, 60, f"{more} more requests to be taken")

        def given_again() -> None:
            before = sum(1 for number in list(lanes.taken.values()) if number)
            wait_for(lambda: sum(1 for n in list(lanes.taken.values()) if n) > before, 60, "numbers given again")

        def retried() -> int:
            return stage.workers["intake"].log.read_text().count("message_retried")

        taken(chance.randint(20, 60))
        before = retried()
        stage.database.stop()
        wait_for(lambda: "UNAVAILABLE" in lanes.codes, 60, "somebody to be told UNAVAILABLE")
        wait_for(lambda: retried() > before, 60, "a message to be retried")
        stage.database.start()
        stage.database.wait_ready()
        given_again()

        taken(chance.randint(5, 20))
        stage.database.kill()
        stage.database.start()
        stage.database.wait_ready()
        given_again()

        lanes.codes.clear()
        with hanging(stage.database.pids):
            begun = time.monotonic()
            wait_for(
                lambda: "UNAVAILABLE" in lanes.codes and time.monotonic() - begun > LONGER_THAN_ANY_TIMEOUT,
                60,
                "somebody to be told UNAVAILABLE, and every timeout to pass",
            )
        given_again()
    # What was in hand to be sent while the database hung is its sender's until the claim ends.
    receipts = settled(truth, run, lanes.taken, lapse=lambda: stage.move(CLAIM_FOR))
    exactly_once(truth, run, receipts, lanes.taken)
