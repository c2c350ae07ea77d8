"""python -m services.intake worker|server|smtp"""

from __future__ import annotations

import sys


def main(argv: list[str]) -> None:
    """One process of intake, in the role the command line names."""
    from services.runtime.process import role_from, start

    role = role_from(argv, ("worker", "server", "smtp"))
    start(role)
    from services.intake import compose
    from services.intake.settings import IntakeSettings
    from services.runtime import telemetry

    settings = IntakeSettings()
    telemetry.set_up("intake", role, settings)
    if role == "worker":
        from services.runtime.bus import run_workers

        run_workers([compose.worker(settings)], settings)
    elif role == "server":
        from services.runtime.rpc import serve_until_told

        serve_until_told([compose.server(settings)], settings, "intake")
    else:
        compose.smtp(settings)


if __name__ == "__main__":
    main(sys.argv)
