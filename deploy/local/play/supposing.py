"""What other limits would have made of the day, and whether the log alone gives the same clocks (D18, D21)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from deploy.local.children import Trouble
from deploy.local.parts import ROOT
from deploy.local.play.stage import Stage

_KNOWN = "      stop: {}\n      limit: {{default: {}}}\n"
CHANGES = (("responded", "30m", "2h"), ("triaged", "2h", "20m"))
"""Milestone that stops the clock, its limit as shipped, and the one supposed."""


class Supposing:
    """`python -m services sla ...` beside a stage, with the desk's rules changed in a folder of its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.folder = stage.folder / "supposed" / "itss_desk"

    def change(self) -> None:
        """Copies the rule book and gives the desk longer to respond and less time to decide."""
        shutil.copytree(ROOT / "deploy" / "policy" / "itss_desk", self.folder, dirs_exist_ok=True)
        page = self.folder / "sla.yaml"
        text = page.read_text("utf-8")
        for stop, shipped, supposed in CHANGES:
            if _KNOWN.format(stop, shipped) not in text:
                raise Trouble(f"The clock that {stop} stops has no limit of {shipped} any more; correct supposing.py.")
            text = text.replace(_KNOWN.format(stop, shipped), _KNOWN.format(stop, supposed))
        page.write_text(text, "utf-8")

    def what_if(self, first: str, last: str) -> dict[str, Any]:
        """Figures of the tickets of these days under the changed rules."""
        told: dict[str, Any] = json.loads(self._run("what-if", *self._asked(first, last), "--json"))
        return told

    def what_if_told(self, first: str, last: str) -> list[str]:
        """The same as people read it."""
        return self._run("what-if", *self._asked(first, last)).splitlines()

    def replayed(self) -> str:
        """The verdict on all clocks, reckoned anew from the log."""
        return self._run("replay", "--all").strip()

    def _asked(self, first: str, last: str) -> Sequence[str]:
        return str(self.folder), "--from", first, "--to", last

    def _run(self, *words: str) -> str:
        command = [sys.executable, "-W", "ignore", "-m", "services", "sla", *words]
        environment = {**os.environ, **self._stage.env, "COLUMNS": "110"}
        ran = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        if ran.returncode:
            raise Trouble(f"services sla {words[0]} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
        return ran.stdout
