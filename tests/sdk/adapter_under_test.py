"""An adapter as its author would write it: hands over so many drafts, says so, then waits to be killed."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.sdk import Adapter, source_key


def main(uri: str, spool: str, count: int) -> None:
    adapter = Adapter("monitoring", "test/adapter", uri, Path(spool), patience=0.3)
    print(f"waiting {adapter.waiting}", flush=True)
    for number in range(count):
        draft = RequestDraft(source_id=source_key("n", number), description="磁盘将满")
        draft.received_at.FromDatetime(datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=number))
        adapter.submit(draft)
    print(f"spooled {adapter.waiting}", flush=True)
    while True:
        if not adapter.waiting:
            print("delivered", flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
