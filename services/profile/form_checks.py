"""Do catalogue and form fit together? Finds what the types of the facets cannot say (A18, B19, S5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from services.profile.catalogue import DEEPEST
from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.forms import DRAFT_FIELDS, Entry, FormField, value_fault
from services.profile.grading import PROPOSED

if TYPE_CHECKING:
    from services.profile.schema import Profile

MOST_FIELDS = 50
"""Extra fields that one request may carry; intake takes no more."""
_MOST_CHOICES = 300
_TAKEN = frozenset(
    {"major", "entered_at", PROPOSED, "source_id", "profile", "in_reply_to", "contact_id", "language", "recorder"}
)
"""Names that the platform itself keeps in Ticket.fields, or that a filled form has besides its fields."""


def check_forms(profile: Profile) -> Iterator[Finding]:
    """Every cross fault of entries and fields."""
    types = [each.key for each in profile.types]
    yield from duplicates(("entries",), "entry", [each.key for each in profile.entries])
    for index, entry in enumerate(profile.entries):
        yield from _entry(profile, entry, ("entries", index))
        for position, field in enumerate(entry.fields):
            here: Path = ("entries", index, "fields", position)
            if field.only_for.entries:
                yield (*here, "only_for", "entries"), "a field of an entry is asked for this entry; remove this"
            if not field.is_extra:
                yield (*here, "name"), f'"{field.name}" belongs to every request; move it to form'
            yield from _field(profile, field, here, types)
    seen: set[str] = set()
    for path, field in _fields(profile):
        if field.name in seen:
            yield (*path, "name"), f'field "{field.name}" appears twice; give each its own name, or use only_for'
        seen.add(field.name)
    for index, field in enumerate(profile.form):
        yield from _field(profile, field, ("form", index), types)
    extra = [field for _, field in _fields(profile) if field.is_extra]
    if len(extra) > MOST_FIELDS:
        yield ("form",), f"there are {len(extra)} extra fields; a request carries at most {MOST_FIELDS}: remove some"


def _fields(profile: Profile) -> Iterator[tuple[Path, FormField]]:
    for index, field in enumerate(profile.form):
        yield ("form", index), field
    for index, entry in enumerate(profile.entries):
        for position, field in enumerate(entry.fields):
            yield ("entries", index, "fields", position), field


def _entry(profile: Profile, entry: Entry, here: Path) -> Iterator[Finding]:
    entries = {each.key: each for each in profile.entries}
    known: dict[str, Iterable[str]] = {
        "team": [each.id for each in profile.organisation.teams],
        "project": [each.id for each in profile.organisation.projects],
        "grade": [each.key for each in profile.grading.grades],
    }
    for name, words in known.items():
        value = getattr(entry, name)
        if value is not None and value not in words:
            yield unknown((*here, name), name, value, words)
    types = [each.key for each in profile.types]
    for index, kind in enumerate(entry.types):
        if kind not in types:
            yield unknown((*here, "types", index), "type", kind, types)
    if entry.parent is None:
        return
    if entry.parent not in entries:
        yield unknown((*here, "parent"), "entry", entry.parent, entries)
        return
    chain, at = [entry.key], entry.parent
    while at in entries and at not in chain:
        chain.append(at)
        at = entries[at].parent or ""
    if at in chain:
        yield (*here, "parent"), f"the tree goes in a circle: {' > '.join([*chain, at])}; name another parent"
    elif len(chain) > DEEPEST:
        yield (*here, "parent"), f"the tree is {len(chain)} entries deep; {DEEPEST} are allowed: hang it further up"
    elif entry.active and not entries[entry.parent].active:
        yield (*here, "parent"), f'"{entry.parent}" is not active; switch this entry off too, or hang it elsewhere'


def _field(profile: Profile, field: FormField, here: Path, types: list[str]) -> Iterator[Finding]:
    if field.name in _TAKEN or field.name in {flag.key for flag in profile.flags}:
        yield (*here, "name"), f'"{field.name}" is a flag or a name of the platform; choose another'
    yield from _choices(profile, field, here)
    yield from _bounds(field, here)
    for index, kind in enumerate(field.only_for.types):
        if kind not in types:
            yield unknown((*here, "only_for", "types", index), "type", kind, types)
    entries = [each.key for each in profile.entries]
    for index, entry in enumerate(field.only_for.entries):
        if entry not in entries:
            yield unknown((*here, "only_for", "entries", index), "entry", entry, entries)
    if field.name in ("type", "entry") and (field.only_for.types or field.only_for.entries):
        yield (*here, "only_for"), f'"{field.name}" decides which fields are asked; ask it always'
    names = DRAFT_FIELDS | {each.name for each in profile.form}
    for index, name in enumerate(field.any_of):
        if name not in names:
            yield unknown((*here, "any_of", index), "field", name, names)
    if field.for_desk and field.required:
        yield (
            (*here, "required"),
            "the desk fills this in later; let a step of the lifecycle require it instead (requires)",
        )
    if field.default is not None:
        options = profile.catalogue.options(field)
        fault = value_fault(field, field.default, options)
        if field.kind == "time" or field.any_of:
            yield (*here, "default"), "such a field can have no default; remove it"
        elif fault is not None:
            yield (*here, "default"), f'"{field.default}" cannot stand in this field: {fault.en}'


def _choices(profile: Profile, field: FormField, here: Path) -> Iterator[Finding]:
    if field.kind == "choice" and not field.choices and field.name not in profile.catalogue.lists:
        yield (*here, "choices"), "a choice needs choices; list them or use kind: text"
    if field.choices and field.kind != "choice":
        yield (*here, "kind"), "a field with choices is a choice; write kind: choice or remove the choices"
    if field.choices and field.name in profile.catalogue.lists:
        yield (*here, "choices"), f'the choices of "{field.name}" are those of the profile; remove these'
    if len(field.choices) > _MOST_CHOICES:
        yield (*here, "choices"), f"there are more than {_MOST_CHOICES} choices; nobody finds one among them: split it"
    yield from duplicates((*here, "choices"), "choice", [each.key for each in field.choices])


def _bounds(field: FormField, here: Path) -> Iterator[Finding]:
    for low, high, kinds in (
        ("min", "max", ("number",)),
        ("min_length", "max_length", ("text", "long_text")),
    ):
        least, most = getattr(field, low), getattr(field, high)
        for name, bound in ((low, least), (high, most)):
            if bound is not None and field.kind not in kinds:
                yield (
                    (*here, name),
                    f"a {field.kind} field has no {name}; remove it or use {' or '.join(kinds)}",
                )
        if least is not None and most is not None and least > most:
            yield (*here, high), f"{high} is less than {low}, so nothing fits; exchange them"
