"""The child that reads mails: started by `mail_reader`, with little memory, killed when it takes too long.

Frames on both pipes: eight bytes of length (big-endian), then the bytes. In: a mail. Out: one JSON frame with the head
and the sizes of the files (or `{"refused": ..., "field": ...}`), then one frame with the files joined.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import traceback
from types import TracebackType
from typing import BinaryIO

from services.intake.channels.email import read
from services.kernel.errors import Refused

MEMORY = 768 * 1024 * 1024


def put(pipe: BinaryIO, content: bytes) -> None:
    """Writes one frame."""
    pipe.write(struct.pack(">Q", len(content)) + content)
    pipe.flush()


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    # Where it went wrong, not the words of the mail that an exception may quote (P14).
    traceback.print_tb(trace)
    print(f"the mail reader ended: {kind.__name__}", file=sys.stderr)


def main() -> None:
    """Reads mails until the pipe closes."""
    sys.excepthook = _last_words
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # No file may be written whatever a parser is talked into; pipes are not concerned.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    inlet, outlet = sys.stdin.buffer, sys.stdout.buffer
    put(outlet, b"ready")
    while size := inlet.read(8):
        raw = inlet.read(struct.unpack(">Q", size)[0])
        try:
            mail = read(raw)
        except Refused as refused:
            put(outlet, json.dumps({"refused": refused.message, "field": refused.field}).encode())
            put(outlet, b"")
            continue
        files = [{"name": f.name, "media_type": f.media_type, "size": len(f.content)} for f in mail.files]
        # Raw bytes in headers came this far as half characters; nobody behind can store them.
        put(outlet, json.dumps({**mail.head(), "files": files}, ensure_ascii=False).encode("utf-8", "replace"))
        put(outlet, b"".join(file.content for file in mail.files))


if __name__ == "__main__":
    main()
