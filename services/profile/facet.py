"""What every facet is made of: immutable models, names, lengths of time, texts in both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""Identifier inside a profile: lower case, digits, underscores."""

PersonId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")]

_DURATION = re.compile(r"^(\d+)(s|m|h|d|wd)$")


class Facet(BaseModel):
    """Part of a profile: immutable, and a misspelt key is an error, not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Facet):
    """A length of time: seconds of the clock's calendar, or whole working days (D11)."""

    seconds: int = 0
    working_days: int = 0

    @property
    def as_timedelta(self) -> timedelta:
        """Wall-clock length; only for spans without working days."""
        return timedelta(seconds=self.seconds)


def parse_span(text: object) -> object:
    """Reads "90s", "30m", "2h", "5d" (calendar days of 24 h) or "3wd" (working days)."""
    if not isinstance(text, str):
        return text
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f'"{text}" is no duration; write a number and s, m, h, d or wd, such as "30m"')
    count, unit = int(match[1]), match[2]
    if unit == "wd":
        return Span(working_days=count)
    return Span(seconds=count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit])


Duration = Annotated[Span, BeforeValidator(parse_span)]


class Label(Facet):
    """A text that people read, in both languages of the product."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text for a BCP 47 tag; Chinese unless the tag starts with "en"."""
        return self.en if language.startswith("en") else self.zh
