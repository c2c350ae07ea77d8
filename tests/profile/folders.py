"""Copies of a shipped profile with one thing spoiled."""

from __future__ import annotations

import shutil
from pathlib import Path

POLICY = Path(__file__).parents[2] / "deploy" / "policy"
NAMES = ("itss_desk", "generic_desk", "it_callcentre_levels")


def copied(tmp_path: Path, name: str = "itss_desk") -> Path:
    """A copy of a shipped profile in a folder of the same name."""
    folder = tmp_path / name
    shutil.copytree(POLICY / name, folder)
    return folder


def spoil(folder: Path, file: str, old: str, new: str) -> int:
    """Replaces the first occurrence; gives back the line (from 1) where it stood."""
    text = (folder / file).read_text(encoding="utf-8")
    at = text.index(old)
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[:at].count("\n") + 1
