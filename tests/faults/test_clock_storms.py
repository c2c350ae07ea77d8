"""Replicas that die or stand still while steps fall due: every effect once, none skipped, late by a lease at most."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from random import Random

import pytest

from deploy.local.children import kill
from tests.faults.due import LATEST, arm, lateness, numbers, once_each_and_when_due, told_all, warnings
from tests.sla.stage import Stage
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
KILLS = int(os.environ.get("DESKSTREAM_FAULTS_KILLS") or 8)
"""DESKSTREAM_FAULTS_KILLS=50 kills fifty times, while 1,500 steps fall due; about seven minutes."""
PER_KILL = 30
S = timedelta(seconds=1)


@pytest.mark.timeout(120 + 30 * KILLS)
def test_three_replicas_killed_at_random_take_every_step_once_and_in_time(clocks: Stage, chance: Random) -> None:
    """D23, H11: two of three die at once, again and again; what they held is taken within a lease and five seconds."""
    print(f"{KILLS} kills; set DESKSTREAM_FAULTS_KILLS=50 for the long storm.")
    living = clocks.workers(3)
    dues = {}
    killed = 0
    while killed < KILLS:
        batch = numbers(len(dues) + 1, 2 * PER_KILL)
        dues |= arm(clocks, batch, clocks.now() + 2 * S, 4 * S)
        some = len(warnings(clocks)) + chance.randint(1, len(batch) // 2)
        wait_for(lambda some=some: len(warnings(clocks)) >= some, 30, "some of the steps")  # type: ignore[misc]
        for victim in chance.sample(living, 2):
            kill(victim)
            living.remove(victim)
            killed += 1
        living += clocks.workers(2)
        told_all(clocks, dues, 40, "every step so far")
    told = warnings(clocks)
    once_each_and_when_due(told, dues)
    late = sorted(lateness(told))
    print(
        f"{len(late)} steps, {killed} kills; half late by {late[len(late) // 2]:.2f} s, all by {late[-1]:.2f} s at most"
    )
    assert late[-1] < LATEST.total_seconds()


def test_a_holder_stopped_past_its_lease_says_nothing_twice_when_it_goes_on(clocks: Stage, chance: Random) -> None:
    """H11: its shards are taken over; what it had in hand when it stopped is refused by the documents themselves."""
    frozen, _ = clocks.workers(2)
    dues = arm(clocks, numbers(1, 120), clocks.now() + 2 * S, 5 * S)
    some = chance.randint(5, 60)
    wait_for(lambda: len(warnings(clocks)) >= some, 30, "some of the steps")
    frozen.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: len(warnings(clocks)) == len(dues), LATEST.total_seconds() + 15, "the other to take them all")
    finally:
        frozen.send_signal(signal.SIGCONT)
    dues |= arm(clocks, numbers(201, 60), clocks.now() + 2 * S, 3 * S)
    wait_for(lambda: len(warnings(clocks)) == len(dues), 40, "the steps after it went on")
    told = warnings(clocks)
    once_each_and_when_due(told, dues)
    assert max(lateness(told)) < LATEST.total_seconds()
