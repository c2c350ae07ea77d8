"""Reads mails in a child process, so that no mail can hang, blow up or take over the process that answers."""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from services.intake.channels.email import File, Mail
from services.kernel.errors import Refused, Unavailable

TIME_LIMIT = 15.0
_START_LIMIT = 60.0
_ROOT = Path(__file__).resolve().parents[3]


class MailReader:
    """A pool of one: the next mail waits for the one before. A child that fails is killed and replaced."""

    def __init__(self, time_limit: float = TIME_LIMIT, module: str = "services.intake.channels.mail_child") -> None:
        self._time_limit = time_limit
        self._module = module
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Process id of the child; 0 when none runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    def read(self, raw: bytes) -> Mail:
        """The mail; Refused with the remedy when it cannot be read within the limits of time and memory.

        Unavailable when the child does not even start.
        """
        with self._lock:
            try:
                child = self._ready_child()
                head, content = _exchange(child, raw, time.monotonic() + self._time_limit)
            except _Broken:
                self._kill()
                raise Refused(
                    "The mail could not be read within the limits of time and memory; send it as plain text.",
                    field="body",
                ) from None
        told = json.loads(head)
        if "refused" in told:
            raise Refused(told["refused"], field=told["field"])
        files, at = [], 0
        for one in told.pop("files"):
            files.append(File(one["name"], one["media_type"], content[at : at + one["size"]]))
            at += one["size"]
        told["to"], told["references"] = tuple(told["to"]), tuple(told["references"])
        return Mail(**told, files=tuple(files))

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._kill()

    def _ready_child(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._kill()
            environment = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
            self._child = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                # Nothing of the parent's secrets reaches what reads strangers' bytes.
                env=environment,
                cwd=_ROOT,
            )
            try:
                if _get(self._child, time.monotonic() + _START_LIMIT) != b"ready":
                    raise _Broken
            except _Broken:
                self._kill()
                # No fault of the mail: its sender shall send it again.
                raise Unavailable("The reader of mails does not start; look at its last words in the log.") from None
        return self._child

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    pipe.close()
            self._child = None


class _Broken(Exception):
    """The child is late or gone."""


def _exchange(child: subprocess.Popen[bytes], raw: bytes, deadline: float) -> tuple[bytes, bytes]:
    _put(child, struct.pack(">Q", len(raw)) + raw, deadline)
    return _get(child, deadline), _get(child, deadline)


def _put(child: subprocess.Popen[bytes], content: bytes, deadline: float) -> None:
    assert child.stdin is not None  # noqa: S101 - narrows what PIPE promises
    view = memoryview(content)
    while view:
        _, writable, _ = select.select((), (child.stdin,), (), max(0.0, deadline - time.monotonic()))
        if not writable:
            raise _Broken
        try:
            view = view[os.write(child.stdin.fileno(), view[: select.PIPE_BUF]) :]
        except OSError:
            raise _Broken from None


def _get(child: subprocess.Popen[bytes], deadline: float) -> bytes:
    (size,) = struct.unpack(">Q", _take(child, 8, deadline))
    return _take(child, size, deadline)


def _take(child: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    assert child.stdout is not None  # noqa: S101 - narrows what PIPE promises
    if size > 64 * 1024 * 1024:
        raise _Broken
    taken = bytearray()
    while len(taken) < size:
        readable, _, _ = select.select((child.stdout,), (), (), max(0.0, deadline - time.monotonic()))
        got = os.read(child.stdout.fileno(), min(size - len(taken), 1 << 20)) if readable else b""
        if not got:
            raise _Broken
        taken += got
    return bytes(taken)
