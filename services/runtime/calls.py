"""gRPC as a client uses it: a default deadline, the caller's token and the trace on every call."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import grpc

from services.kernel.errors import Unavailable
from services.runtime import telemetry
from services.runtime.settings import Settings

DEADLINE = 10.0
"""Seconds a unary call may take when the caller does not say."""

_OPTIONS = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", 12 * 1024 * 1024)]


class _Details(
    namedtuple("_Details", "method timeout metadata credentials wait_for_ready compression"),
    grpc.ClientCallDetails,
):
    pass


class _Dress(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, token: str, deadline: float) -> None:
        self._token = token
        self._deadline = deadline

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        timeout = self._deadline if details.timeout is None else details.timeout
        return continuation(self._dressed(details, timeout), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._dressed(details, details.timeout), request)

    def _dressed(self, details: Any, timeout: float | None) -> _Details:
        metadata = list(details.metadata or ())
        if self._token and not any(key == "authorization" for key, _ in metadata):
            metadata.append(("authorization", f"Bearer {self._token}"))
        if traceparent := telemetry.traceparent_now():
            metadata.append(("traceparent", traceparent))
        return _Details(details.method, timeout, metadata, details.credentials, details.wait_for_ready, None)


def channel(address: str, token: str = "", *, deadline: float = DEADLINE) -> grpc.Channel:
    """A channel to a service; the token is sent with every call."""
    return grpc.intercept_channel(grpc.insecure_channel(address, options=_OPTIONS), _Dress(token, deadline))


def own_token(settings: Settings) -> str:
    """The installation's own token, for a command whose caller has not signed in. Raises Unavailable without one."""
    try:
        return settings.service_token.read_text(encoding="utf-8").strip()
    except OSError:
        raise Unavailable(
            f"There is no token in {settings.service_token}; sign in and set DESKSTREAM_TOKEN, "
            "or name the installation's own by DESKSTREAM_SERVICE_TOKEN."
        ) from None
