"""Child processes that never outlive us: started in their own group, bound to our life, ended by their own id."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

Child = subprocess.Popen[bytes]
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may import or allocate much.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# Else gRPC, where it was loaded before, wakes its threads between fork and exec, and now and then ends the child there.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


class Trouble(Exception):
    """One sentence with the remedy, shown to a person instead of a traceback."""


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    dies_by: signal.Signals = signal.SIGKILL,
) -> Child:
    """Start `argv` in its own session, output appended to `log`. The kernel sends it `dies_by` when we die, however.

    "We" is the calling thread (prctl is per thread): call this from a thread that lives as long as the child shall.
    """
    ours = os.getpid()

    def bind_to_our_life() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)
            if os.getppid() != ours:  # We died between fork and prctl.
                os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=bind_to_our_life,
        )


def _exited(child: Child) -> bool:
    """Whether it ended; it is left unreaped, so that its id (and group id) cannot be another's yet."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _kill_group(child: Child) -> None:
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:  # macOS says so for a group of zombies.
            pass
    child.wait()


def end(child: Child, grace: float = 20.0) -> int:
    """TERM to the leader, up to `grace` seconds, then KILL to whatever is left of its group. Returns the exit code."""
    if child.returncode is None and not _exited(child):
        child.send_signal(signal.SIGTERM)
        wait_until(lambda: _exited(child), grace)
    _kill_group(child)
    return child.returncode


def kill(child: Child) -> None:
    """KILL the whole group at once, as a crash would."""
    _kill_group(child)


def wait_until(fact: Callable[[], bool], timeout: float, pause: float = 0.02) -> bool:
    """Poll `fact` until it holds or `timeout` seconds have passed. Returns whether it held."""
    deadline = time.monotonic() + timeout
    while not fact():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, indented for a terminal; a sentence when there is nothing."""
    try:
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-count:]
    except OSError:
        lines = []
    return "\n".join(f"    {line[:300]}" for line in lines) or "    (it wrote nothing)"


def settle(pid_file: Path, mark: str, timeout: float = 15.0) -> None:
    """Wait until the process an earlier run left in `pid_file` is gone; end it when it lingers.

    It is ours only if `mark` is in its command line: the id may belong to somebody else by now.
    """
    try:
        process = psutil.Process(int(pid_file.read_text()))
        if not any(mark in word for word in process.cmdline()):
            return
        try:
            process.wait(timeout / 2)
        except psutil.TimeoutExpired:
            process.terminate()
            try:
                process.wait(timeout / 2)
            except psutil.TimeoutExpired:
                process.kill()
    except (OSError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return
