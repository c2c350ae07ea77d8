"""Puts a changed profile in the place of the one in force: all of it, or nothing (S4, S5)."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.kernel.errors import Refused
from services.profile.differences import differences
from services.profile.faults import ProfileFault, ProfileFaults
from services.profile.load import LoadedProfile, load

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@dataclass(frozen=True, slots=True)
class Applied:
    """What was put in force. `before` is empty for a profile that was not there; no `changes`: nothing was written."""

    name: str
    before: str
    after: str
    changes: tuple[str, ...]


def apply(folder: Path, policy_dir: Path) -> Applied:
    """Validates the profile in `folder` beside the others of `policy_dir`, then swaps it in by renaming.

    ProfileFaults, with everything as it was, when it has faults or a profile that extends it would have some; Refused
    when a folder cannot be read or written.
    """
    name = folder.resolve().name
    if not folder.is_dir() or not policy_dir.is_dir():
        missing = policy_dir if folder.is_dir() else folder
        raise Refused(f"There is no folder {missing}; name the one of a profile, and set DESKSTREAM_POLICY_DIR.")
    if folder.resolve() == (policy_dir / name).resolve():
        raise Refused(f"{folder} is the folder in force already; change a copy of it and apply that.", field="folder")
    try:
        with _staged(folder, policy_dir, policy_dir) as staged:
            return _apply(staged, policy_dir)
    except OSError as error:
        raise Refused(f"The policy cannot be written ({error}); look at the rights of {policy_dir}.") from None


def load_beside(folder: Path, policy_dir: Path) -> LoadedProfile:
    """A changed profile as it would be in force: `extends` finds the others there. Writes nothing to `policy_dir`."""
    if not policy_dir.is_dir():
        return load(folder)
    with _staged(folder, policy_dir, None) as staged:
        return load(staged)


@contextmanager
def _staged(folder: Path, policy_dir: Path, where: Path | None) -> Iterator[Path]:
    """A copy of the folder's YAML files with the other profiles in force beside it, for as long as it is looked at."""
    staging = Path(tempfile.mkdtemp(prefix=".apply-", dir=where))
    try:
        staged = staging / folder.resolve().name
        staged.mkdir()
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            shutil.copyfile(file, staged / file.name)
        for other in _others(policy_dir, staged.name):
            (staging / other).symlink_to((policy_dir / other).resolve(), target_is_directory=True)
        yield staged
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _others(policy_dir: Path, name: str) -> list[str]:
    found = (path.name for path in policy_dir.iterdir() if path.is_dir() and path.name[0] != ".")
    return sorted(each for each in found if each != name)


def _apply(staged: Path, policy_dir: Path) -> Applied:
    name, target = staged.name, policy_dir / staged.name
    new, old = load(staged), _in_force(target)
    _heirs_stay_whole(staged.parent, policy_dir, _others(policy_dir, name))
    if old is not None and old.facets == new.facets:
        return Applied(name, old.version, new.version, ())
    changes = tuple(differences(old.facets if old else {}, new.facets))
    staged.chmod(0o755)
    _swap(staged, target)
    return Applied(name, old.version if old else "", new.version, changes or ("everything is new",))


def _in_force(target: Path) -> LoadedProfile | None:
    try:
        return load(target) if target.is_dir() else None
    except ProfileFaults:
        # Broken already: whatever is valid is better, and there is nothing to compare with.
        return None


def _heirs_stay_whole(staging: Path, policy_dir: Path, others: list[str]) -> None:
    """A profile that extends the changed one and was fine before must be fine after (S8)."""
    found: list[ProfileFault] = []
    for other in others:
        try:
            load(staging / other)
        except ProfileFaults as refused:
            if _in_force(policy_dir / other) is not None:
                found.extend(refused.found)
    if found:
        raise ProfileFaults(found)


def _swap(staged: Path, target: Path) -> None:
    """The new folder under the old one's name; what was there lies in the staging folder then."""
    if not target.exists():
        staged.rename(target)
        return
    if _exchanged(staged, target):
        return
    aside = staged.with_name(f"{staged.name}.before")
    target.rename(aside)
    try:
        staged.rename(target)
    except OSError:
        aside.rename(target)
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Linux exchanges two names at once, so that a process that starts now finds one or the other, never nothing."""
    if sys.platform != "linux":
        return False
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:
        return False
    done: int = exchange(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0
