"""The request form of a profile, in one language (A7, A18, B2)."""

from __future__ import annotations

from services.contracts.deskstream.v1.intake_pb2 import FormChoice, FormField, GetFormResponse
from services.profile.schema import Label, Profile


def form_of(profile: Profile, language: str) -> GetFormResponse:
    """Fields in the profile's order; choices of type, entry, grade and project come from the profile's lists."""
    language = language or profile.profile.language
    lists: dict[str, list[tuple[str, Label]]] = {
        "type": [(one.key, one.label) for one in profile.types],
        "entry": [(one.key, one.label) for one in profile.entries],
        "grade": [(one.key, one.label) for one in profile.grading.grades],
        "project": [(one.id, one.name) for one in profile.organisation.projects],
    }
    form = GetFormResponse(profile=profile.profile.name, title=profile.profile.title.in_language(language))
    for field in profile.form:
        if field.any_of:
            # Not asked itself: it stands for the fields it names.
            continue
        choices = [(one.key, one.label) for one in field.choices] or lists.get(field.name, [])
        form.fields.append(
            FormField(
                name=field.name,
                label=field.label.in_language(language),
                required=field.required,
                kind="choice" if choices else field.kind,
                choices=[FormChoice(value=key, label=label.in_language(language)) for key, label in choices],
                help=field.help.in_language(language) if field.help else "",
            )
        )
    return form
