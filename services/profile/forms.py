"""The catalogue and form facets, and the one judgement of a value against its field (A7, A18, B19, B23). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

import phonenumbers
from pydantic import Field

from services.kernel.errors import Fault
from services.profile.facet import Facet, Label, Name

Kind = Literal["text", "long_text", "number", "date", "time", "yes_no", "choice", "phone", "email"]

DRAFT_FIELDS = frozenset(
    {
        *("name", "department", "unit", "phone", "email", "im", "contact", "type", "entry", "project", "title"),
        *("description", "impact_scope", "grade", "accused", "occurred_at"),
    }
)
"""Form fields that lie in the draft itself; every other one is an extra field, kept in Ticket.fields."""

LISTED = frozenset({"type", "entry", "project", "grade"})
"""Form fields whose choices are lists of the profile."""

YES_NO: Mapping[str, Label] = {"yes": Label(zh="是", en="Yes"), "no": Label(zh="否", en="No")}

LONGEST: Mapping[Kind, int] = {"text": 400, "long_text": 4000}
"""Characters of an extra field that names no max_length."""
_LONGEST_ANSWER = 200

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,6})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,190}")
_NOISE = re.compile(r"[\s()（）\-－–.·]+")
_EXTENSION = re.compile(r"\d{3,6}")
_WITHOUT_AREA_CODE = re.compile(r"[2-8]\d{6,7}")


class Option(Facet):
    """One of the choices of a field."""

    key: Name
    label: Label


class OnlyFor(Facet):
    """When a field is asked: for one of these types and one of these entries (or what is below them); empty: any."""

    types: tuple[Name, ...] = ()
    entries: tuple[Name, ...] = ()


class FormField(Facet):
    """A field of the request form (A7, B19). Names of draft fields, or of extra fields kept in Ticket.fields."""

    name: Name
    label: Label
    kind: Kind = "text"
    required: bool = False
    choices: tuple[Option, ...] = ()
    help: Label | None = None
    """What the agent reads out to a caller who does not understand the field (B23)."""
    any_of: tuple[Name, ...] = ()
    """Given as soon as one of these draft fields is: "contact" is phone, email or im (A7)."""
    only_for: OnlyFor = OnlyFor()
    min: float | None = None
    max: float | None = None
    """Smallest and largest number."""
    min_length: int | None = Field(default=None, ge=1, le=4000)
    max_length: int | None = Field(default=None, ge=1, le=4000)
    """Characters of a text."""
    default: str | None = None
    """What a request without the field is given, where the field is asked."""
    for_desk: bool = False
    """True: not on the requester's form; the desk fills it in while it works on the ticket."""
    personal: bool = False
    """Personal data: masked in files made for readers of reports (P1)."""

    @property
    def is_extra(self) -> bool:
        """Whether its value lies in Ticket.fields."""
        return self.name.removeprefix("requester_") not in DRAFT_FIELDS


class Entry(Facet):
    """An entry of the service catalogue (受理范围, A18); what it leaves out it has from the entry above it."""

    key: Name
    label: Label
    help: Label | None = None
    parent: Name | None = None
    types: tuple[Name, ...] = ()
    """Types a request for it may have; empty: those of the entry above, or any."""
    team: Name | None = None
    """Team that has it when no routing rule matches."""
    project: Name | None = None
    grade: str | None = None
    """Project and grade of a request that names none."""
    active: bool = True
    """False: no longer offered; tickets that have it keep it."""
    fields: tuple[FormField, ...] = ()
    """Further fields asked for this entry and those below it."""


@lru_cache(maxsize=4096)
def phone_has_form(raw: str, region: str = "CN") -> bool:
    """Whether this can be a telephone number: a valid one, a local one without area code, or an extension (3 to 6)."""
    text = _NOISE.sub("", raw)
    if _EXTENSION.fullmatch(text) or _WITHOUT_AREA_CODE.fullmatch(text):
        return True
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(raw, region))
    except phonenumbers.NumberParseException:
        return False


def email_has_form(text: str) -> bool:
    """Whether this can be an e-mail address."""
    return _EMAIL.fullmatch(text) is not None


def bad_phone(name: str) -> Fault:
    """The fault of a telephone number of a wrong form (A14)."""
    return Fault(
        name,
        "电话号码有误，请与来电者核对（手机11位，座机带区号，或分机号）。",
        "The telephone number has a wrong form; check it (mobile 11 digits, landline with area code, or extension).",
    )


def not_listed(name: str, options: Mapping[str, Label]) -> Fault:
    """The fault of a word that is none of the choices."""
    shown = ", ".join(sorted(options)[:50])
    return Fault(
        name,
        f"{name}不在可选范围内，请选择：{shown or '(无)'}。",
        f"{name} is not on the list; choose: {shown or '(none)'}.",
    )


def missing(field: FormField) -> Fault:
    """The fault of a required field that was left empty (A7)."""
    return Fault(field.name, f"请填写{field.label.zh}。", f"Fill in {field.label.en}.")


def value_fault(field: FormField, text: str, options: Mapping[str, Label]) -> Fault | None:
    """What is wrong with a value that was given; None: nothing, or it is empty. `options`: the choices it has."""
    if not text:
        return None
    if options and (field.kind in ("choice", "yes_no") or field.choices):
        return None if text in options else not_listed(field.name, options)
    return _form_fault(field, text) or _length_fault(field, text) or _range_fault(field, text)


def _form_fault(field: FormField, text: str) -> Fault | None:
    zh, en = field.label.zh, field.label.en
    match field.kind:
        case "phone" if not phone_has_form(text):
            return bad_phone(field.name)
        case "email" if not email_has_form(text):
            return Fault(field.name, f"{zh}不是邮箱地址，请核对。", f"{en} is no e-mail address; check it.")
        case "number" if not _NUMBER.fullmatch(text):
            return Fault(
                field.name,
                f"{zh}须为数字，例如12或3.5。",
                f"{en} must be a number such as 12 or 3.5, without unit or separators.",
            )
        case "date" if not _is_date(text):
            return Fault(field.name, f"{zh}须为日期，例如2026-11-21。", f"{en} must be a date such as 2026-11-21.")
        case "time" if not _is_time(text):
            return Fault(
                field.name,
                f"{zh}须为时间，例如2026-11-21T10:00。",
                f"{en} must be a time such as 2026-11-21T10:00.",
            )
    return None


def _length_fault(field: FormField, text: str) -> Fault | None:
    most = field.max_length or (LONGEST.get(field.kind, _LONGEST_ANSWER) if field.is_extra else None)
    zh, en = field.label.zh, field.label.en
    if most is not None and len(text) > most:
        return Fault(field.name, f"{zh}超过{most}个字，请缩短。", f"{en} is longer than {most} characters; shorten it.")
    if field.min_length is not None and len(text) < field.min_length:
        least = field.min_length
        return Fault(
            field.name,
            f"{zh}少于{least}个字，请写得更详细。",
            f"{en} is shorter than {least} characters; say more.",
        )
    return None


def _range_fault(field: FormField, text: str) -> Fault | None:
    if field.kind != "number":
        return None
    zh, en, value = field.label.zh, field.label.en, float(text)
    if field.min is not None and value < field.min:
        return Fault(field.name, f"{zh}不得小于{field.min:g}。", f"{en} must be {field.min:g} or more.")
    if field.max is not None and value > field.max:
        return Fault(field.name, f"{zh}不得大于{field.max:g}。", f"{en} must be {field.max:g} or less.")
    return None


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    try:
        return len(text) <= 40 and text.isascii() and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


_SAME_AS: Mapping[str, str] = {"true": "yes", "y": "yes", "1": "yes", "on": "yes", "false": "no", "n": "no", "0": "no"}


def canonical(field: FormField, text: str, options: Mapping[str, Label]) -> str:
    """The key of a choice that was written as its label in either language; every other text as it is."""
    if not text or not options or text in options:
        return text
    wanted = text.casefold()
    if field.kind == "yes_no":
        wanted = _SAME_AS.get(wanted, wanted)
    for key, label in options.items():
        if wanted in (key.casefold(), label.zh.casefold(), label.en.casefold()):
            return key
    return text
