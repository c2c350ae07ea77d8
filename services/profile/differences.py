"""What differs between two profiles, in lines a person reads before applying one (S4, S5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MOST = 60
_LONGEST = 60
_KEYS = ("id", "key", "name", "action")
"""What tells the items of a list apart, so that one that moved is not two that changed."""


class Difference(NamedTuple):
    """A field and its value before and after, as a person reads them; empty where there is none."""

    field: str
    old: str
    new: str
    note: str = ""
    """"new", "gone", "another order"; empty when another value stands there."""

    def __str__(self) -> str:
        if self.note == "gone":
            return f"{self.field}: gone"
        return f"{self.field}: {self.note}: {self.new}" if self.note else f"{self.field}: {self.old} -> {self.new}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lines such as "routing.rules[vip].when.grade: P1 -> P1, P2", at most 60 and how many more."""
    found = [str(each) for each in fields_changed(old, new)]
    return found if len(found) <= MOST else [*found[:MOST], f"... and {len(found) - MOST} more differences"]


def fields_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Every difference, field by field (D18)."""
    return _between("", old, new)


def _between(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _one(f"{path}.{key}" if path else str(key), old, new, key)
        return
    if (before := _named(old)) is not None and (after := _named(new)) is not None:
        for name in dict.fromkeys((*before, *after)):
            yield from _one(f"{path}[{name}]", before, after, name)
        kept = [name for name in before if name in after]
        if kept != [name for name in after if name in before]:
            yield Difference(path, _shown(list(before)), _shown(list(after)), "another order")
        return
    yield Difference(path, _shown(old), _shown(new))


def _one(path: str, old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> Iterator[Difference]:
    if key not in old:
        yield Difference(path, "", _shown(new[key]), "new")
    elif key not in new:
        yield Difference(path, _shown(old[key]), "", "gone")
    else:
        yield from _between(path, old[key], new[key])


def _named(value: Any) -> dict[str, Any] | None:
    """Items of a list by what names them; None when nothing names every one of them apart."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, Mapping) for one in value):
        return None
    for key in _KEYS:
        names = [str(one[key]) for one in value if key in one]
        if len(names) == len(value) == len(set(names)):
            return dict(zip(names, value, strict=True))
    return None


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{key} {_shown(one)}" for key, one in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(_shown(one) for one in value)
    else:
        text = "none" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
