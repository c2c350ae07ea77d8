"""The first thing a process does: choose its kind before anything else is imported.

A worker is patched by eventlet and never speaks gRPC; a server runs on real threads and never imports nameko
(architecture decision 1: grpcio hangs in a patched process).
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Literal

Role = Literal["worker", "server", "smtp"]


def start(role: Role) -> None:
    """Patches a worker; to be called before the first import of the service's wiring."""
    if role == "worker":
        if "grpc" in sys.modules:
            raise RuntimeError("a worker must be patched before anything imports grpc: import servers lazily")
        import eventlet

        eventlet.monkey_patch()
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def role_from(argv: list[str], roles: tuple[Role, ...] = ("worker", "server")) -> Role:
    """The role named on the command line; ends the process with one sentence when there is none."""
    for role in roles:
        if len(argv) > 1 and argv[1] == role:
            return role
    raise SystemExit(f"Say which role to run: python -m <service> {'|'.join(roles)}.")
