"""`.run/`: everything a running platform leaves on the disk, and the lock that lets one of them use it at a time."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.local.children import Trouble

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".run"
# Kept in the command line of `python -m deploy.local up|demo`, by which `down` knows its own.
_MARK = "deploy.local"


@contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    """Hold `<folder>/<name>.pid` while the block runs. Raises `Trouble` when another process holds it.

    The lock, not the number in the file, says that it is held: it goes with the process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pid"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise Trouble(
                f"Deskstream already runs here (process {file.read().strip()}): end it with `make down`."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def end_all(folder: Path, timeout: float = 60.0) -> list[str]:
    """End what the `*.pid` files of `folder` name, if its command line is ours. Returns a sentence for each."""
    said = []
    for path in sorted(folder.glob("*.pid")):
        try:
            process = psutil.Process(int(path.read_text()))
            ours = any(_MARK in word for word in process.cmdline()) and _same_place(process, folder)
        except (OSError, ValueError, psutil.Error):
            path.unlink(missing_ok=True)
            continue
        if not ours:
            path.unlink(missing_ok=True)
            said.append(f"{path.name} named process {process.pid}, which is not ours: left alone.")
            continue
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout)
            said.append(f"Ended `{path.stem}` (process {process.pid}).")
        except psutil.TimeoutExpired:
            process.kill()
            said.append(f"Ended `{path.stem}` (process {process.pid}) by force after {timeout:.0f} s.")
        path.unlink(missing_ok=True)
    return said


def _same_place(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) in (folder.resolve(), *folder.resolve().parents)
    except psutil.Error:
        return False
