"""Do the record forms, the flags and the rows that name them fit together? (E-group)"""

from __future__ import annotations

from collections.abc import Iterator

from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.lifecycle import Transition
from services.profile.lifecycle_checks import rows_of
from services.profile.records import Demand, RecordForm
from services.profile.schema import Profile

OWN_VALUES = frozenset(
    {"title", "description", "impact_scope", "solution", "steps", "remaining", "workaround", "promised_at"}
    | {"type", "entry", "project", "grade", "impact", "urgency", "target", "major", "supporting_teams"}
)
"""Names that belong to the ticket itself; a record field of the same name would be filled by neither or both."""

_FACTS = frozenset({"type", "neutral_type", "entry", "channel", "grade", "path", "project", "flow"})
_MOST_FORMS = 40


def check_records(profile: Profile) -> Iterator[Finding]:
    """Unknown roles, fields, actions and facts; forms that appear twice; rows that write or ask for unknown forms."""
    forms = {form.key: form for form in profile.records}
    flags = [flag.key for flag in profile.flags]
    yield from duplicates(("records",), "record", [form.key for form in profile.records])
    yield from duplicates(("flags",), "flag", flags)
    if len(profile.records) > _MOST_FORMS:
        yield ("records",), f"there are more than {_MOST_FORMS} kinds of record; join some"
    for index, flag in enumerate(profile.flags):
        yield from _roles(profile, flag.roles, ("flags", index, "roles"))
        if flag.key in {field.name for field in profile.form} | (OWN_VALUES - {"major"}):
            yield ("flags", index, "key"), f'"{flag.key}" is the name of a field already; give the flag another'
    for index, form in enumerate(profile.records):
        yield from _form(profile, form, ("records", index))
    for path, row in rows_of(profile):
        yield from _row(forms, row, path)


def _roles(profile: Profile, roles: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for position, role in enumerate(roles):
        if role not in profile.roles:
            yield unknown((*path, position), "role", role, profile.roles)


def _form(profile: Profile, form: RecordForm, here: Path) -> Iterator[Finding]:
    yield from _roles(profile, form.roles, (*here, "roles"))
    yield from duplicates((*here, "fields"), "field", [field.name for field in form.fields], key="name")
    for index, field in enumerate(form.fields):
        if field.name in OWN_VALUES:
            yield (
                (*here, "fields", index, "name"),
                f'"{field.name}" is a value of the ticket itself; give the field of the record another name',
            )
        if field.kind == "choice" and not field.choices:
            yield (*here, "fields", index), "a choice needs choices; list them or use kind: text"
        if field.expected and field.kind != "yes_no":
            yield (*here, "fields", index, "expected"), "only a yes or no can be expected; use kind: yes_no"
    kinds = [kind.key for kind in profile.types]
    for position, name in enumerate(form.types):
        if name not in kinds:
            yield unknown((*here, "types", position), "type", name, kinds)
    if form.after_end and form.event != "noted":
        yield (*here, "event"), "an ended ticket is only noted; remove the event, or after_end"
    for index, demand in enumerate(form.demanded):
        yield from _demand(profile, form, demand, (*here, "demanded", index))


def _demand(profile: Profile, form: RecordForm, demand: Demand, here: Path) -> Iterator[Finding]:
    actions = {row.action for row in profile.transitions}
    for position, action in enumerate(demand.before):
        if action not in actions:
            yield unknown((*here, "before", position), "action", action, actions)
    for position, name in enumerate(demand.yes):
        yield from _yes(form, name, (*here, "yes", position))
    forms = {each.key: each for each in profile.records}
    plain = _FACTS | {"major"} | {flag.key for flag in profile.flags} | {field.name for field in profile.form}
    for fact in demand.when:
        kind, dot, name = fact.partition(".")
        if (dot and (kind not in forms or forms[kind].field(name) is None)) or (not dot and fact not in plain):
            yield unknown((*here, "when", fact), "fact", fact, {*plain, *(f"{each}.<field>" for each in forms)})


def _yes(form: RecordForm, name: str, here: Path) -> Iterator[Finding]:
    field = form.field(name)
    if field is None or field.kind != "yes_no":
        yield unknown(here, "yes or no", name, [each.name for each in form.fields if each.kind == "yes_no"])


def _row(forms: dict[str, RecordForm], row: Transition, here: Path) -> Iterator[Finding]:
    for asked in ("needs", "drops"):
        for position, kind in enumerate(getattr(row, asked)):
            if kind not in forms:
                yield unknown((*here, asked, position), "record", kind, forms)
    for position, wanted in enumerate(row.needs_yes):
        kind, _, name = wanted.partition(".")
        if kind not in forms:
            yield unknown((*here, "needs_yes", position), "record", kind, forms)
        else:
            yield from _yes(forms[kind], name, (*here, "needs_yes", position))
    if row.writes is not None and row.writes not in forms:
        yield unknown((*here, "writes"), "record", row.writes, forms)
    if row.writes is None and row.preset:
        yield (*here, "preset"), "nothing is written here; add writes, or remove preset"
    form = forms.get(row.writes or "")
    if form is not None:
        for name, word in row.preset.items():
            field = form.field(name)
            if field is None:
                yield unknown((*here, "preset", name), "field", name, [each.name for each in form.fields])
            elif field.kind == "choice" and word not in {choice.key for choice in field.choices}:
                yield unknown((*here, "preset", name), "choice", word, [choice.key for choice in field.choices])
        for name, words in row.given.items():
            chosen = form.field(name)
            known = set(words)
            if chosen is not None and chosen.kind == "choice":
                known = {choice.key for choice in chosen.choices}
            for position, word in enumerate(words):
                if word not in known:
                    yield unknown((*here, "given", name, position), "choice", word, known)
