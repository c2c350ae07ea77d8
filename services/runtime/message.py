"""What is heard and what is said on the stream. Pure: no broker, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID, uuid5

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.errors import Refused
from services.runtime.jsonform import read_json

M = TypeVar("M", bound=Message)

MAX_BODY_BYTES = 256 * 1024
"""Longer texts and files travel as references (decision 4); a ticket stays under 8 KB."""
PROTOBUF = "application/protobuf"
JSON = "application/json"

# Fixed for ever: another value would give redelivered messages new ids.
_EVENTS = UUID("6f1c5a52-8d0e-5b7a-9c43-1f6d2b7e9a10")
_LATEST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Mapping[str, object] = MappingProxyType({})


def event_id(cause: str, key: str, subject: str = "", ordinal: int = 0) -> str:
    """Id of what is said because of `cause`: the same cause heard again says the same id again (decision 6).

    `ordinal` tells apart several messages of one key and subject that one cause brings about.
    """
    return str(uuid5(_EVENTS, f"{cause}\n{key}\n{subject}\n{ordinal}"))


def check_times(message: Message) -> None:
    """Refused when a time in it, at any depth, lies outside the years 1970 to 2200.

    The wire carries times that no calendar can reckon with; strangers' messages are looked through before they count.
    """
    for part, value in message.ListFields():
        if part.message_type is None:
            continue
        if part.message_type.GetOptions().map_entry:
            many = [one for one in value.values() if isinstance(one, Message)]
        else:
            many = value if part.is_repeated else [value]
        for one in many:
            if not isinstance(one, Timestamp):
                check_times(one)
            elif not 0 <= one.seconds < _LATEST or not 0 <= one.nanos < 10**9:
                raise Refused(f"{part.name} is no time of the years 1970 to 2200; check it.", field=part.name)


@dataclass(frozen=True, slots=True)
class Heard:
    """One delivered message. `key` is the routing key it was said with, also after retries and replays.

    `attempt` counts from 1 (0 when nobody counted); `time` is when it happened; `actor` is a claim, not a proof:
    identity is never taken from headers (decision 15).
    """

    id: str
    key: str
    body: bytes
    subject: str = ""
    time: datetime = _EPOCH
    cause: str = ""
    actor: str = ""
    source: str = ""
    traceparent: str = ""
    content_type: str = PROTOBUF
    attempt: int = 0
    headers: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    _refusals: list[Refused] = field(default_factory=list, repr=False, compare=False)

    def decode(self, cls: type[M]) -> M:
        """The body as a message of the contracts. Raises Refused, saying why, when it is none (A7)."""
        if len(self.body) > MAX_BODY_BYTES:
            raise Refused(
                f"The body has {len(self.body)} bytes; at most {MAX_BODY_BYTES} may travel: send a reference.",
                field="body",
            )
        kind = self.content_type.partition(";")[0].strip().lower()
        try:
            if kind in ("application/protobuf", "application/x-protobuf"):
                return cls.FromString(self.body)
            if kind == JSON:
                return read_json(self.body, cls())
        except (DecodeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise Refused(f"The body is no {cls.DESCRIPTOR.name}: {reason}", field="body") from error
        raise Refused(
            f"Content type {self.content_type!r} is not understood: send {PROTOBUF} or {JSON}.", field="content_type"
        )

    def refuse(self, why: Refused) -> None:
        """Park this message alone, with the reason; the rest of its batch goes on."""
        self._refusals.append(why)

    @property
    def refused(self) -> Refused | None:
        """Why the handler refused it, if it did."""
        return self._refusals[0] if self._refusals else None


@dataclass(frozen=True, slots=True)
class Said:
    """One message to say. `id` comes from `event_id`; `time` is when it happened (None: when it is published).

    `also` are further routing keys the same message is routed by (CC), such as `work.<team>`.
    """

    key: str
    body: Message
    id: str
    subject: str = ""
    time: datetime | None = None
    cause: str = ""
    actor: str = ""
    also: tuple[str, ...] = ()
    traceparent: str = ""

    def as_heard(self) -> Heard:
        """How a consumer will meet it; for tests and for handlers composed in one place."""
        return Heard(
            id=self.id,
            key=self.key,
            body=self.body.SerializeToString(deterministic=True),
            subject=self.subject,
            time=self.time or _EPOCH,
            cause=self.cause,
            actor=self.actor,
            traceparent=self.traceparent,
            attempt=1,
        )
