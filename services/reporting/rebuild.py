"""Facts anew from the whole stream log, while the workers go on (T3).

Why nothing is lost stands in services/adr/0008-reports-from-the-stream.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pika
from pika.exceptions import AMQPError

from services.kernel.errors import Refused, Unavailable
from services.reporting.handlers import record
from services.reporting.storage import MongoReports, MongoViews
from services.runtime.envelope import KEY, open_envelope
from services.runtime.message import Heard
from services.runtime.publisher import parameters
from services.runtime.topology import LOG

BATCH = 2_000
"""Messages folded at once; also what the broker may send ahead."""
SILENCE = 30.0
"""Seconds without a message after which the log is given up; our own mark always comes."""
_MARK = "deskstream-rebuild"

Progress = Callable[[int, int], None]
"""Told the messages read so far, and those the log held at the start."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    generation: str
    read: int
    refused: int
    """Malformed messages: the worker has parked them, and they are in no report."""


def rebuild(
    reports: MongoReports,
    amqp_uri: str,
    *,
    again: bool = False,
    accept_gap: bool = False,
    progress: Progress = lambda read, total: None,
) -> Rebuilt:
    """Reads the log from its first message into a fresh generation and puts that in place of the current one.

    again: a rebuild was broken off, drop what it left. accept_gap: go on although the log no longer begins at its
    first message. Raises Refused for these two, Unavailable when broker or database do not answer.
    """
    generation = uuid4().hex[:12]
    views = reports.begin(generation, again=again)
    with ExitStack() as undo:
        undo.callback(reports.finish, views)
        log = _Log(amqp_uri, accept_gap=accept_gap, progress=progress)
        with closing(log):
            # First up to now, so that readers change over to figures that are nearly complete.
            log.fold_up_to_now(views)
            old = reports.current()
            reports.put_in_place(generation, old.generation)
            # From here on a failure leaves the new generation in place and the mark of the rebuild standing: run it
            # again.
            undo.pop_all()
            # A worker that asked for the generation before the change wrote to the old one. What it had heard by then
            # stands in the log before our next mark. The second mark is for a message that reached its queue first.
            log.fold_up_to_now(views)
            log.fold_up_to_now(views)
    reports.finish(old)
    return Rebuilt(generation, log.read, log.refused)


class _Log:
    """A consumer of the stream from its first message."""

    def __init__(self, uri: str, *, accept_gap: bool, progress: Progress) -> None:
        self.read = 0
        self.refused = 0
        self._accept_gap = accept_gap
        self._progress = progress
        try:
            self._connection = pika.BlockingConnection(parameters(uri))
            self._channel = self._connection.channel()
            self._total = int(self._channel.queue_declare(LOG, passive=True).method.message_count)
            self._channel.basic_qos(prefetch_count=BATCH)
            self._deliveries = self._channel.consume(
                LOG, arguments={"x-stream-offset": "first"}, inactivity_timeout=SILENCE
            )
            self._voice = self._connection.channel()
            self._voice.confirm_delivery()
        except (AMQPError, OSError) as error:
            raise Unavailable(
                f"The stream log {LOG} cannot be read ({type(error).__name__}): "
                "check AMQP_URI, and that a worker ran once."
            ) from error

    def fold_up_to_now(self, views: MongoViews) -> None:
        """Folds everything that was said before this call."""
        try:
            mark = f"{_MARK}/{uuid4().hex}"
            # By the default exchange: only the log gets it, no service hears it.
            self._voice.basic_publish("", LOG, b"", pika.BasicProperties(message_id=mark))
            batch: list[Heard] = []
            for tag, heard in self._up_to(mark):
                batch.append(heard)
                if len(batch) == BATCH:
                    self._fold(views, batch, tag)
                    batch = []
            self._fold(views, batch, 0)
        except (AMQPError, OSError) as error:
            raise Unavailable(
                f"The broker went away while the log was read ({type(error).__name__}): run the rebuild again."
            ) from error

    def close(self) -> None:
        """Leaves the broker."""
        # pika hands back what it was sent ahead; a stream knows no such thing and ends the connection, as we wish.
        with suppress(AMQPError):
            self._connection.close()

    def _up_to(self, mark: str) -> Iterator[tuple[int, Heard]]:
        for method, properties, body in self._deliveries:
            if method is None:
                raise Unavailable(f"The stream log was silent for {SILENCE:g} s: check the broker, then run it again.")
            headers: dict[str, Any] = dict(properties.headers or {})
            if self.read == 0 and not self._accept_gap and int(headers.get("x-stream-offset", 0)) > 0:
                raise Refused(
                    "The stream log no longer holds its first messages, so the rebuilt figures would lack what is "
                    "older; run it with --accept-gap if that is meant.",
                    code="conflict",
                )
            self.read += 1
            if properties.message_id == mark:
                self._channel.basic_ack(method.delivery_tag, multiple=True)
                return
            key = str(method.routing_key)
            # For what comes back to a queue; in the log it would be anybody's claim.
            headers = {name: told for name, told in headers.items() if name != KEY}
            yield (
                int(method.delivery_tag),
                open_envelope(key, body, headers, properties.message_id or "", properties.content_type or ""),
            )

    def _fold(self, views: MongoViews, batch: list[Heard], tag: int) -> None:
        record(views, batch)
        self.refused += sum(1 for heard in batch if heard.refused is not None)
        if tag:
            self._channel.basic_ack(tag, multiple=True)
        self._progress(self.read, max(self._total, self.read))
