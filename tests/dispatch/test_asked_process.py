"""What steps of clocks ask for, over the real broker: done once, whoever dies on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.contracts.deskstream.v1 import sla_pb2
from services.runtime.message import Said
from tests.dispatch.test_processes import Stage
from tests.waiting import wait_for

pytestmark = pytest.mark.real

NUMBERS = [f"DS20250610-{n:06d}" for n in range(1, 41)]


@pytest.fixture
def stage(amqp_uri: str, mongodb_uri: Any, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(amqp_uri, mongodb_uri, tmp_path)
    yield made
    made.close()


def wish(number: str, action: str, target: str = "") -> Said:
    body = sla_pb2.SlaAsked(number=number, clock="resolve", step="+1h", action=action, target=target, grade="P2")
    return Said("sla.asked", body, f"wish-{number}-{action}", number)


def test_wishes_heard_by_a_worker_that_is_killed_are_each_granted_once(stage: Stage) -> None:
    """D13: grade raised by one and moved once, though each wish is said twice and the first worker dies."""
    first = stage.worker()
    stage.submit(*NUMBERS)
    wait_for(lambda: len(stage.tickets.load(NUMBERS)) == len(NUMBERS), what="the tickets")
    wishes = [
        each for number in NUMBERS for each in (wish(number, "raise_grade"), wish(number, "reassign_team", "desk"))
    ]
    moves = [wish(number, "reassign_team", "supervisors") for number in NUMBERS]
    stage.publisher.publish([*wishes[:20]])
    first.kill()
    first.wait(10)
    stage.worker()
    stage.publisher.publish([*wishes, *wishes, *moves])

    def raised() -> bool:
        return all(each.latest.grade == "P1" for each in stage.tickets.load(NUMBERS).values())

    wait_for(raised, what="every grade raised")
    wait_for(
        lambda: all(each.latest.team == "supervisors" for each in stage.tickets.load(NUMBERS).values()),
        what="every ticket moved",
    )
    for record in stage.tickets.load(NUMBERS).values():
        names = [entry.event().event for entry in record.entries]
        assert names.count("graded") == 1
        assert names.count("reassigned") == 1
