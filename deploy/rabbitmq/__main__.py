"""python -m deploy.rabbitmq definitions [--check] | users TEAM"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deploy.rabbitmq.rights import commands
from services.runtime.topology import definitions

FILE = Path(__file__).with_name("definitions.json")


def rendered() -> str:
    """definitions.json as services/runtime/topology.py gives it; work queues are dispatch's to declare."""
    return json.dumps(definitions(), indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    match arguments:
        case ["definitions"]:
            FILE.write_text(rendered(), "utf-8")
        case ["definitions", "--check"]:
            if not FILE.exists() or FILE.read_text("utf-8") != rendered():
                print(f"{FILE.name} is not what the topology gives: run `python -m deploy.rabbitmq definitions`.")
                return 1
        case ["users", team]:
            print("\n".join(commands(team)))
        case _:
            print(f"Say what is wanted: {__doc__}")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
