"""The private database: keeps what it acknowledged, on loopback, and leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.database import Database
from tests.conftest import MongoPlace
from tests.waiting import alive, wait_for

pytestmark = pytest.mark.real


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[Database]:
    server = Database(tmp_path / "database")
    server.start()
    server.wait_ready()
    yield server
    server.stop()


def test_the_database_listens_on_loopback_only(database: Database) -> None:
    connections = psutil.Process(database.pids[0]).net_connections("inet")
    assert {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_its_address_turns_retryable_writes_off(mongodb_uri: MongoPlace) -> None:
    with MongoClient(mongodb_uri.uri) as client:
        client[f"{mongodb_uri.prefix}_dispatch"].tickets.insert_one({"_id": 1})
        assert client.options.retry_writes is False


@pytest.mark.faults
def test_a_restart_keeps_documents_and_address(own_database: Database) -> None:
    uri = own_database.uri
    with MongoClient(uri) as client:
        client.desk.tickets.insert_one({"_id": "T1"})
    own_database.restart()
    assert own_database.uri == uri
    with MongoClient(uri) as client:
        assert client.desk.tickets.find_one({"_id": "T1"}) == {"_id": "T1"}


@pytest.mark.faults
def test_a_kill_loses_no_acknowledged_write(own_database: Database) -> None:
    acknowledged: list[int] = []

    def write() -> None:
        with MongoClient(own_database.uri, serverSelectionTimeoutMS=1000) as client:
            try:
                for number in range(1_000_000):
                    client.desk.tickets.insert_one({"_id": number, "text": "x" * 300})
                    acknowledged.append(number)
            except PyMongoError:
                return

    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(acknowledged) > 300, what="300 acknowledged writes")
    own_database.kill()
    writer.join(30)
    own_database.start()
    own_database.wait_ready()
    with MongoClient(own_database.uri) as client:
        kept = {document["_id"] for document in client.desk.tickets.find({}, {"_id": 1})}
    assert set(acknowledged) <= kept


@pytest.mark.faults
def test_a_stopped_database_leaves_no_process(own_database: Database) -> None:
    process = psutil.Process(own_database.pids[0])
    own_database.stop()
    assert not alive(process)
