"""Loads a profile: a folder of YAML files, merged, validated, versioned by its content (S1, S4, S5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from services.kernel.calendar import BusinessCalendar
from services.kernel.errors import Missing
from services.profile.calendars import calendars_of
from services.profile.checks import check_profile
from services.profile.duty import Roster
from services.profile.faults import Path, ProfileFault, ProfileFaults, field_name
from services.profile.lookups import Lookups
from services.profile.schema import Profile
from services.profile.source import Source, read
from services.profile.wording import sentence

Place = Callable[[Path], ProfileFault]
"""Ties a path to its file and line."""

MOST_FILES = 60
SPREAD = frozenset({"flows", "records"})
"""Facets that may stand in several files of a folder, which are read one after the other by name."""
_DEEPEST_EXTENDS = 4


@dataclass(frozen=True, eq=False)
class LoadedProfile:
    """A valid profile. `version` is the declared one, "+", and 8 hexadecimal digits of its content's SHA-256."""

    profile: Profile
    version: str
    facets: Mapping[str, Any]
    """The merged facets as they stood in the files, for keeping every version applied (D18)."""

    @property
    def name(self) -> str:
        return self.profile.profile.name

    @cached_property
    def lookups(self) -> Lookups:
        """People, customers, projects, labels by what one has at hand."""
        return Lookups(self.profile)

    @cached_property
    def calendars(self) -> Mapping[str, BusinessCalendar]:
        """Business calendars by name."""
        return calendars_of(self.profile)

    @cached_property
    def roster(self) -> Roster:
        """Who is on duty, who stands in for whom, whether the desk is open."""
        return Roster(self.profile, self.calendars)


class Profiles:
    """The profiles of this installation."""

    def __init__(self, loaded: Iterable[LoadedProfile], default: str = "") -> None:
        self._by_name = {each.name: each for each in loaded}
        self._default = default or next(iter(self._by_name), "")

    @property
    def default(self) -> LoadedProfile:
        """The profile of a request that names none."""
        return self.get(self._default)

    def get(self, name: str) -> LoadedProfile:
        """The profile of that name, the default one for an empty name; Missing when there is none."""
        wanted = name or self._default
        if wanted not in self._by_name:
            raise Missing(f'There is no profile "{wanted[:60]}"; name one of: {", ".join(self._by_name)}.')
        return self._by_name[wanted]

    def __iter__(self) -> Iterator[LoadedProfile]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)


def load_all(folder: FilePath | str, names: str | Iterable[str], default: str = "") -> Profiles:
    """Loads the named profiles (a list, or text with commas) under `folder`; ProfileFaults lists the faults of all."""
    wanted = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    loaded: list[LoadedProfile] = []
    faults: list[ProfileFault] = []
    for name in filter(None, wanted):
        try:
            loaded.append(load(FilePath(folder) / name))
        except ProfileFaults as refused:
            faults.extend(refused.found)
    if default and default not in {each.name for each in loaded} and not faults:
        raise Missing(f'The default profile "{default}" is not among those loaded ({", ".join(wanted)}); add it.')
    if faults:
        raise ProfileFaults(faults)
    return Profiles(loaded, default)


def load(folder: FilePath | str) -> LoadedProfile:
    """Loads one profile folder; raises ProfileFaults with every fault found."""
    merged = _Merged()
    _merge(merged, FilePath(folder), ())
    if merged.faults:
        raise ProfileFaults(merged.faults)
    return _judge(merged.values, merged.place, name=FilePath(folder).name)


def restore(facets: Mapping[str, Any]) -> LoadedProfile:
    """A profile from its kept facets (`LoadedProfile.facets`): any past version can be read again (S4)."""
    return _judge(dict(facets), lambda path: ProfileFault("(kept)", 1, field_name(path), ""))


def check(folder: FilePath | str) -> list[str]:
    """The faults of a profile folder as "file:line: field: sentence with remedy"; empty when it is fine."""
    try:
        load(folder)
    except ProfileFaults as refused:
        return [str(fault) for fault in refused.found]
    return []


def content_version(declared: str, facets: Mapping[str, Any]) -> str:
    """Declared version and digest of the facets; comments and the order of keys do not count."""
    canonical = json.dumps(facets, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{declared}+{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


class _Merged:
    """Facets of all files of a folder and where each stands."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, tuple[Source, ...]] = {}
        self.faults: list[ProfileFault] = []

    def place(self, path: Path) -> ProfileFault:
        """File and line of a path, or of the nearest thing around it that stands in a file."""
        first = str(path[0]) if path else ""
        sources = self.sources.get(first) or self.sources.get("profile") or next(iter(self.sources.values()), None)
        if sources is None:
            return ProfileFault("(empty)", 1, field_name(path), "")
        source, there = _part(sources, path) if first in self.sources else (sources[0], path)
        for length in range(len(there), 0, -1):
            if there[:length] in source.lines:
                return ProfileFault(source.file, source.lines[there[:length]], field_name(path), "")
        return ProfileFault(source.file, 1, field_name(path), "")


def _part(sources: tuple[Source, ...], path: Path) -> tuple[Source, Path]:
    """Which of the files of a facet has a path, and what the path is called there."""
    if len(path) < 2:
        return sources[0], path
    facet, key = str(path[0]), path[1]
    for source in sources:
        part = source.values[facet]
        if isinstance(part, list) and isinstance(key, int):
            if key < len(part):
                return source, (facet, key, *path[2:])
            key -= len(part)
        elif key in part:
            return source, path
    return sources[0], path


def _joined(facet: str, sources: tuple[Source, ...]) -> Any:
    """The values of a facet from all its files."""
    parts = [source.values[facet] for source in sources]
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], list):
        return [each for part in parts for each in part]
    return {key: value for part in parts for key, value in part.items()}


def _twice(facet: str, before: tuple[Source, ...], source: Source) -> str:
    """Why a facet may not stand in one more file; empty when it may."""
    first, other = before[0].values[facet], source.values[facet]
    if facet not in SPREAD or type(first) is not type(other) or not isinstance(other, list | dict):
        return f"the facet stands in {before[0].file} too; keep one"
    keys = set(other) if isinstance(other, dict) else set()
    for each in before:
        if keys and (both := sorted(keys & set(each.values[facet]))):
            return f'"{both[0]}" stands in {each.file} too; keep one'
    return ""


def _merge(merged: _Merged, folder: FilePath, below: tuple[str, ...]) -> None:
    shown = folder.name
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]) if folder.is_dir() else []
    if not files:
        merged.faults.append(ProfileFault(f"{shown}/", 1, "(file)", "there is no YAML file here; add about.yaml"))
        return
    if len(files) > MOST_FILES:
        merged.faults.append(ProfileFault(f"{shown}/", 1, "(file)", f"more than {MOST_FILES} files; merge some"))
        return
    mine: dict[str, tuple[Source, ...]] = {}
    for file in files:
        source = read(f"{shown}/{file.name}", file.read_bytes())
        merged.faults.extend(source.faults)
        for facet in source.values:
            if facet in mine and (text := _twice(facet, mine[facet], source)):
                merged.faults.append(ProfileFault(source.file, source.lines[(facet,)], facet, text))
            else:
                mine[facet] = (*mine.get(facet, ()), source)
    _extend(merged, folder, mine, (*below, shown))
    for facet, sources in mine.items():
        if facet != "extends":
            merged.values[facet] = _joined(facet, sources)
            merged.sources[facet] = sources


def _extend(merged: _Merged, folder: FilePath, mine: dict[str, tuple[Source, ...]], chain: tuple[str, ...]) -> None:
    """Takes the upper profile's facets first; those of this folder then replace them, facet by facet (S8)."""
    if "extends" not in mine:
        return
    source = mine["extends"][0]
    line, upper = source.lines[("extends",)], source.values["extends"]
    if not isinstance(upper, str) or not upper.isidentifier():
        merged.faults.append(ProfileFault(source.file, line, "extends", "name a profile folder beside this one"))
    elif upper in chain or len(chain) > _DEEPEST_EXTENDS:
        text = f"the chain {' -> '.join((*chain, upper))} goes in a circle or too deep; shorten it"
        merged.faults.append(ProfileFault(source.file, line, "extends", text))
    elif not (folder.parent / upper).is_dir():
        text = f'there is no profile "{upper}" beside this one; correct the name'
        merged.faults.append(ProfileFault(source.file, line, "extends", text))
    else:
        _merge(merged, folder.parent / upper, chain)


def _judge(values: dict[str, Any], place: Place, name: str = "") -> LoadedProfile:
    try:
        profile = Profile.model_validate(values)
    except ValidationError as error:
        raise ProfileFaults(_at(place, tuple(each["loc"]), sentence(each)) for each in error.errors()) from None
    findings = list(check_profile(profile))
    if name and profile.profile.name != name:
        text = f'the folder is called "{name}" but the profile "{profile.profile.name}"; let both agree'
        findings.append((("profile", "name"), text))
    if findings:
        raise ProfileFaults(_at(place, path, message) for path, message in findings)
    return LoadedProfile(profile, content_version(profile.profile.version, values), values)


def _at(place: Place, path: Path, message: str) -> ProfileFault:
    where = place(path)
    return ProfileFault(where.file, where.line, where.field, message)
