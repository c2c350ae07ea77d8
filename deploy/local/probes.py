"""Ways to tell that a part is ready. A probe gets the part's log and says yes or no at once; it never waits."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from deploy.local.ports import accepts

Probe = Callable[[Path], bool]


def always(log: Path) -> bool:
    """Ready as soon as it runs."""
    return True


def tcp(port: int) -> Probe:
    """Ready when something accepts on this loopback port."""
    return lambda log: accepts(port)


def http(url: str) -> Probe:
    """Ready when this address answers with 2xx, 3xx or 4xx within a second."""
    if not url.startswith("http://"):
        raise ValueError(f"Only http addresses are probed: {url}")

    def answers(log: Path) -> bool:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - http only, checked above
        except urllib.error.HTTPError as refusal:
            return refusal.code < 500
        except OSError:
            return False
        return True

    return answers


def grpc_health(address: str, service: str = "") -> Probe:
    """Ready when the gRPC health service at `host:port` says SERVING."""

    def serving(log: Path) -> bool:
        # Imported late: a start with --infra-only does not pay for grpc.
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        with grpc.insecure_channel(address) as channel:
            try:
                request = health_pb2.HealthCheckRequest(service=service)
                answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=1)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return serving


def line(text: str) -> Probe:
    """Ready when a line with `text` stands in its log (each start begins a new log)."""
    return lambda log: log.exists() and text in log.read_text("utf-8", "replace")
