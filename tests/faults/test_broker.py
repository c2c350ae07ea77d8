"""The broker restarted, and killed like in a power cut, while requests come in: what was accepted is never lost."""

from __future__ import annotations

from random import Random

import pytest

from deploy.local.play.stage import Stage
from tests.faults.load import Lanes
from tests.faults.truth import Truth, exactly_once, settled
from tests.waiting import wait_for

pytestmark = pytest.mark.faults


def test_a_broker_restarted_and_killed_under_load_loses_and_doubles_nothing(
    stage: Stage, truth: Truth, chance: Random
) -> None:
    """Decision 6: everybody reconnects by themselves; numbers are given even while the broker is away (decision 5)."""
    run = f"broker{chance.randrange(10**6)}"
    processes = {name: list(worker.pids) for name, worker in stage.workers.items()}
    with Lanes(stage, run) as lanes:

        def taken(more: int) -> None:
            enough = len(lanes.taken) + more
            wait_for(lambda: len(lanes.taken) >= enough, 60, f"{more} more requests to be taken")

        taken(chance.randint(20, 60))
        stage.broker.restart()
        taken(chance.randint(20, 60))
        stage.broker.kill()
        numbers = sum(1 for number in list(lanes.taken.values()) if number)
        wait_for(
            lambda: sum(1 for number in list(lanes.taken.values()) if number) > numbers + 1,
            30,
            "numbers given without a broker",
        )
        stage.broker.start()
        stage.broker.wait_ready()
        taken(chance.randint(20, 60))
    exactly_once(truth, run, settled(truth, run, lanes.taken), lanes.taken)
    assert {name: list(worker.pids) for name, worker in stage.workers.items()} == processes, "nobody was restarted"
    assert lanes.codes <= {"publisher: Unavailable"}, "who submits over gRPC never notices"
