"""Ports of the embedded stack: free ones on loopback, remembered in a file so that a restart keeps every address."""

from __future__ import annotations

import json
import os
import random
import socket
from pathlib import Path

from deploy.local.children import Trouble

LOOPBACK = "127.0.0.1"
# Below the range the system hands to outgoing connections: those would take a remembered port at random.
_RANGE = range(20000, 32000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections of an ended server that still linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    """Whether something listens on this loopback port now."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


class Ports:
    """Named ports, remembered in `<folder>/ports.json`. `DESKSTREAM_<NAME>_PORT` overrides one."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ports.json"

    def get(self, name: str, preferred: int | None = None) -> int:
        """The port of `name`, certainly free now. Raises `Trouble` when the wanted one is taken."""
        variable = f"DESKSTREAM_{name.upper()}_PORT"
        known = self._load()
        wanted = os.environ.get(variable, "")
        if wanted:
            if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
                raise Trouble(f"{variable}={wanted} is not a port: set it to a number from 1 to 65535.")
            return self._free_or_trouble(int(wanted), name, f"set in {variable}", variable)
        if name in known:
            return self._free_or_trouble(known[name], name, f"remembered in {self._file}", variable)
        taken = set(known.values())
        port = preferred if preferred and preferred not in taken and is_free(preferred) else self._any_free(taken)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({**known, name: port}, indent=1) + "\n", "utf-8")
        return port

    def _load(self) -> dict[str, int]:
        if not self._file.exists():
            return {}
        try:
            known = json.loads(self._file.read_text("utf-8"))
            return {str(name): int(port) for name, port in known.items()}
        except (ValueError, AttributeError, TypeError):
            raise Trouble(f"{self._file} is damaged: remove it, and new ports are chosen.") from None

    @staticmethod
    def _free_or_trouble(port: int, name: str, origin: str, variable: str) -> int:
        if not is_free(port):
            raise Trouble(
                f"Port {port} for {name} ({origin}) is taken by another program: "
                f"end that program, or set {variable} to a free port."
            )
        return port

    @staticmethod
    def _any_free(taken: set[int]) -> int:
        for port in random.sample(_RANGE, 500):
            if port not in taken and is_free(port):
                return port
        raise Trouble("No free port was found between 20000 and 32000: end programs that hold them.")
