"""`deskstream tail`: the stream as it flows, or from its beginning, for a person's eyes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated
from uuid import uuid4

import pika
import typer
from pika.exceptions import AMQPError

from services.kernel.errors import Unavailable
from services.runtime import envelope, topology
from services.runtime.message import Heard
from services.runtime.parked import describe
from services.runtime.publisher import parameters
from services.runtime.settings import Settings

tail = typer.Typer(invoke_without_command=True, help="Prints messages of the stream, personal values masked.")


def read_log(uri: str, offset: str = "next", quiet_after: float | None = None) -> Iterator[Heard]:
    """Messages of the log. `offset`: "first", "next" or "last".

    Ends after `quiet_after` seconds without one (None: never). Raises Unavailable when the broker goes away.
    """
    try:
        connection = pika.BlockingConnection(parameters(uri))
        try:
            topology.declare(connection)
            channel = connection.channel()
            channel.basic_qos(prefetch_count=200)
            arguments = {"x-stream-offset": offset}
            deliveries = channel.consume(topology.LOG, arguments=arguments, inactivity_timeout=quiet_after)
            for method, properties, body in deliveries:
                if method is None:
                    return
                channel.basic_ack(method.delivery_tag)
                yield envelope.open_envelope(
                    method.routing_key,
                    body,
                    # As it was said: the key in the header is for what comes back to a queue, here anybody's claim.
                    {name: told for name, told in (properties.headers or {}).items() if name != envelope.KEY},
                    properties.message_id or "",
                    properties.content_type or "",
                )
        finally:
            # pika hands back what it had prefetched, which a stream queue does not take and closes the connection for.
            with suppress(AMQPError):
                connection.close()
    except (AMQPError, OSError) as error:
        raise Unavailable(f"The broker went away ({type(error).__name__}): check AMQP_URI and that it runs.") from error


def read_whole_log(uri: str, silence: float = 10.0) -> Iterator[Heard]:
    """Every message of the log up to this moment, which a mark of our own in the log tells.

    Raises Unavailable when the broker goes away, or falls silent for so many seconds before the mark came.
    """
    mark = f"deskstream-mark/{uuid4().hex}"
    try:
        connection = pika.BlockingConnection(parameters(uri))
        try:
            voice = connection.channel()
            voice.confirm_delivery()
            # By the default exchange: only the log gets it, no service hears it.
            voice.basic_publish("", topology.LOG, b"", pika.BasicProperties(message_id=mark), mandatory=True)
        finally:
            connection.close()
    except (AMQPError, OSError) as error:
        raise Unavailable(
            f"The log of the stream cannot be read ({type(error).__name__}): check AMQP_URI and that a worker ran once."
        ) from error
    for heard in read_log(uri, "first", silence):
        if heard.id == mark:
            return
        yield heard
    raise Unavailable("The log of the stream fell silent before its end: run it again.")


def matches(pattern: str, key: str) -> bool:
    """Whether a topic binding with `pattern` would hear `key`."""
    return _match(pattern.split("."), key.split("."))


def _match(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_match(pattern[1:], words[start:]) for start in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _match(pattern[1:], words[1:])


@tail.callback()
def show_tail(
    key: Annotated[str, typer.Option(help="Topic pattern, e.g. 'ticket.*' or 'request.#'.")] = "#",
    subject: Annotated[str, typer.Option(help="Only this ticket number.")] = "",
    first: Annotated[bool, typer.Option("--first", help="From the oldest message kept, not from now.")] = False,
    count: Annotated[int, typer.Option(help="End after so many messages; 0: never.")] = 0,
    quiet_after: Annotated[float, typer.Option(help="End after so many seconds without a message; 0: never.")] = 0.0,
) -> None:
    """Prints messages of the stream as they are said, personal values masked, until Ctrl-C."""
    shown = 0
    for heard in read_log(Settings().amqp_uri, "first" if first else "next", quiet_after or None):
        if not matches(key, heard.key) or (subject and heard.subject != subject):
            continue
        typer.echo(describe(heard) + "\n")
        shown += 1
        if shown == count:
            return
