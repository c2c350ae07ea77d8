"""What a channel adapter holds in its hand: submit and call, whatever state the broker is in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Protocol

from google.protobuf.message import DecodeError

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import CallEvent, CallPhase, RequestDraft
from services.kernel.clock import Clock, SystemClock
from services.kernel.errors import Refused, Unavailable
from services.runtime.message import MAX_BODY_BYTES, Said, event_id
from services.runtime.publisher import Publisher
from services.sdk.spool import Spool

_WINDOW = 500


class Delivery(Enum):
    """How a message was taken over; either way it will not be lost."""

    CONFIRMED = "confirmed"
    SPOOLED = "spooled"


class Says(Protocol):
    """What delivers; services.runtime.publisher.Publisher is one."""

    def publish(self, said: Sequence[Said], timeout: float = 10.0) -> None: ...

    def close(self) -> None: ...


class Adapter:
    """One channel's voice. Messages go out in the order they were given, with the times they had (T7).

    channel: "phone", "email", "web", "im", "on_site" or "monitoring". source: names this adapter in the envelope.
    spool: a folder of its own. patience: seconds to wait for the broker before the disk takes over.
    """

    def __init__(
        self,
        channel: str,
        source: str,
        amqp_uri: str,
        spool: Path,
        *,
        patience: float = 2.0,
        most_bytes: int = 1 << 30,
        clock: Clock | None = None,
        publisher: Callable[[str, str], Says] | None = None,
    ) -> None:
        name = f"CHANNEL_{channel.upper()}"
        if name not in Channel.keys() or name == "CHANNEL_UNSPECIFIED":  # noqa: SIM118 - no mapping
            raise Refused(f'There is no channel "{channel}"; see Channel in common.proto.', field="channel")
        self._channel = Channel.Value(name)
        self._name = channel.lower()
        self._source = source
        self._patience = patience
        self._clock = clock or SystemClock()
        self._spool = Spool(spool, most_bytes=most_bytes)
        self._publisher = publisher(amqp_uri, source) if publisher else Publisher(amqp_uri, source=source)
        self._order = threading.Lock()
        self._work = threading.Event()
        self._ending = threading.Event()
        if len(self._spool):
            self._work.set()
        self._deliverer = threading.Thread(target=self._deliver, name="adapter-spool", daemon=True)
        self._deliverer.start()

    @property
    def waiting(self) -> int:
        """Messages on disk, not yet confirmed by the broker."""
        return len(self._spool)

    def submit(self, draft: RequestDraft) -> Delivery:
        """Hands over one request; see `submit_all`."""
        return self.submit_all([draft])

    def submit_all(self, drafts: Sequence[RequestDraft]) -> Delivery:
        """Hands over requests in one window; returns once the broker confirmed all, or the disk holds all.

        received_at is set to now where it is empty. Refused without a source_id (see `source_key`); Unavailable only
        when neither broker nor disk can take them.
        """
        return self._hand_over([self._said(draft) for draft in drafts])

    def call(self, event: CallEvent) -> Delivery:
        """Hands over one event of a telephone call; `at` is set to now where it is empty."""
        phase = CallPhase.Name(event.phase).removeprefix("CALL_PHASE_").lower()
        if not event.call_id or phase == "unspecified":
            raise Refused(
                "A call event needs a call_id and a phase.", field="call_id" if not event.call_id else "phase"
            )
        told = CallEvent()
        told.CopyFrom(event)
        if not told.HasField("at"):
            told.at.FromDatetime(self._clock.now())
        key = f"call.{phase}"
        made = event_id(f"{self._source}/{told.call_id}", key, told.at.ToJsonString())
        return self._hand_over([Said(key=key, body=told, id=made, time=told.at.ToDatetime(tzinfo=UTC))])

    def drain(self, timeout: float) -> bool:
        """Waits until the disk holds nothing more, at most so many seconds; whether it does."""
        deadline = threading.Event()
        waited = 0.0
        while len(self._spool) and waited < timeout:
            self._work.set()
            deadline.wait(0.05)
            waited += 0.05
        return not len(self._spool)

    def close(self, timeout: float = 5.0) -> None:
        """Drains for at most so many seconds, then lets go; what is left lies on disk for the next start."""
        self.drain(timeout)
        self._ending.set()
        self._work.set()
        # First the publisher: a delivery that waits for a broker who is away then ends at once.
        self._publisher.close()
        self._deliverer.join(timeout=10)
        self._spool.close()

    def __enter__(self) -> Adapter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _said(self, draft: RequestDraft) -> Said:
        if not draft.source_id:
            raise Refused(
                "A request needs a source_id that is its own for ever; source_key makes one.", field="source_id"
            )
        told = RequestDraft()
        told.CopyFrom(draft)
        told.channel = self._channel
        if not told.HasField("received_at"):
            told.received_at.FromDatetime(self._clock.now())
        if told.ByteSize() > MAX_BODY_BYTES:
            raise Refused(
                f"A request has at most {MAX_BODY_BYTES} bytes; send long texts as attachments.", field="body"
            )
        key = f"request.submitted.{self._name}"
        made = event_id(f"{self._source}/{told.source_id}", key)
        return Said(key=key, body=told, id=made, time=told.received_at.ToDatetime(tzinfo=UTC))

    def _hand_over(self, said: Sequence[Said]) -> Delivery:
        with self._order:
            if not len(self._spool):
                try:
                    self._publisher.publish(said, timeout=self._patience)
                    return Delivery.CONFIRMED
                except Unavailable:
                    # Perhaps it arrived all the same: saying it again with the same ids does no harm.
                    pass
            self._spool.append([_packed(one) for one in said])
            self._work.set()
            return Delivery.SPOOLED

    def _deliver(self) -> None:
        pause = 0.2
        while not self._ending.is_set():
            self._work.wait()
            records, place = self._spool.peek(_WINDOW)
            if self._ending.is_set():
                return
            if not records:
                self._work.clear()
                if len(self._spool):
                    self._spool.advance(place, len(self._spool))
                continue
            try:
                self._publisher.publish([one for record in records if (one := _unpacked(record))], timeout=30.0)
                self._spool.advance(place, len(records))
                pause = 0.2
            except Unavailable:
                self._ending.wait(pause)
                pause = min(pause * 2, 5.0)


def _packed(said: Said) -> bytes:
    head = {"key": said.key, "id": said.id, "time": said.time.isoformat() if said.time else ""}
    return json.dumps(head).encode() + b"\n" + said.body.SerializeToString()


def _unpacked(record: bytes) -> Said | None:
    """The message of a record; None when another version wrote something this one cannot read."""
    head, _, body = record.partition(b"\n")
    try:
        told = json.loads(head)
        kind = CallEvent if told["key"].startswith("call.") else RequestDraft
        time = datetime.fromisoformat(told["time"]) if told["time"] else None
        return Said(key=told["key"], body=kind.FromString(body), id=told["id"], time=time)
    except (ValueError, KeyError, DecodeError):
        return None
