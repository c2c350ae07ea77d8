"""python -m services.intake worker|server|smtp."""

from __future__ import annotations

import sys

from services.runtime.process import role_from, run, start


def main(argv: list[str]) -> None:
    """One process of intake, in the role the command line names."""
    if role_from(argv, ("worker", "server", "smtp")) != "smtp":
        run(argv, "intake")
        return
    start("smtp")
    from services.intake import compose
    from services.intake.settings import IntakeSettings
    from services.runtime import telemetry

    settings = IntakeSettings()
    telemetry.set_up("intake", "smtp", settings)
    compose.smtp(settings)


if __name__ == "__main__":
    main(sys.argv)
