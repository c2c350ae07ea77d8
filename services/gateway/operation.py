"""What one REST operation is."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Operation:
    """An HTTP operation and the gRPC method that does it."""

    verb: str
    path: str
    service: str
    method: str
    asked: type[Message]
    told: type[Message]
    summary: str
