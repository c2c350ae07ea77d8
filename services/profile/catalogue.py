"""The service catalogue and the form of one profile, prepared: what is asked of whom, and what may be answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from services.kernel.errors import Fault
from services.profile.conditions import Condition
from services.profile.facet import Label
from services.profile.forms import (
    YES_NO,
    Entry,
    FormField,
    OnlyFor,
    canonical,
    missing,
    not_listed,
    value_fault,
)

if TYPE_CHECKING:
    from services.profile.schema import Profile

AnyCondition = TypeVar("AnyCondition", bound=Condition)

DEEPEST = 6
"""Entries above one another, at most."""

BETWEEN = " / "
"""Stands between the labels of an entry and of those above it."""


class Catalogue:
    """Fields and entries by name. Made once per profile (Profile.catalogue); intake and dispatch judge by it."""

    def __init__(self, profile: Profile) -> None:
        self.entries: Mapping[str, Entry] = {entry.key: entry for entry in profile.entries}
        self._above = {key: self._chain(key) for key in self.entries}
        self.fields: tuple[FormField, ...] = (*profile.form, *self._of_entries())
        """Those of the form, then those of the entries."""
        self.by_name: Mapping[str, FormField] = {field.name: field for field in self.fields}
        self.listing = tuple(field for field in self.fields if field.choices or field.kind == "yes_no")
        """Fields with choices of their own."""
        self._lists: dict[str, Mapping[str, Label]] = {
            "type": {one.key: one.label for one in profile.types},
            "entry": {key: self.entry_label(key) for key, one in self.entries.items() if one.active},
            "project": {one.id: one.name for one in profile.organisation.projects},
            "grade": {one.key: one.label for one in profile.grading.grades},
        }
        if (matrix := profile.grading.matrix) is not None:
            self._lists["impact"] = {one.key: one.label for one in matrix.impacts}
            self._lists["urgency"] = {one.key: one.label for one in matrix.urgencies}
        self.extra: Mapping[str, FormField] = {
            field.name: field for field in self.fields if field.is_extra and field.name not in self._lists
        }
        """The fields kept in Ticket.fields (B19)."""
        self._types = frozenset(self._lists["type"])
        self._asked: dict[tuple[str, str], tuple[FormField, ...]] = {}
        self._options = {field.name: self._options_of(field) for field in self.fields}
        named = {name for field in self.fields for name in (field.name, *field.any_of)}
        self._names = tuple(sorted(named | self._lists.keys()))

    def _chain(self, key: str) -> tuple[Entry, ...]:
        """The entry and those above it, nearest first; a circle, which the checks refuse, ends the walk."""
        found: list[Entry] = []
        at: str | None = key
        while at is not None and at in self.entries and len(found) < DEEPEST:
            found.append(self.entries[at])
            at = self.entries[at].parent
        return tuple(found)

    def _of_entries(self) -> Iterator[FormField]:
        for entry in self.entries.values():
            for field in entry.fields:
                yield field.model_copy(update={"only_for": OnlyFor(types=field.only_for.types, entries=(entry.key,))})

    def above(self, entry: str) -> tuple[Entry, ...]:
        """The entry and those above it, nearest first; empty for an unknown one."""
        return self._above.get(entry, ())

    def entry_label(self, key: str) -> Label:
        """The label with those above it: "应用系统 / ERP"."""
        chain = self._above[key][::-1]
        return Label(zh=BETWEEN.join(one.label.zh for one in chain), en=BETWEEN.join(one.label.en for one in chain))

    def below(self, entries: Collection[str]) -> tuple[str, ...]:
        """These entries and all below them, in the order of the profile."""
        wanted = set(entries)
        return tuple(key for key, chain in self._above.items() if any(one.key in wanted for one in chain))

    def widened(self, when: AnyCondition) -> AnyCondition:
        """A condition on an entry holds for those below it as well (A18)."""
        return when.model_copy(update={"entry": self.below(when.entry) or when.entry}) if when.entry else when

    def types_of(self, entry: str) -> tuple[str, ...]:
        """Types a request for the entry may have; empty: any."""
        return next((one.types for one in self.above(entry) if one.types), ())

    def default_of(self, entry: str, what: str) -> str:
        """The "team", "project" or "grade" the catalogue names for an entry; empty: none."""
        return next((str(value) for one in self.above(entry) if (value := getattr(one, what))), "")

    def applies(self, field: FormField, kind: str, entry: str) -> bool:
        """Whether a field is asked of a request with this type and entry."""
        when = field.only_for
        if when.types and kind not in when.types:
            return False
        return not when.entries or any(one.key in when.entries for one in self.above(entry))

    def asked(self, kind: str, entry: str) -> tuple[FormField, ...]:
        """The fields asked of a request with this type and entry, in order; those of the desk are among them."""
        key = (kind if kind in self._types else "", entry if entry in self.entries else "")
        if key not in self._asked:
            # The keys are bounded by the profile: types times entries.
            self._asked[key] = tuple(field for field in self.fields if self.applies(field, *key))
        return self._asked[key]

    def options(self, field: FormField, kind: str = "") -> Mapping[str, Label]:
        """The choices of a field, in the order of the profile; entries only as far as they go with the type."""
        listed = self._options.get(field.name)
        if listed is None or field is not self.by_name[field.name]:
            listed = self._options_of(field)
        if field.name != "entry" or not kind:
            return listed
        return {key: label for key, label in listed.items() if not (types := self.types_of(key)) or kind in types}

    @property
    def lists(self) -> Collection[str]:
        """Names of the fields whose choices are lists of the profile."""
        return self._lists

    def _options_of(self, field: FormField) -> Mapping[str, Label]:
        if field.choices:
            return {one.key: one.label for one in field.choices}
        return YES_NO if field.kind == "yes_no" else self._lists.get(field.name, {})

    def listed(self, name: str) -> Mapping[str, Label]:
        """All choices of "type", "entry", "project", "grade", and with a matrix of "impact" and "urgency"."""
        return self._lists[name]

    def key_of(self, field: FormField, text: str) -> str:
        """The key of a choice that was written as a label, its own or with those above it; other texts as they are."""
        found = canonical(field, text, self.options(field))
        if found == text and field.name == "entry" and text not in self.entries:
            wanted = text.casefold()
            for key, one in self.entries.items():
                if one.active and wanted in (one.label.zh.casefold(), one.label.en.casefold()):
                    return key
        return found

    def fault_of(self, field: FormField, text: str) -> Fault | None:
        """What is wrong with a value of a field; None: nothing. Whether an entry goes with a type is told apart."""
        return value_fault(field, text, self.options(field))

    def entry_fault(self, kind: str, entry: str) -> Fault | None:
        """Whether the entry is offered, and to requests of this type (A18)."""
        if not entry:
            return None
        if entry not in self._lists["entry"]:
            return not_listed("entry", self._lists["entry"])
        types = self.types_of(entry)
        if not types or not kind or kind in types:
            return None
        names = self._lists["type"]
        zh, en = ("、".join(names[key].zh for key in types), ", ".join(names[key].en for key in types))
        label = self.entry_label(entry)
        return Fault(
            "entry",
            f"“{label.zh}”只受理：{zh}；请更换服务目录项或类型。",
            f'"{label.en}" takes only: {en}; choose another entry or another type.',
        )

    def faults(self, value: Callable[[str], str]) -> Iterator[Fault]:
        """Every fault of a filled form; `value` gives what stands in a field. The desk's fields may wait (A7, B19)."""
        given = {name: text for name in self._names if (text := value(name))}
        kind, entry = given.get("type", ""), given.get("entry", "")
        for field in self.asked(kind, entry):
            wanted = field.required and not field.for_desk
            if wanted and not any(name in given for name in (field.name, *field.any_of)):
                yield missing(field)
        for name, text in given.items():
            # Also what is not asked: whatever is kept has its form.
            one = self.by_name.get(name)
            if one is not None and not one.any_of and (fault := self.fault_of(one, text)):
                yield fault
            elif name in self._lists and text not in self._lists[name]:
                yield not_listed(name, self._lists[name])
        if entry in self._lists["entry"] and (fault := self.entry_fault(kind, entry)):
            yield fault
