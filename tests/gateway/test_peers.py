"""The gateway's calls behind a name that stands for several servers, as a headless service does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from services.contracts.deskstream.v1.directory_pb2 import GetPersonRequest, GetPersonResponse
from services.gateway.peers import Peers
from services.gateway.settings import GatewaySettings


@pytest.fixture
def answered() -> Iterator[tuple[str, Counter[int]]]:
    """Two servers under one name, and who answered how often."""
    counts: Counter[int] = Counter()
    servers = []
    for _ in range(2):
        server = grpc.server(ThreadPoolExecutor(2))
        port = server.add_insecure_port("127.0.0.1:0")

        def answer(request: bytes, context: grpc.ServicerContext, port: int = port) -> bytes:
            counts[port] += 1
            return GetPersonResponse().SerializeToString()

        method = grpc.unary_unary_rpc_method_handler(answer)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("deskstream.v1.DirectoryService", {"GetPerson": method}),)
        )
        server.start()
        servers.append((server, port))
        counts[port] = 0
    yield "ipv4:" + ",".join(f"127.0.0.1:{port}" for _, port in servers), counts
    for server, _ in servers:
        server.stop(0)


def test_calls_are_spread_over_all_servers_behind_a_name(answered):
    name, counts = answered

    async def calls() -> None:
        peers = Peers(GatewaySettings(directory_target=name))
        try:
            async with asyncio.timeout(20):
                while min(counts.values()) < 3:
                    await peers.ask("directory", "GetPerson", GetPersonRequest())
        finally:
            await peers.close()

    asyncio.run(calls())
    assert sum(counts.values()) < 200
