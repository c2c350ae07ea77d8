"""gRPC as the services serve it: identity, default deny, deadlines, one error table, health, traces and metrics.

For server processes only; it must never be imported where eventlet has patched the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.kernel.errors import DeskstreamError, Refused
from services.runtime import telemetry
from services.runtime.calls import channel
from services.runtime.failures import status_for
from services.runtime.identity import Principal, Verifier
from services.runtime.message import check_times
from services.runtime.settings import Settings

__all__ = ["Allow", "RunningServer", "Service", "caller", "channel", "serve"]

Allow = frozenset[str] | Literal["ANYONE", "SIGNED_IN"]

MAX_MESSAGE = 12 * 1024 * 1024
"""Bytes of the largest request: an e-mail of 10 MiB and what is around it."""

_MAX_METADATA = 16 * 1024
"""Bytes of the headers of a call; tokens end at half of it."""

_THREADS = 96
_STREAMS = 64
"""Streams open at once. Each holds a thread while it lives, and ordinary calls must always find one."""
_CONNECTION_AGE_S = 300
"""Then a client connects anew and so finds replicas that came later; a stream under way may go on for the grace."""
_STREAM_GRACE_S = 3600
_log = telemetry.get_log("deskstream.rpc")
_calls = telemetry.counter("deskstream_rpc_calls", "Finished gRPC calls by method and code")
_seconds = telemetry.histogram("deskstream_rpc_seconds", "s", "Duration of gRPC calls")
_caller: ContextVar[Principal] = ContextVar("deskstream_caller")


@dataclass(frozen=True, slots=True)
class Service:
    """A servicer and who may call what; a method that is not listed is refused to everybody."""

    add: Callable[[Any, grpc.Server], None]
    servicer: object
    name: str
    allow: Mapping[str, Allow]
    close: Callable[[], None] = lambda: None
    """Called once after the server has stopped."""
    beside: tuple[Service, ...] = ()
    """Further gRPC services of the same process, which share what this one is made of."""


def caller() -> Principal:
    """The verified caller of the running method; a nameless principal without roles where anyone may call."""
    return _caller.get(Principal(id=""))


@dataclass
class RunningServer:
    """A server that answers; stop() lets running calls finish."""

    server: grpc.Server
    port: int
    _health: health.HealthServicer
    _services: Sequence[Service]

    def wait(self) -> None:
        """Blocks until the process is told to end (TERM or INT), then stops."""
        try:
            self.server.wait_for_termination()
        except KeyboardInterrupt:
            self.stop(5.0)

    def stop(self, grace: float = 5.0) -> None:
        """Refuses new calls, gives running ones the grace in seconds, closes the services."""
        self._health.enter_graceful_shutdown()
        self.server.stop(grace).wait(grace + 1)
        for service in self._services:
            service.close()


def serve(
    services: Sequence[Service], settings: Settings, verifier: Verifier, *, bind: str | None = None
) -> RunningServer:
    """Starts answering on settings.grpc_bind ("host:port", port 0: a free one); SystemExit when the port is taken."""
    services = [each for service in services for each in (service, *service.beside)]
    rules = {f"/{s.name}/{method}": allow for s in services for method, allow in s.allow.items()}
    for probe in ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"):
        rules[probe] = "ANYONE"
    for version in ("v1", "v1alpha"):
        rules[f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"] = "ANYONE"
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="rpc"),
        interceptors=[_Gate(rules, verifier)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            # Both bounds alike: between them gRPC refuses by chance, the more often the larger.
            ("grpc.max_metadata_size", _MAX_METADATA),
            ("grpc.absolute_max_metadata_size", _MAX_METADATA),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.max_connection_age_ms", _CONNECTION_AGE_S * 1000),
            ("grpc.max_connection_age_grace_ms", _STREAM_GRACE_S * 1000),
        ],
    )
    for service in services:
        service.add(service.servicer, server)
    status = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    names = [service.name for service in services]
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    address = bind or settings.grpc_bind
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        raise SystemExit(f"The address {address} is taken: end what uses it, or set DESKSTREAM_GRPC_BIND.") from None
    server.start()
    for name in ["", *names]:
        status.set(name, health_pb2.HealthCheckResponse.SERVING)
    return RunningServer(server, port, status, services)


class _Gate(grpc.ServerInterceptor):
    """Stands before every method: who calls, may they, how long may it take, and what an error looks like."""

    def __init__(self, rules: Mapping[str, Allow], verifier: Verifier) -> None:
        self._rules = rules
        self._verifier = verifier
        self._streams = threading.BoundedSemaphore(_STREAMS)

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if handler is None:
            return None
        method, metadata = details.method, dict(details.invocation_metadata)
        if handler.request_streaming:
            # Reflection only: our own methods take one request, so nothing else is listed and all of it is refused.
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: self._stream(handler.stream_stream, requests, context, method, metadata),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                lambda request, context: self._stream(handler.unary_stream, request, context, method, metadata),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._once(handler.unary_unary, request, context, method, metadata),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _once(self, behaviour: Any, request: Any, context: Any, method: str, metadata: Mapping[str, Any]) -> Any:
        with _Call(method, context, metadata):
            self._admit(method, context, metadata)
            check_times(request)
            return behaviour(request, context)

    def _stream(
        self, behaviour: Any, request: Any, context: Any, method: str, metadata: Mapping[str, Any]
    ) -> Iterator[Any]:
        with _Call(method, context, metadata):
            self._admit(method, context, metadata)
            if not self._streams.acquire(blocking=False):
                context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    "Too many streams are open here: close some, or try again later.",
                )
            try:
                yield from behaviour(request, context)
            finally:
                self._streams.release()

    def _admit(self, method: str, context: Any, metadata: Mapping[str, Any]) -> None:
        remaining = context.time_remaining()
        if remaining is not None and remaining <= 0:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline had passed before the call was begun.")
        allow = self._rules.get(method)
        token = str(metadata.get("authorization", "")).removeprefix("Bearer ")
        if allow == "ANYONE" and not token:
            _caller.set(Principal(id=""))
            return
        if allow is None:
            raise Refused("This method is open to nobody; ask the operator of the desk.", code="forbidden")
        principal = self._verifier.verify(token)
        if not isinstance(allow, str) and principal.roles.isdisjoint(allow):
            needed = ", ".join(sorted(allow))
            raise Refused(f"This needs one of the roles: {needed}; sign in as somebody who has it.", code="forbidden")
        _caller.set(principal)


class _Call:
    """Span, metrics and error mapping around one call."""

    def __init__(self, method: str, context: Any, metadata: Mapping[str, Any]) -> None:
        self._method = method
        self._context = context
        self._span = telemetry.span(f"rpc {method}", str(metadata.get("traceparent", "")), {"rpc.method": method})

    def __enter__(self) -> None:
        self._begun = time.monotonic()
        self._trace = self._span.__enter__()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        code = "OK"
        try:
            if isinstance(error, DeskstreamError):
                status = status_for(error)
                code = status.code.name
                self._span.__exit__(None, None, None)
                self._context.abort_with_status(status)
            elif isinstance(error, Exception) and not _aborted(self._context):
                code = "INTERNAL"
                _log.error("rpc failed", method=self._method, trace_id=self._trace.trace_id, exc_info=error)
                self._span.__exit__(None, None, None)
                self._context.abort(
                    grpc.StatusCode.INTERNAL,
                    f"Something went wrong here; tell the operator the trace {self._trace.trace_id}.",
                )
            else:
                self._span.__exit__(None, None, None)
        finally:
            _calls.add(1, {"method": self._method, "code": code})
            _seconds.record(time.monotonic() - self._begun, {"method": self._method})


def _aborted(context: Any) -> bool:
    code = context.code()
    return code is not None and code != grpc.StatusCode.OK


def serve_until_told(services: Sequence[Service], settings: Settings, name: str) -> None:
    """A server process from start to end: answers, says so on one line, ends on TERM."""
    running = serve(services, settings, Verifier.from_file(settings.token_public_key))
    telemetry.probes.add("grpc", lambda: threading.main_thread().is_alive())
    print(f"ready {name} server {running.port}", flush=True)
    running.wait()
