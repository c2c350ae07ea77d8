"""python -m services.dispatch worker|server."""

from __future__ import annotations

import sys


def main(argv: list[str]) -> None:
    """Runs one role of this service until TERM."""
    from services.runtime.process import role_from, start

    role = role_from(argv)
    start(role)
    from services.dispatch import compose
    from services.runtime import telemetry
    from services.runtime.settings import Settings

    settings = Settings()
    telemetry.set_up("dispatch", role, settings)
    if role == "worker":
        from services.runtime.bus import run_workers

        run_workers([compose.worker(settings)], settings)
    else:
        from services.runtime.rpc import serve_until_told

        serve_until_told([compose.server(settings)], settings, "dispatch")


if __name__ == "__main__":
    main(sys.argv)
