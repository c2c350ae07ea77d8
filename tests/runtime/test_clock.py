"""The movable clock of journeys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.runtime.clock import JourneyClock, clock_from, move
from services.runtime.settings import Settings
from tests.waiting import wait_for


def test_a_journey_moves_every_clock_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clocks = [JourneyClock(file), JourneyClock(file)]
    before = datetime.now(UTC)
    move(file, timedelta(hours=3))
    move(file, timedelta(minutes=30))
    wait_for(
        lambda: all(clock.now() >= before + timedelta(hours=3, minutes=30) for clock in clocks),
        timeout=5,
        what="both clocks to have moved",
    )


def test_the_clock_never_goes_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="forward"):
        move(tmp_path / "clock.json", timedelta(seconds=-1))


def test_without_a_file_the_machine_s_time_holds(tmp_path: Path) -> None:
    clock = clock_from(Settings(clock_file=str(tmp_path / "none.json")))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_clock_knows_how_far_it_was_moved_before_anybody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of a fresh process that ask while another one reads the file must not live in the past."""
    file = tmp_path / "clock.json"
    move(file, timedelta(hours=3))
    clock = JourneyClock(file)
    monkeypatch.setattr(JourneyClock, "_look", lambda self: None)
    assert clock.now() >= datetime.now(UTC) + timedelta(hours=2)
