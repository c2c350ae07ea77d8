"""A private SecantusDB (it speaks MongoDB's wire protocol) with its storage under a folder, on loopback only."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.children import Child, Trouble, end, kill, last_lines, settle, spawn
from deploy.local.ports import LOOPBACK, Ports, accepts


class Database:
    """One private server under `folder`. Its data and port survive `stop`, `kill` and `start`."""

    def __init__(self, folder: Path, *, ports: Ports | None = None) -> None:
        self.folder = folder.resolve()
        self._ports = ports or Ports(self.folder)
        self._port = 0
        self._server: Child | None = None

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "log" / "database.log"

    @property
    def pids(self) -> list[int]:
        """The server's process, if it is running."""
        return [self._server.pid] if self._server is not None and self._server.poll() is None else []

    @property
    def uri(self) -> str:
        """MongoDB address. Retryable writes are off: the server searches its table of replies on every such write."""
        return f"mongodb://{LOOPBACK}:{self._port}/?retryWrites=false&directConnection=true"

    def start(self) -> None:
        """Start the server without waiting for it. Raises `Trouble` when it is missing or its port is taken."""
        if self.pids:
            return
        self.stop()
        program = Path(sys.executable).parent / "secantusd-py"
        if not program.exists():
            raise Trouble("SecantusDB is not in .venv: run `make up` again, or set MONGODB_URI to a database you have.")
        storage = self.folder / "data"
        settle(self.folder / "server.pid", str(storage))
        storage.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._port = self._ports.get("database")
        # An empty file: the server would read one from the caller's home otherwise.
        config = self.folder / "secantusd.toml"
        config.write_text("")
        argv = [sys.executable, str(program), "--config", str(config), "--host", LOOPBACK, "--port", str(self._port)]
        # Without --sync-on-commit a kill -9 lost 14 to 61 acknowledged single inserts (measured); with it none. Single
        # inserts drop from 3,200/s to 1,700/s for that, batches of 100 stay at 24,000 documents/s.
        argv += ["--storage-path", str(storage), "--sync-on-commit", "--cache-size", "512M", "--log-level", "WARNING"]
        # As a replica set it also keeps a log of changes, which nobody here reads: a fifth to a third of every insert.
        argv.append("--standalone")
        env = {name: value for name, value in os.environ.items() if not name.startswith("SECANTUS")}
        self._server = spawn(argv, log=self.log, env=env, cwd=self.folder, dies_by=signal.SIGTERM)
        (self.folder / "server.pid").write_text(str(self._server.pid))

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Return once it answers a ping. Raises `Trouble` with the last lines of the log otherwise."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if not self.pids:
                raise Trouble(f"The database ended while starting; its log {self.log} says:\n{last_lines(self.log)}")
            if time.monotonic() > deadline:
                raise Trouble(f"The database was not ready after {timeout:.0f} s; its log is {self.log}.")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server in order. Does nothing when it is not running."""
        server, self._server = self._server, None
        if server is not None:
            end(server)

    def kill(self) -> None:
        """KILL the server, as a crash would."""
        server, self._server = self._server, None
        if server is not None:
            kill(server)

    def restart(self, timeout: float = 30.0) -> None:
        """Stop, start, wait: same data, same port."""
        self.stop()
        self.start()
        self.wait_ready(timeout)

    def _answers(self) -> bool:
        if not accepts(self._port):
            return False
        try:
            with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=2000) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True
