"""One stage for all faults that it outlives: every worker a process of its own, a working morning, nothing faked."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from deploy.local.play.day import Day
from deploy.local.play.stage import Stage
from deploy.local.supervise import Server
from tests.faults.truth import Truth
from tests.sla.stage import Stage as Clocks

SEED = int(os.environ.get("DESKSTREAM_FAULTS_SEED") or Random().randrange(1 << 30))
"""Chance of the whole run; a failure is repeated by setting the variable to the seed that it shows."""


@pytest.fixture(scope="package")
def platform() -> Iterator[Stage]:
    """The platform in separate processes on its own broker and database, at nine on a working day."""
    folder = Path(tempfile.mkdtemp(prefix="deskstream-faults-"))
    try:
        with Stage(folder, apart=True) as built:
            day = Day(built)
            day.begin()
            day.close()
            yield built
            end(built)
    finally:
        if not os.environ.get("DESKSTREAM_FAULTS_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


def parts(stage: Stage) -> tuple[str, ...]:
    """Names of our own processes."""
    return (*stage.workers, "server", "smtp", "gateway")


def end(stage: Stage) -> None:
    """Nobody needs what these processes would still finish or keep; ending them one by one in order takes long."""
    for name in parts(stage):
        stage.process(name).kill()
    stage.broker.kill()
    stage.database.kill()


@pytest.fixture
def stage(platform: Stage) -> Stage:
    """The platform, whole: a test that failed half way may have left something dead."""
    down: list[Server] = [server for server in (platform.database, platform.broker) if not server.pids]
    down += [each for name in parts(platform) if not (each := platform.process(name)).pids]
    for server in down:
        server.start()
        server.wait_ready()
    return platform


@pytest.fixture
def truth(stage: Stage) -> Iterator[Truth]:
    """What the stage's databases and its log say."""
    with Truth(stage.broker.uri, stage.database.uri, "deskstream") as told:
        yield told


@pytest.fixture
def chance(record_property) -> Random:
    """Randomness that can be repeated; its seed is shown with a failure."""
    print(f"DESKSTREAM_FAULTS_SEED={SEED}")
    record_property("seed", SEED)
    return Random(SEED)


class Place(NamedTuple):
    """What tests.sla.stage needs to know of a database."""

    uri: str
    prefix: str


@pytest.fixture
def clocks(stage: Stage, tmp_path: Path) -> Iterator[Clocks]:
    """Workers of sla alone: a virtual host, databases and a clock of their own."""
    name = f"clocks-{secrets.token_hex(4)}"
    built = Clocks(stage.broker.add_vhost(name), Place(stage.database.uri, name.replace("-", "_")), tmp_path)
    try:
        yield built
    finally:
        built.close()
        stage.broker.delete_vhost(name)
