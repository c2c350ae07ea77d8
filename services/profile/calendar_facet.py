"""The facet of calendars: when a clock counts, as the YAML under deploy/policy has it (D10, X1)."""

from __future__ import annotations

from datetime import date as Day  # noqa: N812 - `date` is the word of the YAML, and a field of that name hides it.
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from services.profile.conditions import Weekday
from services.profile.facet import Facet, Label, Name

LONGEST_CLOSURE_DAYS = 366


class Hours(Facet):
    """Periods of a day: the same on every working day, or by weekday, which then says what days are worked."""

    every_day: tuple[str, ...] = ()
    by_weekday: dict[Weekday, tuple[str, ...]] = Field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.every_day or self.by_weekday)


def _hours(value: object) -> object:
    """A list is for every working day; a mapping is by weekday."""
    if isinstance(value, list | tuple):
        return {"every_day": value}
    return {"by_weekday": value} if isinstance(value, dict) and not value.keys() & Hours.model_fields.keys() else value


HoursText = Annotated[Hours, BeforeValidator(_hours)]


class Season(Facet):
    """Spans of a part of the year, "MM-DD" both inclusive; may run over New Year (冬夏令时)."""

    first: str = Field(pattern=r"^\d\d-\d\d$")
    last: str = Field(pattern=r"^\d\d-\d\d$")
    spans: HoursText


class Holidays(Facet):
    """Statutory holidays of a country, or of a part of it (法定节假日). A plain text is the country."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    """ISO 3166-1. CN knows make-up days for the years that the State Council has announced; others follow rules."""
    subdivision: str | None = None
    """As the library `holidays` names it: BY for Bavaria."""


def _holidays(value: object) -> object:
    return {"country": value} if isinstance(value, str) else value


class Closure(Facet):
    """A day, or days from first to last, without work or with shorter hours. A plain date is one day without work."""

    date: Day | None = None
    first: Day | None = None
    last: Day | None = None
    label: Label | None = None
    spans: tuple[str, ...] = ()
    """Hours left open, if these days are worked at all."""

    @model_validator(mode="after")
    def _one_day_or_some(self) -> Closure:
        if (self.date is None) == (self.first is None) or (self.first is None) != (self.last is None):
            raise ValueError("a closure is one day (date), or days from first to last; write one of the two")
        if self.first and self.last and not 0 <= (self.last - self.first).days < LONGEST_CLOSURE_DAYS:
            raise ValueError("a closure ends on its first day or later, a year later at most; correct first and last")
        return self

    @property
    def days(self) -> tuple[Day, ...]:
        """The days it is about, ascending."""
        if self.date is not None:
            return (self.date,)
        if self.first is None or self.last is None:
            return ()
        return tuple(map(Day.fromordinal, range(self.first.toordinal(), self.last.toordinal() + 1)))


def _closure(value: object) -> object:
    return {"date": value} if isinstance(value, Day | str) else value


class Opening(Facet):
    """A working day out of turn, such as a make-up day that no library knows yet (补班)."""

    date: Day
    label: Label | None = None
    spans: tuple[str, ...] = ()
    """Empty: the hours of a make-up day."""


def _opening(value: object) -> object:
    return {"date": value} if isinstance(value, Day | str) else value


class Calendar(Facet):
    """When a clock counts (D10): always, or periods of the day with seasons, holidays and make-up days (调休)."""

    always: bool = False
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    """Worked days, for hours that are the same on all of them."""
    spans: HoursText = Hours()
    """"HH:MM-HH:MM", ascending, not overlapping; the gap between two is the lunch gap. "00:00-24:00" is a whole day.
    Or by weekday: {mon: ["09:00-18:00"], sat: ["10:00-12:00"]}; a weekday that is not named is not worked."""
    seasons: tuple[Season, ...] = ()
    holidays: Annotated[Holidays | None, BeforeValidator(_holidays)] = None
    closures: tuple[Annotated[Closure, BeforeValidator(_closure)], ...] = ()
    openings: tuple[Annotated[Opening, BeforeValidator(_opening)], ...] = ()
    extends: Name | None = None
    """A calendar whose holidays, closures and openings hold here too; a row of this calendar comes before."""
    known_until: Day | None = None
    """The last day for which closures and openings say by hand what the library does not know yet."""
    timezone: str | None = None
