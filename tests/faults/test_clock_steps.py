"""A machine whose wall clock is set wrong: nothing early, nothing held up, for replicas live by the database's time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.due import LATEST, arm, lateness, numbers, once_each_and_when_due, told_all, warnings
from tests.sla.stage import Stage
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
S = timedelta(seconds=1)


@pytest.fixture
def machine(tmp_path: Path) -> tuple[dict[str, str], Callable[[str], object]]:
    """The environment of a process on a machine of its own, and what sets that machine's wall clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip(
            "libfaketime is not here: `sudo apt-get install faketime`, and wall clocks are set wrong in a test."
        )
    file = tmp_path / "wall"
    file.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        # The monotonic clock is what no step touches.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    return environment, lambda offset: file.write_text(f"{offset}\n")


def test_a_wall_clock_that_steps_an_hour_either_way_fires_nothing_early_and_holds_nothing_up(
    clocks: Stage, machine: tuple[dict[str, str], Callable[[str], object]]
) -> None:
    """D23, H11: one of two replicas; both hold shards all the time."""
    environment, put = machine
    clocks.workers(1)
    clocks.workers(1, **environment)
    far = arm(clocks, numbers(5001, 40), clocks.now() + timedelta(minutes=20), S)
    dues = arm(clocks, numbers(1, 40), clocks.now() + 2 * S, 2 * S)
    wait_for(lambda: len(warnings(clocks)) == len(dues), 30, "the steps before anything is set")
    for place, offset in enumerate(("+1h", "-1h", "+0")):
        put(offset)
        dues |= arm(clocks, numbers(1001 + 100 * place, 40), clocks.now() + 2 * S, 4 * S)
        told_all(clocks, dues, 30, f"the steps while the wall clock is {offset}")
        assert clocks.now() >= max(dues.values()), "by the time of everybody else, none was early"
    told = warnings(clocks)
    assert not {each.number for each in told} & far.keys()
    once_each_and_when_due(told, dues)
    # Nobody lost a lease over it, either.
    assert max(lateness(told)) < LATEST.total_seconds() / 3
