"""The `batches` entrypoint: decode, decide, write, publish with confirms, then ack."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import eventlet
from eventlet.event import Event
from nameko.extensions import Entrypoint
from opentelemetry.trace import SpanKind

from services.kernel.errors import Refused, Unavailable
from services.runtime import bus_failures, telemetry, topology
from services.runtime.bus_call import STOP_WITHIN, call, say_until_done
from services.runtime.bus_hearing import Delivery, Hearing, Session
from services.runtime.bus_saying import Saying
from services.runtime.envelope import Packet, pack
from services.runtime.message import Heard

_heard = telemetry.counter("deskstream_messages_heard", "Messages handled, by queue")
_failed = telemetry.counter("deskstream_messages_failed", "Messages retried or parked, by queue and reason")
_batch_seconds = telemetry.histogram("deskstream_batch_seconds", description="From decoding to ack of a batch")

AWAY_AFTER = 2
"""So many messages in a row Unavailable: the rest of the batch is postponed untried instead of failing one by one."""
_SMUGGLED = Refused("It came here by a further key that whoever said it may not say; see who has that password.")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0


class Batches(Entrypoint):
    """Calls the method with up to `size` messages, or with what came within `wait_ms` of the first.

    Batches of a queue are handled one after the other. The method returns or yields Said; see DESIGN of failures in
    services/adr/0002-stream-and-bus.md.
    """

    hearing = Hearing()
    saying = Saying()

    def __init__(self, queue: str, size: int = 200, wait_ms: int = 20, prefetch: int = 400) -> None:
        if prefetch < size:
            raise ValueError(f"{queue}: prefetch {prefetch} can never fill a batch of {size}")
        super().__init__()
        self._queue = queue
        self._size = size
        self._wait = wait_ms / 1000
        self._prefetch = prefetch
        self._session: Session | None = None
        self._begun = Event()
        self._stopping = Event()
        self._stopped = Event()
        self._pause = 0.0
        self._log = telemetry.get_log("bus")

    def setup(self) -> None:
        self.hearing.want(self._queue, self._prefetch, self._begin)

    def start(self) -> None:
        self.container.spawn_managed_thread(self._work, identifier=f"batches {self._queue}")

    def stop(self) -> None:
        self._stopping.send(None)
        self.hearing.quieten(self._queue)
        if not self._begun.ready():
            self._begun.send(None)
        self._stopped.wait(timeout=STOP_WITHIN + 20)

    def _begin(self, session: Session) -> None:
        self._session = session
        begun, self._begun = self._begun, Event()
        begun.send(None)

    def _work(self) -> None:
        while not self._stopping.ready():
            session = self._session
            if session is None or not session.alive:
                self._begun.wait(timeout=1.0)
                continue
            deliveries = session.collect(self._size, self._wait)
            if deliveries and not self._stopping.ready():
                self._take(session, deliveries)
        self._stopped.send(None)

    def _take(self, session: Session, deliveries: Sequence[Delivery]) -> None:
        begun = time.perf_counter()
        batch: list[Heard] = []
        packets: list[Packet] = []
        for each in deliveries:
            if topology.is_smuggled(self._queue, each.said_with):
                packets.append(self._fail(each.heard, _SMUGGLED))
            else:
                batch.append(each.heard)
        try:
            packets += self._handle(batch) if batch else []
            self._pause = 0.0
        except Exception as error:
            packets += self._one_by_one(batch, error)
        # Ack only after the confirms: a crash here must replay, not lose.
        if say_until_done(self.saying, packets, lambda: session.alive, self._stopping):
            session.ack(deliveries)
            _heard.add(len(deliveries), {"queue": self._queue})
        _batch_seconds.record(time.perf_counter() - begun, {"queue": self._queue})
        if self._pause and not self._stopping.ready():
            eventlet.sleep(self._pause)

    def _handle(self, batch: Sequence[Heard]) -> list[Packet]:
        """What the handler says, in envelopes, and the messages it refused one by one."""
        config, name = self.container.config, self.container.service_name
        with telemetry.span(
            f"hear {self._queue}",
            batch[0].traceparent,
            {"messaging.batch.message_count": len(batch)},
            SpanKind.CONSUMER,
        ) as trace:
            said = call(self.container, self, (batch,))
        # A message follows the trace of its own cause, not of the batch it happened to travel in.
        traces = {heard.id: heard.traceparent for heard in batch}
        if len(batch) == 1:
            traces[batch[0].id] = trace.traceparent
        now, source = config["clock"].now(), f"deskstream/{name}"
        packets = [
            pack(message, topology.TICKETS, source, now, traces.get(message.cause, trace.traceparent))
            for message in said
        ]
        packets.extend(self._fail(heard, heard.refused) for heard in batch if heard.refused)
        return packets

    def _one_by_one(self, batch: Sequence[Heard], error: Exception) -> list[Packet]:
        """The batch failed as a whole: only the guilty ones shall suffer."""
        if len(batch) == 1:
            if isinstance(error, Unavailable):
                self._rest()
            return [self._fail(batch[0], error)]
        packets: list[Packet] = []
        away = 0
        for place, heard in enumerate(batch):
            # It is judged anew; what the failed attempt refused does not count.
            heard._refusals.clear()
            try:
                packets.extend(self._handle([heard]))
                away = 0
            except Exception as guilt:
                packets.append(self._fail(heard, guilt))
                away = away + 1 if isinstance(guilt, Unavailable) else 0
            if away >= AWAY_AFTER:
                packets.extend(bus_failures.postponed(later, self._queue) for later in batch[place + 1 :])
                self._rest()
                break
        return packets

    def _fail(self, heard: Heard, error: Exception) -> Packet:
        packet, reason = bus_failures.failed(heard, self._queue, error, self.container.config["clock"].now())
        _failed.add(1, {"queue": self._queue, "reason": reason})
        facts: dict[str, Any] = {
            "queue": self._queue,
            "key": heard.key,
            "message": heard.id,
            "subject": heard.subject,
            "attempt": heard.attempt,
            "trace_id": heard.traceparent[3:35],
        }
        if reason == "bug":
            self._log.error("message_parked", reason=reason, exc_info=error, **facts)
        else:
            event = "message_retried" if reason == "retry" else "message_parked"
            self._log.warning(event, reason=reason, why=str(error)[:300], **facts)
        return packet

    def _rest(self) -> None:
        """What the handler needs is away: hearing on at full speed would only fill the delay queues."""
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
