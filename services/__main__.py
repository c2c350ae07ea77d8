"""All services in one process (python -m services all worker|server), and the deskstream command."""

from __future__ import annotations

import sys

from services.runtime.process import run

SERVICES = ("intake", "dispatch", "sla", "callbacks", "notifications", "reporting", "directory", "watch")


def main() -> None:
    """Entry of the deskstream command."""
    if sys.argv[1:2] == ["all"]:
        # The same code as apart, another composition (architecture decision 1).
        run(sys.argv[1:], "all", SERVICES)
        return
    from services.cli import command

    command()


if __name__ == "__main__":
    main()
