"""Taking one request for somebody who waits for the answer: gRPC, hooks, SMTP. Real threads only."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from services.runtime.outbox import Relaying

_log = telemetry.get_log("intake")
_taken = telemetry.counter("deskstream_intake_requests", "Drafts by channel and outcome")
_SAY_TIMEOUT = 2.0
_SILENCE = 5.0
"""Seconds of not trying after the broker was away: callers must not wait for it one after the other."""
_TOGETHER = 200


class _Says(Protocol):
    def publish(self, said: Sequence[Said], timeout: float = 10.0) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Turn:
    """One caller's place in the queue."""

    incoming: Incoming
    outcome: Taken | TurnedAway | None = None
    failed: DeskstreamError | None = None
    over: bool = False


class Desk:
    """A receipt is durable before anybody hears its number; what could not be said at once is said by the relay."""

    def __init__(self, reception: Reception, receipts: MongoReceipts, publisher: _Says, clock: Clock) -> None:
        self._reception = reception
        self.receipts = receipts
        self._publisher = publisher
        self.clock = clock
        self._queue: list[_Turn] = []
        self._queue_lock = threading.Lock()
        self._serving = threading.Lock()
        self._silent_until = 0.0
        self._relay: Relaying | None = None

    def submit(self, draft: RequestDraft, actor: str = "") -> Taken:
        """The receipt; Refused names every faulty field (A7), Unavailable when the database is away.

        Callers that wait at the same time are served together: one insert and one window of confirms for all of them.
        """
        turn = _Turn(Incoming(draft, self.clock.now(), actor=actor))
        with self._queue_lock:
            self._queue.append(turn)
        while not turn.over:
            # Whoever gets in serves all who wait; the others then find their turn over.
            with self._serving:
                if not turn.over:
                    with self._queue_lock:
                        together, self._queue = self._queue[:_TOGETHER], self._queue[_TOGETHER:]
                    self._serve(together)
        if turn.failed is not None:
            raise turn.failed
        outcome, channel = turn.outcome, channel_name(draft.channel)
        if not isinstance(outcome, Taken):
            faults = outcome.faults if outcome is not None else ()
            _taken.add(1, {"channel": channel, "outcome": "refused"})
            _log.info("request_refused", channel=channel, fields=[fault.field for fault in faults])
            raise refusal(faults)
        _taken.add(1, {"channel": channel, "outcome": "repeated" if outcome.repeated else "taken"})
        return outcome

    def _serve(self, turns: list[_Turn]) -> None:
        try:
            outcomes = self._reception.take([turn.incoming for turn in turns], self.clock.now(), owed=True)
            for turn, outcome in zip(turns, outcomes, strict=True):
                turn.outcome = outcome
            self._say([one for one in outcomes if isinstance(one, Taken) and not one.repeated])
        except DeskstreamError as failed:
            for turn in turns:
                # Not the same object for all: each is raised in a thread of its own.
                turn.failed = Unavailable(failed.message)
        finally:
            for turn in turns:
                if turn.outcome is None and turn.failed is None:
                    turn.failed = Unavailable("The request could not be taken just now; send it again.")
                turn.over = True

    def _say(self, taken: list[Taken]) -> None:
        if not taken or time.monotonic() < self._silent_until:
            return
        try:
            self._publisher.publish([said_of(one.receipt) for one in taken], timeout=_SAY_TIMEOUT)
            self.receipts.mark_all_said([one.receipt.id for one in taken])
        except Unavailable as away:
            # The numbers are given and the receipts owe their events: the relay will say them.
            self._silent_until = time.monotonic() + _SILENCE
            _log.warning("said_later", receipts=len(taken), why=away.message)

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
        self._relay = Relaying(self.receipts, self._publisher.publish, self.clock.now, seconds)

    def close(self) -> None:
        """Ends the relay and the publisher."""
        if self._relay is not None:
            self._relay.close()
        self._publisher.close()
