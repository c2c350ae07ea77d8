"""Taking one request for somebody who waits for the answer: gRPC, hooks, SMTP. Real threads only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.intake.drafts import channel_name
from services.intake.handlers import Incoming, Reception, Taken, TurnedAway
from services.intake.says import refusal, request_refused
from services.intake.storage import MongoReceipts, said_of
from services.kernel.clock import Clock
from services.kernel.errors import DeskstreamError, Unavailable
from services.runtime import telemetry
from services.runtime.message import Said
from services.runtime.outbox import relay

_log = telemetry.get_log("intake")
_taken = telemetry.counter("deskstream_intake_requests", "Drafts by channel and outcome")
_SAY_TIMEOUT = 2.0


class _Says(Protocol):
    def publish(self, said: Sequence[Said], timeout: float = 10.0) -> None: ...

    def close(self) -> None: ...


class Desk:
    """A receipt is durable before anybody hears its number; what could not be said at once is said by the relay."""

    def __init__(self, reception: Reception, receipts: MongoReceipts, publisher: _Says, clock: Clock) -> None:
        self._reception = reception
        self.receipts = receipts
        self._publisher = publisher
        self.clock = clock
        self._ending = threading.Event()
        self._relay: threading.Thread | None = None

    def submit(self, draft: RequestDraft, actor: str = "") -> Taken:
        """The receipt; Refused names every faulty field (A7), Unavailable when the database is away."""
        now = self.clock.now()
        outcome = self._reception.take([Incoming(draft, now, actor=actor)], now, owed=True)[0]
        channel = channel_name(draft.channel)
        if isinstance(outcome, TurnedAway):
            _taken.add(1, {"channel": channel, "outcome": "refused"})
            _log.info("request_refused", channel=channel, fields=[fault.field for fault in outcome.faults])
            raise refusal(outcome.faults)
        _taken.add(1, {"channel": channel, "outcome": "repeated" if outcome.repeated else "taken"})
        if not outcome.repeated:
            self._say(outcome)
        return outcome

    def _say(self, taken: Taken) -> None:
        said = said_of(taken.receipt)
        try:
            self._publisher.publish([said], timeout=_SAY_TIMEOUT)
            self.receipts.mark_said(taken.receipt.id, [said.id])
        except Unavailable as away:
            # The number is given and the receipt owes its event: the relay will say it.
            _log.warning("said_later", receipt=taken.receipt.event_id, why=away.message)

    def publish(self, said: Sequence[Said]) -> None:
        """Says something of its own; Unavailable when the broker is away."""
        self._publisher.publish(said)

    def tell_refused(self, draft: RequestDraft, refused: DeskstreamError, cause: str) -> None:
        """Says request.refused, for senders that get no answer they could show; a broker away is only logged."""
        faults = getattr(refused, "faults", ())
        try:
            self._publisher.publish([request_refused("", draft, faults, cause, self.clock.now())], _SAY_TIMEOUT)
        except Unavailable as away:
            _log.warning("refusal_unsaid", why=away.message)

    def start_relay(self, seconds: float) -> None:
        """Says what crashes left unsaid, every so many seconds, until close()."""
        self._relay = threading.Thread(target=self._relaying, args=(seconds,), name="intake-relay", daemon=True)
        self._relay.start()

    def _relaying(self, seconds: float) -> None:
        while not self._ending.wait(seconds):
            try:
                while relay(self.receipts, self._publisher.publish, self.clock.now()) and not self._ending.is_set():
                    continue
            except Unavailable as away:
                _log.warning("relay_waits", why=away.message)

    def close(self) -> None:
        """Ends the relay and the publisher."""
        self._ending.set()
        if self._relay is not None:
            self._relay.join(timeout=5)
        self._publisher.close()


Opens = Callable[[], Desk]
