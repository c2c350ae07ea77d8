"""Sending: take what ended, write it, claim what is due, begin it. And telling how deliveries ended."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.contracts.deskstream.v1 import notifications_pb2 as pb
from services.kernel.clock import Clock
from services.notifications.handlers import Deliveries, settle
from services.notifications.lanes import LANE_SECONDS, Lanes
from services.notifications.model import CLAIM_FOR, Delivery, Result
from services.runtime.message import Said, event_id
from services.runtime.outbox import LEAVE_ALONE

_AT_ONCE = 500
_CLAIM = 400
_ENOUGH = 200
_MOST_WAITING = 1_000
_CLAIM_EVERY = timedelta(seconds=1)
_CLAIM_LEFT = timedelta(seconds=LANE_SECONDS + 15)


class Sending:
    """handlers.Sender. `send` and `tell` have a timer each, so that messages go out while the broker is away (O1).

    SMTP and HTTP know no exactly-once: a crash between sending and writing sends once more, after the claim has ended,
    with the same Message-ID or idempotency key.
    """

    def __init__(self, deliveries: Deliveries, lanes: Lanes, clock: Clock) -> None:
        self._deliveries = deliveries
        self._lanes = lanes
        self._clock = clock
        self._waiting: defaultdict[str, deque[Delivery]] = defaultdict(deque)
        self._ended: deque[Delivery] = deque()
        self._told: list[str] = []
        self._results: list[Result] = []
        self._next_claim = self._next_look = clock.now()

    def room(self, destination: str) -> int:
        """How many more may wait here for a destination."""
        return _MOST_WAITING - len(self._waiting[destination])

    def take_over(self, deliveries: Sequence[Delivery]) -> None:
        """Claimed deliveries wait here for a lane until their claims run out."""
        for delivery in deliveries:
            self._waiting[delivery.destination].append(delivery)

    def send(self) -> None:
        """One step; the next may follow at once."""
        now = self._clock.now()
        results, untried = self._lanes.take(now)
        # Kept until written: what was sent while the database was away must not be sent again.
        self._results += results
        settled = settle(self._deliveries, self._results, now)
        self._results = []
        self._deliveries.release([delivery.id for delivery in untried], now)
        self._claim(now)
        self._begin(now)
        ended = [delivery for delivery in settled if delivery.next_at is None]
        # What finds no room here is owed by the store all the same, and found when it is looked for.
        self._ended.extend(ended[: max(0, _MOST_WAITING - len(self._ended))])

    def tell(self) -> list[Said]:
        """What is to be said about deliveries that ended. That of the call before counts as said now."""
        now = self._clock.now()
        self._deliveries.mark_told(self._told)
        self._told = []
        ended = [self._ended.popleft() for _ in range(min(len(self._ended), _AT_ONCE))]
        if now >= self._next_look:
            # What a crash left unsaid; it is rare, so it is looked for rarely.
            self._next_look = now + LEAVE_ALONE
            known = {delivery.id for delivery in ended}
            owing = self._deliveries.owing(now - LEAVE_ALONE, _AT_ONCE)
            ended += [delivery for delivery in owing if delivery.id not in known]
        self._told = [delivery.id for delivery in ended]
        return [word_about(delivery) for delivery in ended]

    def _claim(self, now: datetime) -> None:
        """What was put off, or left by others; not for destinations that have enough waiting or are away."""
        if now < self._next_claim:
            return
        enough = {destination for destination, waiting in self._waiting.items() if len(waiting) >= _ENOUGH}
        without = sorted(enough | self._lanes.away(now))
        claimed = self._deliveries.claim(now, now + CLAIM_FOR, _CLAIM, without)
        self.take_over(claimed)
        if len(claimed) < _CLAIM:
            self._next_claim = now + _CLAIM_EVERY

    def _begin(self, now: datetime) -> None:
        safe = now + _CLAIM_LEFT
        for destination, waiting in list(self._waiting.items()):
            # Too old to be begun safely: their claims end by themselves and they are found again.
            while waiting and (waiting[0].next_at is None or waiting[0].next_at < safe):
                waiting.popleft()
            count = min(len(waiting), self._lanes.room(destination, now))
            if count:
                left = self._lanes.begin([waiting.popleft() for _ in range(count)])
                waiting.extendleft(reversed(left))
            elif not waiting:
                del self._waiting[destination]


def word_about(delivery: Delivery) -> Said:
    """notification.sent or notification.failed; it carries no address and no text (P14)."""
    sent = delivery.status == "sent"
    key = "notification.sent" if sent else "notification.failed"
    event = pb.NotificationEvent(
        delivery_id=delivery.id,
        number=delivery.number,
        template=delivery.template,
        way=delivery.way,
        recipient=delivery.recipient,
        status=STATUS[delivery.status],
        attempts=delivery.attempts,
        error=delivery.last_error,
    )
    at = delivery.sent_at or delivery.created_at
    event.at.FromDatetime(at)
    return Said(
        key=key,
        body=event,
        id=event_id(delivery.id, key, delivery.number),
        subject=delivery.number,
        cause=delivery.cause,
        actor="service:notifications",
        traceparent=delivery.traceparent,
    )


STATUS = {
    "pending": pb.DELIVERY_STATUS_PENDING,
    "sent": pb.DELIVERY_STATUS_SENT,
    "retrying": pb.DELIVERY_STATUS_RETRYING,
    "failed": pb.DELIVERY_STATUS_FAILED,
}


def described(deliveries: Sequence[Delivery], *, unmasked: bool) -> list[pb.Delivery]:
    """Deliveries as people read them; addresses and texts only for those who may see them (P1)."""
    told = []
    for delivery in deliveries:
        one = pb.Delivery(
            delivery_id=delivery.id,
            number=delivery.number,
            template=delivery.template,
            language=delivery.language,
            way=delivery.way,
            recipient=delivery.recipient,
            address=delivery.address if unmasked else masked(delivery.address),
            status=STATUS[delivery.status],
            attempts=delivery.attempts,
            last_error=delivery.last_error,
            cause=delivery.cause,
            subject=delivery.subject,
            text=delivery.text if unmasked else "",
        )
        one.created_at.FromDatetime(delivery.created_at)
        if delivery.sent_at is not None:
            one.sent_at.FromDatetime(delivery.sent_at)
        told.append(one)
    return told


def masked(address: str) -> str:
    """ "li.wei@example.org" -> "l***@example.org"; a webhook's host only."""
    if "://" in address:
        return "/".join(address.split("/", 3)[:3]) + "/***"
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"
