"""The directory as its own processes, on the real broker and the real database."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from deploy.local.children import Child, end, kill, spawn
from services.contracts.deskstream.v1 import directory_pb2 as pb
from services.contracts.deskstream.v1 import directory_pb2_grpc as stubs
from services.profile.load import load
from services.runtime.calls import channel
from services.runtime.identity import make_keys
from services.runtime.topology import TICKETS
from tests.profile.folders import NAMES, POLICY
from tests.waiting import wait_for

pytestmark = pytest.mark.real

EAR = "test.directory"


class Installation:
    """What the processes share; leaves none behind."""

    def __init__(self, amqp_uri: str, mongo: Any, folder: Path) -> None:
        make_keys(folder)
        self.amqp_uri = amqp_uri
        self._folder = folder
        self._children: list[Child] = []
        self._environment = {
            **os.environ,
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongo.uri,
            "DESKSTREAM_DATABASE_PREFIX": mongo.prefix,
            "DESKSTREAM_POLICY_DIR": str(POLICY),
            "DESKSTREAM_GRPC_BIND": "127.0.0.1:0",
            "DESKSTREAM_TOKEN_PRIVATE_KEY": str(folder / "token.jwk"),
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(folder / "token.pub.jwk"),
        }

    def run(self, role: str) -> tuple[Child, str]:
        """A process that is ready, and the last word it said about that."""
        log = self._folder / f"{role}-{len(self._children)}.log"
        child = spawn(
            [sys.executable, "-W", "ignore", "-m", "services.directory", role], log=log, env=self._environment
        )
        self._children.append(child)
        start = f"ready directory {role}"
        wait_for(lambda: start in log.read_text(), 60, f"the {role} to be ready")
        return child, next(line for line in log.read_text().splitlines() if line.startswith(start)).split()[-1]

    def close(self) -> None:
        for child in self._children:
            if child.poll() is None:
                kill(child)


@pytest.fixture
def installation(amqp_uri: str, mongodb_uri: Any, tmp_path: Path) -> Iterator[Installation]:
    built = Installation(amqp_uri, mongodb_uri, tmp_path)
    yield built
    built.close()


def test_a_worker_says_once_which_rule_books_are_in_force(installation: Installation) -> None:
    """D18, S4."""
    with pika.BlockingConnection(pika.URLParameters(installation.amqp_uri)) as connection:
        ear = connection.channel()
        ear.exchange_declare(TICKETS, "topic", durable=True)
        ear.queue_declare(EAR, durable=True, arguments={"x-queue-type": "quorum"})
        ear.queue_bind(EAR, TICKETS, "directory.profile_applied")
        heard: list[tuple[str, str]] = []

        def listen() -> bool:
            method, _, body = ear.basic_get(EAR, auto_ack=True)
            if method is not None:
                event = pb.DirectoryEvent.FromString(body)
                heard.append((event.profile, event.version))
            return method is not None

        first, _ = installation.run("worker")
        wait_for(lambda: listen() and len(heard) == len(NAMES), what="three applied profiles")
        assert sorted(heard) == sorted((name, load(POLICY / name).version) for name in NAMES)
        kill(first)
        # Killed before or after it could mark what it said: a second one may say the same again, never anything else.
        second, _ = installation.run("worker")
        assert end(second, grace=40) == 0
        while listen():
            pass
        assert len(set(heard)) == len(NAMES)


def test_a_server_process_answers_and_ends_when_told(installation: Installation) -> None:
    server, port = installation.run("server")
    with channel(f"127.0.0.1:{port}") as line, pytest.raises(Exception, match="UNAUTHENTICATED"):
        stubs.DirectoryServiceStub(line).ListProfiles(pb.ListProfilesRequest())
    assert end(server, grace=20) == 0
