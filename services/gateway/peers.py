"""The gRPC services as the gateway calls them, and what their errors look like over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from services.contracts.deskstream.v1 import (
    bulk_pb2_grpc,
    callbacks_pb2_grpc,
    catalogue_pb2_grpc,
    clocks_pb2_grpc,
    commitments_pb2_grpc,
    directory_pb2_grpc,
    dispatch_pb2_grpc,
    intake_pb2_grpc,
    notifications_pb2_grpc,
    playbook_pb2_grpc,
    queues_pb2_grpc,
    reporting_pb2_grpc,
    roster_pb2_grpc,
    sla_pb2_grpc,
    watch_pb2_grpc,
)
from services.kernel.errors import Fault
from services.runtime.failures import faults_of, http_status
from services.runtime.settings import Settings
from services.runtime.telemetry import traceparent_now

_STUBS: dict[str, Any] = {
    "intake": intake_pb2_grpc.IntakeServiceStub,
    "dispatch": dispatch_pb2_grpc.DispatchServiceStub,
    "sla": sla_pb2_grpc.SlaServiceStub,
    "clocks": clocks_pb2_grpc.ClockServiceStub,
    "commitments": commitments_pb2_grpc.CommitmentServiceStub,
    "callbacks": callbacks_pb2_grpc.CallbackServiceStub,
    "notifications": notifications_pb2_grpc.NotificationServiceStub,
    "reporting": reporting_pb2_grpc.ReportingServiceStub,
    "directory": directory_pb2_grpc.DirectoryServiceStub,
    "catalogue": catalogue_pb2_grpc.CatalogueServiceStub,
    "bulk": bulk_pb2_grpc.BulkServiceStub,
    "roster": roster_pb2_grpc.RosterServiceStub,
    "playbook": playbook_pb2_grpc.PlaybookServiceStub,
    "queues": queues_pb2_grpc.QueueServiceStub,
    "watch": watch_pb2_grpc.WatchServiceStub,
}
_HOSTS = {
    "roster": "directory",
    "catalogue": "intake",
    "bulk": "dispatch",
    "playbook": "dispatch",
    "queues": "dispatch",
    "clocks": "sla",
    "commitments": "sla",
}
"""Services that stand beside another one and are found where it is."""

DEADLINE = 10.0


class Problem(Exception):
    """An answer that is not the one hoped for, as RFC 9457 describes it."""

    def __init__(self, status: int, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.status = status
        # It may quote half a character (\ud800), which no answer can carry.
        self.detail = detail.encode("utf-8", "replace").decode()
        self.faults = tuple(faults)


class Peers:
    """One channel per service; methods are found by "service", "Method"."""

    def __init__(self, settings: Settings) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._stubs: dict[str, Any] = {}
        for name, stub in _STUBS.items():
            target = settings.target(_HOSTS.get(name, name))
            if target not in self._channels:
                # Without a policy all calls stick to the first of several servers behind a name.
                options = [
                    ("grpc.max_receive_message_length", 12 * 1024 * 1024),
                    ("grpc.lb_policy_name", "round_robin"),
                ]
                self._channels[target] = grpc.aio.insecure_channel(target, options=options)
            self._stubs[name] = stub(self._channels[target])

    async def ask(self, service: str, method: str, request: Message, token: str = "") -> Any:
        """One call with the caller's own token; its errors become a Problem."""
        try:
            return await getattr(self._stubs[service], method)(request, timeout=DEADLINE, metadata=_metadata(token))
        except grpc.RpcError as error:
            raise _problem(error) from error

    async def stream(self, service: str, method: str, request: Message, token: str = "") -> AsyncIterator[Any]:
        """A server stream; ends when the reader goes away."""
        call = getattr(self._stubs[service], method)(request, metadata=_metadata(token))
        try:
            async for message in call:
                yield message
        except grpc.RpcError as error:
            raise _problem(error) from error
        finally:
            call.cancel()

    async def away(self, within: float) -> list[str]:
        """Addresses that do not accept a connection within so many seconds."""

        async def missing(target: str, channel: grpc.aio.Channel) -> str:
            try:
                await asyncio.wait_for(channel.channel_ready(), within)
            except TimeoutError:
                return target
            return ""

        told = await asyncio.gather(*(missing(target, channel) for target, channel in self._channels.items()))
        return [target for target in told if target]

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels.values():
            await channel.close()


def _metadata(token: str) -> list[tuple[str, str]]:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    if traceparent := traceparent_now():
        metadata.append(("traceparent", traceparent))
    return metadata


def _problem(error: grpc.RpcError) -> Problem:
    code, detail = error.code(), error.details()
    if code == grpc.StatusCode.UNAVAILABLE:
        detail = "The desk is not reachable this moment; try again in a minute."
    return Problem(http_status(code), detail or code.name, faults_of(error))
