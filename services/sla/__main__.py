"""python -m services.sla worker|server."""

from __future__ import annotations

import sys


def main(argv: list[str]) -> None:
    """Runs one role of this service until TERM."""
    from services.runtime.process import role_from, start

    role = role_from(argv)
    start(role)
    from services.runtime import telemetry
    from services.runtime.settings import Settings
    from services.sla import compose

    settings = Settings()
    telemetry.set_up("sla", role, settings)
    if role == "worker":
        from services.runtime.bus import run_workers

        run_workers([compose.worker(settings)], settings)
    else:
        from services.runtime.rpc import serve_until_told

        serve_until_told([compose.server(settings)], settings, "sla")


if __name__ == "__main__":
    main(sys.argv)
