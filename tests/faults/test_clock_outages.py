"""Broker or database away for a while as steps fall due: each is taken once when they are back, and none is skipped."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from deploy.local.children import wait_until
from deploy.local.play.stage import Stage as Platform
from tests.faults.due import LATEST, arm, numbers, once_each_and_when_due, warnings
from tests.sla.stage import Stage
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
AWAY = float(os.environ.get("DESKSTREAM_FAULTS_AWAY") or 15)
"""Seconds; DESKSTREAM_FAULTS_AWAY=60 keeps them away for a minute each."""
S = timedelta(seconds=1)


@pytest.mark.timeout(180 + 2 * AWAY)
@pytest.mark.parametrize("which", ["broker", "database"])
def test_steps_that_fall_due_while_it_is_away_are_taken_once_when_it_is_back(
    stage: Platform, clocks: Stage, which: str
) -> None:
    """D23, H11."""
    print(f"The {which} is away for {AWAY:g} s; set DESKSTREAM_FAULTS_AWAY=60 for a minute.")
    clocks.workers(2)
    dues = arm(clocks, numbers(1, 150), clocks.now() + 3 * S, (AWAY + 6) * S)
    wait_for(lambda: len(warnings(clocks)) > 5, 30, "the first steps")
    server = stage.broker if which == "broker" else stage.database
    server.kill()
    wait_until(lambda: False, AWAY)
    server.start()
    server.wait_ready()
    wait_for(lambda: len(warnings(clocks)) == len(dues), LATEST.total_seconds() + 6, "every step, once it is back")
    once_each_and_when_due(warnings(clocks), dues)
