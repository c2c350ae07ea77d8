"""The request form and the catalogue of a profile, in one language (A7, A18, B2, B5, B19, B23)."""

from __future__ import annotations

from collections.abc import Iterable

from services.contracts.deskstream.v1 import catalogue_pb2 as pb
from services.contracts.deskstream.v1.common_pb2 import NeutralType
from services.contracts.deskstream.v1.intake_pb2 import FormChoice, FormField, GetFormResponse
from services.kernel.errors import Fault, Refused
from services.profile import forms, grading
from services.profile.facet import Label
from services.profile.schema import Profile


def form_of(profile: Profile, language: str) -> GetFormResponse:
    """Every field a requester may be asked, in the profile's order; some only for certain types and entries."""
    language = language or profile.profile.language
    title = profile.profile.title.in_language(language)
    fields = [field for field in profile.catalogue.fields if not field.for_desk]
    told = GetFormResponse(profile=profile.profile.name, title=title, fields=_fields(profile, fields, language))
    inside = {kind.key for kind in profile.types if not kind.offered}
    for field in told.fields:
        if field.name == "type" and inside:
            offered = [choice for choice in field.choices if choice.value not in inside]
            del field.choices[:]
            field.choices.extend(offered)
    return told


def asked_form(profile: Profile, kind: str, entry: str, language: str) -> pb.DescribeFormResponse:
    """The fields asked of a request with this type and entry. Refused: a type or an entry the profile does not have."""
    catalogue, language = profile.catalogue, language or profile.profile.language
    for name, text in (("type", kind), ("entry", entry)):
        if text and text not in catalogue.listed(name):
            raise _refused(forms.not_listed(name, catalogue.listed(name)))
    if fault := catalogue.entry_fault(kind, entry):
        raise _refused(fault)
    fields = _fields(profile, catalogue.asked(kind, entry), language, kind)
    title = profile.profile.title.in_language(language)
    return pb.DescribeFormResponse(profile=profile.profile.name, title=title, fields=fields)


def _refused(fault: Fault) -> Refused:
    return Refused(fault.en, field=fault.field, faults=(fault,))


def _fields(profile: Profile, fields: Iterable[forms.FormField], language: str, kind: str = "") -> list[FormField]:
    # A field with any_of is not asked itself: it stands for the fields it names.
    return [_field(profile, field, language, kind) for field in fields if not field.any_of]


def _field(profile: Profile, field: forms.FormField, language: str, kind: str) -> FormField:
    catalogue = profile.catalogue
    options = catalogue.options(field, kind)
    made = FormField(
        name=field.name,
        label=field.label.in_language(language),
        required=field.required,
        kind="choice" if options and field.kind != "yes_no" else field.kind,
        choices=[FormChoice(value=key, label=label.in_language(language)) for key, label in options.items()],
        help=_text(field.help, language),
        default_value=field.default or "",
        min_length=field.min_length or 0,
        max_length=field.max_length or (forms.LONGEST.get(field.kind, 0) if field.is_extra else 0),
        only_types=field.only_for.types,
        only_entries=catalogue.below(field.only_for.entries),
        for_desk=field.for_desk,
    )
    if field.min is not None:
        made.min = field.min
    if field.max is not None:
        made.max = field.max
    return made


def catalogue_of(profile: Profile, language: str) -> pb.GetCatalogueResponse:
    """Types, entries that are offered, and how tickets are graded."""
    language, rules = language or profile.profile.language, profile.grading
    catalogue, matrix = profile.catalogue, profile.grading.matrix
    told = pb.GetCatalogueResponse(
        profile=profile.profile.name,
        title=profile.profile.title.in_language(language),
        default_type=profile.default_type,
        grading_model=rules.model,
        types=[
            pb.CatalogueType(
                key=one.key,
                label=one.label.in_language(language),
                neutral_type=NeutralType.Value(f"NEUTRAL_TYPE_{one.neutral.upper()}"),
            )
            for one in profile.types
        ],
        entries=[
            pb.CatalogueEntry(
                key=one.key,
                label=one.label.in_language(language),
                help=_text(one.help, language),
                parent=one.parent or "",
                types=catalogue.types_of(one.key),
                grade=catalogue.default_of(one.key, "grade"),
                path=catalogue.entry_label(one.key).in_language(language),
            )
            for one in profile.entries
            if one.active
        ],
        grades=[
            pb.CatalogueGrade(
                key=one.key,
                label=one.label.in_language(language),
                help=_text(one.help, language),
                priority=one.priority,
            )
            for one in rules.grades
        ],
        questions=[_question(one, language) for one in rules.questions],
    )
    if matrix is not None:
        told.impacts.extend(_degree(one, language) for one in matrix.impacts)
        told.urgencies.extend(_degree(one, language) for one in matrix.urgencies)
        told.matrix.extend(
            pb.MatrixCell(impact=impact, urgency=urgency, grade=grade)
            for impact, row in matrix.grades.items()
            for urgency, grade in row.items()
        )
    return told


def proposal_of(profile: Profile, answers: dict[str, str], language: str) -> pb.ProposeGradeResponse:
    """The grade that answers propose, and why (B5)."""
    language = language or profile.profile.language
    proposal = grading.propose(profile.grading, answers)
    label = next((one.label for one in profile.grading.grades if one.key == proposal.grade), None)
    return pb.ProposeGradeResponse(
        grade=proposal.grade,
        label=_text(label, language),
        because=proposal.because.in_language(language),
        open=proposal.open,
    )


def _question(one: grading.GradingQuestion, language: str) -> pb.GradingQuestion:
    return pb.GradingQuestion(
        key=one.key,
        label=one.label.in_language(language),
        help=_text(one.help, language),
        answers=[FormChoice(value=key, label=label.in_language(language)) for key, label in one.answers.items()],
        default_answer=one.default or "",
    )


def _degree(one: grading.Degree, language: str) -> pb.GradingDegree:
    return pb.GradingDegree(key=one.key, label=one.label.in_language(language), help=_text(one.help, language))


def _text(label: Label | None, language: str) -> str:
    return label.in_language(language) if label else ""
