"""The stage of the process tests: real broker, real database, workers in processes of their own, a clock to move."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pika

from deploy.local.children import Child, kill, spawn
from services.contracts.deskstream.v1 import common_pb2, sla_pb2, ticket_pb2
from services.runtime.clock import JourneyClock, move
from services.runtime.identity import make_keys
from services.runtime.message import Said, event_id
from services.runtime.publisher import Publisher
from services.sla.stream import stamp
from tests.waiting import wait_for

PROFILE = "it_callcentre_levels"


class Told(NamedTuple):
    """One message of sla, as reporting hears it."""

    id: str
    key: str
    number: str
    clock: str
    body: Any


def ticket_body(number: str, version: int, at: datetime, **milestones: datetime) -> ticket_pb2.TicketEvent:
    """What ticket.opened or ticket.updated says of a level II system defect."""
    ticket = ticket_pb2.Ticket(
        number=number,
        version=version,
        profile=PROFILE,
        profile_version="1",
        channel=common_pb2.CHANNEL_WEB,
        type="system_defect",
        grade="II",
        phase=ticket_pb2.PHASE_OPEN,
        updated_at=stamp(at),
    )
    for name, reached in milestones.items():
        ticket.milestones[name].CopyFrom(stamp(reached))
    event = "opened" if version == 1 else "updated"
    return ticket_pb2.TicketEvent(event=event, at=stamp(at), ticket=ticket)


def ticket_event(
    number: str, version: int, at: datetime, *, profile_version: str = "1", **milestones: datetime
) -> Said:
    """The same as a message."""
    body = ticket_body(number, version, at, **milestones)
    body.ticket.profile_version = profile_version
    key = f"ticket.{body.event}"
    return Said(key, body, event_id(f"{number}/{version}", key, number), subject=number)


class Stage:
    """Everything of one test; leaves no process behind."""

    def __init__(self, amqp_uri: str, mongodb: Any, folder: Path) -> None:
        self.clock_file = folder / "clock.json"
        self.clock = JourneyClock(self.clock_file)
        self.environment = {
            **os.environ,
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongodb.uri,
            "DESKSTREAM_DATABASE_PREFIX": mongodb.prefix,
            "DESKSTREAM_PROFILES": PROFILE,
            "DESKSTREAM_DEFAULT_PROFILE": PROFILE,
            "DESKSTREAM_CLOCK_FILE": str(self.clock_file),
        }
        self._uri = amqp_uri
        self._folder = folder
        self._publisher = Publisher(amqp_uri, source="deskstream/dispatch")
        self._workers: list[Child] = []
        self.told: list[Told] = []

    def close(self) -> None:
        self._publisher.close()
        for worker in self._workers:
            if worker.poll() is None:
                kill(worker)

    def worker(self, **environment: str) -> Child:
        """A replica, once it consumes; with more variables in its environment."""
        return self.workers(1, **environment)[0]

    def workers(self, count: int, **environment: str) -> list[Child]:
        """Replicas started together, once all of them consume."""
        started = []
        for _ in range(count):
            log = self._folder / f"worker-{len(self._workers)}.log"
            argv = [sys.executable, "-W", "ignore", "-m", "services.sla", "worker"]
            child = spawn(argv, log=log, env={**self.environment, **environment})
            self._workers.append(child)
            started.append((child, log))
        for _, log in started:
            wait_for(lambda log=log: b"ready sla worker" in log.read_bytes(), 60, "the worker to be ready")  # type: ignore[misc]
        return [child for child, _ in started]

    def server(self) -> Child:
        """A gRPC server, which audits what the replicas do, once it answers."""
        keys = self._folder / "keys"
        if not keys.exists():
            make_keys(keys)
        log = self._folder / f"server-{len(self._workers)}.log"
        more = {"DESKSTREAM_GRPC_BIND": "127.0.0.1:0", "DESKSTREAM_TOKEN_PUBLIC_KEY": str(keys / "token.pub.jwk")}
        argv = [sys.executable, "-W", "ignore", "-m", "services.sla", "server"]
        child = spawn(argv, log=log, env={**self.environment, **more})
        self._workers.append(child)
        wait_for(lambda: b"ready sla server" in log.read_bytes(), 60, "the server to be ready")
        return child

    def say(self, messages: Iterable[Said]) -> None:
        self._publisher.publish(list(messages), timeout=60)

    def now(self) -> datetime:
        now = self.clock.now().astimezone(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def forward(self, by: timedelta) -> None:
        move(self.clock_file, by)

    def listen(self) -> list[Told]:
        """All that sla has said so far, in the order reporting would hear it."""
        with pika.BlockingConnection(pika.URLParameters(self._uri)) as connection:
            channel = connection.channel()
            while True:
                got, properties, body = channel.basic_get("reporting.events", auto_ack=True)
                if got is None:
                    return self.told
                event: Any
                if got.routing_key == "sla.alarm":
                    event = sla_pb2.SlaAlarm.FromString(body)
                    self.told.append(Told(properties.message_id, got.routing_key, "", "", event))
                    continue
                if got.routing_key.startswith("sla."):
                    event = sla_pb2.SlaEvent.FromString(body)
                    clock = event.clock.clock
                elif got.routing_key.startswith("escalation."):
                    event = sla_pb2.EscalationEvent.FromString(body)
                    clock = event.clock
                else:
                    continue
                self.told.append(Told(properties.message_id, got.routing_key, event.ticket.number, clock, event))

    def count(self, key: str, clock: str = "") -> int:
        """Tickets about which this was said."""
        return len({each.number for each in self.listen() if each.key == key and each.clock == clock})
