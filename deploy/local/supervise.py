"""Starts parts in order, says when each is ready, watches them, and ends them in reverse: nothing is left running.

Nothing is restarted silently: a part that ends by itself is reported with the last lines of its log.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deploy.local.children import Child, Trouble, end, kill, last_lines, spawn
from deploy.local.probes import Probe, always


class Server(Protocol):
    """What can be supervised: a process of ours, the broker, the database."""

    @property
    def pids(self) -> list[int]: ...
    @property
    def log(self) -> Path: ...
    def start(self) -> None: ...
    def wait_ready(self, timeout: float = ...) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Part:
    """One process: its command, what it gets besides our environment, and how to tell that it is ready."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Probe = always
    cwd: Path | None = None
    grace: float = 15.0


class PartServer:
    """A part as a process that can be started, killed and started again. Output goes to `<folder>/<name>.log`."""

    def __init__(self, part: Part, log_folder: Path) -> None:
        self.part = part
        self.log = log_folder / f"{part.name}.log"
        self._child: Child | None = None

    @property
    def pids(self) -> list[int]:
        """Its process, if it is running."""
        return [self._child.pid] if self._child is not None and self._child.poll() is None else []

    def start(self) -> None:
        """Start it with a new log; the one before is kept as `<name>.log.1`."""
        if self.pids:
            return
        if self.log.exists():
            os.replace(self.log, self.log.with_suffix(".log.1"))
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **self.part.env}
        try:
            self._child = spawn(self.part.argv, log=self.log, env=env, cwd=self.part.cwd)
        except OSError as error:
            raise Trouble(f"{self.part.name} cannot be started ({error}).") from None

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Return once its probe says yes. Raises `Trouble` when it ends or the time is over."""
        deadline = time.monotonic() + timeout
        while True:
            # In this order: what another program answers on the port is not our part being ready.
            if not self.pids:
                raise Trouble(self.obituary())
            if self.part.ready(self.log):
                return
            if time.monotonic() > deadline:
                said = last_lines(self.log)
                raise Trouble(f"{self.part.name} was not ready after {timeout:.0f} s; its log {self.log} says:\n{said}")
            time.sleep(0.05)

    def tell(self) -> None:
        """TERM without waiting; `stop` waits."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """TERM, its grace, KILL."""
        child, self._child = self._child, None
        if child is not None:
            end(child, self.part.grace)

    def kill(self) -> None:
        """KILL it and its group at once."""
        if self._child is not None:
            kill(self._child)

    def obituary(self) -> str:
        """One sentence on how it ended, and its last words."""
        code = self._child.returncode if self._child is not None else None
        return f"{self.part.name} ended by itself (exit code {code}); its log {self.log} says:\n{last_lines(self.log)}"


class Supervisor:
    """`with Supervisor(folder) as s: s.bring_up([...]); s.watch()`. Leaving the block ends everything in reverse."""

    def __init__(self, log_folder: Path, say: Callable[[str], None] = lambda text: print(text, flush=True)) -> None:
        self._log_folder = log_folder
        self._say = say
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Server:
        return self._servers[name]

    def bring_up(self, parts: Sequence[Part | tuple[str, Server]], timeout: float = 60.0) -> None:
        """Start these together, wait for each in order, and say one line for each. Raises `Trouble`."""
        began = time.monotonic()
        fresh: list[tuple[str, Server]] = []
        for part in parts:
            named = (part.name, PartServer(part, self._log_folder)) if isinstance(part, Part) else part
            fresh.append(named)
            # Noted before it starts: a start that fails half way is still ended.
            self._servers[named[0]] = named[1]
            named[1].start()
        for name, server in fresh:
            server.wait_ready(timeout)
            self._say(f"  {name:<12} ready after {time.monotonic() - began:.1f} s")

    def ended(self) -> str | None:
        """The name of a part that has ended by itself, if any."""
        return next((name for name, server in self._servers.items() if not server.pids), None)

    def watch(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Block until `stop()`, an interrupt, or the end of a part, which raises `Trouble`."""
        while not stop():
            name = self.ended()
            if name is not None:
                server = self._servers[name]
                if isinstance(server, PartServer):
                    raise Trouble(server.obituary())
                raise Trouble(f"{name} ended by itself; its log {server.log} says:\n{last_lines(server.log)}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End every part in reverse order; impatient signals do not leave half of them."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            # Processes of the platform take their leave together; broker and database outlive them all.
            for server in self._servers.values():
                if isinstance(server, PartServer):
                    server.tell()
            while self._servers:
                self._servers.popitem()[1].stop()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
