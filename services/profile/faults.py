"""What is wrong with a profile: every fault with file, line, field and remedy (S5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.kernel.errors import Fault, Refused

Path = tuple[str | int, ...]
"""Place of a value inside the profile: ("routing", "rules", 0, "to", "team")."""

Finding = tuple[Path, str]
"""Place and one sentence with the remedy, before it is tied to a file and a line."""


@dataclass(frozen=True, slots=True, order=True)
class ProfileFault:
    """One fault; line counts from 1, field is written as "routing.rules[0].to.team"."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class ProfileFaults(Refused):
    """A profile that cannot be used; `found` lists every fault, sorted by file and line."""

    def __init__(self, found: Iterable[ProfileFault]) -> None:
        self.found = tuple(sorted(set(found)))
        super().__init__(
            "\n".join(str(fault) for fault in self.found),
            field=self.found[0].field if self.found else "",
            faults=tuple(Fault(field=each.field, zh=str(each), en=str(each)) for each in self.found),
        )


def field_name(path: Path) -> str:
    """Writes a path the way people write it."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else str(step))
    return text or "(file)"


def unknown(path: Path, kind: str, name: str, known: Iterable[str]) -> Finding:
    """The sentence for a name that nothing carries."""
    listed = ", ".join(sorted(known)) or "none yet"
    return path, f'there is no {kind} "{name}"; add it or name one of: {listed}'


def duplicates(path: Path, kind: str, names: Iterable[str], key: str = "key") -> Iterator[Finding]:
    """A finding for every name that stood before."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield (*path, index, key), f'{kind} "{name}" appears twice; give each its own {key}'
        seen.add(name)
