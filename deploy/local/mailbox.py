"""The laptop's mail relay: what the desk sends is kept as files, so `make up` needs no mail server and mails nobody."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from deploy.local.ports import LOOPBACK


class Mailbox:
    """Writes every message to `<folder>/<time>-<recipient>.eml`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        """Called by aiosmtpd for each message."""
        to = "".join(letter if letter.isalnum() or letter in "@.-" else "_" for letter in envelope.rcpt_tos[0])[:80]
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{to.lstrip('.')}-{secrets.token_hex(2)}.eml"
        (self._folder / name).write_bytes(envelope.content)
        return "250 kept"


def main(argv: list[str]) -> None:
    """python -m deploy.local.mailbox FOLDER PORT: runs until it is told to end."""
    folder, port = Path(argv[1]), int(argv[2])
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    controller = Controller(Mailbox(folder), hostname=LOOPBACK, port=port)
    controller.start()
    print(f"ready mailbox {port}", flush=True)
    ended.wait()
    controller.stop()


if __name__ == "__main__":
    main(sys.argv)
