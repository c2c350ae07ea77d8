"""`make bench`: the floor, Deskstream, clocks, deadlines, a report, routing, duty and claims, measured in one run.

`python -m tests.bench [--quick] [--only floor,stream,clocks,report,routing,duty,claims,deadline] [--output FILE]`.
Prints a table and writes `.run/bench.json`. Everything is private (broker, database, processes) and ended at the end;
bounded in time. `--only million` measures among a million open clocks, or `--million N` of them; ten minutes.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.local.children import Trouble
from deploy.local.run_folder import RUN
from tests.bench import parts
from tests.bench.machine import machine, versions
from tests.bench.sizes import FULL, QUICK
from tests.bench.stream_bench import TooSlow
from tests.bench.table import table

ASKED = ("million",)
"""Measured only when named: it takes ten minutes."""
MEASURES = ("floor", "stream", "clocks", "report", "routing", "duty", "claims", "deadline")


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when everything was measured."""
    asked = _arguments(argv)
    sizes = QUICK if asked.quick else FULL
    only = asked.only.split(",") if asked.only else MEASURES
    console = Console()
    figures: dict[str, Any] = {"machine": machine(), "versions": versions(), "quick": asked.quick}
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory(prefix="deskbench-") as folder:
        if "floor" in only or "stream" in only:
            figures |= parts.platform(Path(folder), sizes, progress, stream="stream" in only)
            _write(asked.output, figures)
        if "clocks" in only:
            figures |= parts.clocks(sizes, progress)
            _write(asked.output, figures)
        if "report" in only:
            figures |= parts.report(sizes, progress)
            _write(asked.output, figures)
        if "routing" in only:
            figures |= parts.routing(sizes, progress)
            _write(asked.output, figures)
        if "duty" in only:
            figures |= parts.duty(sizes, progress)
            _write(asked.output, figures)
        if "claims" in only:
            figures |= parts.claims(sizes, progress)
            _write(asked.output, figures)
        if "deadline" in only:
            figures |= parts.deadlines(sizes, progress)
        if "million" in only:
            figures |= parts.million(asked.million, progress)
    figures["machine"]["load_after"] = machine()["load_before"]
    console.print(table(figures))
    _write(asked.output, figures)
    console.print(f"Written to {asked.output}.", highlight=False, soft_wrap=True)
    return 0


def _write(output: Path, figures: dict[str, Any]) -> None:
    """After each part: what was measured is not lost when a later part fails."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="make bench", description="Measure the floor and Deskstream on this machine.")
    reader.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works, says nothing of speed")
    reader.add_argument("--only", default="", metavar="WHAT", help=f"some of {','.join((*MEASURES, *ASKED))}")
    reader.add_argument("--million", type=int, default=1_000_000, metavar="N", help="open clocks of --only million")
    reader.add_argument("--output", type=Path, default=RUN / "bench.json", help="where the figures go")
    return reader.parse_args(argv)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except (Trouble, TooSlow) as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit("Ended; nothing is left running.")
