"""Events become deliveries; deliveries are tried until they arrive or fail. Load, decide, save."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from services.kernel.errors import Missing, Refused
from services.notifications import facts, policy
from services.notifications.model import CLAIM_FOR, Delivery, Facts, Recipient, Result, Way, delivery_id
from services.notifications.wording import Wording
from services.profile.lookups import Lookups
from services.profile.schema import NoticeRule


class Message(facts.Message, Protocol):
    """A delivered message that can be refused alone."""

    def refuse(self, why: Refused) -> None: ...


class Deliveries(Protocol):
    """Where deliveries are kept."""

    def add_new(self, deliveries: Sequence[Delivery]) -> set[str]:
        """Keeps deliveries by their ids; gives back the ids that were there already and stay as they were."""
        ...

    def claim(self, now: datetime, until: datetime, limit: int, without: Sequence[str]) -> Sequence[Delivery]:
        """Takes what is due to other destinations than these; nobody else gets it before `until`."""
        ...

    def settle(self, settled: Sequence[Delivery], now: datetime) -> None:
        """Writes how tries went; ended ones owe a word from now on."""
        ...

    def release(self, ids: Sequence[str], now: datetime) -> None:
        """Gives claimed ones back untried."""
        ...

    def owing(self, older_than: datetime, limit: int) -> Sequence[Delivery]:
        """Ended deliveries of which nothing was said yet."""
        ...

    def mark_told(self, ids: Sequence[str]) -> None:
        """Their end was said."""
        ...

    def of(self, number: str, status: str, limit: int) -> Sequence[Delivery]:
        """The log, newest first; of one ticket when a number is given, of one status when one is given."""
        ...


@dataclass(frozen=True)
class Desk:
    """One profile as this service reads it."""

    name: str
    sender: str
    people: Lookups
    wording: Wording
    rules: Mapping[str, tuple[NoticeRule, ...]]
    """By routing key, in the order of the profile."""
    on_duty: policy.OnDuty
    in_hours: Callable[[datetime], bool]


class Desks(Protocol):
    """Desk of a profile's name, the default one for an empty name; Missing when unknown."""

    def __call__(self, name: str) -> Desk: ...


class Sender(Protocol):
    """Sends what is kept; new deliveries may be handed to it without a claim from the store."""

    def room(self, destination: str) -> int:
        """How many more it takes for a destination."""
        ...

    def take_over(self, deliveries: Sequence[Delivery]) -> None:
        """These are its own until their claim ends."""
        ...


class Notices:
    """Handlers of the stream."""

    def __init__(self, deliveries: Deliveries, desks: Desks, keys: Iterable[str], sender: Sender | None = None) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._desks = desks
        self._keys = frozenset(keys)

    def hear(self, batch: Sequence[Message], now: datetime) -> int:
        """Keeps what the events of a batch send; how many are new. Heard again it keeps nothing more (O10)."""
        fresh: dict[str, Delivery] = {}
        for message in batch:
            # Most of the stream concerns nobody: it is passed over before it is even decoded.
            if message.key not in self._keys:
                continue
            try:
                for delivery in self._of(message, now):
                    fresh.setdefault(delivery.id, delivery)
            except Refused as refused:
                message.refuse(refused)
            except Missing as missing:
                message.refuse(Refused(missing.message, field="profile"))
        if not fresh:
            return 0
        kept, handed = self._shared_out(list(fresh.values()), now)
        existed = self._deliveries.add_new(kept)
        if self._sender is not None:
            self._sender.take_over([delivery for delivery in kept if delivery.id in handed - existed])
        return len(fresh) - len(existed)

    def _shared_out(self, fresh: Sequence[Delivery], now: datetime) -> tuple[list[Delivery], set[str]]:
        """As many as the sender takes are kept as claimed already: finding them again would cost more than they did."""
        if self._sender is None:
            return list(fresh), set()
        kept: list[Delivery] = []
        handed: set[str] = set()
        taken: Counter[str] = Counter()
        for delivery in fresh:
            destination = delivery.destination
            if taken[destination] < self._sender.room(destination):
                taken[destination] += 1
                handed.add(delivery.id)
                delivery = replace(delivery, next_at=now + CLAIM_FOR)
            kept.append(delivery)
        return kept, handed

    def _of(self, message: Message, now: datetime) -> Sequence[Delivery]:
        seen = facts.facts_of(message, now)
        if seen is None:
            return ()
        desk = self._desks(seen.profile)
        alarmed = (rule for kind in seen.alerts for rule in desk.rules.get(f"alert.{kind}", ()))
        rules = (*alarmed, *desk.rules.get(message.key, ()))
        if not rules:
            return ()
        found = policy.addressed(rules, seen, desk.people, desk.on_duty, lambda: desk.in_hours(seen.at))
        return [self._delivery(message, seen, desk, rule, who, way, now) for rule, who, way in found]

    def _delivery(
        self, message: Message, seen: Facts, desk: Desk, rule: NoticeRule, who: Recipient, way: Way, now: datetime
    ) -> Delivery:
        cause = seen.once if seen.once and not who.staff else message.id
        subject, text = desk.wording.render(rule.template, seen, who)
        return Delivery(
            id=delivery_id(cause, who.id, way),
            number=seen.number,
            profile=desk.name,
            template=rule.template,
            language=who.language,
            way=way,
            recipient=who.id,
            address=who.addresses[way],
            subject=subject,
            text=text,
            cause=cause,
            event=message.key,
            sender=desk.sender,
            created_at=now,
            next_at=now,
            fallback=tuple((other, to) for other, to in who.addresses.items() if other not in rule.ways and to),
            traceparent=message.traceparent,
        )


def settle(deliveries: Deliveries, results: Sequence[Result], now: datetime) -> Sequence[Delivery]:
    """Writes how tries went and opens the next way of what failed; the deliveries as they stand."""
    settled = [policy.judge(result, now) for result in results]
    instead = [other for delivery in settled if (other := policy.instead_of(delivery, now)) is not None]
    # The other way first: a crash between leaves it to be found again, not lost.
    if instead:
        deliveries.add_new(instead)
    if settled:
        deliveries.settle(settled, now)
    return settled
