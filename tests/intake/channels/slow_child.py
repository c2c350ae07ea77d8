"""The mail child, with mails that hang it or eat its memory on command: what a parser's bug would do."""

from __future__ import annotations

import time
from typing import Any

from services.intake.channels import mail_child
from services.intake.channels.email import read


def _read(raw: bytes) -> Any:
    if b"Subject: hang" in raw:
        time.sleep(600)
    if b"Subject: eat memory" in raw:
        hoard = bytearray(mail_child.MEMORY)
        return hoard
    return read(raw)


if __name__ == "__main__":
    vars(mail_child)["read"] = _read
    mail_child.main()
