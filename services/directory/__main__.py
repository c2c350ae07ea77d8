"""python -m services.directory worker|server"""

from __future__ import annotations

import sys

from services.runtime import process


def main(argv: list[str]) -> None:
    """Runs one role until the process is told to end."""
    role = process.role_from(argv)
    process.start(role)
    from services.directory import compose
    from services.runtime import telemetry
    from services.runtime.settings import Settings

    settings = Settings()
    telemetry.set_up("directory", role, settings)
    if role == "worker":
        from services.runtime.bus import run_workers

        run_workers([compose.worker(settings)], settings)
    else:
        from services.runtime.rpc import serve_until_told

        serve_until_told([compose.server(settings)], settings, "directory")


if __name__ == "__main__":
    main(sys.argv)
