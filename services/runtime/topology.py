"""One table of every exchange, queue, binding and dead letter. Works on RabbitMQ 3.10 and 4.x.

Nothing here is transient or exclusive (4.x denies such queues), nothing needs a global QoS (quorum queues know none).
`python -m services.runtime.topology` prints it as broker definitions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

TICKETS = "deskstream.tickets"
"""Topic exchange of the one stream; everybody says here."""
RETRY = "deskstream.retry"
"""Headers exchange: the header `deskstream_delay` chooses the delay, the routing key is the queue to come back to."""
REDELIVER = "deskstream.redeliver"
"""Direct exchange back into one queue, by its name: ends delays and replays."""
PARKED = "deskstream.parked"
"""Direct exchange to the parked messages of a queue, by the queue's name."""
ANSWERS = "deskstream.answers"
"""Direct exchange for the answers of teams' own tools (U3). They carry people's tokens, which the log must not keep."""
LOG = "deskstream.log"
"""Stream queue with everything that was said; read with x-stream-offset (decision 9)."""

DELAY = "deskstream_delay"
DELAYS = (1, 5, 30, 120)
"""Seconds of the delay queues."""

# A crash counts against every prefetched message, so this is far above what retries need (they are new messages).
DELIVERY_LIMIT = 20

Kind = Literal["quorum", "stream"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["topic", "direct", "headers"]


@dataclass(frozen=True, slots=True)
class Binding:
    """Messages of `exchange` with `key` (topic pattern or exact), or with these `arguments`, reach the queue."""

    exchange: str
    key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue. `parked` names the queue of its refused messages, empty when it has none."""

    name: str
    bindings: tuple[Binding, ...]
    arguments: Mapping[str, Any]
    kind: Kind = "quorum"
    delivery_limit: int = 0
    parked: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """What it hears of the stream."""
        return tuple(binding.key for binding in self.bindings if binding.exchange == TICKETS)


def parked_queue(queue: str) -> str:
    """Name of the queue that holds the parked messages of `queue`."""
    return f"{queue}.parked"


_STRANGERS = ("request.submitted.", "call.")


def is_smuggled(queue: str, key: str) -> bool:
    """Whether a message with a key that adapters may say came into a queue that does not hear it.

    Brokers before 4 check the key a message is said with, and not those it names under CC or BCC: without this look an
    adapter's password would speak for dispatch.
    """
    if not key.startswith(_STRANGERS):
        return False
    heard = _KEYS.get(queue)
    return heard is not None and not any(
        pattern == key or (pattern.endswith((".#", ".*")) and key.startswith(pattern[:-1])) for pattern in heard
    )


def work_queue(team: str) -> Queue:
    """The queue from which a team's own tools may take work over AMQP (U3).

    Bounded and forgetful on purpose: dispatch holds the truth and `WatchQueue` tells it anew, so a team that never
    reads its queue must not fill the broker's disk or hold back dispatch (as reject-publish would).
    """
    name = f"work.{team}"
    limits = {"x-max-length": 10_000, "x-overflow": "drop-head", "x-message-ttl": 7 * 24 * 3600 * 1000}
    return Queue(name, (Binding(TICKETS, name),), {"x-queue-type": "quorum", **limits})


def _heard(name: str, *keys: str, exchange: str = TICKETS) -> tuple[Queue, Queue]:
    """A queue of a service and the queue of its parked messages."""
    bindings = (*(Binding(exchange, key) for key in keys), Binding(REDELIVER, name))
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": PARKED,
        "x-dead-letter-routing-key": name,
        # At-least-once silently becomes at-most-once without reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    parked = parked_queue(name)
    return (
        Queue(name, bindings, arguments, delivery_limit=DELIVERY_LIMIT, parked=parked),
        # Looking at a parked message is a delivery, and 4.x would drop it after twenty looks.
        Queue(parked, (Binding(PARKED, name),), {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}),
    )


def _delay(seconds: int) -> Queue:
    arguments = {
        "x-queue-type": "quorum",
        "x-message-ttl": seconds * 1000,
        # No dead-letter key: the message's own key, the queue it came from, is kept.
        "x-dead-letter-exchange": REDELIVER,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return Queue(f"{RETRY}.{seconds}s", (Binding(RETRY, "", {"x-match": "all", DELAY: f"{seconds}s"}),), arguments)


EXCHANGES: tuple[Exchange, ...] = (
    Exchange(TICKETS, "topic"),
    Exchange(RETRY, "headers"),
    Exchange(REDELIVER, "direct"),
    Exchange(PARKED, "direct"),
    Exchange(ANSWERS, "direct"),
)

QUEUES: tuple[Queue, ...] = (
    *_heard("intake.requests", "request.submitted.#", "call.*"),
    *_heard("dispatch.requests", "request.received.#", "request.joined.#"),
    *_heard("dispatch.callbacks", "callback.completed", "callback.unsolved", "callback.unreachable"),
    # Said by dispatch beside ticket.* where other tickets have to follow; heard by itself (adr 0016).
    *_heard("dispatch.links", "links.told"),
    # What steps of clocks want done to tickets (D13).
    *_heard("dispatch.asked", "sla.asked"),
    *_heard("dispatch.duty", "directory.duty_changed"),
    *_heard("dispatch.answers", "work.accept", "work.decline", exchange=ANSWERS),
    *_heard("sla.tickets", "ticket.*"),
    *_heard("callbacks.events", "ticket.*", "contact.recorded", "watch.contact_owed"),
    *_heard("notifications.duty", "directory.duty_changed"),
    *_heard("notifications.events", "ticket.*", "sla.*", "escalation.*", "callback.*", "survey.answered", "watch.*"),
    # Records entered after an outage, calls that settle them, calls offered (adr 0021).
    *_heard(
        "watch.events",
        *("request.backfilled", "call.ringing", "contact.recorded", "callback.completed", "callback.unreachable"),
    ),
    *_heard(
        "reporting.events",
        *(
            "contact.recorded",
            "ticket.*",
            "sla.*",
            "escalation.*",
            "callback.*",
            "survey.answered",
            "notification.failed",
        ),
    ),
    *(_delay(seconds) for seconds in DELAYS),
    Queue(
        LOG,
        (Binding(TICKETS, "#"),),
        {
            "x-queue-type": "stream",
            "x-max-age": "90D",
            "x-max-length-bytes": 20_000_000_000,
            # Only whole segments are dropped; smaller ones keep a quiet desk's log near its bounds.
            "x-stream-max-segment-size-bytes": 100_000_000,
        },
        kind="stream",
    ),
)


_KEYS: Mapping[str, tuple[str, ...]] = {each.name: each.keys for each in QUEUES}


class _Opens(Protocol):
    def channel(self) -> Any: ...


def declare(connection: _Opens, teams: Sequence[str] = ()) -> None:
    """Make what is missing; idempotent. `connection`: of pika, py-amqp or kombu; `teams`: whose work queues to make.

    The client's own error passes when something exists with other arguments: remove it once it is empty.
    """
    channel = connection.channel()
    # The one place where the client libraries differ.
    type_name = "exchange_type" if type(channel).__module__.startswith("pika") else "type"
    for exchange in EXCHANGES:
        channel.exchange_declare(exchange=exchange.name, durable=True, auto_delete=False, **{type_name: exchange.kind})
    for queue in (*QUEUES, *(work_queue(team) for team in teams)):
        channel.queue_declare(queue=queue.name, durable=True, auto_delete=False, arguments=dict(queue.arguments))
        for binding in queue.bindings:
            channel.queue_bind(
                queue=queue.name,
                exchange=binding.exchange,
                routing_key=binding.key,
                arguments=dict(binding.arguments),
            )
    channel.close()


def definitions(teams: Sequence[str] = (), vhost: str = "/") -> dict[str, Any]:
    """The table as RabbitMQ's own definitions, for `load_definitions` and for the deploy tests."""
    queues = (*QUEUES, *(work_queue(team) for team in teams))
    return {
        "vhosts": [{"name": vhost}],
        "exchanges": [
            {
                "name": exchange.name,
                "vhost": vhost,
                "type": exchange.kind,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for exchange in EXCHANGES
        ],
        "queues": [
            {
                "name": queue.name,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": dict(queue.arguments),
            }
            for queue in queues
        ],
        "bindings": [
            {
                "source": binding.exchange,
                "vhost": vhost,
                "destination": queue.name,
                "destination_type": "queue",
                "routing_key": binding.key,
                "arguments": dict(binding.arguments),
            }
            for queue in queues
            for binding in queue.bindings
        ],
    }


if __name__ == "__main__":
    print(json.dumps(definitions(), indent=2))
