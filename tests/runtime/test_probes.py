"""Readiness: what a process says of itself while what it depends on is away (T10)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.errors import BulkWriteError, OperationFailure

from deploy.local.children import Trouble
from deploy.local.database import Database
from services.kernel.errors import Unavailable
from services.runtime import mongo, telemetry
from services.runtime.probes import Probes
from services.runtime.settings import Settings
from tests.waiting import wait_for


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[Database]:
    server = Database(tmp_path / "database")
    try:
        server.start()
        server.wait_ready()
        yield server
    except Trouble as trouble:
        pytest.fail(str(trouble), pytrace=False)
    finally:
        server.stop()


def test_a_watched_server_is_away_until_it_was_seen_and_again_once_it_fails() -> None:
    probes, up = Probes(), threading.Event()

    def look() -> None:
        if not up.is_set():
            raise ConnectionError

    probes.watch("database", look, every=0.01)
    assert probes.failing() == ["database"]
    up.set()
    wait_for(lambda: probes.failing() == [])
    up.clear()
    wait_for(lambda: probes.failing() == ["database"])


def test_a_process_with_probes_says_when_its_database_goes_away(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T10: probes fail when dependencies fail."""
    monkeypatch.setattr(telemetry, "probes", Probes())
    monkeypatch.setattr("services.runtime.probes._STALE_AFTER", 1.0)
    settings = Settings(metrics_port=1, database_prefix="probed").model_copy(update={"mongodb_uri": own_database.uri})
    mongo.connect("probed", settings)
    wait_for(lambda: telemetry.probes.failing() == [], 20)
    own_database.stop()
    wait_for(lambda: telemetry.probes.failing() == ["database"], 20)


def test_a_step_of_the_start_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    tries = iter([Unavailable("away"), Unavailable("away"), None])

    def step() -> None:
        if trouble := next(tries):
            raise trouble

    mongo.patiently(step)
    assert next(tries, "over") == "over"


def test_a_database_that_lets_nobody_in_ends_the_start_with_one_sentence() -> None:
    def step() -> None:
        raise OperationFailure("Authentication failed.", 18)

    with pytest.raises(SystemExit, match="check user and password in MONGODB_URI"):
        mongo.patiently(step)


def test_a_refused_bulk_write_never_quotes_its_documents() -> None:
    """P14: pymongo's own text holds the documents whole; logs and parked messages would carry them."""
    refused = {"writeErrors": [{"index": 0, "code": 10334, "op": {"name": "李伟"}}]}
    with pytest.raises(mongo.WriteRefused, match="10334") as caught, mongo.available():
        raise BulkWriteError(refused)
    assert "李伟" not in str(caught.value)
    assert caught.value.__cause__ is None
