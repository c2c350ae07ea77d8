"""The first thing a process does: choose its kind before anything else is imported.

A worker is patched by eventlet and never speaks gRPC; a server runs on real threads and never imports nameko
(architecture decision 1: grpcio hangs in a patched process).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from services.runtime.settings import Settings

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


def run(argv: list[str], name: str, services: Sequence[str] = ()) -> None:
    """Runs the worker or the server of a service (or of several, under one name) until the process is told to end.

    Each is composed by its `services.<service>.compose`, imported only once the kind of process is settled.
    """
    role = role_from(argv)
    start(role)
    from services.runtime import telemetry
    from services.runtime.settings import Settings

    settings = Settings()
    telemetry.set_up(name, role, settings)
    parts = [import_module(f"services.{service}.compose") for service in services or (name,)]
    (_work if role == "worker" else _serve)(parts, settings, name)


def _work(parts: Sequence[ModuleType], settings: Settings, name: str) -> None:
    from services.runtime.bus import run_workers

    run_workers([part.worker(settings) for part in parts], settings)


def _serve(parts: Sequence[ModuleType], settings: Settings, name: str) -> None:
    from services.runtime.rpc import serve_until_told

    serve_until_told([part.server(settings) for part in parts], settings, name)
