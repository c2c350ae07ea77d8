"""Intake's real processes for tests: own keys, own ports, ended by their own id."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pika
from pymongo import MongoClient

from services.runtime.identity import Principal, Signer, make_keys
from services.runtime.message import Heard
from tests.intake.world import POLICY

ROOT = Path(__file__).parents[2]


class Process:
    """One process of intake and the lines it said."""

    def __init__(self, role: str, folder: Path, settings: Mapping[str, str], number: int) -> None:
        self._log = folder / f"{role}-{number}.log"
        environment = {**os.environ, **settings}
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "services.intake", role], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self._role = role

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def ready(self, timeout: float = 60) -> int:
        """Waits for the word "ready"; the port it names, 0 for a worker."""
        deadline = time.monotonic() + timeout
        while True:
            for line in self.log.splitlines():
                if line.startswith(f"ready intake {self._role}"):
                    return int(line.split()[3]) if len(line.split()) > 3 else 0
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self._role} is not ready; it said:\n{self.log[-3000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would (-9)."""
        self.popen.kill()
        self.popen.wait(10)

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Site:
    """One installation of intake: a broker, a database, keys, and the processes started here."""

    def __init__(self, folder: Path, amqp_uri: str, mongodb_uri: str, prefix: str) -> None:
        self.folder, self.amqp_uri, self.mongodb_uri, self.prefix = folder, amqp_uri, mongodb_uri, prefix
        make_keys(folder / "keys")
        self.service_token = (folder / "keys" / "service.token").read_text().strip()
        self._signer = Signer.from_file(folder / "keys" / "token.jwk")
        self._started: list[Process] = []

    def settings(self, **more: str) -> dict[str, str]:
        keys = self.folder / "keys"
        return {
            "AMQP_URI": self.amqp_uri,
            "MONGODB_URI": self.mongodb_uri,
            "DESKSTREAM_DATABASE_PREFIX": self.prefix,
            "DESKSTREAM_POLICY_DIR": str(POLICY),
            "DESKSTREAM_PROFILES": "itss_desk,generic_desk",
            "DESKSTREAM_GRPC_BIND": "127.0.0.1:0",
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(keys / "token.pub.jwk"),
            "DESKSTREAM_TOKEN_PRIVATE_KEY": str(keys / "token.jwk"),
            "DESKSTREAM_SERVICE_TOKEN": str(keys / "service.token"),
            "DESKSTREAM_ATTACHMENTS_DIR": str(self.folder / "attachments"),
            **more,
        }

    def token(self, person: str, *roles: str) -> str:
        return self._signer.sign(Principal(person, roles=frozenset(roles)), timedelta(minutes=10))

    def start(self, role: str, **more: str) -> Process:
        self._started.append(Process(role, self.folder, self.settings(**more), len(self._started)))
        return self._started[-1]

    def end(self) -> None:
        for process in self._started:
            process.end()

    @contextmanager
    def database(self) -> Iterator[Any]:
        with MongoClient[dict[str, Any]](self.mongodb_uri, retryWrites=False, serverSelectionTimeoutMS=5000) as client:
            yield client[f"{self.prefix}_intake"]

    def receipts(self) -> dict[str, str]:
        """Receipt to number."""
        with self.database() as database:
            return {row["_id"]: row["number"] for row in database["receipts"].find({}, {"number": 1})}


class Ear:
    """A queue of the test's own, bound to what it wants to hear."""

    def __init__(self, uri: str, *keys: str) -> None:
        from services.runtime import topology

        self._connection = pika.BlockingConnection(pika.URLParameters(uri))
        topology.declare(self._connection)
        self.channel = self._connection.channel()
        self.queue = f"ear-{os.urandom(4).hex()}"
        self.channel.queue_declare(self.queue, durable=True)
        for key in keys:
            self.channel.queue_bind(self.queue, topology.TICKETS, key)
        self.heard: list[Heard] = []

    def listen(self) -> list[Heard]:
        """Everything heard so far."""
        while True:
            method, properties, body = self.channel.basic_get(self.queue, auto_ack=True)
            if method is None:
                return self.heard
            self.heard.append(Heard(id=properties.message_id, key=method.routing_key, body=body))

    def parked(self) -> list[tuple[bytes, dict[str, Any]]]:
        """What intake refused, with the headers that say why; taken out."""
        found = []
        while True:
            method, properties, body = self.channel.basic_get("intake.requests.parked", auto_ack=True)
            if method is None:
                return found
            found.append((body, dict(properties.headers)))

    def say(self, key: str, body: bytes, content_type: str = "application/protobuf", **headers: Any) -> None:
        properties = pika.BasicProperties(content_type=content_type, delivery_mode=2, headers=headers or None)
        self.channel.basic_publish("deskstream.tickets", key, body, properties)

    def close(self) -> None:
        self._connection.close()
