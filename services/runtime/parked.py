"""Parked messages: see them, read them, say them again, drop them. `deskstream dead` and `deskstream tail`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pika
import typer
from pika.exceptions import AMQPError, ChannelClosedByBroker

from services.kernel.errors import Missing, Unavailable
from services.runtime import envelope, topology
from services.runtime.legible import legible
from services.runtime.message import Heard
from services.runtime.publisher import parameters
from services.runtime.settings import Settings

dead = typer.Typer(no_args_is_help=True, help="Parked messages: what could not be handled, and why.")

_HELD = 5_000
"""Messages of one queue looked at in one go; the others keep their turn."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked message. `reason`: refused, exhausted, bug, or the broker's own (delivery_limit)."""

    queue: str
    reason: str
    error: str
    at: str
    heard: Heard


def find(uri: str, queue: str = "", message: str = "") -> list[Parked]:
    """What is parked, oldest first; of one queue or one message id when given. Looking changes nothing."""
    return _each(uri, queue, message, None)


def replay(uri: str, queue: str = "", message: str = "") -> list[Parked]:
    """Put them back into the queue they were parked from, attempts counted anew. Raises Unavailable.

    Removed from parking only after the broker confirmed the copy: a crash between gives the message twice, never none.
    """

    def back(channel: Any, parked: Parked) -> None:
        packet = envelope.again(parked.heard, topology.REDELIVER, parked.queue, {envelope.ATTEMPT: 1})
        headers = {name: value for name, value in packet.headers.items() if not name.startswith("parked_")}
        properties = pika.BasicProperties(
            content_type=packet.content_type, headers=headers, delivery_mode=2, message_id=packet.message_id
        )
        channel.basic_publish(packet.exchange, packet.key, packet.body, properties, mandatory=True)

    return _each(uri, queue, message, back)


def drop(uri: str, queue: str = "", message: str = "") -> list[Parked]:
    """Remove them for good; returns what they were."""
    return _each(uri, queue, message, lambda channel, parked: None)


def _each(uri: str, queue: str, message: str, act: Callable[[Any, Parked], None] | None) -> list[Parked]:
    queues = [known.name for known in topology.QUEUES if known.parked and queue in ("", known.name, known.parked)]
    if not queues:
        raise Missing(f"No queue is called {queue!r}: `deskstream dead list` names them all.")
    done: list[Parked] = []
    with _channel(uri) as channel:
        for name in queues:
            looked_at = 0
            for _ in range(_HELD):
                method, properties, body = channel.basic_get(topology.parked_queue(name))
                if method is None:
                    break
                parked = _read(name, properties, body)
                wanted = message in ("", parked.heard.id)
                if wanted:
                    done.append(parked)
                if wanted and act is not None:
                    act(channel, parked)
                    channel.basic_ack(method.delivery_tag)
                else:
                    looked_at = method.delivery_tag
            if looked_at:
                channel.basic_nack(looked_at, multiple=True, requeue=True)
    if message and not done:
        raise Missing(f"No parked message has the id {message}: `deskstream dead list` shows them.")
    return done


def _read(queue: str, properties: pika.BasicProperties, body: bytes) -> Parked:
    headers: dict[str, Any] = dict(properties.headers or {})
    deaths = headers.get("x-death") or [{}]
    # The broker parked it itself: its key stands in the list of its deaths only.
    if envelope.KEY not in headers and deaths[0].get("routing-keys"):
        headers[envelope.KEY] = deaths[0]["routing-keys"][0]
    heard = envelope.open_envelope(queue, body, headers, properties.message_id or "", properties.content_type or "")
    reason = str(headers.get(envelope.PARKED_REASON) or deaths[0].get("reason") or "unknown")
    error = str(headers.get(envelope.PARKED_ERROR) or "Delivered too often without an answer: its handler crashed.")
    at = str(headers.get(envelope.PARKED_AT) or deaths[0].get("time") or "")
    return Parked(queue, reason, error, at, heard)


@contextmanager
def _channel(uri: str) -> Iterator[Any]:
    try:
        connection = pika.BlockingConnection(parameters(uri))
        try:
            topology.declare(connection)
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            if connection.is_open:
                connection.close()
    except (AMQPError, OSError) as error:
        why = error.reply_text if isinstance(error, ChannelClosedByBroker) else type(error).__name__
        raise Unavailable(f"The broker cannot be asked ({why}): check AMQP_URI and that it runs.") from error


Queue = Annotated[str, typer.Option("--queue", "-q", help="Only this queue, e.g. sla.tickets.")]
Message = Annotated[str, typer.Argument(help="Message id, as `dead list` shows it.")]
SomeMessage = Annotated[str, typer.Argument(help="Message id; leave it out together with --all.")]
All = Annotated[bool, typer.Option("--all", help="Every parked message (of --queue, when given).")]


@dead.command("list")
def show_list(queue: Queue = "") -> None:
    """One line per parked message: queue, id, key, ticket, reason, when."""
    parked = find(Settings().amqp_uri, queue)
    for one in parked:
        words = (one.queue, one.heard.id, one.heard.key, one.heard.subject or "-", one.reason, one.at)
        typer.echo("  ".join(words) + f"\n    {one.error}")
    typer.echo(f"{len(parked)} parked.")


@dead.command("show")
def show(message: Message, queue: Queue = "") -> None:
    """One message whole, personal values masked."""
    for one in find(Settings().amqp_uri, queue, message):
        typer.echo(f"queue     {one.queue}\nreason    {one.reason}\nerror     {one.error}\nparked    {one.at}")
        typer.echo(describe(one.heard))


@dead.command("replay")
def replay_command(message: SomeMessage = "", queue: Queue = "", everything: All = False) -> None:
    """Put messages back into the queue they came from, once the cause is mended."""
    _told(replay(Settings().amqp_uri, queue, _chosen(message, everything)), "back in their queue")


@dead.command("drop")
def drop_command(message: SomeMessage = "", queue: Queue = "", everything: All = False) -> None:
    """Remove messages for good."""
    _told(drop(Settings().amqp_uri, queue, _chosen(message, everything)), "dropped")


def describe(heard: Heard) -> str:
    """Envelope and body for a person's eyes."""
    lines = (
        ("key", heard.key),
        ("id", heard.id),
        ("subject", heard.subject),
        ("time", heard.time.isoformat()),
        ("source", heard.source),
        ("cause", heard.cause),
        ("trace", heard.traceparent[3:35]),
        ("attempt", str(heard.attempt)),
    )
    told = "\n".join(f"{name:<10}{value}" for name, value in lines if value)
    return f"{told}\n{legible(heard)}"


def _chosen(message: str, everything: bool) -> str:
    if bool(message) == everything:
        raise typer.BadParameter("give a message id, or --all")
    return message


def _told(parked: Sequence[Parked], what: str) -> None:
    for one in parked:
        typer.echo(f"{one.queue}  {one.heard.id}  {one.heard.key}")
    typer.echo(f"{len(parked)} {what}.")
