"""All services in one process (python -m services all worker|server), and the deskstream command."""

from __future__ import annotations

import sys
from importlib import import_module

SERVICES = ("intake", "dispatch", "sla", "callbacks", "notifications", "reporting", "directory")


def run_all(argv: list[str]) -> None:
    """Hosts every service in one process: the same code as apart, another composition (architecture decision 1)."""
    from services.runtime.process import role_from, start

    role = role_from(argv)
    start(role)
    from services.runtime import telemetry
    from services.runtime.settings import Settings

    settings = Settings()
    telemetry.set_up("all", role, settings)
    parts = [import_module(f"services.{name}.compose") for name in SERVICES]
    if role == "worker":
        from services.runtime.bus import run_workers

        run_workers([part.worker(settings) for part in parts], settings)
    else:
        from services.runtime.rpc import serve_until_told

        serve_until_told([part.server(settings) for part in parts], settings, "all")


def main() -> None:
    """Entry of the deskstream command."""
    if sys.argv[1:2] == ["all"]:
        run_all(sys.argv[1:])
        return
    from services.cli import command

    command()


if __name__ == "__main__":
    main()
