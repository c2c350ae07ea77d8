"""The only three failures (architecture decision 14). One table in runtime/rpc.py maps them for gRPC, HTTP and bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RefusalCode = Literal["invalid", "stale", "forbidden", "unauthenticated", "conflict"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One faulty field, said in both languages, each with the remedy."""

    field: str
    zh: str
    en: str


class DeskstreamError(Exception):
    """Something the platform says no to; the message is one sentence with the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(DeskstreamError):
    """The request itself is wrong; sending it again changes nothing.

    code: "invalid" (bad values), "stale" (another version is current), "forbidden" (missing role),
    "unauthenticated" (no or wrong proof of identity), "conflict" (the lifecycle has no such step now).
    """

    def __init__(
        self, message: str, *, code: RefusalCode = "invalid", field: str = "", faults: tuple[Fault, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code: RefusalCode = code
        self.field = field
        self.faults = faults


class Missing(DeskstreamError):
    """What was asked for does not exist."""


class Unavailable(DeskstreamError):
    """A broker, database or peer does not answer; the same request may succeed later and is retried."""
