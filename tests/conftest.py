"""The real broker and the real database for tests: private, started when first asked for, stopped whatever happens."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mongoengine
import pytest
from pymongo import MongoClient

from deploy.local.broker import Broker
from deploy.local.children import Trouble
from deploy.local.database import Database


class MongoPlace(NamedTuple):
    """Where one test keeps its documents: one database per service, named `<prefix>_<service>`."""

    uri: str
    prefix: str


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """A folder for the embedded stack; short, as sockets and Erlang paths live in it."""
    folder = Path(tempfile.mkdtemp(prefix="deskstream-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def broker(stack_folder: Path) -> Iterator[Broker]:
    """The session's private RabbitMQ node. Tests that stop or restart it start their own."""
    node = Broker(stack_folder / "broker")
    try:
        node.start()
        node.wait_ready()
        yield node
    except Trouble as trouble:
        pytest.fail(str(trouble), pytrace=False)
    finally:
        node.stop()


@pytest.fixture(scope="session")
def database(stack_folder: Path) -> Iterator[Database]:
    """The session's private database server. Tests that stop or restart it start their own."""
    server = Database(stack_folder / "database")
    try:
        server.start()
        server.wait_ready()
        yield server
    except Trouble as trouble:
        pytest.fail(str(trouble), pytrace=False)
    finally:
        server.stop()


@pytest.fixture
def amqp_uri(broker: Broker) -> Iterator[str]:
    """A fresh virtual host for this test, removed after it."""
    name = f"test-{secrets.token_hex(6)}"
    yield broker.add_vhost(name)
    if broker.pids:
        broker.delete_vhost(name)


@pytest.fixture
def mongodb_uri(database: Database) -> Iterator[MongoPlace]:
    """`(uri, prefix)`: a fresh prefix of database names for this test; what it leaves is dropped."""
    place = MongoPlace(database.uri, f"t{secrets.token_hex(6)}")
    yield place
    # The next test's databases have other names under the same aliases.
    for alias, known in list(mongoengine.connection._connection_settings.items()):
        if str(known["name"]).startswith(f"{place.prefix}_"):
            mongoengine.disconnect(alias)
    if database.pids:
        with MongoClient[dict[str, Any]](place.uri, serverSelectionTimeoutMS=5000) as client:
            for name in client.list_database_names():
                if name.startswith(f"{place.prefix}_"):
                    # Dropped with their index of terms, 400 rows take the embedded server 40 s; emptied first, 0.2 s.
                    client[name]["finds"].delete_many({})
                    client.drop_database(name)
