"""A worker whose handler does what each message tells it: `python -m tests.runtime.worker_under_test <folder>`.

What it has done is in `<folder>/journal`: one line `<worker> <event> <message id> <attempt>` per handled message.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.runtime import process

process.start("worker")

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent  # noqa: E402
from services.kernel.errors import Refused, Unavailable  # noqa: E402
from services.runtime import bus, bus_schedule, telemetry  # noqa: E402
from services.runtime.message import Heard, Said, event_id  # noqa: E402
from services.runtime.settings import Settings  # noqa: E402


class Journal:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = os.open(folder / "journal", os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def write(self, *words: object) -> None:
        os.write(self._file, (" ".join(str(word) for word in words) + "\n").encode())

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def once(self, name: str) -> bool:
        """True the first time only, over all processes."""
        first = not self.has(name)
        (self.folder / name).touch()
        return first


class Listener:
    name = "sla"
    journal = bus.Given()

    @bus.batches(queue="sla.tickets", size=50, wait_ms=50, prefetch=100)
    def tickets(self, batch: Sequence[Heard]) -> Iterable[Said]:
        told = [(heard, heard.decode(TicketEvent)) for heard in batch]
        self.journal.write("batch", len(batch))
        for heard, event in told:
            if event.event == "refused":
                raise Refused("This ticket has no number: send one.", field="number")
            if event.event == "broken":
                raise RuntimeError("a bug of the handler")
            if event.event == "refused_alone":
                heard.refuse(Refused("Only this one is wrong."))
            if event.event == "away" and not self.journal.has("back"):
                self.journal.write("away", event.event, heard.id, heard.attempt)
                raise Unavailable("The database is away.")
            if event.event == "crash" and self.journal.once("crashed"):
                # An ack sent too early shall reach the broker before we die, or nobody would notice it.
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGKILL)
            if event.event == "slow":
                # Long enough to be met by a TERM or a restart in the middle of it.
                self.journal.once("slow_begun")
                time.sleep(1)
        for heard, event in told:
            self.journal.write("sla", event.event, heard.id, heard.attempt)
            yield Said("sla.armed", event, event_id(heard.id, "sla.armed"), subject=heard.subject, cause=heard.id)


class Ticker:
    name = "ticker"
    journal = bus.Given()

    @bus.every(seconds=0.1)
    def tick(self) -> Iterable[Said]:
        number = len(list(self.journal.folder.glob("tick-*")))
        if number < 3:
            (self.journal.folder / f"tick-{number}").touch()
            if number == 1:
                raise RuntimeError("the second tick breaks")
            yield Said("sla.warned", TicketEvent(event="tick"), event_id("tick", "sla.warned", "", number))


def main() -> None:
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        # Ten attempts take five minutes; the story is the same with fewer and shorter waits.
        bus_schedule.RETRY_AFTER = tuple(int(seconds) for seconds in sys.argv[2].split(","))
    settings = Settings()
    telemetry.set_up("sla", "worker", settings)
    journal = Journal(folder)
    bus.run_workers(
        [bus.Worker("sla", Listener, lambda: journal), bus.Worker("ticker", Ticker, lambda: journal)], settings
    )
    journal.write("ended")


if __name__ == "__main__":
    main()
