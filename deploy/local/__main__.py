"""`python -m deploy.local up|down|demo`: what the Makefile calls inside .venv."""

from __future__ import annotations

import importlib
import signal
import sys

from deploy.local.children import Trouble
from deploy.local.run_folder import RUN, end_all


def _down(arguments: list[str]) -> int:
    for sentence in end_all(RUN) or ["Nothing of Deskstream is running here."]:
        print(sentence)
    return 0


def _demo(arguments: list[str]) -> int:
    try:
        demo = importlib.import_module("deploy.local.demo")
    except ModuleNotFoundError as missing:
        raise Trouble(f"The demo cannot run: {missing}.") from None
    return int(demo.main(arguments) or 0)


def _up(arguments: list[str]) -> int:
    from deploy.local import up

    return up.main(arguments)


def main(argv: list[str]) -> int:
    """Run one command. Returns the exit code; trouble is one sentence on standard error."""
    commands = {"up": _up, "down": _down, "demo": _demo}
    command = commands.get(argv[0]) if argv else None
    if command is None:
        print(f"Say what to do: python -m deploy.local {'|'.join(commands)}.", file=sys.stderr)
        return 2
    # TERM ends us as Ctrl-C does: by unwinding, so that every part is ended in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return command(argv[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded; nothing is left running.", flush=True)
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
