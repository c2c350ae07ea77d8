"""Where attached files lie: a bounded folder, each under the SHA-256 of its content (A11)."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from pathlib import Path

from services.contracts.deskstream.v1.common_pb2 import Attachment
from services.kernel.errors import Unavailable

SCHEME = "attachment:"


class Attachments:
    """Files of mails. The same content is kept once; nothing is ever overwritten."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    def put(self, name: str, media_type: str, content: bytes) -> Attachment:
        """Stores the content durably and refers to it; Unavailable when the folder is full."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        with self._lock:
            if not path.exists():
                if self._used + len(content) > self._most:
                    raise Unavailable("The folder of attachments is full; make room or raise its limit.")
                self._write(path, content)
                self._used += len(content)
        return Attachment(
            name=name[:150],
            media_type=media_type[:100],
            size_bytes=len(content),
            reference=SCHEME + digest,
            sha256=digest,
        )

    def path(self, digest: str) -> Path:
        """The file of a content."""
        return self._folder / digest[:2] / digest

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        # Only then the name is durable too: the receipt that follows refers to it.
        for folder in (path.parent, path.parent.parent):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
